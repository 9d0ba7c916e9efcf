//! Transactions that stop real peers: a typed halt here, never a panic and never a hang, and no halt where
//! real peers go on. The numbers are those of the list that came with the recorded chains.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use channel::policy::parse;
use fabric::{
    proto::{
        common::HeaderType,
        kvrwset::{
            KvMetadataEntry, KvMetadataWrite, KvMetadataWriteHash, KvRead, KvWriteHash, QueryReads,
            QueryReadsMerkleSummary, RangeQueryInfo, Version, range_query_info::ReadsInfo,
        },
        lifecycle::ChaincodeValidationInfo,
        protos::{
            ApplicationPolicy, ChaincodeActionPayload, StaticCollectionConfig, Transaction,
            TransactionAction, TxValidationCode as Code, application_policy::Type,
        },
    },
    types::wellformed::NotWellFormed,
};
use prost::Message;
use sha2::{Digest, Sha256};
use testkit::{
    BOTH, CHAINCODE, COLLECTION, Draft, TestChannel, built_in_validation, delete, draft::Layer, write,
};
use validation::{BlockRejected, Defect, Halt};

/// No protobuf message: a field that ends before it began.
const GARBAGE: &[u8] = &[0x0a, 0xff];

fn policy_entry(policy: &[u8]) -> KvMetadataEntry {
    KvMetadataEntry { name: "VALIDATION_PARAMETER".to_owned(), value: Bytes::copy_from_slice(policy) }
}

fn set_policy(key: &str, policy: &[u8]) -> KvMetadataWrite {
    KvMetadataWrite { key: key.to_owned(), entries: vec![policy_entry(policy)] }
}

fn policy_of_a() -> Vec<u8> {
    parse("OR('AMSP.peer')").unwrap().encode_to_vec()
}

/// A transaction of [`CHAINCODE`] that sets the policy of a key.
fn policy_draft<'a>(channel: &'a TestChannel, key: &str) -> Draft<'a> {
    let mut draft = channel.draft(CHAINCODE);
    draft.public(CHAINCODE).metadata_writes.push(set_policy(key, &policy_of_a()));
    draft
}

fn with_bad_signature(draft: &Draft<'_>) -> Bytes {
    draft.seal_with(|layer, mut encoded| {
        if layer == Layer::Envelope {
            *encoded.last_mut().unwrap() ^= 1;
        }
        encoded
    })
}

fn transaction(actions: Vec<TransactionAction>) -> Vec<u8> {
    Transaction { actions }.encode_to_vec()
}

fn action(payload: &[u8]) -> TransactionAction {
    let header = fabric::proto::common::SignatureHeader {
        creator: Bytes::from_static(b"creator"),
        nonce: Bytes::from_static(b"nonce"),
    };
    TransactionAction { header: header.encode_to_vec().into(), payload: Bytes::copy_from_slice(payload) }
}

fn defect(halt: Halt) -> (usize, Defect) {
    (halt.transaction, halt.defect)
}

#[test]
fn halt_1_no_actions_before_a_policy_check() {
    let channel = TestChannel::new();
    let draft = channel.draft(CHAINCODE);
    // An action without payload fails for its content; with a bad signature, that is not looked at.
    let without_payload = with_bad_signature(&draft);
    assert_eq!(channel.codes(vec![without_payload]), [Code::BadCreatorSignature]);
    for data in [transaction(vec![]), vec![]] {
        let actionless = draft.seal_data(data);
        assert_eq!(channel.codes(vec![actionless.clone()]), [Code::InvalidEndorserTransaction]);
        assert_eq!(
            channel.codes(vec![channel.put(&[("k", "v")]), actionless.clone()]),
            [Code::Valid, Code::InvalidEndorserTransaction]
        );
        let halt = channel.halt(vec![actionless, channel.put(&[("k", "v")])]);
        assert_eq!(halt.block, channel.ledger.height());
        assert!(matches!(defect(halt), (1, Defect::FollowsActionless { offending_transaction: 0, .. })));
    }
}

