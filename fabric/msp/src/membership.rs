//! The membership definition of one organisation, and how it validates identities (`msp/mspimpl.go`).

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use fabric::{
    crypto::{PublicKey, SignatureError, to_low_s},
    proto::msp::SerializedIdentity,
    types::decode,
};
use sha2::{Digest, Sha256};

use super::{
    Identity, IdentityId, MspError, MspVersion,
    certificate::{Certificate, Key},
    chain::{Authorities, Chain},
    identity::OrganizationalUnit,
    organizational_units::UnitRules,
    pem,
    revocation::RevocationList,
    signature::check_certificate,
};

/// One organisation's MSP. Built by [`Msp::from_config`], never changed afterwards.
#[derive(Debug)]
pub struct Msp {
    pub(super) name: String,
    pub(super) version: MspVersion,
    pub(super) authorities: Authorities,
    /// DER of the authorities that have another one below them: they vouch for authorities only.
    pub(super) inner_authorities: BTreeSet<Bytes>,
    pub(super) revocation_lists: Vec<RevocationList>,
    pub(super) units: UnitRules,
    /// DER of the certificates named as administrators.
    pub(super) admins: Vec<Bytes>,
    pub(super) tls_root_certificates: Vec<Bytes>,
    pub(super) tls_intermediate_certificates: Vec<Bytes>,
}

impl Msp {
    /// The MSP id.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn version(&self) -> MspVersion {
        self.version
    }

    /// PEM texts as they stand in the configuration.
    pub fn tls_root_certificates(&self) -> &[Bytes] {
        &self.tls_root_certificates
    }

    /// PEM texts as they stand in the configuration.
    pub fn tls_intermediate_certificates(&self) -> &[Bytes] {
        &self.tls_intermediate_certificates
    }

    /// Reads a `SerializedIdentity` of this MSP and validates it.
    pub fn deserialize(&self, serialized: &[u8]) -> Result<Arc<Identity>, MspError> {
        let serialized = Bytes::copy_from_slice(serialized);
        let decoded: SerializedIdentity = decode(serialized.clone())?;
        if decoded.mspid != self.name {
            return Err(MspError::UnknownMsp(decoded.mspid));
        }
        self.identity(&decoded.id_bytes, serialized).map(Arc::new)
    }

    /// Whether the identity is a valid member.
    pub fn validate(&self, identity: &Identity) -> Result<(), MspError> {
        self.check_own(identity)?;
        identity.validate()
    }

    /// Whether each revocation list is one of this MSP's authorities, and signed by it. Fabric passes over those that are not,
    /// which then revoke nothing: a question for somebody who is about to put a list into a configuration.
    pub fn check_revocation_lists(&self) -> Result<(), MspError> {
        let authorities = || self.authorities.roots.iter().chain(&self.authorities.intermediates);
        match self.revocation_lists.iter().all(|list| authorities().any(|it| list.is_of(it))) {
            true => Ok(()),
            false => Err(MspError::Config(format!("a revocation list is by no authority of {}", self.name))),
        }
    }

    pub(super) fn check_own(&self, identity: &Identity) -> Result<(), MspError> {
        match identity.mspid() == self.name {
            true => Ok(()),
            false => Err(MspError::UnknownMsp(identity.mspid().to_owned())),
        }
    }

    /// Makes an identity of a PEM certificate. The order of the questions is Fabric's, though only the
    /// answer counts: what fails here cannot be deserialised, what fails in `judge_validity` is invalid.
    pub(super) fn identity(&self, pem: &[u8], serialized: Bytes) -> Result<Identity, MspError> {
        let certificate = Arc::new(parse_pem(pem)?);
        let public_key = identity_key(&certificate)?;
        let certificate = self.sanitize(certificate)?;
        let chain = self.identity_chain(&certificate);
        let units = chain.as_ref().map(|chain| units(&certificate, chain)).unwrap_or_default();
        let validity = self.judge_validity(&certificate, &public_key, chain, &units);
        let certificate_hash = Sha256::digest(&certificate.der).into();
        Ok(Identity {
            id: IdentityId { mspid: self.name.clone(), certificate_hash },
            certificate: certificate.der.clone(),
            public_key,
            not_after: certificate.not_after,
            serialized,
            units,
            validity,
        })
    }

    fn judge_validity(
        &self,
        certificate: &Certificate,
        key: &PublicKey,
        chain: Result<Chain, MspError>,
        units: &[OrganizationalUnit],
    ) -> Result<(), MspError> {
        if key.curve().is_none() && self.version < MspVersion::V3_0 {
            return Err(MspError::Key(SignatureError::Algorithm("Ed25519 (before channel capability V3_0)")));
        }
        self.check_not_revoked(certificate, &chain?)?;
        self.units.check(units)
    }

    /// Brings the signature on a certificate to a low S, so that a certificate has one fingerprint.
    ///
    /// This is where a certificate without a chain is refused already, before anybody asks whether it is
    /// valid; one signed otherwise than by ECDSA is let through as it is.
    pub(super) fn sanitize(&self, certificate: Arc<Certificate>) -> Result<Arc<Certificate>, MspError> {
        if !certificate.algorithm.is_ecdsa() {
            return Ok(certificate);
        }
        if certificate.is_ca() && check_certificate(&certificate, &certificate).is_ok() {
            let root = with_low_s(&certificate, &certificate)?;
            let alone = Authorities {
                roots: vec![root.clone()],
                intermediates: self.authorities.intermediates.clone(),
            };
            alone.unique_chain(&root).map_err(MspError::Chain)?;
            return Ok(root);
        }
        let chain = self.authorities.unique_chain(&certificate).map_err(MspError::Chain)?;
        match chain.get(1) {
            Some(parent) => with_low_s(&certificate, parent),
            None => Err(MspError::Chain("it is an authority itself".to_owned())),
        }
    }

    /// The chain of a certificate that is to be an identity.
    fn identity_chain(&self, certificate: &Arc<Certificate>) -> Result<Chain, MspError> {
        if certificate.is_ca() {
            return Err(MspError::Chain("an authority cannot be an identity".to_owned()));
        }
        let chain = self.authorities.unique_chain(certificate).map_err(MspError::Chain)?;
        match chain.get(1) {
            None => Err(MspError::Chain("an authority cannot be an identity".to_owned())),
            Some(parent) if self.inner_authorities.contains(&parent.der) => {
                Err(MspError::Chain("its issuer has authorities below it".to_owned()))
            }
            Some(_) => Ok(chain),
        }
    }

    pub(super) fn check_not_revoked(
        &self,
        certificate: &Certificate,
        chain: &[Arc<Certificate>],
    ) -> Result<(), MspError> {
        let Some(issuer) = chain.get(1) else { return Ok(()) };
        if issuer.extensions.subject_key_id.is_none() {
            return Err(MspError::Chain("its issuer has no subject key identifier".to_owned()));
        }
        for list in &self.revocation_lists {
            if list.revokes(certificate, issuer)? {
                return Err(MspError::Revoked);
            }
        }
        Ok(())
    }
}

