//! The chaincode protocol as a peer sees it: handshake, transactions, faults, stopping.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod peer;

use bytes::Bytes;
use certificate::{
    Code, keys,
    record::{Application, ApplicationState, Confidential, FieldHash},
};
use fabric::proto::protos::{ChaincodeMessage, chaincode_message::Type};
use peer::{CLIENT, Call, Chaincode, Peer, call, reply, within};
use tokio::net::TcpStream;

const SCHEME: &str = r#"{"id":"https://example.com/scheme","version":"1","title":"A scheme",
    "standards":["https://example.com/standard"]}"#;

fn register_scheme() -> Call {
    call(&["scheme:register", SCHEME])
}

#[tokio::test]
async fn reads_and_writes_go_in_batches_where_the_peer_takes_them() {
    let chaincode = Chaincode::start().await;
    let mut peer = Peer::connected(&chaincode, true).await;

    let outcome = peer.run(register_scheme().message()).await;
    assert_eq!(outcome.response().status, 200, "{outcome:?}");
    assert_eq!(peer.requests, [Type::GetState, Type::WriteBatchState]);
    assert_eq!((peer.ledger.len(), peer.policies.len()), (1, 1));
    let event = outcome.event.unwrap();
    assert_eq!(event.event_name, "SchemeRegistered");

    let outcome = peer.run(call(&["scheme:get", "https://example.com/scheme", "1"]).message()).await;
    let scheme: serde_json::Value = serde_json::from_slice(&outcome.response().payload).unwrap();
    assert_eq!(scheme["title"], "A scheme");
    chaincode.stopped().await;
}

#[tokio::test]
async fn a_peer_before_fabric_3_1_is_asked_one_by_one() {
    let chaincode = Chaincode::start().await;
    let mut peer = Peer::connected(&chaincode, false).await;

    let outcome = peer.run(register_scheme().message()).await;
    assert_eq!(outcome.response().status, 200);
    assert_eq!(peer.requests, [Type::GetState, Type::PutState, Type::PutStateMetadata]);
    chaincode.stopped().await;
}

/// Both kinds of peers are asked to purge the field from the private data of both bodies.
#[tokio::test]
async fn private_data_are_purged_in_the_words_of_each_peer() {
    let expected = ["CertBodyMSP", "AccreditationMSP"]
        .map(|organisation| (format!("_implicit_org_{organisation}"), keys::confidential_field(code(), 0)));
    for (batches, requests) in [
        (true, [Type::WriteBatchState].as_slice()),
        (false, &[Type::PurgePrivateData, Type::PurgePrivateData, Type::PutState]),
    ] {
        let chaincode = Chaincode::start_of_body().await;
        let mut peer = Peer::connected(&chaincode, batches).await;
        hold_confidential_field(&mut peer);
        let purge = call(&["confidential:purge", &code().to_string(), "why"]);
        let outcome = peer.run(Call { msp_id: "CertBodyMSP", ..purge }.message()).await;
        assert_eq!(outcome.response().status, 200, "{outcome:?}");
        assert_eq!(peer.purged, expected);
        assert_eq!(peer.requests, [&[Type::GetState, Type::GetState], requests].concat());
        chaincode.stopped().await;
    }
}

fn code() -> Code {
    Code::from_random([7; 16])
}

/// Puts an application that was refused, and its one confidential field, onto the peer's ledger.
fn hold_confidential_field(peer: &mut Peer) {
    let (application, text) = (code(), || "x".to_owned());
    let refused = Application {
        application,
        body: "CertBodyMSP".into(),
        applicant: "IndustryMSP".into(),
        title: text(),
        scheme_id: text(),
        scheme_version: text(),
        dossier: text(),
        replaces: None,
        category: None,
        state: ApplicationState::Refused,
        decision: None,
        steps: Vec::new(),
    };
    let fields = vec![FieldHash(text())];
    let hashes = Confidential { application, fields, submitted: Vec::new(), purged: None };
    peer.ledger.insert(keys::application(application), refused.encode().into());
    peer.ledger.insert(keys::confidential(application), hashes.encode().into());
}

