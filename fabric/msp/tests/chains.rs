//! Chains of certificates made here, each odd in one way, verified as by Go's verifier and Fabric's MSP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use bytes::Bytes;
use fabric::{
    crypto::{
        PrivateKey,
        der::{self, BIT_STRING, OCTET_STRING, Reader, SEQUENCE, SET, UTC_TIME},
    },
    proto::msp::{FabricMspConfig, MspConfig, SerializedIdentity},
};
use msp::{Msp, MspError, MspVersion};
use prost::Message;

/// A certificate to be made: what is usual, to be changed in one place.
#[derive(Clone)]
struct Draft<'a> {
    subject: &'a str,
    issuer: &'a str,
    key: &'a PrivateKey,
    signer: &'a PrivateKey,
    /// `YYMMDD`.
    not_before: &'a str,
    not_after: &'a str,
    extensions: Vec<Vec<u8>>,
}

impl<'a> Draft<'a> {
    fn root(key: &'a PrivateKey) -> Self {
        let extensions = vec![authority(None), key_identifier()];
        Self {
            subject: "root",
            issuer: "root",
            key,
            signer: key,
            not_before: "200101",
            not_after: "300101",
            extensions,
        }
    }

    fn leaf(key: &'a PrivateKey, signer: &'a PrivateKey) -> Self {
        Self {
            subject: "leaf",
            key,
            signer,
            not_before: "210101",
            not_after: "210102",
            extensions: vec![],
            ..Self::root(signer)
        }
    }

    fn der(&self) -> Vec<u8> {
        let signed = self.signed_part();
        let signature = self.signer.sign(&signed).unwrap();
        assemble(&signed, &signature)
    }

    fn pem(&self) -> Bytes {
        pem(&self.der())
    }

    fn signed_part(&self) -> Vec<u8> {
        let mut tbs = vec![0xa0, 3, 2, 1, 2, 2, 1, 7];
        tbs.extend(ECDSA_WITH_SHA256);
        tbs.extend(name(self.issuer));
        let times = [self.not_before, self.not_after]
            .map(|day| element(UTC_TIME, format!("{day}000000Z").as_bytes()));
        tbs.extend(element(SEQUENCE, &times.concat()));
        tbs.extend(name(self.subject));
        tbs.extend(self.key.public_key().spki_der());
        if !self.extensions.is_empty() {
            tbs.extend(element(0xa3, &element(SEQUENCE, &self.extensions.concat())));
        }
        element(SEQUENCE, &tbs)
    }
}

const ECDSA_WITH_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

