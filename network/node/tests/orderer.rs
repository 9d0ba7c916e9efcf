//! What would stop real peers is not ordered: refused at once where a transaction is unsafe by itself, kept apart
//! where it is unsafe only beside others. Every client is answered. The numbers are those of `halts.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use channel::policy::parse;
use endorsement::{Endorser, EndorserSetup, Packages};
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::{
        common::{Envelope, HeaderType, SignaturePolicyEnvelope, Status, signature_policy},
        gateway::SubmitRequest,
        kvrwset::{
            KvMetadataEntry, KvMetadataWrite, KvRead, KvWrite, KvWriteHash, QueryReads,
            QueryReadsMerkleSummary, RangeQueryInfo, Version, range_query_info::ReadsInfo,
        },
        msp::SerializedIdentity,
        protos::{ChaincodeActionPayload, Transaction, TransactionAction, TxValidationCode as Code},
    },
    types::{block::TRANSACTIONS_FILTER, decode},
};
use futures::{StreamExt, future::join_all};
use msp::{IDENTITY_BYTES, MspManager};
use node::{
    Answer, Channel, Orderer, Peer, Pipeline, StatusError, deliver::OrdererService, gateway::Gateway,
};
use ordering::{BlockWriter, Refusal};
use prost::Message;
use services::{
    gateway::{gateway_client::GatewayClient, gateway_server::GatewayServer},
    orderer::{
        atomic_broadcast_client::AtomicBroadcastClient, atomic_broadcast_server::AtomicBroadcastServer,
    },
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use testkit::{BOTH, CHAINCODE, Draft, TestChannel, built_in_validation, delete, draft::Layer, write};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use tonic::{
    Code as GrpcCode,
    transport::{Channel as Connection, Endpoint},
};
use transport::{CallLimits, ChargeCalls, Connections, Limits};

/// No protobuf message: a field that ends before it began.
const GARBAGE: &[u8] = &[0x0a, 0xff];

/// How far from the clock a transaction's timestamp may lie here.
const TIME_WINDOW: Duration = Duration::from_secs(3600);

/// The largest message that the orderer takes from the network here.
const LARGEST_MESSAGE: usize = 100_000;
/// How long a stranger may take where that is of no concern.
const PATIENCE: Duration = Duration::from_secs(60);

/// The ordering side of a test channel.
struct Ordering {
    channel: Arc<Channel>,
    pipeline: Pipeline,
}

/// What came of envelopes that were all admitted.
struct Ordered {
    /// The codes of each block.
    blocks: Vec<Vec<Code>>,
    /// The answer to each envelope.
    answers: Vec<Result<(), Refusal>>,
}

impl Ordering {
    fn of(test: &TestChannel) -> Self {
        let (sender, envelopes) = mpsc::channel(1000);
        let orderer = Orderer {
            address: "orderer0.orderer.test:7050".to_owned(),
            msp_id: "OrdererMSP".to_owned(),
            signer: test.orderer(),
            time_window: TIME_WINDOW,
        };
        let memo = Arc::new(VerifiedSignatureCache::disabled());
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

    /// Orders and commits these envelopes, which are all admitted and wait together.
    fn run(self, test: &TestChannel, envelopes: Vec<Bytes>) -> Ordered {
        let before = test.ledger.height();
        let enqueue = |envelope| self.channel.enqueue(Envelope::decode(envelope).unwrap());
        let answers: Vec<_> = envelopes.into_iter().map(enqueue).collect();
        self.channel.close();
        self.pipeline.run().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answers = runtime.block_on(join_all(answers.into_iter().map(Answer::wait)));
        let blocks = (before..test.ledger.height()).map(|number| codes(test, number)).collect();
        Ordered { blocks, answers }
    }
}

impl Ordered {
    fn all_ordered(self) -> Vec<Vec<Code>> {
        assert!(self.answers.iter().all(Result::is_ok), "{:?}", self.answers);
        self.blocks
    }
}

fn codes(test: &TestChannel, number: u64) -> Vec<Code> {
    let block = test.ledger.block(number).unwrap().unwrap();
    let filter = block.metadata(TRANSACTIONS_FILTER).unwrap();
    filter.iter().map(|code| Code::try_from(i32::from(*code)).unwrap()).collect()
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
fn what_is_unsafe_by_itself_is_refused() {
    let mut test = TestChannel::new();
    let ordinary = policy_draft(&test, CHAINCODE, "committed").seal();
    test.submit(vec![ordinary.clone()]);

    let draft = test.draft(CHAINCODE);
    let data = |actions| draft.seal_data(Transaction { actions }.encode_to_vec());
    let action = |payload: Vec<u8>| vec![TransactionAction { payload: payload.into(), ..Default::default() }];
    let contentless = ChaincodeActionPayload { action: None, ..Default::default() }.encode_to_vec();
    let garbled =
        |layer| draft.seal_with(|found, encoded| if found == layer { GARBAGE.to_vec() } else { encoded });
    let mut misnamed = policy_draft(&test, CHAINCODE, "k");
    misnamed.txid = Some("wrong".to_owned());
    let mut nowhere = test.draft(CHAINCODE);
    nowhere.hashed(CHAINCODE, "nowhere").hashed_writes.push(KvWriteHash::default());
    let mut garbage_policy = test.draft(CHAINCODE);
    garbage_policy.public(CHAINCODE).metadata_writes.push(set_policy("k", GARBAGE));
    let unsigned = draft.seal_with(|layer, encoded| match layer {
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
    let group = built_in_validation("/Channel");
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
    // And what harms no peer is ordered, a new definition among it.
    let policy = built_in_validation("OR('AMSP.peer')");
    let harmless = vec![
        test.put(&[("k", "v")]),
        policy_draft(&test, CHAINCODE, "k2").seal(),
        test.definition_with("new", &policy),
    ];
    assert_eq!(Ordering::of(&test).run(&test, harmless).all_ordered(), [[Code::Valid; 3]]);
}

#[test]
fn what_peers_of_different_versions_read_differently_is_refused() {
    let test = TestChannel::new();
    // Field 2 as four bytes, where a message or bytes should be.
    let mistyped = |layer| {
        let mut draft = test.draft(CHAINCODE);
        draft.public(CHAINCODE).writes.push(write("k", "v"));
        draft.seal_with(|found, encoded| match found == layer {
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

/// Admitted each by itself. A transaction that stops peers only at those behind it stands last, with Fabric's code.
#[test]
fn what_is_unsafe_beside_others_is_kept_apart() {
    let mut test = TestChannel::new();
    test.submit(vec![test.put(&[("deleted", "v")])]);
    // 4: thrown out for its epoch before its policies are checked, and then its key is written.
    let mut unchecked = policy_draft(&test, CHAINCODE, "k");
    unchecked.channel_header.epoch = 7;
    let blocks = Ordering::of(&test).run(&test, vec![unchecked.seal(), test.put(&[("k", "v")])]);
    assert_eq!(blocks.all_ordered(), [[Code::Valid, Code::BadCommonHeader]]);
    // 6: a policy for a key that was deleted before.
    let mut deletes = test.draft(CHAINCODE);
    deletes.public(CHAINCODE).writes.push(delete("deleted"));
    let sets = policy_draft(&test, CHAINCODE, "deleted").seal();
    let blocks = Ordering::of(&test).run(&test, vec![deletes.seal(), sets]);
    assert_eq!(blocks.all_ordered(), [[Code::Valid], [Code::Valid]]);
    // Peers that visit the namespace that is not endorsed first hang at the next write of the other one's key.
    let disputed = nondeterministic(&test, "k").seal();
    let blocks = Ordering::of(&test).run(&test, vec![disputed, test.put(&[("k", "w")])]);
    assert_eq!(blocks.all_ordered(), [[Code::Valid, Code::EndorsementPolicyFailure]]);
    // Two of them exclude one another, so each ends a block of its own.
    let disputed = vec![nondeterministic(&test, "k").seal(), nondeterministic(&test, "k").seal()];
    let blocks = Ordering::of(&test).run(&test, disputed);
    assert_eq!(blocks.all_ordered(), [[Code::EndorsementPolicyFailure]; 2]);
    // Also where a change that is endorsed decides their code: peers look at a key's changes in any order.
    let change = policy_draft(&test, CHAINCODE, "k").seal();
    let disputed = [nondeterministic(&test, "k").seal(), nondeterministic(&test, "k").seal()];
    let blocks = Ordering::of(&test).run(&test, [vec![change], disputed.to_vec()].concat());
    let failure = Code::EndorsementPolicyFailure;
    assert_eq!(blocks.all_ordered(), [vec![Code::Valid, failure], vec![failure]]);
}

/// Sets policies in two namespaces, of which one is not endorsed.
fn nondeterministic<'a>(test: &'a TestChannel, key: &str) -> Draft<'a> {
    let mut draft = policy_draft(test, CHAINCODE, key);
    let policy = parse("OR('AMSP.peer')").unwrap().encode_to_vec();
    draft.public(BOTH).metadata_writes.push(set_policy(key, &policy));
    draft
}

/// Every transaction reads the definition of its chaincode.
fn reading_its_definition(mut draft: Draft<'_>) -> Bytes {
    let key = format!("namespaces/fields/{CHAINCODE}/Sequence");
    let version = Some(Version { block_num: 1, tx_num: 0 });
    draft.public("_lifecycle").reads.push(KvRead { key, version });
    draft.seal()
}

#[test]
fn policy_changes_of_ordinary_clients_are_all_ordered() {
    let test = TestChannel::new();
    let change = || reading_its_definition(policy_draft(&test, CHAINCODE, "stopped"));
    let mut unendorsed = policy_draft(&test, CHAINCODE, "other");
    unendorsed.endorsers.clear();
    let mut envelopes: Vec<_> = (0..8).map(|_| change()).collect();
    envelopes.push(reading_its_definition(unendorsed));
    let mut expected = vec![Code::EndorsementPolicyFailure; 9];
    expected[0] = Code::Valid;
    assert_eq!(Ordering::of(&test).run(&test, envelopes).all_ordered(), [expected]);
}

#[test]
fn what_no_block_may_hold_is_refused_in_its_answer() {
    let test = TestChannel::new();
    // One namespace gives code 10, the other 25: peers take what they visit first.
    let mut disputed = test.draft(CHAINCODE);
    disputed.public("nobody").writes.push(write("k", "v"));
    disputed.endorsers.clear();
    let ordered = Ordering::of(&test).run(&test, vec![disputed.seal(), test.put(&[("k", "v")])]);
    assert_eq!(ordered.blocks, [[Code::Valid]]);
    let refusal = ordered.answers[0].as_ref().unwrap_err();
    assert_eq!(refusal.status, Status::BadRequest);
    assert!(refusal.info.contains("would divide the peers"), "{}", refusal.info);
    assert_eq!(ordered.answers[1], Ok(()));
}

/// The same certificate in other bytes: what stands behind its PEM block is not read.
fn spelled(draft: &mut Draft<'_>, spelling: usize) {
    let mut identity: SerializedIdentity = decode(draft.creator.identity.clone()).unwrap();
    identity.id_bytes = [identity.id_bytes.as_ref(), format!("{spelling}").as_bytes()].concat().into();
    draft.creator.identity = identity.encode_to_vec().into();
}

/// Hostile envelopes that exclude one another neither delay an honest transaction nor wait without limit, however
/// their one sender spells its identity.
#[test]
fn a_flood_of_envelopes_that_exclude_one_another_delays_no_one() {
    const FLOOD: usize = 300;
    let test = TestChannel::new();
    let mut envelopes: Vec<_> = (0..FLOOD)
        .map(|spelling| {
            let mut draft = nondeterministic(&test, "k");
            spelled(&mut draft, spelling);
            draft.seal()
        })
        .collect();
    let mut honest = test.draft(CHAINCODE);
    honest.creator = (&test.b.client).into();
    honest.public(CHAINCODE).writes.push(write("k", "v"));
    envelopes.push(honest.seal());
    let ordered = Ordering::of(&test).run(&test, envelopes);
    assert_eq!(
        ordered.blocks[0],
        [Code::Valid, Code::EndorsementPolicyFailure],
        "the honest one comes first"
    );
    // The first, and the sixteen of one identity that may wait, each in a block of its own.
    assert_eq!(ordered.blocks.len(), 17);
    assert_eq!(ordered.answers.iter().filter(|answer| answer.is_ok()).count(), 18);
    let refusals = ordered.answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(refusals.clone().all(|refusal| refusal.status == Status::ServiceUnavailable));
    assert_eq!(refusals.count(), FLOOD - 17);
}

#[test]
fn a_transaction_of_another_time_is_refused() {
    let test = TestChannel::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let at = |seconds| {
        let mut draft = test.draft(CHAINCODE);
        draft.channel_header.timestamp = Some(prost_types::Timestamp { seconds, nanos: 0 });
        draft.seal()
    };
    let hour = TIME_WINDOW.as_secs() as i64;
    for seconds in [now - hour - 60, now + hour + 60, i64::MIN, i64::MAX] {
        let refusal = Ordering::of(&test).refusal(at(seconds));
        assert_eq!(refusal.status, Status::BadRequest);
        assert!(refusal.info.contains("clock"), "{}", refusal.info);
    }
    let mut timeless = test.draft(CHAINCODE);
    timeless.channel_header.timestamp = None;
    assert_eq!(Ordering::of(&test).refusal(timeless.seal()).status, Status::BadRequest);
    let ordered = Ordering::of(&test).run(&test, vec![at(now - hour + 60), at(now + hour - 60)]);
    assert_eq!(ordered.all_ordered(), [[Code::Valid; 2]]);
}

/// A policy of so many rules, each of which an identity is compared with.
fn large_policy(rules: usize) -> Vec<u8> {
    let mut policy: SignaturePolicyEnvelope = parse("OR('AMSP.peer')").unwrap();
    let rule = policy.rule.as_mut().unwrap();
    let Some(signature_policy::Type::NOutOf(gate)) = &mut rule.r#type else { panic!("no gate") };
    gate.rules = vec![gate.rules[0].clone(); rules];
    policy.encode_to_vec()
}

#[test]
fn what_key_policies_cost_is_limited() {
    let mut test = TestChannel::new();
    let mut enormous = test.draft(CHAINCODE);
    enormous.public(CHAINCODE).metadata_writes.push(set_policy("k", &large_policy(5000)));
    let refusal = Ordering::of(&test).refusal(enormous.seal());
    assert!(refusal.info.contains("at most 16384 are taken"), "{}", refusal.info);

    // Different policies, so that each is evaluated.
    let mut sets = test.draft(CHAINCODE);
    let keys: Vec<String> = (0..10).map(|index| format!("key{index}")).collect();
    for (index, key) in keys.iter().enumerate() {
        sets.public(CHAINCODE).writes.push(write(key, "v"));
        sets.public(CHAINCODE).metadata_writes.push(set_policy(key, &large_policy(2000 + index)));
    }
    assert_eq!(test.submit(vec![sets.seal()]), [Code::Valid]);
    let (few, all) = (|| writes(&test, &keys[..4]), || writes(&test, &keys));
    // Peers pay what it costs.
    assert_eq!(test.codes(vec![all()]), [Code::Valid]);
    let ordered = Ordering::of(&test).run(&test, vec![few(), all()]);
    assert_eq!(ordered.blocks, [[Code::Valid]]);
    let refusal = ordered.answers[1].as_ref().unwrap_err();
    assert_eq!(refusal.status, Status::BadRequest);
    assert!(refusal.info.contains("cost more comparisons"), "{}", refusal.info);
}

/// Its signature is of no interest then: what is verified could be cached, and takes time.
#[test]
fn an_envelope_with_a_large_identity_is_refused_before_it_is_judged() {
    let test = TestChannel::new();
    let with_creator_of = |bytes: usize| {
        let mut draft = policy_draft(&test, CHAINCODE, "k");
        draft.creator.identity = vec![0; bytes].into();
        Ordering::of(&test).refusal(draft.seal()).info
    };
    let refusal = with_creator_of(IDENTITY_BYTES + 1);
    assert!(refusal.contains("exceeds maximum allowed 16384 bytes"), "{refusal}");
    let refusal = with_creator_of(IDENTITY_BYTES);
    assert!(!refusal.contains("exceeds"), "{refusal}");
}

/// A client fills its own share of the queue, while nothing is ordered, and not the others'.
#[test]
fn waiting_envelopes_of_one_client_leave_room_for_others() {
    const LARGE: usize = 8 << 20;
    let test = TestChannel::new();
    let ordering = Ordering::of(&test);
    let large = |number: usize| {
        let mut draft = test.draft(CHAINCODE);
        draft.public(CHAINCODE).writes = vec![write(&format!("large/{number}"), vec![7; LARGE])];
        Envelope::decode(draft.seal()).unwrap()
    };
    let most = node::limits::QUEUED_BYTES.of_identity / LARGE;
    let waiting: Vec<_> = (0..most - 1).map(|number| ordering.channel.enqueue(large(number))).collect();
    assert!(!waiting.iter().any(Answer::is_refusal));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let refused = runtime.block_on(ordering.channel.broadcast(large(most))).unwrap_err();
    assert_eq!(refused.status, Status::ServiceUnavailable, "{}", refused.info);

    let mut other = test.draft(CHAINCODE);
    other.creator = (&test.b.client).into();
    other.public(CHAINCODE).writes = vec![write("other", "w")];
    let answer = ordering.channel.enqueue(Envelope::decode(other.seal()).unwrap());
    // What is ordered makes room.
    let (channel, pipeline) = (ordering.channel, ordering.pipeline);
    let running = std::thread::spawn(move || pipeline.run());
    runtime.block_on(join_all(waiting.into_iter().map(Answer::wait))).into_iter().for_each(Result::unwrap);
    runtime.block_on(answer.wait()).unwrap();
    let again = channel.enqueue(large(most));
    channel.close();
    runtime.block_on(again.wait()).unwrap();
    running.join().unwrap().unwrap();
}

fn writes(test: &TestChannel, keys: &[String]) -> Bytes {
    let mut draft = test.draft(CHAINCODE);
    draft.public(CHAINCODE).writes = keys.iter().map(|key| write(key, "w")).collect();
    draft.seal()
}

/// Summaries are short, whatever the number of the keys they stand for.
#[test]
fn what_range_queries_cost_is_limited() {
    let mut test = TestChannel::new();
    let keys: Vec<String> = (0..1000).map(|index| format!("k{index:03}")).collect();
    let number = test.ledger.height();
    test.submit(vec![writes(&test, &keys)]);
    let version = Some(Version { block_num: number, tx_num: 0 });
    let kv_reads = keys.iter().map(|key| KvRead { key: key.clone(), version }).collect();
    let leaf = Sha256::digest(QueryReads { kv_reads }.encode_to_vec());
    let summary = QueryReadsMerkleSummary {
        max_degree: 999,
        max_level: 1,
        max_level_hashes: vec![Bytes::copy_from_slice(&leaf)],
    };
    let query = RangeQueryInfo {
        start_key: "k".to_owned(),
        end_key: "l".to_owned(),
        itr_exhausted: true,
        reads_info: Some(ReadsInfo::ReadsMerkleHashes(summary)),
    };
    let queries = |count| {
        let mut draft = test.draft(CHAINCODE);
        draft.public(CHAINCODE).range_queries_info = vec![query.clone(); count];
        draft.seal()
    };
    assert_eq!(test.codes(vec![queries(1)]), [Code::Valid]);
    let envelopes = vec![queries(50), queries(250), test.put(&[("x", "v")]), queries(50)];
    let ordered = Ordering::of(&test).run(&test, envelopes);
    // The last one waits for a block in which the one that is refused has not used up what is allowed.
    assert_eq!(ordered.blocks, [vec![Code::Valid; 2], vec![Code::Valid]]);
    let refusal = ordered.answers[1].as_ref().unwrap_err();
    assert_eq!(refusal.status, Status::BadRequest);
    assert!(refusal.info.contains("range queries read more keys"), "{}", refusal.info);
}

#[tokio::test]
async fn all_who_wait_hear_that_the_pipeline_has_ended() {
    let test = TestChannel::new();
    let Ordering { channel, pipeline } = Ordering::of(&test);
    let waiting = channel.transaction_status("a transaction that was never sent");
    let mut waiting = std::pin::pin!(waiting);
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    let envelope = || Envelope::decode(test.put(&[("k", "v")])).unwrap();
    let queued = channel.enqueue(envelope());
    drop(pipeline);
    assert!(matches!(waiting.await, Err(StatusError::Ended { .. })));
    let refusal = queued.wait().await.unwrap_err();
    assert_eq!(refusal.status, Status::ServiceUnavailable);
    assert!(refusal.info.contains("the node is shutting down"), "{refusal:?}");
    assert_eq!(channel.broadcast(envelope()).await.unwrap_err().status, Status::ServiceUnavailable);
    let status = channel.transaction_status("another one").await;
    assert!(
        status.unwrap_err().to_string().contains("not known whether transaction another one is committed")
    );
}

/// Of the batch under way and of the queue behind it.
#[tokio::test]
async fn when_the_pipeline_fails_all_envelopes_hear_why() {
    let test = TestChannel::new();
    let Ordering { channel, mut pipeline } = Ordering::of(&test);
    // The blocks of this one do not continue the chain.
    pipeline.writer = BlockWriter::new(test.orderer(), test.ledger.height() + 1, test.ledger.last_hash(), 0);
    let most = channel.bundle().orderer().batch_size.max_message_count;
    let envelopes = (0..=most).map(|number| test.put(&[(&number.to_string(), "v")]));
    let waiting: Vec<_> =
        envelopes.map(|envelope| channel.enqueue(Envelope::decode(envelope).unwrap())).collect();
    assert!(tokio::task::spawn_blocking(move || pipeline.run()).await.unwrap().is_err());
    for refusal in join_all(waiting.into_iter().map(Answer::wait)).await {
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.status, Status::ServiceUnavailable);
        assert!(refusal.info.contains("the node has failed and stops: block refused"), "{refusal:?}");
    }
}

/// Answers come in the order of the envelopes, after the cut; a refusal ends the stream.
#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_stream_is_answered_after_the_cut() {
    let test = TestChannel::new();
    let Ordering { channel, pipeline } = Ordering::of(&test);
    let server = Server::start(&test, &channel, 1, PATIENCE).await;
    let mut client = AtomicBroadcastClient::new(server.connect().await);

    let mut disputed = test.draft(CHAINCODE);
    disputed.public("nobody").writes.push(write("k", "v"));
    disputed.endorsers.clear();
    let envelopes =
        [test.put(&[("a", "v")]), test.put(&[("b", "v")]), disputed.seal(), test.put(&[("c", "v")])];
    let envelopes = envelopes.map(|envelope| Envelope::decode(envelope).unwrap());
    let stream = futures::stream::iter(envelopes).chain(futures::stream::pending());
    let mut responses = client.broadcast(stream).await.unwrap().into_inner();
    let pipeline = thread::spawn(move || pipeline.run().unwrap());
    let mut statuses = Vec::new();
    while let Some(response) = responses.message().await.unwrap() {
        statuses.push(response.status());
    }
    assert_eq!(statuses[..3], [Status::Success, Status::Success, Status::BadRequest]);
    // What was taken before the refusal is answered too.
    assert!(statuses.len() == 3 || statuses[3..] == [Status::Success], "{statuses:?}");
    channel.close();
    tokio::task::spawn_blocking(move || pipeline.join()).await.unwrap().unwrap();
}

/// The services that take envelopes, as a node serves them.
struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
    _packages: TempDir,
}

impl Server {
    /// `connections` are those that strangers may have, and each organisation.
    async fn start(
        test: &TestChannel,
        channel: &Arc<Channel>,
        connections: usize,
        patience: Duration,
    ) -> Self {
        let packages = tempfile::tempdir().unwrap();
        let peer = peer(test, channel, packages.path());
        let gateway = Gateway::new(channel.clone(), peer.clone(), Arc::new([peer]));
        let orderer = AtomicBroadcastServer::new(OrdererService::new(channel.clone()))
            .max_decoding_message_size(LARGEST_MESSAGE);
        let calls = CallLimits { open: 100, unfinished: 1 << 20, unread: 1 << 20 };
        let connections = Connections::new(Limits { all: 100, of_account: connections, calls });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tonic::transport::Server::builder()
            .layer(ChargeCalls { client_streams: &["/orderer.AtomicBroadcast/"], patience })
            .add_service(GatewayServer::new(gateway).max_decoding_message_size(LARGEST_MESSAGE))
            .add_service(orderer)
            .serve_with_incoming(transport::incoming(listener, connections));
        let task = tokio::spawn(async move { serving.await.unwrap() });
        Self { address, task, _packages: packages }
    }

    /// A connection that ends when the server ends it.
    async fn connect(&self) -> Connection {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        transport::connect_over(endpoint, stream).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A peer that is asked nothing here.
fn peer(test: &TestChannel, channel: &Channel, packages: &Path) -> Arc<Peer> {
    let orderer = channel.orderer();
    let endorser = Endorser::new(EndorserSetup {
        ledger: channel.ledger().clone(),
        signer: test.orderer(),
        local_msp: MspManager::new(Vec::new()),
        packages: Packages::open(packages).unwrap(),
        own_chaincodes: Vec::new(),
        memo: channel.memo().clone(),
        private_data_of: Vec::new(),
    });
    Arc::new(Peer {
        msp_id: orderer.msp_id.clone(),
        address: orderer.address.clone(),
        identity: orderer.signer.serialized(),
        endorser: Arc::new(endorser),
    })
}

/// What ends a stream of answers, and how many came before.
async fn end<T>(mut answers: tonic::Streaming<T>) -> (usize, Option<GrpcCode>) {
    for count in 0.. {
        match answers.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return (count, None),
            Err(status) => return (count, Some(status.code())),
        }
    }
    unreachable!()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_received_ends_its_stream_with_the_reason() {
    let test = TestChannel::new();
    let Ordering { channel, pipeline } = Ordering::of(&test);
    let pipeline = thread::spawn(move || pipeline.run().unwrap());
    let server = Server::start(&test, &channel, 1, Duration::from_millis(200)).await;
    let mut client = AtomicBroadcastClient::new(server.connect().await);
    let too_large = Envelope { payload: vec![7; LARGEST_MESSAGE].into(), signature: Bytes::new() };
    let followed = |first: Option<Envelope>| {
        futures::stream::iter(first)
            .chain(futures::stream::iter([too_large.clone()]))
            .chain(futures::stream::pending())
    };

    // A caller that sends nothing is a stranger.
    let late = client.broadcast(futures::stream::pending()).await.unwrap().into_inner();
    assert_eq!(end(late).await, (0, Some(GrpcCode::DeadlineExceeded)));
    let late = client.deliver(futures::stream::pending()).await.unwrap().into_inner();
    assert_eq!(end(late).await, (0, Some(GrpcCode::DeadlineExceeded)));

    let refused = client.deliver(followed(None)).await.unwrap().into_inner();
    assert_eq!(end(refused).await, (0, Some(GrpcCode::ResourceExhausted)));
    let taken = Envelope::decode(test.put(&[("k", "v")])).unwrap();
    let refused = client.broadcast(followed(Some(taken))).await.unwrap().into_inner();
    // What was taken before is answered.
    assert_eq!(end(refused).await, (1, Some(GrpcCode::ResourceExhausted)));
    let request = SubmitRequest { prepared_transaction: Some(too_large.clone()), ..Default::default() };
    let mut gateway = GatewayClient::new(server.connect().await);
    assert_eq!(gateway.submit(request).await.unwrap_err().code(), GrpcCode::ResourceExhausted);
    channel.close();
    tokio::task::spawn_blocking(move || pipeline.join()).await.unwrap().unwrap();
}

async fn broadcast(connection: Connection, envelope: Envelope) -> Result<bool, tonic::Status> {
    let mut client = AtomicBroadcastClient::new(connection);
    let mut answers = client.broadcast(futures::stream::iter([envelope])).await?.into_inner();
    Ok(answers.message().await?.unwrap().status() == Status::Success)
}

async fn submit(connection: Connection, envelope: Envelope) -> Result<bool, tonic::Status> {
    let request = SubmitRequest { prepared_transaction: Some(envelope), ..Default::default() };
    match GatewayClient::new(connection).submit(request).await {
        Ok(_) => Ok(true),
        Err(status) if status.code() == GrpcCode::Aborted => Ok(false),
        Err(status) => Err(status),
    }
}

/// A connection is its member's as soon as a signature on it holds, whatever becomes of the envelope.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_envelope_is_refused_is_no_stranger() {
    let test = TestChannel::new();
    let Ordering { channel, pipeline: _pipeline } = Ordering::of(&test);
    let mut old = test.draft(CHAINCODE);
    old.channel_header.timestamp = Some(prost_types::Timestamp::default());
    let old = Envelope::decode(old.seal()).unwrap();
    let forged = Envelope { signature: Bytes::from_static(b"forged"), ..old.clone() };
    let server = Server::start(&test, &channel, 1, PATIENCE).await;
    for by_gateway in [false, true] {
        for (envelope, is_members) in [(&old, true), (&forged, false)] {
            let send = async |connection| {
                if by_gateway {
                    submit(connection, envelope.clone()).await
                } else {
                    broadcast(connection, envelope.clone()).await
                }
            };
            let first = server.connect().await;
            assert!(!send(first.clone()).await.unwrap());
            // Another stranger takes the only place that there is for strangers.
            let stranger = server.connect().await;
            assert!(!broadcast(stranger, forged.clone()).await.unwrap());
            assert_eq!(send(first).await.is_ok(), is_members, "{by_gateway}");
        }
    }
}

/// A transaction as the property test remembers it.
struct Sent {
    /// Keys whose policy it sets, and whether more than one namespace has a say in it.
    policies: BTreeSet<&'static str>,
    spans_namespaces: bool,
    written: BTreeSet<&'static str>,
}

/// A small generator of random numbers, whose seed a failure shows.
struct Random(u64);

impl Random {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % count
    }

    fn key(&mut self) -> &'static str {
        ["k0", "k1", "k2"][self.below(3) as usize]
    }

    /// Any transaction of an ordinary or a careless client that touches policies, and what it does.
    fn transaction(&mut self, test: &TestChannel) -> (Envelope, String, Sent) {
        let mut draft = test.draft(CHAINCODE);
        let mut sent = Sent { policies: BTreeSet::new(), spans_namespaces: false, written: BTreeSet::new() };
        for _ in 0..=self.below(2) {
            let key = self.key();
            match self.below(4) {
                0 => draft.public(CHAINCODE).writes.push(write(key, "v")),
                1 => draft.public(CHAINCODE).writes.push(delete(key)),
                _ => {
                    let policy = parse("OR('AMSP.peer', 'BMSP.peer')").unwrap().encode_to_vec();
                    draft.public(CHAINCODE).metadata_writes.push(set_policy(key, &policy));
                    sent.policies.insert(key);
                }
            }
            sent.written.insert(key);
        }
        match self.below(5) {
            0 => draft.endorsers.clear(),
            1 => {
                draft.public(BOTH).writes.push(write("other", "v"));
                sent.spans_namespaces = true;
            }
            2 => draft.channel_header.epoch = 3,
            _ => {}
        }
        let txid = draft.txid();
        (Envelope::decode(draft.seal()).unwrap(), txid, sent)
    }
}

/// Whatever concurrent clients do with key policies: each hears what became of its transaction, peers reach the
/// same verdicts on the blocks, and no transaction waits there for one that some peers never check.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_policy_setting_client_settles() {
    const CLIENTS: u64 = 8;
    const ROUNDS: u64 = 12;
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos() as u64 | 1;
    println!("seed {seed}");
    let test = Arc::new(TestChannel::new());
    let before = test.ledger.height();
    let Ordering { channel, pipeline } = Ordering::of(&test);
    let pipeline = thread::spawn(move || pipeline.run().unwrap());
    let client = |number: u64| {
        let (test, channel) = (test.clone(), channel.clone());
        async move {
            let mut random = Random(seed.wrapping_mul(2 * number + 1));
            let mut history = Vec::new();
            for _ in 0..ROUNDS {
                let (envelope, txid, sent) = random.transaction(&test);
                let answer = channel.broadcast(envelope).await;
                let status = match &answer {
                    Ok(()) => Some(channel.transaction_status(&txid).await.unwrap()),
                    Err(_) => None,
                };
                history.push((txid, sent, answer, status));
            }
            history
        }
    };
    let clients = join_all((0..CLIENTS).map(|number| tokio::spawn(client(number))));
    let settled = tokio::time::timeout(Duration::from_secs(120), clients).await;
    let histories = settled.unwrap_or_else(|_| panic!("seed {seed}: a client was never answered"));
    channel.close();
    tokio::task::spawn_blocking(move || pipeline.join()).await.unwrap().unwrap();

    let history: Vec<_> = histories.into_iter().flat_map(Result::unwrap).collect();
    assert!(
        history.iter().all(|(_, _, answer, _)| answer.is_ok()),
        "seed {seed}: none stops a peer by itself"
    );
    let sent: BTreeMap<_, _> = history.iter().map(|(txid, sent, ..)| (txid.as_str(), sent)).collect();
    for number in before..test.ledger.height() {
        check_peer_safe(&test, number, &sent, seed);
    }
    check_replay(&test, before);
}

/// No transaction of the block follows one that set the policy of a key it writes, if that one failed and some
/// peers may not have held it against the policies of the key's namespace.
fn check_peer_safe(test: &TestChannel, number: u64, sent: &BTreeMap<&str, &Sent>, seed: u64) {
    let block = test.ledger.block(number).unwrap().unwrap();
    let (_, transactions) = ledger::CommittedBlock::recorded(&block).unwrap();
    let sent = transactions.iter().map(|transaction| sent[transaction.txid.as_str()]);
    let sent: Vec<_> = sent.zip(codes(test, number)).collect();
    for (index, (earlier, code)) in sent.iter().enumerate() {
        let is_checked_by_all = match code {
            Code::EndorsementPolicyFailure => !earlier.spans_namespaces,
            Code::BadCommonHeader => false,
            _ => true,
        };
        // One that fails before its policies are asked waits for nothing, nor does one that fails at another key.
        let awaited = |(later, code): &(&Sent, Code)| {
            let reaches_all_keys = *code != Code::EndorsementPolicyFailure || later.written.len() == 1;
            *code != Code::BadCommonHeader
                && reaches_all_keys
                && !later.written.is_disjoint(&earlier.policies)
        };
        let hangs = !is_checked_by_all && sent[index + 1..].iter().any(awaited);
        assert!(!hangs, "seed {seed}: block {number}, a peer hangs behind transaction {index}");
    }
}

/// A peer that knows the blocks alone reaches the verdicts that the orderer reached.
fn check_replay(test: &TestChannel, from: u64) {
    let directory = tempfile::tempdir().unwrap();
    let genesis = test.ledger.block(0).unwrap().unwrap();
    let (ledger, _) = ledger::Ledger::open(directory.path(), Some(&genesis)).unwrap();
    for number in 1..test.ledger.height() {
        let block = test.ledger.block(number).unwrap().unwrap();
        let ordered = validation::verify_ordered(block, &test.bundle, &ledger, &test.memo).unwrap();
        let validation = validation::validate(ordered, &test.bundle, &ledger, &test.memo).unwrap();
        let committed = ledger.commit(validation.block).unwrap();
        if number >= from {
            assert_eq!(committed.codes, codes(test, number), "block {number}");
        }
    }
    assert_eq!(ledger.commit_hash(), test.ledger.commit_hash());
}
