//! Certificates for persons whose keys are elsewhere: the authority sees a public key or a request alone.

use std::path::Path;

use fabric::crypto::{Curve, PublicKey, to_low_s};
use x509_cert::{
    der::{Decode, Encode, oid::db::rfc5912},
    request::CertReq,
};

use super::{
    CryptoConfigError, Organization, Person, Validity,
    attributes::{check_pseudonym, check_roles},
    certificate::{Purpose, failed, to_pem},
    layout::{Authorities, Role},
};

/// Certifies a person's key with the organisation's authority, whose key lies in `dir`; returns the certificate as PEM.
///
/// `request` is PEM: a PKCS #10 request (RFC 2986), of which the key alone is taken, after its signature has shown that
/// the sender has the private key, or a SubjectPublicKeyInfo (`PUBLIC KEY`), for which the caller vouches. The common name
/// is the pseudonym, so that no name reaches the ledger.
///
/// # Errors
/// The organisation must tell roles apart by units, its authority be in `dir`, and the key be on a NIST curve.
pub fn enroll(
    organization: &Organization,
    dir: &Path,
    request: &[u8],
    person: &Person,
    validity: Validity,
) -> Result<String, CryptoConfigError> {
    let refused = |reason: &str| CryptoConfigError::Config(reason.to_owned());
    check_roles(&person.roles).map_err(|reason| refused(&format!("role {:?}: {reason}", person.roles)))?;
    check_pseudonym(&person.pseudonym)
        .map_err(|reason| refused(&format!("person {:?}: {reason}", person.pseudonym)))?;
    let folder = organization.folder(dir);
    if !folder.exists() {
        return Err(CryptoConfigError::Missing(folder));
    }
    let key = public_key(request)?;
    let authority = Authorities::load(organization, &folder)?.identities;
    let role = organization.node_ous.then(|| Role::Client.unit());
    let purpose = Purpose::Identity(Some(person));
    let certificate =
        authority.issue(&person.pseudonym, &organization.subject, role, &key, &purpose, validity)?;
    to_pem(&certificate)
}

fn public_key(request: &[u8]) -> Result<PublicKey, CryptoConfigError> {
    let block = pem::parse(request).map_err(|error| unreadable(&error.to_string()))?;
    let key = match block.tag() {
        "PUBLIC KEY" => {
            PublicKey::from_spki_der(block.contents()).map_err(|error| unreadable(&error.to_string()))?
        }
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => requested(block.contents())?,
        other => {
            return Err(unreadable(&format!(
                "it holds a {other}, not a CERTIFICATE REQUEST or a PUBLIC KEY"
            )));
        }
    };
    match key.curve() {
        Some(_) => Ok(key),
        None => Err(unreadable("its key is not on a NIST curve, which channels of Fabric ask for")),
    }
}

/// The key of a request that its owner has signed.
fn requested(der: &[u8]) -> Result<PublicKey, CryptoConfigError> {
    let request = CertReq::from_der(der).map_err(|error| unreadable(&error.to_string()))?;
    let spki = request.info.public_key.to_der().map_err(failed)?;
    let key = PublicKey::from_spki_der(&spki).map_err(|error| unreadable(&error.to_string()))?;
    let curve = key.curve().unwrap_or(Curve::P256);
    if request.algorithm.oid != rfc5912::ECDSA_WITH_SHA_256 {
        return Err(unreadable("it is not signed by ECDSA with SHA-256"));
    }
    let signed = request.info.to_der().map_err(failed)?;
    let signature = to_low_s(curve, request.signature.raw_bytes())
        .map_err(|_| unreadable("its signature is malformed"))?;
    key.verify(&signed, &signature).map_err(|_| unreadable("its signature is not by its own key"))?;
    Ok(key)
}

fn unreadable(reason: &str) -> CryptoConfigError {
    CryptoConfigError::Request(reason.to_owned())
}