fn assemble(signed: &[u8], signature: &[u8]) -> Vec<u8> {
    let signature = element(BIT_STRING, &[&[0], signature].concat());
    element(SEQUENCE, &[signed, ECDSA_WITH_SHA256, &signature].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    der::push(&mut out, tag, content);
    out
}

fn name(common_name: &str) -> Vec<u8> {
    let attribute = [&[6, 3, 0x55, 4, 3][..], &element(0x0c, common_name.as_bytes())].concat();
    element(SEQUENCE, &element(SET, &element(SEQUENCE, &attribute)))
}

/// An extension 2.5.29.`arc`.
fn extension(arc: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    element(SEQUENCE, &[&[6, 3, 0x55, 0x1d, arc], critical, &element(OCTET_STRING, value)].concat())
}

fn authority(max_path_length: Option<u8>) -> Vec<u8> {
    let length = max_path_length.map_or(vec![], |length| vec![2, 1, length]);
    extension(19, true, &element(SEQUENCE, &[&[1, 1, 0xff], &length[..]].concat()))
}

fn key_identifier() -> Vec<u8> {
    extension(14, false, &[4, 2, 0xab, 0xcd])
}

fn pem(der: &[u8]) -> Bytes {
    pem::encode(&pem::Pem::new("CERTIFICATE", der)).into()
}

fn key() -> PrivateKey {
    PrivateKey::generate().unwrap()
}

fn msp(roots: &[Bytes], intermediates: &[Bytes]) -> Result<Msp, MspError> {
    let config = FabricMspConfig {
        name: "MSP".to_owned(),
        root_certs: roots.to_vec(),
        intermediate_certs: intermediates.to_vec(),
        ..FabricMspConfig::default()
    };
    // The rules that ask for no administrators.
    Msp::from_config(&MspConfig { r#type: 0, config: config.encode_to_vec().into() }, MspVersion::V1_3)
}

fn verify(msp: &Msp, leaf: &Bytes) -> Result<(), MspError> {
    let serialized = SerializedIdentity { mspid: "MSP".to_owned(), id_bytes: leaf.clone() };
    msp.deserialize(&serialized.encode_to_vec())?.validate()
}

fn check(roots: &[Bytes], intermediates: &[Bytes], leaf: &Draft<'_>, good: bool) {
    let verdict = verify(&msp(roots, intermediates).unwrap(), &leaf.pem());
    assert_eq!(verdict.is_ok(), good, "{verdict:?}");
}

#[test]
fn the_time_of_judgement_is_the_leafs_first_second() {
    let (ca, user) = (key(), key());
    let root = [Draft::root(&ca).pem()];
    let leaf = Draft::leaf(&user, &ca);
    check(&root, &[], &leaf, true);
    check(&root, &[], &Draft { not_before: "290101", not_after: "290102", ..leaf.clone() }, true);
    check(&root, &[], &Draft { not_before: "191231", ..leaf.clone() }, false);
    check(&root, &[], &Draft { not_before: "300102", not_after: "310101", ..leaf.clone() }, false);
    check(&root, &[], &Draft { not_after: "210101", ..leaf }, false);
}

#[test]
fn two_chains_are_none() {
    let (ca, user) = (key(), key());
    let root = Draft::root(&ca);
    let renewed = Draft { not_after: "400101", ..root.clone() };
    let leaf = Draft::leaf(&user, &ca);
    for roots in [[root.pem()], [renewed.pem()]] {
        check(&roots, &[], &leaf, true);
    }
    let root = root.pem();
    check(&[root.clone(), root.clone()], &[], &leaf, true);
    check(&[root, renewed.pem()], &[], &leaf, false);
}

#[test]
fn intermediates_vouch_and_their_root_does_not_any_more() {
    let (ca, sub, user) = (key(), key(), key());
    let root = [Draft::root(&ca).pem()];
    let intermediate = Draft { subject: "sub", key: &sub, ..Draft::root(&ca) };
    let below = Draft { issuer: "sub", ..Draft::leaf(&user, &sub) };
    let direct = Draft::leaf(&user, &ca);
    check(&root, &[intermediate.pem()], &below, true);
    check(&root, &[intermediate.pem()], &direct, false);
    check(&root, &[], &below, false);
    check(&root, &[], &direct, true);
    let not_authority = Draft { extensions: vec![key_identifier()], ..intermediate };
    assert!(msp(&root, &[not_authority.pem()]).is_err());
}

#[test]
fn path_lengths_bind() {
    let (ca, sub, user) = (key(), key(), key());
    let root = |limit| Draft { extensions: vec![authority(limit), key_identifier()], ..Draft::root(&ca) };
    let intermediate = [Draft { subject: "sub", key: &sub, ..Draft::root(&ca) }.pem()];
    let below = Draft { issuer: "sub", ..Draft::leaf(&user, &sub) };
    check(&[root(Some(1)).pem()], &intermediate, &below, true);
    check(&[root(Some(0)).pem()], &[], &Draft::leaf(&user, &ca), true);
    let refused = msp(&[root(Some(0)).pem()], &intermediate).map(|msp| verify(&msp, &below.pem()));
    assert!(!matches!(refused, Ok(Ok(()))), "{refused:?}");
}

#[test]
fn names_alone_and_keys_alone_are_not_enough() {
    let (ca, other, user) = (key(), key(), key());
    let root = [Draft::root(&ca).pem()];
    check(&root, &[], &Draft::leaf(&user, &other), false);
    check(&root, &[], &Draft { issuer: "another", ..Draft::leaf(&user, &ca) }, false);
}

#[test]
fn extensions_that_bind() {
    let (ca, user) = (key(), key());
    let root = [Draft::root(&ca).pem()];
    let with = |extension: Vec<u8>| Draft { extensions: vec![extension], ..Draft::leaf(&user, &ca) };
    check(&root, &[], &with(extension(99, false, &[5, 0])), true);
    check(&root, &[], &with(extension(99, true, &[5, 0])), false);
    check(&root, &[], &with(authority(None)), false);
    let usage = |arcs: &[u8]| extension(37, false, &element(SEQUENCE, &element(6, arcs)));
    check(&root, &[], &with(usage(&[0x2b, 6, 1, 5, 5, 7, 3, 1])), true);
    check(&root, &[], &with(usage(&[0x55, 0x1d, 0x25, 0])), true);
    check(&root, &[], &with(usage(&[0x2b, 6, 1, 5, 5, 7, 3, 2])), false);
    let twice = Draft { extensions: vec![extension(99, false, &[5, 0]); 2], ..Draft::leaf(&user, &ca) };
    check(&root, &[], &twice, false);
}

#[test]
fn an_authority_that_may_not_sign_certificates_vouches_for_nobody() {
    let (ca, user) = (key(), key());
    let with_usage = |bits: u8| {
        let usage = extension(15, true, &[3, 2, 0, bits]);
        Draft { extensions: vec![authority(None), key_identifier(), usage], ..Draft::root(&ca) }
    };
    check(&[with_usage(0b0000_0100).pem()], &[], &Draft::leaf(&user, &ca), true);
    // Such a root cannot even be shown to have signed itself.
    assert!(msp(&[with_usage(0b1000_0000).pem()], &[]).is_err());
}

#[test]
fn name_constraints_bind_alternative_names_and_host_names() {
    let (ca, user) = (key(), key());
    let base = element(SEQUENCE, &element(0x82, b"example.com"));
    let constraints = extension(30, true, &element(SEQUENCE, &element(0xa0, &base)));
    let root = Draft { extensions: vec![authority(None), key_identifier(), constraints], ..Draft::root(&ca) };
    let root = [root.pem()];
    let named = |host: &[u8]| {
        let names = extension(17, false, &element(SEQUENCE, &element(0x82, host)));
        Draft { extensions: vec![names], ..Draft::leaf(&user, &ca) }
    };
    check(&root, &[], &named(b"a.example.com"), true);
    check(&root, &[], &named(b"a.example.org"), false);
    // Without alternative names, a common name that could be a host is refused; one of a person is not.
    check(&root, &[], &Draft { subject: "peer0.example.com", ..Draft::leaf(&user, &ca) }, false);
    check(&root, &[], &Draft { subject: "User1@example.com", ..Draft::leaf(&user, &ca) }, true);
}

#[test]
fn a_certificate_with_a_high_s_is_the_same_identity_as_its_low_twin() {
    let (ca, user) = (key(), key());
    let msp = msp(&[Draft::root(&ca).pem()], &[]).unwrap();
    let signed = Draft::leaf(&user, &ca).signed_part();
    let low = ca.sign(&signed).unwrap();
    let identities = [low.clone(), high_twin(&low)].map(|signature| {
        let id_bytes = pem(&assemble(&signed, &signature));
        let serialized = SerializedIdentity { mspid: "MSP".to_owned(), id_bytes };
        msp.deserialize(&serialized.encode_to_vec()).unwrap()
    });
    assert_eq!(identities[0].id(), identities[1].id());
    assert_eq!(identities[0].certificate_der(), identities[1].certificate_der());
    assert_ne!(identities[0].serialized(), identities[1].serialized());
}

/// The signature with the order of P-256 minus S in place of S.
fn high_twin(signature: &[u8]) -> Vec<u8> {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let mut numbers = Reader(signature).enter(SEQUENCE, "signature").unwrap();
    let (r, s) = (numbers.integer("R").unwrap(), numbers.integer("S").unwrap());
    let mut difference = hex::decode(ORDER).unwrap();
    let mut borrow = 0;
    for (index, digit) in difference.iter_mut().rev().enumerate() {
        let taken = s.iter().rev().nth(index).copied().unwrap_or(0);
        let value = i16::from(*digit) - i16::from(taken) - borrow;
        borrow = i16::from(value < 0);
        *digit = value.rem_euclid(256) as u8;
    }
    let mut out = Vec::new();
    der::push_positive(&mut out, der::positive(r).unwrap());
    der::push_positive(&mut out, &difference);
    element(SEQUENCE, &out)
}