#[test]
fn halt_1_an_empty_action_payload_before_a_policy_check() {
    let channel = TestChannel::new();
    let mut draft = channel.draft(CHAINCODE);
    draft.txid = Some("wrong".to_owned());
    let empty = draft.seal_data(transaction(vec![action(b"")]));
    assert_eq!(channel.codes(vec![empty.clone()]), [Code::BadProposalTxid]);
    let halt = channel.halt(vec![empty, channel.put(&[("k", "v")])]);
    assert!(matches!(defect(halt), (1, Defect::FollowsActionless { offending_transaction: 0, .. })));
}

#[test]
fn halt_2_an_action_without_content() {
    let channel = TestChannel::new();
    let payload =
        ChaincodeActionPayload { chaincode_proposal_payload: Bytes::from_static(b"proposal"), action: None };
    for payload in [payload.encode_to_vec(), Vec::new()] {
        let empty = channel.draft(CHAINCODE).seal_data(transaction(vec![action(&payload)]));
        let halt = channel.halt(vec![channel.put(&[("k", "v")]), empty]);
        assert!(matches!(defect(halt), (1, Defect::ActionWithoutContent)));
    }
}

#[test]
fn halt_3_unreadable_layers_before_a_write() {
    let channel = TestChannel::new();
    let layers = [Layer::Transaction, Layer::ActionPayload, Layer::ResponsePayload, Layer::ChaincodeAction];
    for layer in layers {
        let draft = channel.draft(CHAINCODE);
        let garbage =
            draft.seal_with(|found, encoded| if found == layer { GARBAGE.to_vec() } else { encoded });
        // Harmless as the last of its block, and before one that writes nothing.
        let code = match layer {
            Layer::ChaincodeAction => Code::BadResponsePayload,
            _ => Code::InvalidEndorserTransaction,
        };
        assert_eq!(channel.codes(vec![channel.put(&[("k", "v")]), garbage.clone()]), [Code::Valid, code]);
        let silent = channel.draft(CHAINCODE).seal();
        assert_eq!(channel.codes(vec![garbage.clone(), silent]), [code, Code::Valid]);
        let halt = channel.halt(vec![garbage.clone(), channel.put(&[("k", "v")])]);
        assert!(
            matches!(defect(halt), (1, Defect::AwaitsUnreadable { offending_transaction: 0, .. })),
            "{layer:?}"
        );
    }
}

#[test]
fn halt_3_even_with_a_bad_signature() {
    let channel = TestChannel::new();
    let garbage = channel.draft(CHAINCODE).seal_with(|layer, mut encoded| {
        if layer == Layer::Envelope {
            *encoded.last_mut().unwrap() ^= 1;
        }
        if layer == Layer::Transaction { GARBAGE.to_vec() } else { encoded }
    });
    assert_eq!(channel.codes(vec![garbage.clone()]), [Code::BadCreatorSignature]);
    let halt = channel.halt(vec![garbage, channel.put(&[("k", "v")])]);
    assert!(matches!(defect(halt), (1, Defect::AwaitsUnreadable { offending_transaction: 0, .. })));
}

#[test]
fn an_unreadable_read_write_set_hinders_nobody() {
    let channel = TestChannel::new();
    let mut draft = channel.draft(CHAINCODE);
    draft.results = Some(Bytes::from_static(GARBAGE));
    let codes = channel.codes(vec![draft.seal(), channel.put(&[("k", "v")])]);
    assert_eq!(codes, [Code::BadRwset, Code::Valid]);
}

#[test]
fn halt_4_a_key_policy_that_is_never_checked_before_a_write_of_the_key() {
    let mut channel = TestChannel::new();
    let draft = policy_draft(&channel, "k");
    let replayed = draft.seal();
    let unsigned = with_bad_signature(&policy_draft(&channel, "k"));
    let mut misnamed = policy_draft(&channel, "k");
    misnamed.txid = Some("wrong".to_owned());
    let misnamed = misnamed.seal();
    channel.submit(vec![replayed.clone()]);
    for (unchecked, code) in [
        (replayed, Code::DuplicateTxid),
        (unsigned, Code::BadCreatorSignature),
        (misnamed, Code::BadProposalTxid),
    ] {
        let others = channel.codes(vec![unchecked.clone(), channel.put(&[("other", "v")])]);
        assert_eq!(others, [code, Code::Valid]);
        let halt = channel.halt(vec![unchecked, channel.put(&[("k", "v")])]);
        assert!(matches!(defect(halt), (1, Defect::AwaitsUnchecked { offending_transaction: 0, .. })));
    }
}

