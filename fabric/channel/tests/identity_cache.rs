//! Which identities take up memory: those whose key has signed something, and no others.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod fixtures;

use std::sync::Arc;

use bytes::Bytes;
use channel::policy::{SignedData, valid_identities};
use fabric::{
    crypto::{Hashed, VerifiedSignatureCache},
    proto::msp::SerializedIdentity,
    types::decode,
};
use fixtures::channel::Channel;
use msp::{IDENTITY_BYTES, MspManager, SigningIdentity};
use prost::Message;

/// A cached identity is handed out again; any other is made anew.
fn is_cached(msps: &MspManager, identity: &[u8]) -> bool {
    Arc::ptr_eq(&msps.deserialize(identity).unwrap(), &msps.deserialize(identity).unwrap())
}

fn claim(msps: &MspManager, identity: &Bytes, signature: Vec<u8>) -> usize {
    let signed = SignedData {
        data: Hashed::of("data".into()),
        identity: identity.clone(),
        signature: signature.into(),
    };
    valid_identities(&[signed], msps, &VerifiedSignatureCache::disabled()).len()
}

/// The same certificate after text that PEM allows before it.
fn padded(identity: &SigningIdentity, bytes: usize) -> Bytes {
    let mut decoded: SerializedIdentity = decode(identity.serialized()).unwrap();
    decoded.id_bytes = [&vec![b'\n'; bytes], &decoded.id_bytes[..]].concat().into();
    decoded.encode_to_vec().into()
}

#[test]
fn an_identity_is_cached_once_its_signature_holds() {
    let channel = Channel::new();
    let (msps, client) = (channel.bundle.msps(), &channel.orgs["Lab"].client);
    let identity = client.serialized();
    assert!(!is_cached(msps, &identity), "anybody can send the certificate of another");
    assert_eq!(claim(msps, &identity, client.sign(b"other data").unwrap()), 0);
    assert!(!is_cached(msps, &identity), "the signature does not hold");
    assert_eq!(claim(msps, &identity, client.sign(b"data").unwrap()), 1);
    assert!(is_cached(msps, &identity));
}

#[test]
fn a_large_identity_is_never_cached() {
    let channel = Channel::new();
    let (msps, client) = (channel.bundle.msps(), &channel.orgs["Lab"].client);
    let small = padded(client, 1000);
    assert_eq!(claim(msps, &small, client.sign(b"data").unwrap()), 1);
    assert!(is_cached(msps, &small));
    // The verdict is Fabric's: it knows no limit.
    for bytes in [IDENTITY_BYTES, 40 << 20] {
        let large = padded(client, bytes);
        assert_eq!(claim(msps, &large, client.sign(b"data").unwrap()), 1);
        assert!(!is_cached(msps, &large), "{bytes}");
    }
}
