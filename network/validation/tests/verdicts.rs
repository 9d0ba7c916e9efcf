//! Verdicts that surprise, each as Fabric reaches it (`docs/surprises.md`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use channel::policy::parse;
use fabric::proto::{
    kvrwset::{
        KvMetadataEntry, KvMetadataWrite, KvRead, KvWriteHash, QueryReads, RangeQueryInfo, Version,
        range_query_info::ReadsInfo,
    },
    protos::TxValidationCode as Code,
};
use prost::Message;
use testkit::{BOTH, CHAINCODE, COLLECTION, Draft, Signer, TestChannel, delete, draft::Layer, write};

fn version(block: u64, transaction: u64) -> Option<Version> {
    Some(Version { block_num: block, tx_num: transaction })
}

fn read(key: &str, version: Option<Version>) -> KvRead {
    KvRead { key: key.to_owned(), version }
}

#[test]
fn an_id_is_taken_even_if_the_header_did_not_state_it() {
    let mut channel = TestChannel::new();
    let (nameless, named) = {
        let mut draft = channel.draft(CHAINCODE);
        let named = draft.seal();
        draft.txid = Some(String::new());
        (draft.seal(), named)
    };
    assert_eq!(channel.submit(vec![nameless]), [Code::BadProposalTxid]);
    assert_eq!(channel.submit(vec![named]), [Code::DuplicateTxid]);
}

/// Peers of Fabric 2.5 take the field for an empty message, and say INVALID_CHAINCODE.
#[test]
fn a_message_of_another_wire_type_is_absent_as_for_peers_of_fabric_3() {
    let channel = TestChannel::new();
    let mistyped = channel.draft(CHAINCODE).seal_with(|layer, encoded| match layer {
        Layer::Extension => vec![0x15, 0, 0, 0, 0],
        _ => encoded,
    });
    assert_eq!(channel.codes(vec![mistyped]), [Code::InvalidOtherReason]);
}

/// Fails in one namespace with one code and in another with another one.
#[test]
fn where_peers_disagree_the_reason_says_so() {
    let channel = TestChannel::new();
    let mut draft = channel.draft(BOTH);
    draft.public("nowhere").writes.push(write("k", "v"));
    let Ok(validation) = channel.validate(channel.block(vec![draft.seal()])) else { panic!("no verdict") };
    assert_eq!(validation.block.codes, [Code::EndorsementPolicyFailure]);
    assert!(validation.reasons[0].contains("peers disagree"), "{:?}", validation.reasons);
}

/// Two transactions with one id; only the content differs.
fn twins(channel: &TestChannel, change: impl Fn(&mut Draft<'_>)) -> (Bytes, Bytes) {
    let mut draft = channel.draft(CHAINCODE);
    draft.public(CHAINCODE).writes.push(write("twin", "good"));
    let good = draft.seal();
    change(&mut draft);
    (draft.seal(), good)
}

#[test]
fn a_transaction_that_fails_its_policy_does_not_shadow_its_twin() {
    let channel = TestChannel::new();
    let (bad, good) = twins(&channel, |draft| draft.endorsers.clear());
    assert_eq!(channel.codes(vec![bad, good]), [Code::EndorsementPolicyFailure, Code::Valid]);
}

#[test]
fn a_transaction_that_loses_a_conflict_shadows_its_twin() {
    let channel = TestChannel::new();
    let (bad, good) = twins(&channel, |draft| draft.public(CHAINCODE).reads.push(read("k", version(9, 9))));
    assert_eq!(channel.codes(vec![bad, good]), [Code::MvccReadConflict, Code::DuplicateTxid]);
}

#[test]
fn a_key_policy_counts_as_changed_even_if_the_change_loses_a_conflict() {
    let channel = TestChannel::new();
    let mut draft = channel.draft(CHAINCODE);
    let policy = parse("OR('AMSP.peer')").unwrap().encode_to_vec().into();
    let entries = vec![KvMetadataEntry { name: "VALIDATION_PARAMETER".to_owned(), value: policy }];
    let public = draft.public(CHAINCODE);
    public.metadata_writes.push(KvMetadataWrite { key: "k".to_owned(), entries });
    public.reads.push(read("k", version(9, 9)));
    let codes = channel.codes(vec![draft.seal(), channel.put(&[("k", "v")])]);
    assert_eq!(codes, [Code::MvccReadConflict, Code::EndorsementPolicyFailure]);
}

#[test]
fn a_key_policy_replaces_that_of_the_chaincode() {
    let mut channel = TestChannel::new();
    let policy = parse("OR('BMSP.peer')").unwrap().encode_to_vec().into();
    let mut draft = channel.draft(CHAINCODE);
    let public = draft.public(CHAINCODE);
    public.writes.push(write("k", "v"));
    let entries = vec![KvMetadataEntry { name: "VALIDATION_PARAMETER".to_owned(), value: policy }];
    public.metadata_writes.push(KvMetadataWrite { key: "k".to_owned(), entries });
    assert_eq!(channel.submit(vec![draft.seal()]), [Code::Valid]);
    assert_eq!(channel.codes(vec![channel.put(&[("k", "w")])]), [Code::EndorsementPolicyFailure]);
    let mut by_b = channel.draft(CHAINCODE);
    by_b.public(CHAINCODE).writes.push(write("k", "w"));
    by_b.endorsers = vec![Signer::from(&channel.b.peer)];
    assert_eq!(channel.codes(vec![by_b.seal()]), [Code::Valid]);
}

#[test]
fn equal_versions_do_not_help_a_key_that_the_block_touched() {
    let mut channel = TestChannel::new();
    let number = channel.ledger.height();
    channel.submit(vec![channel.put(&[("k", "v")])]);
    let reader = || {
        let mut draft = channel.draft(CHAINCODE);
        draft.public(CHAINCODE).reads.push(read("k", version(number, 0)));
        draft.seal()
    };
    assert_eq!(channel.codes(vec![reader()]), [Code::Valid]);
    // The first deletes a key that is there, the second one that is not there any more.
    let mut deletes = channel.draft(CHAINCODE);
    deletes.public(CHAINCODE).writes.push(delete("k"));
    assert_eq!(channel.codes(vec![deletes.seal(), reader()]), [Code::Valid, Code::MvccReadConflict]);
    let mut missing = channel.draft(CHAINCODE);
    missing.public(CHAINCODE).reads.push(read("missing", None));
    let mut deletes = channel.draft(CHAINCODE);
    deletes.public(CHAINCODE).writes.push(delete("missing"));
    assert_eq!(channel.codes(vec![deletes.seal(), missing.seal()]), [Code::Valid, Code::MvccReadConflict]);
}

fn query<'a>(channel: &'a TestChannel, end: &str, exhausted: bool, keys: &[&str], block: u64) -> Draft<'a> {
    let mut draft = channel.draft(CHAINCODE);
    let kv_reads = keys.iter().map(|key| read(key, version(block, 0))).collect();
    draft.public(CHAINCODE).range_queries_info.push(RangeQueryInfo {
        start_key: "a".to_owned(),
        end_key: end.to_owned(),
        itr_exhausted: exhausted,
        reads_info: Some(ReadsInfo::RawReads(QueryReads { kv_reads })),
    });
    draft
}