/// Reads the first PEM block as a certificate.
pub(super) fn parse_pem(text: &[u8]) -> Result<Certificate, MspError> {
    let der = pem::first_block(text).ok_or(MspError::Pem)?;
    Certificate::parse(der.into()).map_err(|error| MspError::Certificate(error.to_string()))
}

/// SHA-256 over the certificates of a chain.
pub(super) fn certifiers_identifier(chain: &[Arc<Certificate>]) -> [u8; 32] {
    let hash = chain.iter().fold(Sha256::new(), |hash, certificate| hash.chain_update(&certificate.der));
    hash.finalize().into()
}

fn identity_key(certificate: &Certificate) -> Result<PublicKey, MspError> {
    match &certificate.key {
        Key::Identity(key) => Ok(key.clone()),
        Key::Rsa(_) => Err(MspError::Key(SignatureError::Algorithm("RSA"))),
        Key::Other => Err(MspError::Key(SignatureError::Algorithm("unknown"))),
    }
}

fn units(certificate: &Certificate, chain: &[Arc<Certificate>]) -> Vec<OrganizationalUnit> {
    let certifiers_identifier = certifiers_identifier(chain.get(1..).unwrap_or_default());
    let names = certificate.subject_name.organizational_units.iter().cloned();
    names.map(|name| OrganizationalUnit { name, certifiers_identifier }).collect()
}

fn with_low_s(certificate: &Arc<Certificate>, parent: &Certificate) -> Result<Arc<Certificate>, MspError> {
    let Key::Identity(key) = &parent.key else { return Ok(certificate.clone()) };
    let Some(curve) = key.curve() else { return Ok(certificate.clone()) };
    let signature = to_low_s(curve, &certificate.signature).map_err(MspError::Key)?;
    if signature == certificate.signature {
        return Ok(certificate.clone());
    }
    let sanitized = certificate.with_signature(&signature);
    sanitized.map(Arc::new).map_err(|error| MspError::Certificate(error.to_string()))
}
