//! What would stop real peers is not ordered: refused at once where a transaction is deadly by itself, left
//! out of the block where it is deadly only beside others. The numbers are those of `halts.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use fabric::{
    crypto::SignatureMemo,
    policy::parse,
    proto::{
        common::{Envelope, HeaderType, Status},
        kvrwset::{
            KvMetadataEntry, KvMetadataWrite, KvRead, KvWrite, KvWriteHash, QueryReads,
            QueryReadsMerkleSummary, RangeQueryInfo, range_query_info::ReadsInfo,
        },
        protos::{ChaincodeActionPayload, Transaction, TransactionAction, application_policy::Type},
    },
};
use network::{
    node::{Channel, Orderer, Pipeline},
    order::{BlockWriter, Refusal},
};
use prost::Message;
use support::{BOTH, CHAINCODE, Draft, TestChannel, built_in_validation, delete, draft::Layer, write};
use tokio::sync::mpsc;

/// No protobuf message: a field that ends before it began.
const GARBAGE: &[u8] = &[0x0a, 0xff];

/// The ordering side of a test channel.
struct Ordering {
    channel: Arc<Channel>,
    pipeline: Pipeline,
}

impl Ordering {
    fn of(test: &TestChannel) -> Self {
        let (sender, envelopes) = mpsc::channel(100);
        let orderer = Orderer {
            address: "orderer0.orderer.test:7050".to_owned(),
            msp_id: "OrdererMSP".to_owned(),
            signer: test.orderer(),
        };
        let memo = Arc::new(SignatureMemo::disabled());
        let channel = Channel::new(test.ledger.clone(), test.bundle.clone(), memo, orderer, sender);
        let channel = Arc::new(channel);
        let ledger = &test.ledger;
        let writer = BlockWriter::new(test.orderer(), ledger.height(), ledger.last_hash(), 0);
        Self { channel: channel.clone(), pipeline: Pipeline { channel, envelopes, writer } }
    }

    fn refusal(&self, envelope: Bytes) -> Refusal {
        let envelope = Envelope::decode(envelope).unwrap();
        self.channel.admit(envelope, &self.channel.bundle()).expect_err("admitted")
    }

    /// Orders and commits these envelopes, which are all admitted; gives how many each block has.
    fn run(self, test: &TestChannel, envelopes: Vec<Bytes>) -> Vec<usize> {
        let before = test.ledger.height();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for envelope in envelopes {
            let envelope = Envelope::decode(envelope).unwrap();
            runtime.block_on(self.channel.broadcast(envelope)).unwrap();
        }
        self.channel.close();
        self.pipeline.run().unwrap();
        let size = |number| test.ledger.block(number).unwrap().unwrap().envelopes().len();
        (before..test.ledger.height()).map(size).collect()
    }
}

fn set_policy(key: &str, policy: &[u8]) -> KvMetadataWrite {
    let entry =
        KvMetadataEntry { name: "VALIDATION_PARAMETER".to_owned(), value: Bytes::copy_from_slice(policy) };
    KvMetadataWrite { key: key.to_owned(), entries: vec![entry] }
}

fn policy_draft<'a>(test: &'a TestChannel, chaincode: &str, key: &str) -> Draft<'a> {
    let mut draft = test.draft(chaincode);
    let policy = parse("OR('AMSP.peer')").unwrap().encode_to_vec();
    draft.public(CHAINCODE).metadata_writes.push(set_policy(key, &policy));
    draft
}

fn lifecycle(test: &TestChannel, writes: Vec<KvWrite>) -> Bytes {
    let mut draft = test.draft("_lifecycle");
    draft.public("_lifecycle").writes = writes;
    draft.seal()
}

fn range_query(test: &TestChannel, reads: ReadsInfo) -> Bytes {
    let mut draft = test.draft(CHAINCODE);
    let query = RangeQueryInfo { reads_info: Some(reads), ..Default::default() };
    draft.public(CHAINCODE).range_queries_info.push(query);
    draft.seal()
}