#[test]
fn the_last_key_of_an_unfinished_query_belongs_to_it() {
    let mut channel = TestChannel::new();
    let number = channel.ledger.height();
    channel.submit(vec![channel.put(&[("a", "1"), ("b", "2"), ("c", "3")])]);
    let code = |end: &str, exhausted: bool, keys: &[&str]| {
        channel.codes(vec![query(&channel, end, exhausted, keys, number).seal()])[0]
    };
    assert_eq!(code("b", false, &["a", "b"]), Code::Valid);
    assert_eq!(code("b", false, &["a"]), Code::PhantomReadConflict);
    assert_eq!(code("b", true, &["a"]), Code::Valid);
    assert_eq!(code("b", true, &["a", "b"]), Code::PhantomReadConflict);
    assert_eq!(code("", true, &["a", "b", "c"]), Code::Valid);
    // A range that ends before it begins holds nothing, except a last key that was read.
    assert_eq!(code("A", true, &[]), Code::Valid);
    let changed = channel.put(&[("bb", "new")]);
    let codes = channel.codes(vec![changed, query(&channel, "c", true, &["a", "b"], number).seal()]);
    assert_eq!(codes, [Code::Valid, Code::PhantomReadConflict]);
}

#[test]
fn a_collection_without_policy_is_endorsed_as_its_chaincode() {
    let channel = TestChannel::new();
    let put = KvWriteHash {
        key_hash: Bytes::from_static(&[1; 32]),
        value_hash: Bytes::from_static(&[2; 32]),
        ..Default::default()
    };
    for (chaincode, code) in [(CHAINCODE, Code::Valid), (BOTH, Code::EndorsementPolicyFailure)] {
        let mut draft = channel.draft(chaincode);
        draft.hashed(chaincode, COLLECTION).hashed_writes.push(put.clone());
        assert_eq!(channel.codes(vec![draft.seal()]), [code]);
        // Its organisation alone endorses an implicit collection, whatever the chaincode asks.
        let mut implicit = channel.draft(CHAINCODE);
        implicit.hashed(CHAINCODE, "_implicit_org_AMSP").hashed_writes.push(put.clone());
        assert_eq!(channel.codes(vec![implicit.seal()]), [Code::Valid]);
        let mut foreign = channel.draft(CHAINCODE);
        foreign.hashed(CHAINCODE, "_implicit_org_BMSP").hashed_writes.push(put.clone());
        assert_eq!(channel.codes(vec![foreign.seal()]), [Code::EndorsementPolicyFailure]);
    }
}

#[test]
fn verdicts_do_not_depend_on_which_core_judges() {
    let channel = TestChannel::new();
    let block: Vec<Bytes> = (0..60)
        .map(|index| {
            let mut draft = channel.draft(CHAINCODE);
            draft.public(CHAINCODE).writes.push(write(&format!("k{}", index % 7), "v"));
            if index % 3 == 0 {
                draft.public(CHAINCODE).reads.push(read(&format!("k{}", index % 5), None));
            }
            if index % 11 == 0 {
                draft.endorsers.clear();
            }
            draft.seal()
        })
        .collect();
    let block = channel.block(block);
    let first = channel.validate(block.clone()).unwrap();
    for _ in 0..5 {
        let again = channel.validate(block.clone()).unwrap();
        assert_eq!(again.reasons, first.reasons);
        assert!(again.block == first.block, "codes, transactions and updates");
    }
}
