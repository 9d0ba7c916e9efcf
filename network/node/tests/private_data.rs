//! What a client learns of private data by `DeliverWithPrivateData`: what the peer's organisation has and it may read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use channel::policy::SignedData;
use fabric::{
    crypto::{Hashed, VerifiedSignatureCache},
    proto::{
        kvrwset::{HashedRwSet, KvWriteHash, KvrwSet},
        protos::TxValidationCode,
        rwset::{CollectionPvtReadWriteSet, NsPvtReadWriteSet, TxPvtReadWriteSet},
    },
    types::decode,
};
use ledger::Waiting;
use msp::SigningIdentity;
use node::deliver::private::Reader;
use prost::Message;
use sha2::{Digest, Sha256};
use testkit::{CHAINCODE, COLLECTION, TestChannel, built_in_validation, definition::collection, write};

fn sha256(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(bytes))
}

/// A channel whose [`COLLECTION`] is of organisation A, and closed to others.
fn start() -> TestChannel {
    let mut channel = TestChannel::without_chaincodes("V2_5");
    let mut collection = collection(COLLECTION, "OR('AMSP.member')");
    collection.member_only_read = true;
    let validation = built_in_validation("OR('AMSP.peer', 'BMSP.peer')");
    let definition = channel.definition_of(CHAINCODE, &validation, collection);
    assert_eq!(channel.submit(vec![definition]), [TxValidationCode::Valid]);
    channel
}

/// Commits a block in which a key of a collection is written; `organisation` keeps the plaintext.
fn put(channel: &mut TestChannel, organisation: &str, collection: &str, key: &str) {
    let rwset = KvrwSet { writes: vec![write(key, "formula")], ..Default::default() };
    let rwset = Bytes::from(rwset.encode_to_vec());
    let mut draft = channel.draft(CHAINCODE);
    draft.endorsers = [&channel.a.peer, &channel.b.peer].map(Into::into).into();
    *draft.hashed(CHAINCODE, collection) = HashedRwSet {
        hashed_writes: vec![KvWriteHash {
            key_hash: sha256(key.as_bytes()),
            value_hash: sha256(b"formula"),
            ..Default::default()
        }],
        ..Default::default()
    };
    draft.announce(CHAINCODE, collection, sha256(&rwset));
    let private = TxPvtReadWriteSet {
        ns_pvt_rwset: vec![NsPvtReadWriteSet {
            namespace: CHAINCODE.to_owned(),
            collection_pvt_rwset: vec![CollectionPvtReadWriteSet {
                collection_name: collection.to_owned(),
                rwset,
            }],
        }],
        ..Default::default()
    };
    let (txid, height) = (draft.txid(), channel.ledger.height());
    let waiting = Waiting { txid: &txid, creator: "AMSP", height, private: &private };
    channel.ledger.private_store(organisation).keep(waiting).unwrap();
    let envelope = draft.seal();
    assert_eq!(channel.submit(vec![envelope]), [TxValidationCode::Valid]);
}

/// The keys written to each collection in the newest block, as a client learns of them from an organisation's peer.
fn delivered(
    channel: &TestChannel,
    organisation: &str,
    client: &SigningIdentity,
) -> Vec<(String, Vec<String>)> {
    let (ledger, bundle) = (&*channel.ledger, &*channel.bundle);
    let data = Hashed::of(Bytes::from_static(b"a request"));
    let (identity, signature) = (client.serialized(), client.sign(data.message()).unwrap().into());
    let client = SignedData { data, identity, signature };
    let memo = VerifiedSignatureCache::disabled();
    let reader = Reader { ledger, bundle, memo: &memo, organisation, client: &client };
    let transactions = reader.private_data(ledger.height() - 1).unwrap();
    let namespaces = transactions.into_values().flat_map(|transaction| transaction.ns_pvt_rwset);
    let collections = namespaces.flat_map(|namespace| namespace.collection_pvt_rwset);
    let keys = |rwset: Bytes| decode::<KvrwSet>(rwset).unwrap().writes.into_iter().map(|write| write.key);
    collections.map(|set| (set.collection_name, keys(set.rwset).collect())).collect()
}

#[test]
fn delivered_is_what_the_peer_has_and_the_client_may_read() {
    let mut channel = start();
    put(&mut channel, "AMSP", COLLECTION, "a");
    let (member, stranger) = (&channel.a.client, &channel.b.client);
    let written = [(COLLECTION.to_owned(), vec!["a".to_owned()])];
    assert_eq!(delivered(&channel, "AMSP", member), written);
    assert_eq!(delivered(&channel, "AMSP", stranger), []);
    assert_eq!(delivered(&channel, "BMSP", member), [], "its peer has no copy");

    let implicit = "_implicit_org_BMSP";
    put(&mut channel, "BMSP", implicit, "b");
    let (member, other) = (&channel.b.client, &channel.a.client);
    let written = [(implicit.to_owned(), vec!["b".to_owned()])];
    assert_eq!(delivered(&channel, "BMSP", member), written);
    assert_eq!(delivered(&channel, "BMSP", other), written, "implicit collections are open to readers");
    assert_eq!(delivered(&channel, "AMSP", other), []);
}