#[test]
fn what_is_deadly_by_itself_is_refused() {
    let mut test = TestChannel::new();
    let ordinary = policy_draft(&test, CHAINCODE, "committed").seal();
    test.submit(vec![ordinary.clone()]);

    let draft = test.draft(CHAINCODE);
    let data = |actions| draft.seal_data(Transaction { actions }.encode_to_vec());
    let action = |payload: Vec<u8>| vec![TransactionAction { payload: payload.into(), ..Default::default() }];
    let contentless = ChaincodeActionPayload { action: None, ..Default::default() }.encode_to_vec();
    let garbled =
        |layer| draft.seal_with(&|found, encoded| if found == layer { GARBAGE.to_vec() } else { encoded });
    let mut misnamed = policy_draft(&test, CHAINCODE, "k");
    misnamed.channel_header.tx_id = "wrong".to_owned();
    let mut nowhere = test.draft(CHAINCODE);
    nowhere.hashed(CHAINCODE, "nowhere").hashed_writes.push(KvWriteHash::default());
    let mut garbage_policy = test.draft(CHAINCODE);
    garbage_policy.public(CHAINCODE).metadata_writes.push(set_policy("k", GARBAGE));
    let unsigned = draft.seal_with(&|layer, encoded| match layer {
        Layer::Envelope => {
            let envelope = Envelope::decode(encoded.as_slice()).unwrap();
            Envelope { signature: Bytes::new(), ..envelope }.encode_to_vec()
        }
        _ => encoded,
    });
    let mut config = test.draft(CHAINCODE);
    config.channel_header.r#type = HeaderType::Config as i32;
    let mut elsewhere = test.draft(CHAINCODE);
    elsewhere.channel_header.channel_id = "elsewhere".to_owned();
    let group = built_in_validation(Type::ChannelConfigPolicyReference("/Channel".to_owned()));
    let mut plugged = group.clone();
    plugged.validation_plugin = "own".to_owned();
    let field = |name: &str| format!("namespaces/fields/{CHAINCODE}/{name}");
    let read = KvRead { key: "k".to_owned(), version: None };
    let unversioned = ReadsInfo::RawReads(QueryReads { kv_reads: vec![read] });
    let treeless = QueryReadsMerkleSummary { max_degree: 1, ..Default::default() };

    for (name, envelope) in [
        ("1: no actions", data(vec![])),
        ("1: an empty action", data(action(vec![]))),
        ("2: an action without content", data(action(contentless))),
        ("3: a transaction", garbled(Layer::Transaction)),
        ("3: an action payload", garbled(Layer::ActionPayload)),
        ("3: a response payload", garbled(Layer::ResponsePayload)),
        ("3: a chaincode action", garbled(Layer::ChaincodeAction)),
        ("4: a repetition", ordinary),
        ("4: a wrong id", misnamed.seal()),
        ("5: no such collection", nowhere.seal()),
        ("7: a garbage key policy", garbage_policy.seal()),
        ("7: a garbage sequence", lifecycle(&test, vec![write(&field("Sequence"), GARBAGE)])),
        ("7: a garbage field", lifecycle(&test, vec![write(&field("ValidationInfo"), GARBAGE)])),
        ("7: fields of nothing", lifecycle(&test, vec![write("namespaces/fields/new/Sequence", "\x08\x01")])),
        ("7: no more metadata", lifecycle(&test, vec![delete(&format!("namespaces/metadata/{CHAINCODE}"))])),
        ("a reference to a group", test.definition_with("group", &group)),
        ("an unknown plugin", test.definition_with("plugged", &plugged)),
        ("8: no signature", unsigned),
        ("9: a configuration", config.seal()),
        ("9: another channel", elsewhere.seal()),
        ("a range read without a version", range_query(&test, unversioned)),
        ("a summary that is no tree", range_query(&test, ReadsInfo::ReadsMerkleHashes(treeless))),
    ] {
        let refusal = Ordering::of(&test).refusal(envelope);
        assert_eq!(refusal.status, Status::BadRequest, "{name}");
        println!("{name}: {}", refusal.info);
    }
    // And what harms nobody is ordered, a new definition among it.
    let policy = built_in_validation(Type::SignaturePolicy(parse("OR('AMSP.peer')").unwrap()));
    let harmless = vec![
        test.put(&[("k", "v")]),
        policy_draft(&test, CHAINCODE, "k2").seal(),
        test.definition_with("new", &policy),
    ];
    assert_eq!(Ordering::of(&test).run(&test, harmless), [3]);
}

/// Admitted each by itself; those that the filter cannot know are found by our own validation of the block,
/// before anybody else sees it.
#[test]
fn what_peers_of_different_versions_read_differently_is_refused() {
    let test = TestChannel::new();
    // Field 2 as four bytes, where a message or bytes should be.
    let mistyped = |layer| {
        let mut draft = test.draft(CHAINCODE);
        draft.public(CHAINCODE).writes.push(write("k", "v"));
        draft.seal_with(&|found, encoded| match found == layer {
            true => [encoded, vec![0x15, 0, 0, 0, 0]].concat(),
            false => encoded,
        })
    };
    let layers = [
        Layer::PublicRwSet,
        Layer::Results,
        Layer::Extension,
        Layer::ResponsePayload,
        Layer::ActionPayload,
        Layer::ChannelHeader,
        Layer::SignatureHeader,
        Layer::Payload,
    ];
    for layer in layers {
        let refusal = Ordering::of(&test).refusal(mistyped(layer));
        assert_eq!(refusal.status, Status::BadRequest, "{layer:?}: {}", refusal.info);
    }
}

#[test]
fn what_is_deadly_beside_others_is_kept_apart() {
    let mut test = TestChannel::new();
    test.submit(vec![test.put(&[("deleted", "v")])]);
    // 4: thrown out for its epoch before its policies are checked, and then its key is written.
    let mut unchecked = policy_draft(&test, CHAINCODE, "k");
    unchecked.channel_header.epoch = 7;
    let blocks = Ordering::of(&test).run(&test, vec![unchecked.seal(), test.put(&[("k", "v")])]);
    assert_eq!(blocks, [1], "the first is left out");
    // Nobody waits for it: it is ordered, and invalid.
    let blocks = Ordering::of(&test).run(&test, vec![unchecked.seal(), test.put(&[("other", "v")])]);
    assert_eq!(blocks, [2]);
    // 6: a policy for a key that was deleted before.
    let mut deletes = test.draft(CHAINCODE);
    deletes.public(CHAINCODE).writes.push(delete("deleted"));
    let sets = policy_draft(&test, CHAINCODE, "deleted").seal();
    assert_eq!(Ordering::of(&test).run(&test, vec![deletes.seal(), sets]), [1, 1]);
    // Peers disagree: one of its two namespaces is not endorsed.
    let mut divider = policy_draft(&test, CHAINCODE, "k");
    let policy = parse("OR('AMSP.peer')").unwrap().encode_to_vec();
    divider.public(BOTH).metadata_writes.push(set_policy("k", &policy));
    let blocks = Ordering::of(&test).run(&test, vec![test.put(&[("x", "v")]), divider.seal()]);
    assert_eq!(blocks, [1]);
}
