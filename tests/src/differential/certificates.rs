//! Certificates with something odd about them: existing ones, changed and signed again by their authority.

use fabric::crypto::{
    PrivateKey,
    der::{self, Reader},
};

/// The places of the parts of a TBSCertificate (RFC 5280, 4.1).
const VALIDITY: usize = 4;
const SUBJECT: usize = 5;
const PUBLIC_KEY: usize = 6;

/// A certificate on its way to being issued again.
pub struct Reissue {
    parts: Vec<Vec<u8>>,
    algorithm: Vec<u8>,
}

impl Reissue {
    pub fn of(certificate: &[u8]) -> Self {
        let mut certificate = Reader(certificate).enter(der::SEQUENCE, "certificate").unwrap();
        let mut content = certificate.enter(der::SEQUENCE, "TBSCertificate").unwrap();
        let algorithm = certificate.any("algorithm").unwrap().full.to_vec();
        let mut parts = Vec::new();
        while !content.is_empty() {
            parts.push(content.any("part").unwrap().full.to_vec());
        }
        Self { parts, algorithm }
    }

    /// A subject of these organisational units and a common name.
    pub fn subject(mut self, units: &[&str], common_name: &str) -> Self {
        let mut names = Vec::new();
        units.iter().for_each(|unit| push_name(&mut names, 11, unit));
        push_name(&mut names, 3, common_name);
        self.parts[SUBJECT] = sequence(&[&names]);
        self
    }

    /// Two UTC times, such as `230101000000Z`.
    pub fn validity(mut self, not_before: &str, not_after: &str) -> Self {
        let mut times = Vec::new();
        der::push(&mut times, der::UTC_TIME, not_before.as_bytes());
        der::push(&mut times, der::UTC_TIME, not_after.as_bytes());
        self.parts[VALIDITY] = sequence(&[&times]);
        self
    }

    pub fn key(mut self, key: &PrivateKey) -> Self {
        self.parts[PUBLIC_KEY] = key.public_key().spki_der().to_vec();
        self
    }

    pub fn sign(self, authority: &PrivateKey) -> Vec<u8> {
        let parts: Vec<&[u8]> = self.parts.iter().map(Vec::as_slice).collect();
        signed(sequence(&parts), &self.algorithm, authority)
    }
}

/// A revocation list over one certificate.
pub fn revocation_list(revoked: &[u8], authority: &PrivateKey) -> Vec<u8> {
    const ISSUER: usize = 3;
    const SERIAL: usize = 1;
    let Reissue { parts, algorithm } = Reissue::of(revoked);
    let mut time = Vec::new();
    der::push(&mut time, der::UTC_TIME, b"230101000000Z");
    let entry = sequence(&[&parts[SERIAL], &time]);
    let version = [der::INTEGER, 1, 1];
    let content: [&[u8]; 6] =
        [&version, &algorithm, &parts[ISSUER], &time, &sequence(&[&entry]), &key_identifier(authority)];
    signed(sequence(&content), &algorithm, authority)
}

/// The extensions of a revocation list: the authority's key identifier alone.
fn key_identifier(authority: &PrivateKey) -> Vec<u8> {
    const AUTHORITY_KEY_IDENTIFIER: [u8; 5] = [der::OBJECT_IDENTIFIER, 3, 0x55, 0x1d, 0x23];
    const POINT_BYTES: usize = 65;
    let key = authority.public_key();
    let point = &key.spki_der()[key.spki_der().len() - POINT_BYTES..];
    let (mut identifier, mut value, mut extensions) = (Vec::new(), Vec::new(), Vec::new());
    der::push(
        &mut identifier,
        0x80,
        &sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(point)),
    );
    der::push(&mut value, der::OCTET_STRING, &sequence(&[&identifier]));
    let extension = sequence(&[&AUTHORITY_KEY_IDENTIFIER, &value]);
    der::push(&mut extensions, 0xa0, &sequence(&[&extension]));
    extensions
}

fn signed(content: Vec<u8>, algorithm: &[u8], authority: &PrivateKey) -> Vec<u8> {
    let mut signature = Vec::new();
    der::push(
        &mut signature,
        der::BIT_STRING,
        &[&[0], authority.sign(&content).unwrap().as_slice()].concat(),
    );
    sequence(&[&content, algorithm, &signature])
}

fn push_name(out: &mut Vec<u8>, arc: u8, value: &str) {
    const UTF8_STRING: u8 = 0x0c;
    let (mut attribute, mut set) = (Vec::new(), Vec::new());
    der::push(&mut attribute, der::OBJECT_IDENTIFIER, &[0x55, 0x04, arc]);
    der::push(&mut attribute, UTF8_STRING, value.as_bytes());
    der::push(&mut set, der::SEQUENCE, &attribute);
    der::push(out, der::SET, &set);
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    der::push(&mut out, der::SEQUENCE, &parts.concat());
    out
}
