//! Certificates as cryptogen fills them in, with signatures whose S is low.

use std::net::IpAddr;

use fabric::crypto::{PrivateKey, PublicKey, der};
use sha2::{Digest, Sha256};
use signature::{Keypair, Signer};
use x509_cert::{
    Certificate, TbsCertificate,
    builder::{self, Builder, CertificateBuilder, profile::BuilderProfile},
    der::{
        Decode, DecodePem, Document, EncodePem,
        asn1::{BitString, Ia5String, OctetString},
        oid::{ObjectIdentifier, db::rfc5912},
        pem::LineEnding,
    },
    ext::{
        Extension, ToExtension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
            SubjectKeyIdentifier, name::GeneralName,
        },
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{
        self, AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey,
        SignatureBitStringEncoding, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef,
    },
    time::Time,
};

use super::{CryptoConfigError, Person, Subject, Validity, attributes::ATTRIBUTES};

/// A certificate authority: its certificate and its key.
pub(super) struct Authority {
    pub key: PrivateKey,
    pub certificate: Certificate,
}

/// What a certificate is for, which decides its extensions.
pub(super) enum Purpose<'a> {
    Authority,
    /// Signing in Fabric; of a node, of somebody without a role, or of a person.
    Identity(Option<&'a Person>),
    /// TLS, for these host names and addresses.
    Tls(&'a [String]),
}

impl Authority {
    /// A new root authority of an organisation.
    pub fn new(
        name: &str,
        domain: &str,
        subject: &Subject,
        validity: Validity,
    ) -> Result<Self, CryptoConfigError> {
        let key = PrivateKey::generate()?;
        let units: Vec<&str> =
            Some(subject.organizational_unit.as_str()).filter(not_empty).into_iter().collect();
        let name = subject_name(subject, Some(domain), &units, name)?;
        let extensions = extensions(&Purpose::Authority, &key.public_key(), &key.public_key())?;
        let certificate = sign(&key, name.clone(), name, &key.public_key(), extensions, validity)?;
        Ok(Self { key, certificate })
    }

    /// Issues a certificate; a role such as `peer` becomes an organisational unit.
    pub fn issue(
        &self,
        common_name: &str,
        subject: &Subject,
        role: Option<&str>,
        key: &PublicKey,
        purpose: &Purpose<'_>,
        validity: Validity,
    ) -> Result<Certificate, CryptoConfigError> {
        let units: Vec<&str> = [Some(subject.organizational_unit.as_str()), role]
            .into_iter()
            .flatten()
            .filter(not_empty)
            .collect();
        let name = subject_name(subject, None, &units, common_name)?;
        let extensions = extensions(purpose, key, &self.key.public_key())?;
        sign(&self.key, self.subject(), name, key, extensions, self.within(validity))
    }

    /// Issues a certificate again: the same name, key and extensions, another validity and serial number, and, where one is
    /// given, another person.
    pub fn renew(
        &self,
        old: &Certificate,
        person: Option<&Person>,
        validity: Validity,
    ) -> Result<Certificate, CryptoConfigError> {
        let old = old.tbs_certificate();
        let spki = x509_cert::der::Encode::to_der(old.subject_public_key_info()).map_err(failed)?;
        let key = PublicKey::from_spki_der(&spki).map_err(failed)?;
        let mut extensions = old.extensions().cloned().unwrap_or_default();
        if let Some(person) = person {
            extensions.retain(|extension| extension.extn_id != ATTRIBUTES);
            extensions.push(person.extension()?);
        }
        sign(&self.key, self.subject(), old.subject().clone(), &key, extensions, self.within(validity))
    }

    fn subject(&self) -> Name {
        self.certificate.tbs_certificate().subject().clone()
    }

    /// No certificate outlives its authority.
    fn within(&self, validity: Validity) -> Validity {
        let own = self.certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs();
        Validity { not_after: validity.not_after.min(own as i64), ..validity }
    }
}

pub(super) fn to_pem(certificate: &Certificate) -> Result<String, CryptoConfigError> {
    certificate.to_pem(LineEnding::LF).map_err(failed)
}

pub(super) fn from_pem(pem: &[u8]) -> Result<Certificate, CryptoConfigError> {
    Certificate::from_pem(pem).map_err(failed)
}

fn not_empty(text: &&str) -> bool {
    !text.is_empty()
}

pub(super) fn failed(error: impl std::fmt::Display) -> CryptoConfigError {
    CryptoConfigError::Certificate(error.to_string())
}

fn sign(
    signer: &PrivateKey,
    issuer: Name,
    subject: Name,
    key: &PublicKey,
    extensions: Vec<Extension>,
    validity: Validity,
) -> Result<Certificate, CryptoConfigError> {
    let serial = serial_number(signer, key, &subject, validity)?;
    let spki = SubjectPublicKeyInfoOwned::from_der(key.spki_der()).map_err(failed)?;
    let profile = Profile { issuer, subject, extensions };
    let builder = CertificateBuilder::new(profile, serial, validity.to_x509()?, spki).map_err(failed)?;
    builder.build::<_, Signature>(&Issuer(signer)).map_err(failed)
}

/// Sixteen bytes of a hash over everything that tells certificates apart: as unique as random ones, and no
/// randomness is needed.
fn serial_number(
    signer: &PrivateKey,
    key: &PublicKey,
    subject: &Name,
    validity: Validity,
) -> Result<SerialNumber, CryptoConfigError> {
    let hash = Sha256::new()
        .chain_update(signer.public_key().fingerprint())
        .chain_update(key.fingerprint())
        .chain_update(x509_cert::der::Encode::to_der(subject).map_err(failed)?)
        .chain_update(validity.not_before.to_be_bytes())
        .chain_update(validity.not_after.to_be_bytes())
        .finalize();
    SerialNumber::new(hash.get(..16).unwrap_or_default()).map_err(failed)
}

/// The parts in the order of Go's `pkix.Name`, each a relative name of its own.
fn subject_name(
    subject: &Subject,
    organization: Option<&str>,
    units: &[&str],
    common_name: &str,
) -> Result<Name, CryptoConfigError> {
    const COUNTRY: u8 = 6;
    const LOCALITY: u8 = 7;
    const PROVINCE: u8 = 8;
    const STREET: u8 = 9;
    const ORGANIZATION: u8 = 10;
    const UNIT: u8 = 11;
    const POSTAL_CODE: u8 = 17;
    const COMMON_NAME: u8 = 3;
    let mut parts =
        vec![(COUNTRY, subject.country.as_str()), (ORGANIZATION, organization.unwrap_or_default())];
    parts.extend(units.iter().map(|unit| (UNIT, *unit)));
    parts.extend([
        (LOCALITY, subject.locality.as_str()),
        (PROVINCE, &subject.province),
        (STREET, &subject.street_address),
        (POSTAL_CODE, &subject.postal_code),
        (COMMON_NAME, common_name),
    ]);
    let mut sequence = Vec::new();
    for (arc, value) in parts.into_iter().filter(|(_, value)| !value.is_empty()) {
        push_attribute(&mut sequence, arc, value);
    }
    let mut name = Vec::new();
    der::push(&mut name, der::SEQUENCE, &sequence);
    Name::from_der(&name).map_err(failed)
}

/// A relative name of one attribute 2.5.4.`arc`. x509-cert builds names from text in which commas and plus
/// signs have a meaning; values here are other people's and must stay values.
fn push_attribute(out: &mut Vec<u8>, arc: u8, value: &str) {
    const PRINTABLE_STRING: u8 = 0x13;
    const UTF8_STRING: u8 = 0x0c;
    let printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
    let tag = if value.bytes().all(printable) { PRINTABLE_STRING } else { UTF8_STRING };
    let (mut attribute, mut set) = (Vec::new(), Vec::new());
    der::push(&mut attribute, der::OBJECT_IDENTIFIER, &[0x55, 0x04, arc]);
    der::push(&mut attribute, tag, value.as_bytes());
    der::push(&mut set, der::SEQUENCE, &attribute);
    der::push(out, der::SET, &set);
}

fn extensions(
    purpose: &Purpose<'_>,
    key: &PublicKey,
    issuer: &PublicKey,
) -> Result<Vec<Extension>, CryptoConfigError> {
    use KeyUsages::*;
    let usage = match purpose {
        Purpose::Authority => DigitalSignature | KeyEncipherment | KeyCertSign | CRLSign,
        Purpose::Identity(_) => DigitalSignature.into(),
        Purpose::Tls(_) => DigitalSignature | KeyEncipherment,
    };
    let is_authority = matches!(purpose, Purpose::Authority);
    let mut extensions = vec![critical(&KeyUsage(usage))?];
    if !matches!(purpose, Purpose::Identity(_)) {
        let usages = vec![rfc5912::ID_KP_CLIENT_AUTH, rfc5912::ID_KP_SERVER_AUTH];
        extensions.push(plain(&ExtendedKeyUsage(usages))?);
    }
    extensions.push(critical(&BasicConstraints { ca: is_authority, path_len_constraint: None })?);
    if is_authority {
        extensions.push(plain(&SubjectKeyIdentifier(key_identifier(key)?))?);
    } else {
        let key_identifier = Some(key_identifier(issuer)?);
        extensions.push(plain(&AuthorityKeyIdentifier { key_identifier, ..Default::default() })?);
    }
    if let Purpose::Tls(names @ [_, ..]) = purpose {
        let names: Result<_, _> = names.iter().map(|name| general_name(name)).collect();
        extensions.push(plain(&SubjectAltName(names?))?);
    }
    if let Purpose::Identity(Some(person)) = purpose {
        extensions.push(person.extension()?);
    }
    Ok(extensions)
}

fn critical<'a, T>(value: &'a T) -> Result<Extension, CryptoConfigError>
where
    (bool, &'a T): ToExtension<Error = x509_cert::der::Error>,
{
    (true, value).to_extension(&Name::default(), &[]).map_err(failed)
}

pub(super) fn plain<'a, T>(value: &'a T) -> Result<Extension, CryptoConfigError>
where
    (bool, &'a T): ToExtension<Error = x509_cert::der::Error>,
{
    (false, value).to_extension(&Name::default(), &[]).map_err(failed)
}

/// SHA-256 of the point, as Fabric names keys (`bccsp`).
fn key_identifier(key: &PublicKey) -> Result<OctetString, CryptoConfigError> {
    let spki = SubjectPublicKeyInfoRef::from_der(key.spki_der()).map_err(failed)?;
    let point = spki.subject_public_key.raw_bytes();
    OctetString::new(Sha256::digest(point).to_vec()).map_err(failed)
}

fn general_name(name: &str) -> Result<GeneralName, CryptoConfigError> {
    Ok(match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            GeneralName::IpAddress(OctetString::new(address.octets()).map_err(failed)?)
        }
        Ok(IpAddr::V6(address)) => {
            GeneralName::IpAddress(OctetString::new(address.octets()).map_err(failed)?)
        }
        Err(_) => GeneralName::DnsName(Ia5String::new(name).map_err(failed)?),
    })
}