#[test]
fn a_key_policy_that_is_checked_decides() {
    let channel = TestChannel::new();
    let codes = channel.codes(vec![policy_draft(&channel, "k").seal(), channel.put(&[("k", "v")])]);
    assert_eq!(codes, [Code::Valid, Code::EndorsementPolicyFailure]);
    let mut unendorsed = policy_draft(&channel, "k");
    unendorsed.endorsers.clear();
    let codes = channel.codes(vec![unendorsed.seal(), channel.put(&[("k", "v")])]);
    assert_eq!(codes, [Code::EndorsementPolicyFailure, Code::Valid]);
}

/// Peers that visit the failing namespace first never check the other, and hang on the next transaction;
/// those that visit it last go on. There is one verdict that peers reach, and we reach it.
#[test]
fn where_the_order_of_a_map_decides_no_order_halts() {
    let channel = TestChannel::new();
    for chaincode in [CHAINCODE, BOTH] {
        let mut draft = channel.draft(chaincode);
        draft.public(CHAINCODE).metadata_writes.push(set_policy("k", &policy_of_a()));
        draft.public(BOTH).metadata_writes.push(set_policy("k", &policy_of_a()));
        let codes = channel.codes(vec![draft.seal(), channel.put(&[("k", "v")])]);
        assert_eq!(codes, [Code::EndorsementPolicyFailure; 2], "{chaincode}");
    }
}

#[test]
fn halt_5_a_private_write_to_nowhere() {
    let channel = TestChannel::new();
    let hashed = KvWriteHash {
        key_hash: Bytes::from_static(&[1; 32]),
        value_hash: Bytes::from_static(&[2; 32]),
        ..Default::default()
    };
    let metadata = KvMetadataWriteHash {
        key_hash: Bytes::from_static(&[1; 32]),
        entries: vec![policy_entry(&policy_of_a())],
    };
    for (chaincode, collection) in
        [(CHAINCODE, "nowhere"), ("nobody", COLLECTION), ("nobody", "_implicit_org_AMSP")]
    {
        let mut writes = channel.draft(CHAINCODE);
        writes.hashed(chaincode, collection).hashed_writes.push(hashed.clone());
        let mut unendorsed = channel.draft(CHAINCODE);
        unendorsed.hashed(chaincode, collection).metadata_writes.push(metadata.clone());
        unendorsed.endorsers.clear();
        for envelope in [writes.seal(), with_bad_signature(&writes), unendorsed.seal()] {
            let halt = channel.halt(vec![channel.put(&[("k", "v")]), envelope]);
            assert!(matches!(defect(halt), (1, Defect::Collection { .. })), "{chaincode} {collection}");
        }
    }
    // An implicit collection of an organisation that is not there exists, and no peer can endorse it.
    let mut stranger = channel.draft(CHAINCODE);
    stranger.hashed(CHAINCODE, "_implicit_org_Stranger").hashed_writes.push(hashed);
    assert_eq!(channel.codes(vec![stranger.seal()]), [Code::EndorsementPolicyFailure]);
}

#[test]
fn halt_6_a_write_without_value_after_a_delete() {
    let mut channel = TestChannel::new();
    channel.submit(vec![channel.put(&[("k", "v")])]);
    let mut deletes = channel.draft(CHAINCODE);
    deletes.public(CHAINCODE).writes.push(delete("k"));
    let mut twice = channel.draft(CHAINCODE);
    twice.public(CHAINCODE).writes = vec![write("k", "1"), write("k", "2")];
    for second in [policy_draft(&channel, "k").seal(), twice.seal()] {
        assert_eq!(channel.codes(vec![second.clone()]), [Code::Valid]);
        let halt = channel.halt(vec![deletes.seal(), second]);
        assert!(matches!(defect(halt), (1, Defect::Commit(_))));
    }
}

