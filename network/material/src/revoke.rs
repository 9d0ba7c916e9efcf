//! Certificates that do not count any more: an organisation's revocation list.

use std::path::{Path, PathBuf};

use x509_cert::{
    Certificate, Version,
    crl::{CertificateList, RevokedCert, TbsCertList},
    der::{
        Decode, DecodePem, Encode, EncodePem,
        asn1::BitString,
        oid::{AssociatedOid, db::rfc5912},
        pem::LineEnding,
    },
    ext::{
        Extension,
        pkix::{AuthorityKeyIdentifier, CrlNumber, SubjectKeyIdentifier},
    },
    spki::AlgorithmIdentifierOwned,
};

use super::{
    CryptoConfigError, Organization,
    certificate::{Authority, failed, from_pem, plain, to_time},
    folder::{self, create_public, replace_public},
    layout::{Authorities, certificate_file},
};

/// In the organisation's membership definition.
const FOLDER: &str = "crls";
const FILE: &str = "revoked.pem";

/// Puts a certificate (PEM) on the organisation's revocation list, which its authority signs; returns the list's file, in the
/// organisation's membership definition (`msp/crls`). The list has all that was revoked before. `now` is in Unix seconds.
///
/// Fabric looks at no time in it: what is listed is revoked from the moment on at which the channel's configuration has the
/// list.
///
/// # Errors
/// The organisation's authority, whose key lies in `dir`, must have issued the certificate.
pub fn revoke(
    organization: &Organization,
    dir: &Path,
    certificate: &[u8],
    now: i64,
) -> Result<PathBuf, CryptoConfigError> {
    let folder = organization.folder(dir);
    if !folder.exists() {
        return Err(CryptoConfigError::Missing(folder));
    }
    let authority = Authorities::load(organization, &folder)?.identities;
    let certificate = from_pem(certificate)?;
    check_issuer(organization, &authority, &certificate)?;
    let msp = organization.msp_folder(dir);
    let path = msp.join(FOLDER).join(FILE);
    let before = match path.exists() {
        true => Some(CertificateList::from_pem(folder::read(&path)?).map_err(failed)?),
        false => None,
    };
    if let Some(list) = extended(&authority, before, &certificate, now)? {
        create_public(&msp.join(FOLDER))?;
        replace_public(&path, &list.to_pem(LineEnding::LF).map_err(failed)?)?;
    }
    Ok(path)
}

/// The certificate (PEM) of a node (`peer0`) or a user (`User1`), where cryptogen puts it.
pub fn certificate_of(
    organization: &Organization,
    dir: &Path,
    name: &str,
) -> Result<Vec<u8>, CryptoConfigError> {
    let node = organization.nodes.iter().find(|node| node.hostname == name || node.common_name == name);
    let (folder, common_name) = match node {
        Some(node) => (organization.node_folder(dir, node), node.common_name.clone()),
        None => (organization.user_folder(dir, name), organization.user_name(name)),
    };
    if !folder.exists() {
        return Err(CryptoConfigError::Missing(folder));
    }
    folder::read(&folder.join("msp").join("signcerts").join(certificate_file(&common_name)))
}

/// A list of another authority's certificate would be passed over by every peer.
fn check_issuer(
    organization: &Organization,
    authority: &Authority,
    certificate: &Certificate,
) -> Result<(), CryptoConfigError> {
    let certificate = certificate.tbs_certificate();
    let named = certificate.get_extension::<AuthorityKeyIdentifier>().map_err(failed)?;
    let named = named.and_then(|(_, named)| named.key_identifier);
    let is_ours = certificate.issuer() == authority.certificate.tbs_certificate().subject()
        && named.is_none_or(|named| key_identifier(authority).is_ok_and(|own| own.0 == named));
    if is_ours {
        return Ok(());
    }
    let (name, ca) = (&organization.name, &organization.ca_name);
    Err(CryptoConfigError::Config(format!(
        "the certificate was not issued by {ca}, the authority of {name}: its own organisation revokes it"
    )))
}

/// The next list; `None` where the certificate is on it already.
fn extended(
    authority: &Authority,
    before: Option<CertificateList>,
    certificate: &Certificate,
    now: i64,
) -> Result<Option<CertificateList>, CryptoConfigError> {
    let before = before.map(|list| list.tbs_cert_list);
    let serial_number = certificate.tbs_certificate().serial_number().clone();
    let number = before
        .as_ref()
        .and_then(|list| list.crl_extensions.as_ref())
        .map_or(0, |extensions| number(extensions));
    let mut revoked = before.and_then(|list| list.revoked_certificates).unwrap_or_default();
    if revoked.iter().any(|known| known.serial_number == serial_number) {
        return Ok(None);
    }
    let now = to_time(now)?;
    revoked.push(RevokedCert { serial_number, revocation_date: now, crl_entry_extensions: None });
    let key_identifier = Some(key_identifier(authority)?.0);
    let whose = AuthorityKeyIdentifier { key_identifier, ..Default::default() };
    let list = TbsCertList {
        version: Version::V2,
        signature: AlgorithmIdentifierOwned { oid: rfc5912::ECDSA_WITH_SHA_256, parameters: None },
        issuer: authority.certificate.tbs_certificate().subject().clone(),
        this_update: now,
        // There is no next one unless something else is revoked.
        next_update: Some(authority.certificate.tbs_certificate().validity().not_after),
        revoked_certificates: Some(revoked),
        crl_extensions: Some(vec![
            plain(&whose)?,
            plain(&CrlNumber::try_from(number.saturating_add(1)).map_err(failed)?)?,
        ]),
    };
    sign(authority, list).map(Some)
}

fn sign(authority: &Authority, list: TbsCertList) -> Result<CertificateList, CryptoConfigError> {
    let signature = authority.key.sign(&list.to_der().map_err(failed)?).map_err(failed)?;
    Ok(CertificateList {
        signature_algorithm: list.signature.clone(),
        tbs_cert_list: list,
        signature: BitString::from_bytes(&signature).map_err(failed)?,
    })
}

/// The number of a list, which grows by one each time.
fn number(extensions: &[Extension]) -> u64 {
    let mut numbers = extensions.iter().filter(|extension| extension.extn_id == CrlNumber::OID);
    let number = numbers.next().and_then(|number| u64::from_der(number.extn_value.as_bytes()).ok());
    number.unwrap_or_default()
}

fn key_identifier(authority: &Authority) -> Result<SubjectKeyIdentifier, CryptoConfigError> {
    let found = authority.certificate.tbs_certificate().get_extension::<SubjectKeyIdentifier>();
    let missing = || failed("the authority's certificate has no subject key identifier");
    Ok(found.map_err(failed)?.ok_or_else(missing)?.1)
}