/// Unix seconds as a certificate writes them.
pub(super) fn to_time(seconds: i64) -> Result<Time, CryptoConfigError> {
    let seconds = std::time::Duration::from_secs(u64::try_from(seconds).map_err(failed)?);
    x509_cert::der::DateTime::from_unix_duration(seconds).map(Time::from).map_err(failed)
}

impl Validity {
    fn to_x509(self) -> Result<x509_cert::time::Validity, CryptoConfigError> {
        Ok(x509_cert::time::Validity::new(to_time(self.not_before)?, to_time(self.not_after)?))
    }
}

/// Names and extensions as they were chosen: nothing is added.
struct Profile {
    issuer: Name,
    subject: Name,
    extensions: Vec<Extension>,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}

/// Lends our key to x509-cert's builder.
struct Issuer<'a>(&'a PrivateKey);

#[derive(Clone)]
struct IssuerKey(PublicKey);

struct Signature(Vec<u8>);

impl Keypair for Issuer<'_> {
    type VerifyingKey = IssuerKey;

    fn verifying_key(&self) -> IssuerKey {
        IssuerKey(self.0.public_key())
    }
}

impl Signer<Signature> for Issuer<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<Signature, signature::Error> {
        self.0.sign(message).map(Signature).map_err(|_| signature::Error::new())
    }
}

impl DynSignatureAlgorithmIdentifier for Issuer<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        const ECDSA_WITH_SHA_256: ObjectIdentifier = rfc5912::ECDSA_WITH_SHA_256;
        Ok(AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA_256, parameters: None })
    }
}

impl EncodePublicKey for IssuerKey {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.spki_der())?)
    }
}

impl SignatureBitStringEncoding for Signature {
    fn to_bitstring(&self) -> x509_cert::der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}