#[test]
fn halt_6_in_a_collection() {
    let mut channel = TestChannel::new();
    let key_hash = Bytes::from_static(&[1; 32]);
    let put = KvWriteHash {
        key_hash: key_hash.clone(),
        value_hash: Bytes::from_static(&[2; 32]),
        ..Default::default()
    };
    let draft = |writes: Vec<KvWriteHash>| {
        let mut draft = channel.draft(CHAINCODE);
        draft.hashed(CHAINCODE, COLLECTION).hashed_writes = writes;
        draft.seal()
    };
    let (first, twice) = (draft(vec![put.clone()]), draft(vec![put.clone(), put.clone()]));
    let deletes = draft(vec![KvWriteHash { is_delete: true, key_hash, ..Default::default() }]);
    channel.submit(vec![first]);
    let halt = channel.halt(vec![deletes, twice]);
    assert!(matches!(defect(halt), (1, Defect::Commit(_))));
}

#[test]
fn halt_7_a_garbage_key_policy() {
    let mut channel = TestChannel::new();
    let mut draft = channel.draft(CHAINCODE);
    draft.public(CHAINCODE).writes.push(write("k", "v"));
    draft.public(CHAINCODE).metadata_writes.push(set_policy("k", GARBAGE));
    assert_eq!(channel.submit(vec![draft.seal()]), [Code::Valid]);
    assert_eq!(channel.codes(vec![channel.put(&[("other", "v")])]), [Code::Valid]);
    let halt = channel.halt(vec![channel.put(&[("other", "v")]), channel.put(&[("k", "v")])]);
    assert!(matches!(defect(halt), (1, Defect::KeyPolicy(_))));
}

/// A policy that can be read but not met is a plain refusal.
#[test]
fn a_senseless_key_policy_refuses() {
    let mut channel = TestChannel::new();
    let mut draft = channel.draft(CHAINCODE);
    // An empty envelope decodes, and has no rule.
    draft.public(CHAINCODE).writes.push(write("k", "v"));
    draft.public(CHAINCODE).metadata_writes.push(set_policy("k", &[0x08, 0x05]));
    assert_eq!(channel.submit(vec![draft.seal()]), [Code::Valid]);
    assert_eq!(channel.codes(vec![channel.put(&[("k", "v")])]), [Code::EndorsementPolicyFailure]);
}

#[test]
fn halt_7_a_garbage_definition() {
    let channel = TestChannel::new();
    let field = |name: &str| format!("namespaces/fields/{CHAINCODE}/{name}");
    let bad_writes = [
        vec![write(&field("Sequence"), GARBAGE)],
        vec![write(&field("Sequence"), "\x08\x02"), write(&field("ValidationInfo"), GARBAGE)],
        vec![write(&field("Sequence"), "\x08\x02"), delete(&format!("namespaces/metadata/{CHAINCODE}"))],
        vec![write("namespaces/fields/new/Sequence", "\x08\x01")],
    ];
    for writes in bad_writes {
        let mut draft = channel.draft("_lifecycle");
        draft.public("_lifecycle").writes = writes;
        let halt = channel.halt(vec![channel.put(&[("k", "v")]), draft.seal()]);
        assert!(matches!(defect(halt), (1, Defect::Definition(_))));
    }
}

/// A definition is read when its sequence changes; other garbage is found by the next transaction.
#[test]
fn halt_7_a_garbage_definition_that_shows_later() {
    let mut channel = TestChannel::new();
    let mut draft = channel.draft("_lifecycle");
    let key = format!("namespaces/fields/{CHAINCODE}/ValidationInfo");
    draft.public("_lifecycle").writes.push(write(&key, GARBAGE));
    assert_eq!(channel.submit(vec![draft.seal()]), [Code::Valid]);
    let halt = channel.halt(vec![channel.put(&[("k", "v")])]);
    assert!(matches!(defect(halt), (0, Defect::Definition(_))));
}

#[test]
fn a_plugin_that_is_not_there_halts_and_an_incomplete_definition_does_not() {
    let mut channel = TestChannel::new();
    let policy = Bytes::from(policy_of_a());
    let info = |plugin: &str, policy: &Bytes| ChaincodeValidationInfo {
        validation_plugin: plugin.to_owned(),
        validation_parameter: policy.clone(),
    };
    let definitions = vec![
        channel.definition_with("plugged", &info("own", &policy)),
        channel.definition_with("unplugged", &info("", &policy)),
        channel.definition_with("open", &info("vscc", &Bytes::new())),
        channel.definition_with("garbled", &info("vscc", &Bytes::from_static(GARBAGE))),
    ];
    assert_eq!(channel.submit(definitions), [Code::Valid; 4]);
    let halt = channel.halt(vec![channel.draft("plugged").seal()]);
    assert!(matches!(defect(halt), (0, Defect::UnknownPlugin { .. })));
    let codes =
        channel.codes(["unplugged", "open", "garbled"].map(|name| channel.draft(name).seal()).to_vec());
    assert_eq!(codes, [Code::InvalidChaincode, Code::InvalidChaincode, Code::EndorsementPolicyFailure]);
}

