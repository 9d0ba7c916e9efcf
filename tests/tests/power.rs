//! What a hostile organisation can do whose peer signs anything: nothing but stop what it answers for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::{
    process::Output,
    time::{Duration, Instant},
};

use certificate::{
    Code, DateTime, demo, keys,
    record::{Event, Stop, Suspension, Withdrawal},
};
use channel::policy;
use fabric::{
    proto::{
        common::Payload,
        msp::SerializedIdentity,
        protos::{ChaincodeActionPayload, ProcessedTransaction, Transaction, TxValidationCode},
    },
    types::decode,
};
use futures::future::join_all;
use peer_client::{Gateway, Invocation};
use prost::Message;
use serde_json::Value;
use tests::{Network, assert_success, hostile::Forgery};

const CERT_BODY: &str = "CertBodyMSP";
const ACCREDITATION_BODY: &str = "AccreditationMSP";

fn forgery<'a>(namespace: &'a str, endorsers: &'a [&'a str], keys: Vec<String>) -> Forgery<'a> {
    let writes = keys.into_iter().map(|key| (key, b"forged".to_vec())).collect();
    Forgery { namespace, writes, endorsers, ..Forgery::default() }
}

fn alone(msp_id: &str) -> Vec<u8> {
    policy::parse(&format!("OR('{msp_id}.peer')")).unwrap().encode_to_vec()
}

#[tokio::test]
async fn a_certification_body_cannot_act_alone() {
    let network = Network::start();
    let (profile, code) = (network.profile(), network.code());
    let new = Code::from_bytes([7; 16]);
    let others_stop = keys::stop(code, ACCREDITATION_BODY);
    let accreditation = keys::accreditation(CERT_BODY, demo::SCHEME_ID);
    let attempts = [
        ("issue a certificate", keys::certificate(new)),
        ("alter a certificate", keys::certificate(code)),
        ("lift the accreditation body's stop", others_stop.clone()),
        ("undo the accreditation body's withdrawal", keys::withdrawal(code, ACCREDITATION_BODY)),
        ("restore its own accreditation", accreditation.clone()),
        ("bind the contract to another ledger", keys::LEDGER.to_owned()),
        ("approve its own issuer key", keys::issuer_key(CERT_BODY, "z6Mkforged")),
        ("take a place in a status list", keys::status(CERT_BODY, 1, 1)),
    ];
    for (attempt, key) in attempts {
        let verdict = forgery("nanotrace", &["CertBody"], vec![key]).submit(&profile).await;
        assert_eq!(verdict, TxValidationCode::EndorsementPolicyFailure, "{attempt}");
    }
    for key in [others_stop, accreditation, keys::certificate(code)] {
        let grab = Forgery {
            namespace: "nanotrace",
            writes: Vec::new(),
            policies: vec![(key.clone(), alone(CERT_BODY))],
            endorsers: &["CertBody"],
            ..Forgery::default()
        };
        let verdict = grab.submit(&profile).await;
        assert_eq!(verdict, TxValidationCode::EndorsementPolicyFailure, "take over the policy of {key}");
    }
}

#[tokio::test]
async fn three_other_organisations_cannot_redefine_the_chaincode() {
    let network = Network::start();
    let profile = network.profile();
    let key = "namespaces/fields/nanotrace/Sequence".to_owned();
    for endorsers in [
        ["CertBody", "Lab", "Industry", "Customs"].as_slice(),
        &["Accreditation", "Lab", "Industry", "Customs"],
    ] {
        let sequence = fabric::proto::lifecycle::StateData {
            r#type: Some(fabric::proto::lifecycle::state_data::Type::Int64(2)),
        };
        let redefinition = Forgery {
            namespace: "_lifecycle",
            writes: vec![(key.clone(), sequence.encode_to_vec())],
            endorsers,
            ..Forgery::default()
        };
        let verdict = redefinition.submit(&profile).await;
        assert_eq!(verdict, TxValidationCode::EndorsementPolicyFailure, "{endorsers:?}");
    }
}

#[test]
fn the_accreditation_body_alone_stops_a_certificate() {
    let network = Network::start();
    let code = network.code().to_string();
    let by_accreditation = ["--org", "Accreditation", "--user", "User1"];
    let mut stop = vec!["cert", "stop", &code, "--reason", "a closer look"];
    stop.extend(by_accreditation);
    assert_success(&network.nanotrace(&stop));
    let shown = network.nanotrace(&["cert", "show", &code]);
    assert_eq!(shown.status.code(), Some(1), "{}", String::from_utf8_lossy(&shown.stdout));
    assert!(String::from_utf8_lossy(&shown.stdout).contains("suspended"));

    let mut withdraw = vec!["cert", "withdraw", &code, "--reason", "it was a fake", "--yes"];
    withdraw.extend(by_accreditation);
    assert_success(&network.nanotrace(&withdraw));
    let shown = network.nanotrace(&["cert", "show", &code]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("withdrawn"));
}

