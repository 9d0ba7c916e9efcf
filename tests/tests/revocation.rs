//! A key whose certificate is revoked has no power on a running network from the block on that says so.

#![allow(clippy::unwrap_used, clippy::panic)]

use fabric::proto::common::Status;
use peer_client::{Error, Transaction, certificate::Contract, ordering};
use tests::{bodies::Bodies, deployment::gateway};

const REVOKED: &str = "User3";

/// An endorsed transaction of a user of the certification body, not yet submitted.
async fn endorsed(bodies: &Bodies, user: &str) -> Transaction {
    let profile = bodies.network.profile();
    let body = profile.organisation("CertBody").unwrap();
    let gateway = gateway(&profile, body, user).await;
    Contract::new(gateway, &profile.channel, &profile.chaincode).ledger_tick().endorse().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_at_proposal_and_at_broadcast() {
    let bodies = Bodies::start();
    let (held_back, by_hand) = (endorsed(&bodies, REVOKED).await, endorsed(&bodies, REVOKED).await);
    let other = endorsed(&bodies, "User2").await;

    let bodies = tokio::task::spawn_blocking(move || {
        revoke(&bodies);
        bodies
    })
    .await
    .unwrap();

    // At Broadcast, by a gateway and without: what was endorsed before has come too late.
    let error = held_back.submit().await.unwrap_err().to_string();
    assert!(error.contains("permission denied"), "{error}");
    let orderer = bodies.network.profile().orderer.endpoint().unwrap();
    let refusal = ordering::broadcast(&orderer, by_hand.envelope().unwrap()).await.unwrap_err();
    let Error::NotOrdered(refusal) = refusal else { panic!("{refusal}") };
    assert_eq!(refusal.status, Status::Forbidden, "{refusal}");
    // A colleague's goes through.
    other.submit().await.unwrap().status().await.unwrap().successful().unwrap();
}

fn revoke(bodies: &Bodies) {
    let directory = bodies.network.directory().display().to_string();
    let code = bodies.network.code().to_string();
    let show = |user: &str| bodies.ended(&format!("cert show {code} --org CertBody --user {user}"));
    assert_eq!(show(REVOKED).0, Some(0));

    let keys = format!("--config {directory}/crypto-config.yaml --output {directory}/crypto-config");
    bodies.ran(&format!("crypto revoke {keys} --org CertBody --name {REVOKED}"));
    // Not before the channel has it.
    assert_eq!(show(REVOKED).0, Some(0));
    let list = format!(
        "{directory}/crypto-config/peerOrganizations/certbody.nanotrace.example/msp/crls/revoked.pem"
    );
    let prepare = format!("channel revocations CertBody --crl {list}");
    let (done, reason) = bodies.decide(&prepare, &["Accreditation", "Lab", "Industry", "Customs"]);
    assert!(!done && reason.contains("not satisfied"), "{reason}");
    let (done, said) = bodies.decide(&prepare, &["CertBody"]);
    assert!(done, "{said}");

    // At the proposal.
    let (exit, printed) = show(REVOKED);
    assert!(exit != Some(0) && printed.contains("access denied"), "{printed}");
    assert_eq!(show("User2").0, Some(0));
    assert_eq!(bodies.scanned(&code, "").0, "valid");
    let again = bodies.ended(&format!("{prepare} --out {directory}/again.update"));
    assert!(again.1.contains("has this revocation list of CertBodyMSP already"), "{}", again.1);
}