/// What is looked up when the chaincode is next used; another name of no policy is an ordinary refusal.
#[test]
fn a_reference_to_a_group_halts() {
    let mut channel = TestChannel::new();
    let endorsed_by = |name: &str| StaticCollectionConfig {
        endorsement_policy: Some(ApplicationPolicy {
            r#type: Some(Type::ChannelConfigPolicyReference(name.to_owned())),
        }),
        ..testkit::collection()
    };
    let definitions = vec![
        channel.definition_with("group", &built_in_validation("/Channel")),
        channel.definition_with("nothing", &built_in_validation("/Channel/Application")),
        channel.definition_of(
            "private",
            &built_in_validation("/Channel/Application/Endorsement"),
            endorsed_by("/Channel"),
        ),
    ];
    assert_eq!(channel.submit(definitions), [Code::Valid; 3]);
    let nothing = channel.draft("nothing").seal();
    assert_eq!(channel.codes(vec![nothing.clone()]), [Code::EndorsementPolicyFailure]);
    let halt = channel.halt(vec![nothing, channel.draft("group").seal()]);
    assert!(matches!(defect(halt), (1, Defect::PolicyNamesGroup { .. })));

    let mut private = channel.draft("private");
    assert_eq!(channel.codes(vec![private.seal()]), [Code::Valid]);
    private.hashed("private", COLLECTION).hashed_writes.push(KvWriteHash {
        key_hash: Bytes::from_static(&[1; 32]),
        value_hash: Bytes::from_static(&[2; 32]),
        ..Default::default()
    });
    let halt = channel.halt(vec![private.seal()]);
    assert!(matches!(defect(halt), (0, Defect::PolicyNamesGroup { .. })));
}

/// Peers have the rules of Fabric 1 and go on; we say clearly that we have not.
#[test]
fn chaincode_transactions_of_fabric_1_halt() {
    for level in ["V1_3", "V1_4_2"] {
        let channel = TestChannel::without_chaincodes(level);
        let halt = channel.halt(vec![channel.put(&[("k", "v")])]);
        assert!(matches!(defect(halt), (0, Defect::OldCapability(_))), "{level}");
    }
    for level in ["V2_0", "V2_5"] {
        let channel = TestChannel::without_chaincodes(level);
        assert_eq!(channel.codes(vec![channel.put(&[("k", "v")])]), [Code::InvalidChaincode], "{level}");
    }
}

#[test]
fn halt_8_an_envelope_without_signature() {
    let channel = TestChannel::new();
    let unsigned = channel.draft(CHAINCODE).seal_with(|layer, encoded| {
        if layer != Layer::Envelope {
            return encoded;
        }
        let envelope = fabric::proto::common::Envelope::decode(encoded.as_slice()).unwrap();
        fabric::proto::common::Envelope { signature: Bytes::new(), ..envelope }.encode_to_vec()
    });
    let rejection = channel.rejection(vec![channel.put(&[("k", "v")]), unsigned]);
    let expected = NotWellFormed::NoSignature;
    assert!(matches!(rejection, BlockRejected::Malformed { index: 1, defect } if defect == expected));
}

#[test]
fn halt_9_what_only_a_faulty_orderer_lets_in() {
    let channel = TestChannel::new();
    let headless = channel.draft(CHAINCODE).seal_with(|layer, encoded| match layer {
        Layer::Payload => vec![0x12, 1, 0],
        _ => encoded,
    });
    let halt = channel.halt(vec![channel.put(&[("k", "v")]), headless.clone()]);
    assert!(matches!(defect(halt), (1, Defect::NoHeader)));
    assert!(matches!(channel.rejection(vec![headless]), BlockRejected::FirstTransaction(_)));

    let mut config = channel.draft(CHAINCODE);
    config.channel_header.r#type = HeaderType::Config as i32;
    let halt = channel.halt(vec![channel.put(&[("k", "v")]), config.seal()]);
    assert!(matches!(defect(halt), (1, Defect::Config(_))));

    let mut elsewhere = channel.draft(CHAINCODE);
    elsewhere.channel_header.channel_id = "elsewhere".to_owned();
    let elsewhere = elsewhere.seal();
    assert!(matches!(channel.rejection(vec![elsewhere.clone()]), BlockRejected::Channel { .. }));
    let mut nowhere = channel.draft(CHAINCODE);
    nowhere.channel_header.channel_id.clear();
    let codes = channel.codes(vec![channel.put(&[("k", "v")]), elsewhere, nowhere.seal()]);
    assert_eq!(codes, [Code::Valid, Code::BadCreatorSignature, Code::BadCreatorSignature]);
}