/// Each of them sets a key's policy. One counts, and every client hears what became of its own.
#[tokio::test]
async fn concurrent_stops_and_lifts_are_all_answered() {
    const CLIENTS: usize = 8;
    let network = Network::start();
    let profile = network.profile();
    let organisation = profile.organisation("Accreditation").unwrap();
    let client = profile.identity(organisation, "User1").unwrap();
    let gateway = Gateway::connect(&organisation.gateway.endpoint().unwrap(), client).await.unwrap();
    for function in ["certificate:stop", "certificate:lift"] {
        let endorse = |_| {
            let invocation = Invocation::new(&profile.channel, &profile.chaincode, function);
            let invocation =
                invocation.argument(network.code().to_string()).argument("a closer look".to_owned());
            let proposal = gateway.proposal(invocation).unwrap();
            async move { proposal.endorse().await.unwrap() }
        };
        // All of the same state, so that they collide.
        let transactions = join_all((0..CLIENTS).map(endorse)).await;
        let settle = async |transaction: peer_client::Transaction| {
            transaction.submit().await.unwrap().status().await.unwrap().code
        };
        let settled = join_all(transactions.into_iter().map(settle));
        let codes = tokio::time::timeout(Duration::from_secs(60), settled).await.expect("each is answered");
        let valid = codes.iter().filter(|code| **code == TxValidationCode::Valid).count();
        assert_eq!(valid, 1, "{function}: {codes:?}");
        let collided = [TxValidationCode::EndorsementPolicyFailure, TxValidationCode::MvccReadConflict];
        let others = codes.iter().filter(|code| collided.contains(code)).count();
        assert_eq!(others, CLIENTS - 1, "{function}: {codes:?}");
    }
}

/// The certification body's peer writes into the body's own keys, past the contract, what made the accreditation body's
/// stop impossible and hid a withdrawal from every scan: an event of the year 9999, and garbage.
#[tokio::test]
async fn no_write_of_one_body_keeps_the_other_from_stopping() {
    let network = Network::start();
    let (profile, code) = (network.profile(), network.code());
    let far = DateTime::parse("9999-12-31T23:59:59Z").unwrap();
    let event = Event {
        effective_at: far,
        by: ACCREDITATION_BODY.into(),
        role: String::new(),
        person: String::new(),
        reason: "\u{1b}[2K\u{1b}[1GVALID".into(),
        transaction_id: "ff".into(),
    };
    let deceiving = Stop { suspensions: vec![Suspension { placed: event.clone(), lifted: None }] };
    let withdrawn = Withdrawal { withdrawn: Some(Event { reason: "never".into(), ..event }) };
    let own = |key: String, value: Vec<u8>| Forgery {
        namespace: "nanotrace",
        writes: vec![(key, value)],
        endorsers: &["CertBody"],
        ..Forgery::default()
    };
    let attack = own(keys::stop(code, CERT_BODY), deceiving.encode());
    assert_eq!(attack.submit(&profile).await, TxValidationCode::Valid);
    scan_until(&network, &code, |answer| answer["result"] == "cannotTell").await;
    let shown = network.nanotrace(&["cert", "show", &code.to_string()]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.status.code() == Some(1) && text.contains("CANNOT TELL") && !text.contains('\u{1b}'),
        "{text}"
    );
    let history = network.nanotrace(&["cert", "history", &code.to_string()]);
    assert!(!history.stdout.contains(&0x1b), "{}", String::from_utf8_lossy(&history.stdout));

    let attack = own(keys::withdrawal(code, CERT_BODY), withdrawn.encode());
    assert_eq!(attack.submit(&profile).await, TxValidationCode::Valid);
    let answer = scan(&network, &code).await;
    assert_eq!(
        (answer["result"].as_str(), answer["reasons"][0]["by"].as_str()),
        (Some("notValid"), Some(CERT_BODY))
    );
    for command in ["stop", "withdraw"] {
        let mut arguments = vec!["cert", command, "--org", "Accreditation", "--reason", "found out"];
        let code = code.to_string();
        arguments.push(&code);
        if command == "withdraw" {
            arguments.push("--yes");
        }
        assert_success(&network.nanotrace(&arguments));
    }
    let is_stopped_by_both = |answer: &Value| {
        let reasons = answer["reasons"].as_array().unwrap();
        reasons.iter().any(|reason| reason["by"] == ACCREDITATION_BODY && reason["cause"] == "withdrawn")
    };
    scan_until(&network, &code, is_stopped_by_both).await;
}