#[tokio::test]
async fn a_range_is_read_to_its_end_page_by_page() {
    let chaincode = Chaincode::start().await;
    let mut peer = Peer::connected(&chaincode, true).await;
    peer.page = 2;
    for version in ["1", "2", "3", "4", "5"] {
        let request = SCHEME.replace(r#""version":"1""#, &format!(r#""version":"{version}""#));
        assert_eq!(peer.run(call(&["scheme:register", &request]).message()).await.response().status, 200);
    }
    peer.requests.clear();

    let outcome = peer.run(call(&["scheme:list"]).message()).await;
    let schemes: Vec<serde_json::Value> = serde_json::from_slice(&outcome.response().payload).unwrap();
    assert_eq!(schemes.len(), 5);
    assert_eq!(peer.requests, [Type::GetStateByRange, Type::QueryStateNext, Type::QueryStateNext]);
    chaincode.stopped().await;
}

#[tokio::test]
async fn transactions_run_side_by_side() {
    let chaincode = Chaincode::start().await;
    let mut peer = Peer::connected(&chaincode, true).await;

    let slow = Call { txid: "slow", ..register_scheme() };
    peer.send(slow.message()).await;
    let question = peer.receive().await.unwrap();
    assert_eq!((question.r#type(), question.txid.as_str()), (Type::GetState, "slow"));

    let quick = Call { txid: "quick", ..call(&["scheme:get", "https://example.com/other", "1"]) };
    let outcome = peer.run(quick.message()).await;
    assert_eq!(outcome.response().status, 404);

    let again = peer.run(slow.message()).await;
    assert!(again.error().contains("running already"), "{again:?}");

    peer.answer(question).await;
    assert_eq!(peer.finish().await.response().status, 200);
    // The id may be used again as soon as its transaction has ended.
    assert_eq!(peer.run(slow.message()).await.response().status, 409);
    chaincode.stopped().await;
}

#[tokio::test]
async fn each_organisations_peer_has_a_stream_of_its_own() {
    let chaincode = Chaincode::start().await;
    let mut one = Peer::connected(&chaincode, true).await;
    let mut other = Peer::connected(&chaincode, true).await;

    one.send(register_scheme().message()).await;
    let question = one.receive().await.unwrap();
    // The same transaction at another peer: endorsement by both asks for it.
    assert_eq!(other.run(register_scheme().message()).await.response().status, 200);
    one.answer(question).await;
    assert_eq!(one.finish().await.response().status, 200);
    assert_eq!(one.ledger, other.ledger);
    assert_eq!(one.policies, other.policies);
    chaincode.stopped().await;
}

#[tokio::test]
async fn a_refusal_writes_nothing() {
    let chaincode = Chaincode::start().await;
    let mut peer = Peer::connected(&chaincode, true).await;

    let stranger = Call { msp_id: "LabMSP", certificate: CLIENT, ..register_scheme() };
    let outcome = peer.run(stranger.message()).await;
    assert_eq!(outcome.response().status, 403);
    assert!(outcome.response().message.contains("LabMSP"));
    assert_eq!((outcome.event, peer.ledger.len()), (None, 0));
    chaincode.stopped().await;
}

#[tokio::test]
async fn the_ledgers_own_words_reach_the_caller() {
    let chaincode = Chaincode::start().await;
    let mut peer = Peer::connected(&chaincode, true).await;

    peer.send(register_scheme().message()).await;
    let question = peer.receive().await.unwrap();
    peer.send(reply(&question, Type::Error, "GET_STATE failed: the disk is gone")).await;
    let outcome = peer.finish().await;
    assert_eq!(outcome.response().status, 500);
    assert!(outcome.response().message.contains("the disk is gone"), "{outcome:?}");

    peer.send(register_scheme().message()).await;
    let question = peer.receive().await.unwrap();
    peer.answer(question).await;
    let writes = peer.receive().await.unwrap();
    assert_eq!(writes.r#type(), Type::WriteBatchState);
    peer.send(reply(&writes, Type::Error, "WRITE_BATCH_STATE failed: read only")).await;
    let outcome = peer.finish().await;
    assert!(outcome.error().contains("read only"), "{outcome:?}");
    chaincode.stopped().await;
}

#[tokio::test]
async fn a_transaction_from_another_time_is_refused() {
    let chaincode = Chaincode::start().await;
    let mut peer = Peer::connected(&chaincode, true).await;

    for late in [16 * 60, -16 * 60] {
        let outcome = peer.run(Call { late, ..register_scheme() }.message()).await;
        assert!(outcome.error().contains("check the clocks"), "{outcome:?}");
    }
    let outcome = peer.run(Call { late: 14 * 60, ..register_scheme() }.message()).await;
    assert_eq!(outcome.response().status, 200);
    chaincode.stopped().await;
}

#[tokio::test]
async fn nonsense_gets_an_error_and_harms_nobody() {
    let chaincode = Chaincode::start().await;
    let mut peer = Peer::connected(&chaincode, true).await;
    let whole = register_scheme().message();

    let no_proposal = ChaincodeMessage { proposal: None, ..whole.clone() };
    let no_input = ChaincodeMessage { payload: Bytes::from_static(&[0xff; 8]), ..whole.clone() };
    let no_creator = Call { certificate: "no certificate", ..register_scheme() }.message();
    let init = ChaincodeMessage { r#type: Type::Init.into(), ..whole.clone() };
    for (broken, expected) in [
        (no_proposal, "signed proposal"),
        (no_input, "arguments"),
        (call(&[]).message(), "function"),
        (no_creator, "certificate"),
        (init, "--init-required"),
    ] {
        let outcome = peer.run(broken).await;
        assert!(outcome.error().contains(expected), "{expected}: {outcome:?}");
    }
    // An answer that no transaction waits for is not an offence: a transaction may have ended in the meantime.
    peer.send(reply(&whole, Type::Response, "late")).await;
    assert_eq!(peer.run(call(&["no:such"]).message()).await.response().status, 404);
    assert_eq!(peer.run(whole).await.response().status, 200);
    chaincode.stopped().await;
}

#[tokio::test]
async fn keepalive_is_echoed() {
    let chaincode = Chaincode::start().await;
    let mut peer = Peer::connected(&chaincode, true).await;
    peer.send(ChaincodeMessage { r#type: Type::Keepalive.into(), ..Default::default() }).await;
    assert_eq!(peer.receive().await.unwrap().r#type(), Type::Keepalive);
    chaincode.stopped().await;
}

#[tokio::test]
async fn a_message_out_of_turn_ends_the_stream() {
    let chaincode = Chaincode::start().await;
    let mut peer = Peer::dial(chaincode.address).await;
    peer.send(register_scheme().message()).await;
    let outcome = peer.finish().await;
    assert!(outcome.error().contains("cannot handle a message of type TRANSACTION"), "{outcome:?}");
    assert!(peer.receive().await.is_none());
    // Others are still served.
    let mut other = Peer::connected(&chaincode, true).await;
    assert_eq!(other.run(register_scheme().message()).await.response().status, 200);
    chaincode.stopped().await;
}

#[tokio::test]
async fn stopping_closes_idle_streams_and_lets_running_transactions_end() {
    let mut chaincode = Chaincode::start().await;
    let address = chaincode.address;
    let mut idle = Peer::connected(&chaincode, true).await;
    let mut busy = Peer::connected(&chaincode, true).await;
    busy.send(register_scheme().message()).await;
    let question = busy.receive().await.unwrap();

    chaincode.stop();
    assert!(idle.receive().await.is_none());
    let late = Call { txid: "late", ..register_scheme() };
    assert!(busy.run(late.message()).await.error().contains("is stopping"));
    busy.answer(question).await;
    assert_eq!(busy.finish().await.response().status, 200);
    assert!(busy.receive().await.is_none());
    chaincode.stopped().await;
    assert!(within(TcpStream::connect(address)).await.is_err());
}

#[tokio::test]
async fn a_peer_that_goes_away_takes_its_transactions_along() {
    let chaincode = Chaincode::start().await;
    let mut peer = Peer::connected(&chaincode, true).await;
    peer.send(register_scheme().message()).await;
    peer.receive().await.unwrap();
    drop(peer);
    // Nothing of it is left to wait for.
    chaincode.stopped().await;
}
