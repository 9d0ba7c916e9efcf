//! Private data over a real stream: who may see what, and where the plaintext goes.

use bytes::Bytes;
use fabric::{
    proto::protos::{ChaincodeMessage, QueryResponse, chaincode_message::Type},
    types::decode,
};
use sha2::{Digest, Sha256};

use super::{
    contract::{self, RUN},
    deploy::{Definition, NAME, Running, collection},
    network::{BODIES, Proposed, user},
    requests::*,
};

fn text(answer: &ChaincodeMessage) -> &str {
    std::str::from_utf8(&answer.payload).unwrap()
}

async fn start() -> Running {
    Running::with(Definition {
        collections: vec![collection("secret")],
        more: vec!["Lab"],
        ..Default::default()
    })
    .await
}

#[tokio::test]
async fn members_get_the_plaintext_others_the_hash() {
    let mut running = start().await;
    running.submit(&[put_private("secret", "a", "formula")]).await;
    let args = contract::args(RUN, &[put_private("_implicit_org_LabMSP", "b", "x")]);
    running.submit_to(NAME, &["CertBody", "Lab"], &args).await;

    // The laboratory did not endorse the first: it has the plaintext because it is a member.
    for member in ["CertBody", "Lab"] {
        let answers = running.ask(member, &[get_private("secret", "a"), private_range("secret")]).await;
        assert_eq!(text(&answers[0]), "formula", "{member}");
        let range: QueryResponse = decode(answers[1].payload.clone()).unwrap();
        assert_eq!(range.results.len(), 1, "{member}");
    }
    let hash = Sha256::digest("formula");
    let answers = running.ask("Accreditation", &[get_hash("secret", "a"), get_private("secret", "a")]).await;
    assert_eq!(answers[0].payload, Bytes::copy_from_slice(&hash));
    assert_eq!(answers[1].r#type(), Type::Error);
    assert!(text(&answers[1]).contains("private data matching public hash version is not available"));
    let answers = running.ask("Lab", &[get_private("_implicit_org_LabMSP", "b")]).await;
    assert_eq!(text(&answers[0]), "x");
}

#[tokio::test]
async fn purged_is_gone() {
    let mut running = start().await;
    running.submit(&[put_private("secret", "a", "formula"), put_private("secret", "b", "kept")]).await;
    running.submit(&[purge("secret", "a")]).await;
    let answers = running
        .ask("CertBody", &[get_private("secret", "a"), get_private("secret", "b"), purge("", "a")])
        .await;
    assert_eq!((text(&answers[0]), text(&answers[1])), ("", "kept"));
    assert!(text(&answers[2]).ends_with("only applicable for private data"));
}

#[tokio::test]
async fn a_closed_collection_is_closed_to_strangers() {
    let running = start().await;
    let proposed = Proposed::new(
        &user("Customs", "User1"),
        NAME,
        &contract::args(
            RUN,
            &[get_private("secret", "a"), put_private("secret", "a", "x"), get_private("nosuch", "a")],
        ),
    );
    let response = running.network.process("CertBody", &proposed.signed).await.unwrap().response.unwrap();
    let answers = contract::answers(response.payload);
    assert!(text(&answers[0]).ends_with(
        "tx creator does not have read access permission on privatedata in chaincodeName:ink collectionName: secret"
    ));
    assert!(text(&answers[1]).ends_with(
        "tx creator does not have write access permission on privatedata in chaincodeName:ink collectionName: secret"
    ));
    assert!(text(&answers[2]).ends_with("collection test-channel/ink/nosuch could not be found"));
}

#[tokio::test]
async fn a_private_query_forbids_writes() {
    let running = start().await;
    let answers = running.ask("CertBody", &[private_range("secret"), put("a", "1")]).await;
    assert!(text(&answers[1]).ends_with("performed queries on pvt data. Writes are not allowed"));
    let answers = running.ask("CertBody", &[put("a", "1"), private_range("secret")]).await;
    assert!(text(&answers[1]).ends_with("Queries on pvt data is supported only in a read-only transaction"));
}

#[tokio::test]
async fn the_interest_names_collections() {
    let running = start().await;
    let response = running
        .call(
            "CertBody",
            &contract::args(
                RUN,
                &[put_private("secret", "a", "1"), get_private("_implicit_org_CertBodyMSP", "b")],
            ),
        )
        .await;
    let calls = response.interest.unwrap().chaincodes;
    let seen: Vec<_> = calls
        .iter()
        .map(|call| (call.name.as_str(), call.collection_names.join(","), call.no_private_reads))
        .collect();
    let expected = [(NAME, "_implicit_org_CertBodyMSP".to_owned(), false), (NAME, "secret".to_owned(), true)];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn initialisation_comes_first_and_once() {
    let definition =
        Definition { init_required: true, collections: vec![collection("secret")], ..Default::default() };
    let mut running = Running::with(definition).await;
    let early = running.call("CertBody", &contract::args(RUN, &[])).await.response.unwrap();
    assert!(early.message.ends_with(
        "invalid invocation: chaincode 'ink' has not been initialized for this version, must call as init first"
    ));
    let sender = user("CertBody", "User1");
    let args = contract::args(RUN, &[put("a", "1"), get_private("secret", "a")]);
    let proposed = Running::init(&sender, &args);
    let response = running.network.process("CertBody", &proposed.signed).await.unwrap().response.unwrap();
    let answers = contract::answers(response.payload);
    assert!(text(&answers[1]).ends_with("private data APIs are not allowed in chaincode Init()"));
    running.network.submit(&BODIES, &sender, &proposed).await;

    let late = Running::init(&sender, &contract::args(RUN, &[]));
    let response = running.network.process("CertBody", &late.signed).await.unwrap().response.unwrap();
    assert!(response.message.ends_with("chaincode 'ink' is already initialized but called as init"));
    assert_eq!(text(&running.ask("CertBody", &[get("a")]).await[0]), "1");
}