/// Ledger time moves by a transaction of both bodies that writes nothing, and is shown.
#[tokio::test]
async fn a_tick_moves_ledger_time() {
    let network = Network::start();
    let before = scan(&network, &network.code()).await;
    let ticked = assert_success(&network.nanotrace(&["cert", "ledger", "tick", "--json"]));
    let ticked: Value = serde_json::from_str(&ticked).unwrap();
    let transaction = ticked["transactionId"].as_str().unwrap();
    assert_eq!(endorsers(&network, transaction).await.len(), 2);
    let is_later = |answer: &Value| answer["asOf"]["block"].as_u64() >= ticked["block"].as_u64();
    let after = scan_until(&network, &network.code(), is_later).await;
    let time = |answer: &Value| answer["asOf"]["ledgerTime"].as_str().unwrap().to_owned();
    assert_eq!(time(&after), ticked["record"]["ledgerTime"].as_str().unwrap());
    assert!(time(&after) >= time(&before));
}

/// Asks the public verifier again until it answers so: it applies a block a moment after it is committed.
async fn scan_until(network: &Network, code: &Code, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = scan(network, code).await;
        if holds(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer}");
    }
}

async fn scan(network: &Network, code: &Code) -> Value {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let profile = network.profile();
    let address = profile.verifier.unwrap();
    let address = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request =
        format!("GET /api/v1/certificates/{code} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// From the accreditation body's own gateway, and only its own peer has endorsed.
#[tokio::test]
async fn the_accreditation_body_alone_suspends_an_accreditation() {
    let network = Network::start();
    assert_eq!(issue_another(&network).status.code(), Some(0));

    let suspend = ["suspend", "--effect", "new-grants", "--reason", "an audit", "--json"];
    let suspended = assert_success(&accreditation(&network, "Accreditation", &suspend));
    let suspended: Value = serde_json::from_str(&suspended).unwrap();
    let endorsers = endorsers(&network, suspended["transactionId"].as_str().unwrap()).await;
    assert_eq!(endorsers, [ACCREDITATION_BODY]);

    assert_refused(&issue_another(&network), "must not be suspended");
    let restore = ["restore", "--reason", "it is all over"];
    assert_refused(
        &accreditation(&network, "CertBody", &restore),
        "takes admin or client of AccreditationMSP",
    );
    assert_refused(&issue_another(&network), "must not be suspended");

    assert_success(&accreditation(&network, "Accreditation", &restore));
    assert_eq!(issue_another(&network).status.code(), Some(0));
}

fn accreditation(network: &Network, organisation: &str, arguments: &[&str]) -> Output {
    let command = ["cert", "accreditation", arguments[0], "--org", organisation, "--scheme", demo::SCHEME_ID];
    network.nanotrace(&[&command, &arguments[1..]].concat())
}

/// Has the certification body issue a certificate with a code of its own.
fn issue_another(network: &Network) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (draft, signed) = (path("draft.json"), path("signed.json"));
    let key = network.directory().join("demonstration/issuer-key.txt").to_str().unwrap().to_owned();
    assert_success(&network.nanotrace(&["cert", "template", "--demonstration", "--out", &draft]));
    assert_success(&network.nanotrace(&["cert", "sign", "--key", &key, "--out", &signed, &draft]));
    network.nanotrace(&["cert", "issue", &signed])
}

fn assert_refused(output: &Output, reason: &str) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains(reason), "{message}");
}

/// The organisations whose peers endorsed a transaction, from the ledger.
async fn endorsers(network: &Network, transaction: &str) -> Vec<String> {
    let profile = network.profile();
    let organisation = profile.organisation("Lab").unwrap();
    let reader = profile.identity(organisation, "User1").unwrap();
    let gateway = Gateway::connect(&organisation.gateway.endpoint().unwrap(), reader).await.unwrap();
    let query = Invocation::new(&profile.channel, "qscc", "GetTransactionByID");
    let query = query.argument(profile.channel.clone()).argument(transaction.to_owned());
    let processed: ProcessedTransaction =
        decode(gateway.proposal(query).unwrap().evaluate().await.unwrap()).unwrap();
    let payload: Payload = decode(processed.transaction_envelope.unwrap().payload).unwrap();
    let transaction: Transaction = decode(payload.data).unwrap();
    let action: ChaincodeActionPayload = decode(transaction.actions[0].payload.clone()).unwrap();
    let endorsements = action.action.unwrap().endorsements.into_iter();
    endorsements.map(|it| decode::<SerializedIdentity>(it.endorser).unwrap().mspid).collect()
}
