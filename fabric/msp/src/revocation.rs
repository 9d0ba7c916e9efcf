//! Certificate revocation lists as an MSP uses them (`msp/mspimplvalidate.go`).

use fabric::crypto::{
    canonical_ecdsa,
    der::{self, BIT_STRING, BOOLEAN, DerError, INTEGER, OCTET_STRING, Reader, SEQUENCE},
};

use super::{
    MspError,
    asn1::{self, Fields},
    certificate::Certificate,
    pem,
    signature::{self, SignatureAlgorithm},
};

const EXPLICIT_0: u8 = 0xa0;

/// A revocation list. Its times are not looked at: what it lists is revoked from the moment on at which the
/// channel's configuration holds it.
#[derive(Clone, Debug)]
pub(super) struct RevocationList {
    signed: Vec<u8>,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
    serials: Vec<Vec<u8>>,
    /// None if the list does not say, or says it malformed, which makes every identity of the MSP invalid.
    authority_key_id: Option<Vec<u8>>,
}

impl RevocationList {
    /// Reads PEM if the text begins with it, DER otherwise (Go's `x509.ParseCRL`).
    pub fn parse(bytes: &[u8]) -> Result<Self, DerError> {
        match bytes.starts_with(b"-----BEGIN X509 CRL").then(|| pem::first_labelled(bytes)).flatten() {
            Some((b"X509 CRL", der)) => Self::parse_der(&der),
            _ => Self::parse_der(bytes),
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
        let what = "revocation list";
        let mut whole = Fields(der);
        let mut outer = whole.enter(SEQUENCE, what)?;
        if !whole.is_empty() {
            return Err(DerError("revocation list: trailing data"));
        }
        let (signed, content) = outer.whole(SEQUENCE, what)?;
        let mut list = Fields(content);
        check_version(&mut list)?;
        algorithm(&mut list)?;
        asn1::check_name(list.enter(SEQUENCE, "issuer")?)?;
        list.time("this update")?;
        list.optional_time("next update")?;
        let serials = match list.optional(SEQUENCE, "revoked certificates")? {
            Some(revoked) => serials(Fields(revoked))?,
            None => Vec::new(),
        };
        let extensions = match list.optional_explicit_list(EXPLICIT_0, "extensions")? {
            Some(list) => extensions(list)?,
            None => Vec::new(),
        };
        let algorithm = algorithm(&mut outer)?;
        let (signature, _) = outer.whole(BIT_STRING, "signature")?;
        let signature = Reader(signature).bit_string("signature")?;
        Ok(Self {
            signed: signed.to_vec(),
            algorithm,
            signature: canonical(algorithm, signature)?,
            serials,
            authority_key_id: authority_key_id(&extensions),
        })
    }
}

fn check_version(list: &mut Fields<'_>) -> Result<(), DerError> {
    match list.optional(INTEGER, "version")? {
        Some(version) if der::minimal_integer(version, "version")?.len() > 8 => Err(DerError("version")),
        _ => Ok(()),
    }
}

fn algorithm(fields: &mut Fields<'_>) -> Result<SignatureAlgorithm, DerError> {
    let what = "signature algorithm";
    let content = fields.field(SEQUENCE, what)?;
    let mut parts = Fields(content);
    let oid = parts.oid(what)?;
    let has_parameters = !parts.is_empty();
    parts.optional_any(what)?;
    Ok(SignatureAlgorithm::named(&oid, has_parameters))
}

fn serials(revoked: Fields<'_>) -> Result<Vec<Vec<u8>>, DerError> {
    let what = "revoked certificate";
    let mut serials = Vec::new();
    for mut entry in revoked.list(SEQUENCE, what)? {
        serials.push(entry.integer(what)?.to_vec());
        entry.time(what)?;
        if let Some(list) = entry.optional(SEQUENCE, what)? {
            extensions(Fields(list))?;
        }
    }
    Ok(serials)
}

/// An extension's identifier and value.
type NamedValue<'a> = (Vec<u32>, &'a [u8]);

/// Whether an extension is critical is not asked.
fn extensions(list: Fields<'_>) -> Result<Vec<NamedValue<'_>>, DerError> {
    let what = "extension";
    let mut extensions = Vec::new();
    for mut extension in list.list(SEQUENCE, what)? {
        let oid = extension.oid(what)?;
        if !matches!(extension.optional(BOOLEAN, what)?, None | Some([0 | 0xff])) {
            return Err(DerError(what));
        }
        extensions.push((oid, extension.field(OCTET_STRING, what)?));
    }
    Ok(extensions)
}

/// None too if the first of the identifiers is malformed. Whose list it is, Fabric asks as it validates an identity, and not before.
fn authority_key_id(extensions: &[NamedValue<'_>]) -> Option<Vec<u8>> {
    let (_, value) = extensions.iter().find(|(oid, _)| *oid == [2, 5, 29, 35])?;
    let what = "authority key identifier";
    let mut id = Fields(value).enter(SEQUENCE, what).ok()?;
    let key = id.optional(0x80, what).ok()?;
    id.optional(0x81, what).ok()?;
    // Fabric has the serial number in a type that Go reads as a structure: the INTEGER of real lists counts as absent, and a structure
    // is an error.
    match id.optional(0xa2, what) {
        Ok(None) => Some(key.unwrap_or_default().to_vec()),
        _ => None,
    }
}

/// Fabric reads an ECDSA signature with Go's tolerance and writes it anew before it is checked.
fn canonical(algorithm: SignatureAlgorithm, signature: Vec<u8>) -> Result<Vec<u8>, DerError> {
    if !algorithm.is_ecdsa() {
        return Ok(signature);
    }
    canonical_ecdsa(&signature).map_err(|_| DerError("signature"))
}
