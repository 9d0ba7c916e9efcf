//! Certificate chains, built and verified as Go's `x509.Certificate.Verify` does.
//!
//! rustls-webpki cannot stand in: it wants version 3 certificates with the usages of TLS, stops at the first
//! chain, and refuses what Go accepts (version 1 roots, unknown curves beside the path). An MSP counts the
//! chains, because with more than one it would not be clear who vouches for an identity.

use std::sync::Arc;

use super::{
    certificate::{Certificate, Key},
    extensions::ExtendedKeyUsage,
    signature::check_certificate,
};

/// How many signatures one verification may check, so that a crafted set of authorities cannot keep us busy.
const MAX_SIGNATURE_CHECKS: u32 = 100;

/// From the certificate asked for to a root.
pub(super) type Chain = Vec<Arc<Certificate>>;

/// The certificates that a chain may end in or pass through.
#[derive(Clone, Debug, Default)]
pub(super) struct Authorities {
    pub roots: Vec<Arc<Certificate>>,
    pub intermediates: Vec<Arc<Certificate>>,
}

impl Authorities {
    /// Adds a root, unless it is there.
    pub fn add_root(&mut self, certificate: Arc<Certificate>) {
        add(&mut self.roots, certificate);
    }

    /// Adds an intermediate, unless it is there.
    pub fn add_intermediate(&mut self, certificate: Arc<Certificate>) {
        add(&mut self.intermediates, certificate);
    }

    /// The one chain of a certificate. No chain and more than one are both errors.
    ///
    /// The time of judgement is one second after the certificate became valid, for the whole chain: an
    /// authority that was not yet valid then, or not any more, breaks it; today's date does not matter.
    pub fn unique_chain(&self, certificate: &Arc<Certificate>) -> Result<Chain, String> {
        let mut chains = self.verify(certificate)?;
        match (chains.pop(), chains.len()) {
            (Some(chain), 0) => check_legacy_constraints(&chain).map(|()| chain),
            (_, others) => Err(format!("{} chains are possible, one must be", others + 1)),
        }
    }

    fn verify(&self, certificate: &Arc<Certificate>) -> Result<Vec<Chain>, String> {
        let mut search =
            Search { authorities: self, time: certificate.not_before + 1, checks: 0, chains: vec![] };
        let leaf = vec![certificate.clone()];
        search.check_common(certificate, &[])?;
        if self.roots.iter().any(|root| root.der == certificate.der) {
            search.chains.push(leaf);
        } else {
            search.extend(&leaf);
        }
        let mut reason = "no known authority signed it";
        search.chains.retain(|chain| match check_whole(chain) {
            Ok(()) => true,
            Err(error) => {
                reason = error;
                false
            }
        });
        if search.chains.is_empty() { Err(reason.to_owned()) } else { Ok(search.chains) }
    }
}

struct Search<'a> {
    authorities: &'a Authorities,
    time: i64,
    checks: u32,
    chains: Vec<Chain>,
}

