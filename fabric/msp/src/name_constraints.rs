//! Name constraints of a certificate authority (RFC 5280, 4.2.1.10), as Go checks them since 1.26.

use std::net::IpAddr;

use fabric::crypto::der::{DerError, Reader, SEQUENCE};

use super::alternative_names::{self, AlternativeNames, host, ia5, is_domain};

const WHAT: &str = "name constraints";
const PERMITTED: u8 = 0xa0;
const EXCLUDED: u8 = 0xa1;
const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const IP: u8 = 0x87;

/// The names that a certificate below this one may and may not carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NameConstraints {
    permitted: Subtrees,
    excluded: Subtrees,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Subtrees {
    dns: Vec<String>,
    emails: Vec<String>,
    uris: Vec<String>,
    networks: Vec<Network>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Network {
    address: Vec<u8>,
    mask: Vec<u8>,
}

impl NameConstraints {
    /// Reads the extension; says also whether every kind of name in it is understood.
    pub fn parse(mut value: Reader<'_>) -> Result<(Self, bool), DerError> {
        let mut sequence = value.enter(SEQUENCE, WHAT)?;
        let permitted = sequence.optional(PERMITTED, WHAT)?;
        let excluded = sequence.optional(EXCLUDED, WHAT)?;
        let empty = |subtrees: Option<Reader<'_>>| subtrees.is_some_and(|subtrees| subtrees.is_empty());
        let nothing = permitted.is_none() && excluded.is_none();
        if nothing || empty(permitted) || empty(excluded) || !sequence.is_empty() || !value.is_empty() {
            return Err(DerError(WHAT));
        }
        let mut handled = true;
        let constraints = Self {
            permitted: Subtrees::parse(permitted, &mut handled)?,
            excluded: Subtrees::parse(excluded, &mut handled)?,
        };
        Ok((constraints, handled))
    }

    /// Whether a certificate below may carry these alternative names. A name that cannot be checked may not.
    pub fn allow(&self, extension: &[u8]) -> bool {
        let Ok(names) = alternative_names::parse(extension) else { return false };
        self.allow_addresses(&names)
            && names.dns.iter().all(|name| is_domain(name, false) && self.allow_dns(name))
            && names.uris.iter().all(|uri| self.allow_uri(uri))
            && names.emails.iter().all(|email| self.allow_email(email))
    }

    fn allow_addresses(&self, names: &AlternativeNames) -> bool {
        names.addresses.iter().all(|address| {
            allowed(&self.permitted.networks, &self.excluded.networks, |network| network.contains(address))
        })
    }

    fn allow_dns(&self, name: &str) -> bool {
        let wildcard = |constraint: &String| name.starts_with('*') && same_parent(name, constraint);
        allowed(&self.permitted.dns, &self.excluded.dns, |constraint| in_domain(name, constraint))
            && !self.excluded.dns.iter().any(wildcard)
    }

    fn allow_uri(&self, uri: &str) -> bool {
        let Some(host) = host(uri).filter(|host| !host.is_empty()) else { return false };
        let is_address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
        !is_address
            && is_domain(host, false)
            && allowed(&self.permitted.uris, &self.excluded.uris, |constraint| in_domain(host, constraint))
    }

    fn allow_email(&self, email: &str) -> bool {
        let Some((local, domain)) = mailbox(email) else { return false };
        allowed(&self.permitted.emails, &self.excluded.emails, |constraint| match mailbox(constraint) {
            Some((other, of)) => local == other && domain.eq_ignore_ascii_case(of),
            None => {
                let exact =
                    constraint.is_empty() || constraint.starts_with('.') || constraint.len() == domain.len();
                exact && in_domain(domain, constraint)
            }
        })
    }
}

impl Subtrees {
    fn parse(subtrees: Option<Reader<'_>>, handled: &mut bool) -> Result<Self, DerError> {
        let mut parsed = Self::default();
        let mut rest = subtrees.unwrap_or(Reader(&[]));
        while !rest.is_empty() {
            let base = rest.enter(SEQUENCE, WHAT)?.any(WHAT)?;
            match base.tag {
                DNS => parsed.dns.push(domain(base.content)?),
                EMAIL => parsed.emails.push(email(base.content)?),
                URI => parsed.uris.push(uri(base.content)?),
                IP => parsed.networks.push(Network::parse(base.content)?),
                _ => *handled = false,
            }
        }
        Ok(parsed)
    }
}

impl Network {
    fn parse(content: &[u8]) -> Result<Self, DerError> {
        let (address, mask) = content.split_at(content.len() / 2);
        let ones = mask.iter().map(|byte| byte.leading_ones()).sum::<u32>();
        let set = mask.iter().map(|byte| byte.count_ones()).sum::<u32>();
        let contiguous = mask.iter().skip_while(|byte| **byte == 0xff).skip(1).all(|byte| *byte == 0);
        if !matches!(content.len(), 8 | 32) || ones != set || !contiguous {
            return Err(DerError(WHAT));
        }
        Ok(Self { address: address.to_vec(), mask: mask.to_vec() })
    }

    fn contains(&self, address: &IpAddr) -> bool {
        let octets = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let masked = self.address.iter().zip(&self.mask).zip(&octets);
        octets.len() == self.address.len()
            && masked.into_iter().all(|((own, mask), other)| own & mask == other & mask)
    }
}

/// Permitted by one of the permitted (if there are any), excluded by none of the excluded.
fn allowed<T>(permitted: &[T], excluded: &[T], matches: impl Fn(&T) -> bool) -> bool {
    (permitted.is_empty() || permitted.iter().any(&matches)) && !excluded.iter().any(&matches)
}

/// Whether a name is the constraint or below it; below it only, if the constraint begins with a dot.
fn in_domain(name: &str, constraint: &str) -> bool {
    let Some(start) = name.len().checked_sub(constraint.len()) else { return false };
    let (front, end) = (name.get(..start).unwrap_or_default(), name.get(start..).unwrap_or_default());
    let at_label =
        constraint.is_empty() || constraint.starts_with('.') || front.is_empty() || front.ends_with('.');
    end.eq_ignore_ascii_case(constraint) && at_label
}

/// A wildcard certificate could be shown for an excluded name beside it.
fn same_parent(wildcard: &str, constraint: &str) -> bool {
    match (wildcard.split_once('.'), constraint.split_once('.')) {
        (Some((_, parent)), Some((_, other))) => parent.eq_ignore_ascii_case(other),
        _ => false,
    }
}

/// A plain address `local@domain`; quoted local parts are not understood and so never allowed.
fn mailbox(text: &str) -> Option<(&str, &str)> {
    let (local, domain) = text.split_once('@')?;
    let plain = !local.is_empty() && !local.contains(['"', '\\']) && is_domain(domain, false);
    plain.then_some((local, domain))
}

fn domain(content: &[u8]) -> Result<String, DerError> {
    let name = ia5(content)?;
    if is_domain(&name, true) { Ok(name) } else { Err(DerError(WHAT)) }
}

fn email(content: &[u8]) -> Result<String, DerError> {
    let name = ia5(content)?;
    match name.contains('@') {
        true if mailbox(&name).is_some() => Ok(name),
        true => Err(DerError(WHAT)),
        false => domain(content),
    }
}

fn uri(content: &[u8]) -> Result<String, DerError> {
    let name = domain(content)?;
    if name.parse::<IpAddr>().is_ok() { Err(DerError(WHAT)) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_match_by_labels() {
        assert!(in_domain("a.example.com", "example.com") && in_domain("EXAMPLE.com", "example.COM"));
        assert!(!in_domain("anexample.com", "example.com") && !in_domain("com", "example.com"));
        assert!(in_domain("a.example.com", ".example.com") && !in_domain("example.com", ".example.com"));
        assert!(in_domain("anything", ""));
        assert!(same_parent("*.example.com", "secret.example.com"));
    }

    #[test]
    fn networks_have_contiguous_masks() {
        let network = Network::parse(&[10, 0, 0, 0, 255, 240, 0, 0]);
        let contains =
            |address: [u8; 4]| network.as_ref().is_ok_and(|it| it.contains(&IpAddr::from(address)));
        assert!(contains([10, 15, 1, 1]) && !contains([10, 16, 0, 0]));
        assert!(Network::parse(&[10, 0, 0, 0, 255, 0, 255, 0]).is_err());
        assert!(Network::parse(&[10, 0, 0, 0, 255, 0x0f, 0, 0]).is_err());
        assert!(Network::parse(&[10, 0, 0, 255]).is_err());
    }

    #[test]
    fn permitted_and_excluded_both_count() {
        let constraints = NameConstraints {
            permitted: Subtrees { dns: vec!["example.com".into()], ..Subtrees::default() },
            excluded: Subtrees { dns: vec!["bad.example.com".into()], ..Subtrees::default() },
        };
        assert!(constraints.allow_dns("a.example.com"));
        assert!(!constraints.allow_dns("x.bad.example.com") && !constraints.allow_dns("other.org"));
        assert!(!constraints.allow_dns("*.example.com"), "could stand for bad.example.com");
    }
}
