//! What a hostile organisation can do whose peer signs anything: nothing but stop what it answers for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{process::Output, time::Duration};

use certificate::{Code, demo, keys};
use fabric::{
    policy,
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
    Forgery { namespace, writes, policies: Vec::new(), endorsers }
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
            policies: Vec::new(),
            endorsers,
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