fn range_query(channel: &TestChannel, reads: ReadsInfo) -> Bytes {
    let mut draft = channel.draft(CHAINCODE);
    draft.public(CHAINCODE).range_queries_info.push(RangeQueryInfo {
        start_key: "a".to_owned(),
        end_key: "z".to_owned(),
        itr_exhausted: true,
        reads_info: Some(reads),
    });
    draft.seal()
}

#[test]
fn forged_range_queries_halt_where_peers_panic() {
    let mut channel = TestChannel::new();
    channel.submit(vec![channel.put(&[("b", "v")])]);
    let reads = |key: &str| {
        let read = KvRead { key: key.to_owned(), version: None };
        ReadsInfo::RawReads(QueryReads { kv_reads: vec![read] })
    };
    let halt = channel.halt(vec![range_query(&channel, reads("b"))]);
    assert!(matches!(defect(halt), (0, Defect::ReadWithoutVersion(_))));
    // The version of another key is not looked at.
    assert_eq!(channel.codes(vec![range_query(&channel, reads("c"))]), [Code::PhantomReadConflict]);

    let summary =
        |max_degree| QueryReadsMerkleSummary { max_degree, max_level: 1, max_level_hashes: Vec::new() };
    let halt = channel.halt(vec![range_query(&channel, ReadsInfo::ReadsMerkleHashes(summary(1)))]);
    assert!(matches!(defect(halt), (0, Defect::SummaryDegree(1))));
    let codes = channel.codes(vec![range_query(&channel, ReadsInfo::ReadsMerkleHashes(summary(2)))]);
    assert_eq!(codes, [Code::PhantomReadConflict]);
}

/// Honest clients can cause it too, with the degree that peers use: a query of exactly 2,550 keys, then 51
/// more keys at the end of its range.
#[test]
fn a_range_that_outgrows_its_summary_halts() {
    let mut channel = TestChannel::new();
    let keys: Vec<String> = (0..9).map(|index| format!("k{index}")).collect();
    let put = |keys: &[String]| {
        let writes: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "v")).collect();
        channel.put(&writes)
    };
    let (first, second, third) = (put(&keys[..6]), put(&keys[6..8]), put(&keys[8..]));
    let number = channel.ledger.height();
    channel.submit(vec![first]);
    // Degree 2 makes leaves of three results; six results are two of them, the most a level takes.
    let leaf = |keys: &[String]| {
        let version = Some(Version { block_num: number, tx_num: 0 });
        let read = |key: &String| KvRead { key: key.clone(), version };
        let reads = QueryReads { kv_reads: keys.iter().map(read).collect() };
        Bytes::copy_from_slice(&Sha256::digest(reads.encode_to_vec()))
    };
    let max_level_hashes = vec![leaf(&keys[..3]), leaf(&keys[3..6])];
    let summary = QueryReadsMerkleSummary { max_degree: 2, max_level: 1, max_level_hashes };
    let query = || range_query(&channel, ReadsInfo::ReadsMerkleHashes(summary.clone()));
    let queries = [query(), query(), query()];
    assert_eq!(channel.codes(vec![queries[0].clone()]), [Code::Valid]);
    // A leaf that is not full ends the comparison without a harm, a full one goes beyond the summary.
    assert_eq!(
        channel.codes(vec![second.clone(), queries[1].clone()]),
        [Code::Valid, Code::PhantomReadConflict]
    );
    let halt = channel.halt(vec![second, third, queries[2].clone()]);
    assert!(matches!(defect(halt), (2, Defect::SummaryOutgrown)));
}
