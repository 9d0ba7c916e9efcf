//! Organisations made for a test: a certificate authority, an administrator, a peer and a client each.

#![allow(dead_code, clippy::unwrap_used)]

pub mod channel;

use std::{fs, path::Path};

use fabric::{
    crypto::{
        PrivateKey,
        der::{OCTET_STRING, SEQUENCE, SET, push},
    },
    msp::SigningIdentity,
};

const CONFIG_YAML: &str = "\
NodeOUs:
  Enable: true
  ClientOUIdentifier: { Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: client }
  PeerOUIdentifier: { Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: peer }
  AdminOUIdentifier: { Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: admin }
  OrdererOUIdentifier: { Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: orderer }
";

/// An organisation with members of every kind.
pub struct Org {
    pub admin: SigningIdentity,
    pub peer: SigningIdentity,
    pub client: SigningIdentity,
}

impl Org {
    /// Makes an organisation and writes its MSP to `folder`.
    pub fn make(folder: &Path, msp_id: &str) -> Self {
        let ca = PrivateKey::generate().unwrap();
        let root = certificate(&ca, &ca, msp_id, None);
        fs::create_dir_all(folder.join("cacerts")).unwrap();
        fs::write(folder.join("cacerts/ca.pem"), &root).unwrap();
        fs::write(folder.join("config.yaml"), CONFIG_YAML).unwrap();
        let member = |role: &str| {
            let key = PrivateKey::generate().unwrap();
            let certificate = certificate(&key, &ca, msp_id, Some(role));
            let key = key.to_pkcs8_pem().unwrap();
            SigningIdentity::from_pem(msp_id, certificate.as_bytes(), key.as_bytes()).unwrap()
        };
        Self { admin: member("admin"), peer: member("peer"), client: member("client") }
    }
}

/// A certificate of `key` by `ca` as PEM text: without a role, the authority's own.
pub fn certificate(key: &PrivateKey, ca: &PrivateKey, org: &str, role: Option<&str>) -> String {
    // ecdsa-with-SHA256
    let algorithm = sequence(&[&[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
    let serial = [0x02, 1, if role.is_some() { 2 } else { 1 }];
    let validity = sequence(&[&tagged(0x17, b"250101000000Z"), &tagged(0x17, b"450101000000Z")]);
    let subject = name(&[(&[0x55, 4, 11], role.unwrap_or("ca")), (&[0x55, 4, 3], org)]);
    let issuer = name(&[(&[0x55, 4, 11], "ca"), (&[0x55, 4, 3], org)]);
    let key_id = |key: &PrivateKey| key.public_key().fingerprint().to_vec();
    let subject_key = extension(&[0x55, 0x1d, 14], &tagged(OCTET_STRING, &key_id(key)));
    let authority_key = extension(&[0x55, 0x1d, 35], &sequence(&[&tagged(0x80, &key_id(ca))]));
    let usage = extension(&[0x55, 0x1d, 15], &[0x03, 2, 1, if role.is_some() { 0x80 } else { 0x06 }]);
    let constraints: &[u8] = if role.is_some() { &[] } else { &[0x01, 1, 0xff] };
    let constraints = extension(&[0x55, 0x1d, 19], &sequence(&[constraints]));
    let extensions = tagged(0xa3, &sequence(&[&usage, &constraints, &subject_key, &authority_key]));
    let version = [0xa0, 3, 0x02, 1, 2];
    let public = key.public_key();
    let body = sequence(&[
        &version,
        &serial,
        &algorithm,
        &issuer,
        &validity,
        &subject,
        public.spki_der(),
        &extensions,
    ]);
    let signature = [&[0][..], &ca.sign(&body).unwrap()].concat();
    let certificate = sequence(&[&body, &algorithm, &tagged(0x03, &signature)]);
    pem::encode(&pem::Pem::new("CERTIFICATE", certificate))
}

fn name(attributes: &[(&[u8], &str)]) -> Vec<u8> {
    let attributes = attributes.iter().map(|(oid, value)| {
        let attribute = sequence(&[&tagged(0x06, oid), &tagged(0x0c, value.as_bytes())]);
        tagged(SET, &attribute)
    });
    tagged(SEQUENCE, &attributes.collect::<Vec<_>>().concat())
}

fn extension(oid: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&tagged(0x06, oid), &tagged(OCTET_STRING, value)])
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(SEQUENCE, &parts.concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, tag, content);
    out
}