impl Search<'_> {
    /// Finds all ways from the end of a chain to a root.
    fn extend(&mut self, chain: &[Arc<Certificate>]) {
        let authorities = self.authorities;
        for root in &authorities.roots {
            if self.is_parent(root, chain) && self.check_common(root, chain).is_ok() {
                self.chains.push(with(chain, root));
            }
        }
        for intermediate in &authorities.intermediates {
            let signed = self.is_parent(intermediate, chain) && intermediate.is_ca();
            if signed && self.check_common(intermediate, chain).is_ok() {
                self.extend(&with(chain, intermediate));
            }
        }
    }

    /// Whether this certificate signed the last of the chain, and is not in it already.
    fn is_parent(&mut self, candidate: &Certificate, chain: &[Arc<Certificate>]) -> bool {
        let Some(child) = chain.last() else { return false };
        let usable = child.issuer == candidate.subject && candidate.key != Key::Other;
        if !usable || chain.iter().any(|certificate| is_same_entity(certificate, candidate)) {
            return false;
        }
        self.checks += 1;
        self.checks <= MAX_SIGNATURE_CHECKS && check_certificate(child, candidate).is_ok()
    }

    /// What is asked of every certificate as it joins a chain.
    fn check_common(&self, certificate: &Certificate, below: &[Arc<Certificate>]) -> Result<(), String> {
        if certificate.extensions.unhandled_critical {
            return Err("a critical extension is not understood".to_owned());
        }
        if self.time < certificate.not_before || self.time > certificate.not_after {
            return Err("the chain was not valid when its first certificate became valid".to_owned());
        }
        let constraints = certificate.extensions.basic_constraints;
        let limit = constraints.and_then(|constraints| constraints.max_path_length);
        // The certificate asked for is no intermediate.
        let intermediates = below.len() as i64 - 1;
        match limit {
            Some(limit) if intermediates > limit => {
                Err("the chain is too long for its authorities".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Go goes on past an authority with the same name and key, as it could go round for ever.
fn is_same_entity(certificate: &Certificate, candidate: &Certificate) -> bool {
    let names = |certificate: &Certificate| certificate.extensions.subject_alternative_name.clone();
    certificate.subject == candidate.subject
        && certificate.spki == candidate.spki
        && names(certificate) == names(candidate)
}

fn with(chain: &[Arc<Certificate>], next: &Arc<Certificate>) -> Chain {
    chain.iter().chain([next]).cloned().collect()
}

fn add(pool: &mut Vec<Arc<Certificate>>, certificate: Arc<Certificate>) {
    if pool.iter().all(|known| known.der != certificate.der) {
        pool.push(certificate);
    }
}

/// What only a whole chain can answer.
fn check_whole(chain: &[Arc<Certificate>]) -> Result<(), &'static str> {
    let Some((_, below_root)) = chain.split_last() else { return Err("an empty chain") };
    // Go would run the policy tree of RFC 9618 here; no known MSP has these extensions, so we refuse them.
    if below_root.iter().any(|certificate| certificate.extensions.constrains_policies) {
        return Err("policy mappings and policy constraints are not supported");
    }
    // With no usage asked for, Go asks for TLS servers.
    if !chain.iter().all(|certificate| allows_server(certificate)) {
        return Err("the extended key usages do not allow it");
    }
    check_name_constraints(chain)
}

fn allows_server(certificate: &Certificate) -> bool {
    let usages = &certificate.extensions.extended_key_usages;
    usages.is_empty() || usages.iter().any(|usage| *usage != ExtendedKeyUsage::Other)
}

fn check_name_constraints(chain: &[Arc<Certificate>]) -> Result<(), &'static str> {
    for (index, authority) in chain.iter().enumerate() {
        let Some(constraints) = &authority.extensions.name_constraints else { continue };
        for below in chain.iter().take(index) {
            let names = below.extensions.subject_alternative_name.as_ref();
            if names.is_some_and(|names| !constraints.allow(names)) {
                return Err("name constraints do not allow it");
            }
        }
    }
    Ok(())
}

/// Fabric keeps a rule that Go dropped (`verifyLegacyNameConstraints`): under an authority with name
/// constraints, a certificate without alternative names must not have a host name as its common name.
fn check_legacy_constraints(chain: &[Arc<Certificate>]) -> Result<(), String> {
    let Some((leaf, authorities)) = chain.split_first() else { return Ok(()) };
    let constrained = authorities.iter().any(|authority| authority.extensions.name_constraints.is_some());
    let has_names = leaf.extensions.subject_alternative_name.is_some();
    if constrained && !has_names && is_host_name(&leaf.subject_name.common_name) {
        return Err("name constraints, and a host name as common name".to_owned());
    }
    Ok(())
}

fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let label_is_valid = |(index, label): (usize, &str)| {
        let wildcard = index == 0 && label == "*";
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte);
        wildcard || (!label.is_empty() && !label.starts_with('-') && label.bytes().all(allowed))
    };
    !name.is_empty() && name.split('.').enumerate().all(label_is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_told_from_names_of_people() {
        for name in ["peer0.org1.example.com", "localhost", "*.example.com", "a_b:1.", "User1@org"] {
            assert_eq!(is_host_name(name), name != "User1@org", "{name}");
        }
        for name in ["", ".", "a..b", "-a", "a b", "b.*"] {
            assert!(!is_host_name(name), "{name}");
        }
    }
}
