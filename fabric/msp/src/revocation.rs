//! Certificate revocation lists as an MSP uses them (`msp/mspimplvalidate.go`).

use fabric::crypto::{
    canonical_ecdsa,
    der::{DerError, GENERALIZED_TIME, INTEGER, Reader, SEQUENCE, UTC_TIME},
};

use super::{
    MspError,
    certificate::Certificate,
    extensions::Extension,
    pem,
    signature::{self, SignatureAlgorithm},
    validity,
};

/// A revocation list. Its times are not looked at: what it lists is revoked from the moment on at which the
/// channel's configuration holds it.
#[derive(Clone, Debug)]
pub(super) struct RevocationList {
    signed: Vec<u8>,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
    serials: Vec<Vec<u8>>,
    /// None if the list does not say, which makes every identity of the MSP invalid.
    authority_key_id: Option<Vec<u8>>,
}

impl RevocationList {
    /// Reads PEM if the text begins with it, DER otherwise (Go's `x509.ParseCRL`).
    pub fn parse(bytes: &[u8]) -> Result<Self, DerError> {
        match bytes.starts_with(b"-----BEGIN X509 CRL").then(|| pem::first_block(bytes)).flatten() {
            Some(der) => Self::parse_der(&der),
            None => Self::parse_der(bytes),
        }
    }

    /// Whether this list revokes a certificate that `issuer` signed.
    ///
    /// A list that claims the issuer's key identifier without its signature is passed over.
    pub fn revokes(&self, certificate: &Certificate, issuer: &Certificate) -> Result<bool, MspError> {
        let key_id = issuer.extensions.subject_key_id.as_ref();
        let key_id = key_id.ok_or_else(|| MspError::Chain("the issuer has no key identifier".to_owned()))?;
        let authority = self.authority_key_id.as_ref();
        let authority = authority.ok_or_else(|| {
            MspError::Chain(
                "a revocation list does not say whose it is (authority key identifier)".to_owned(),
            )
        })?;
        let listed =
            authority == key_id && self.serials.iter().any(|serial| *serial == certificate.serial[..]);
        Ok(listed && self.is_signed_by(issuer))
    }

    /// Whether this authority signed the list, and the list says so.
    pub fn is_of(&self, authority: &Certificate) -> bool {
        self.authority_key_id.is_some()
            && self.authority_key_id == authority.extensions.subject_key_id.as_ref().map(|id| id.to_vec())
            && self.is_signed_by(authority)
    }

    fn is_signed_by(&self, authority: &Certificate) -> bool {
        signature::check(self.algorithm, &self.signed, &self.signature, authority).is_ok()
    }

    fn parse_der(der: &[u8]) -> Result<Self, DerError> {
        let mut input = Reader(der);
        let mut outer = input.enter(SEQUENCE, "revocation list")?;
        if !input.is_empty() {
            return Err(DerError("revocation list: trailing data"));
        }
        let signed = outer.element(SEQUENCE, "revocation list")?;
        let algorithm = SignatureAlgorithm::parse(outer.content(SEQUENCE, "signature algorithm")?)?;
        let signature = outer.bit_string("signature")?;
        let mut list = Reader(signed.content);
        if list.peek(INTEGER) {
            list.integer("version")?;
        }
        list.content(SEQUENCE, "signature algorithm")?;
        list.content(SEQUENCE, "issuer")?;
        validity::read(&mut list)?;
        if list.peek(UTC_TIME) || list.peek(GENERALIZED_TIME) {
            validity::read(&mut list)?;
        }
        let serials = match list.optional(SEQUENCE, "revoked certificates")? {
            Some(revoked) => serials(revoked)?,
            None => Vec::new(),
        };
        Ok(Self {
            signed: signed.full.to_vec(),
            algorithm,
            signature: canonical(algorithm, signature)?,
            serials,
            authority_key_id: authority_key_id(&mut list)?,
        })
    }
}

fn serials(mut revoked: Reader<'_>) -> Result<Vec<Vec<u8>>, DerError> {
    let mut serials = Vec::new();
    while !revoked.is_empty() {
        let mut entry = revoked.enter(SEQUENCE, "revoked certificate")?;
        serials.push(entry.integer("serial number")?.to_vec());
        validity::read(&mut entry)?;
    }
    Ok(serials)
}

fn authority_key_id(list: &mut Reader<'_>) -> Result<Option<Vec<u8>>, DerError> {
    let Some(mut explicit) = list.optional(0xa0, "extensions")? else { return Ok(None) };
    let mut extensions = explicit.enter(SEQUENCE, "extensions")?;
    while !extensions.is_empty() {
        let extension = Extension::read(&mut extensions)?;
        if extension.oid == [2, 5, 29, 35] {
            let mut id = Reader(extension.value).enter(SEQUENCE, "authority key identifier")?;
            let key = id.optional(0x80, "authority key identifier")?;
            return Ok(Some(key.map(|key| key.0.to_vec()).unwrap_or_default()));
        }
    }
    Ok(None)
}

/// Fabric reads an ECDSA signature with Go's tolerance and writes it anew before it is checked.
fn canonical(algorithm: SignatureAlgorithm, signature: Vec<u8>) -> Result<Vec<u8>, DerError> {
    if !algorithm.is_ecdsa() {
        return Ok(signature);
    }
    canonical_ecdsa(&signature).map_err(|_| DerError("signature"))
}
