//! The calls of the certificate contract, against a gateway of the tests' own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::collections::VecDeque;

use certificate::{Code, DateTime, confidential::ConfidentialField, record::Effect};
use fabric::proto::{
    gateway::CommitStatusResponse,
    protos::{ChaincodeInvocationSpec, ChaincodeProposalPayload, Proposal, SignedProposal, TxValidationCode},
};
use peer_client::{
    Endpoint, Gateway,
    certificate::{CallError, Contract},
};
use prost::Message;
use serde_json::{Value, json};
use support::{FakeGateway, Script, headers, identity};
use tonic::Status;

async fn connect(fake: &FakeGateway) -> Option<Contract> {
    let endpoint = Endpoint::plain(fake.serve(None).await.to_string());
    let gateway = Gateway::connect(&endpoint, identity("CertBodyMSP")?).await.unwrap();
    Some(Contract::new(gateway, "nanotrace", "certificates"))
}

fn in_block(code: TxValidationCode) -> CommitStatusResponse {
    CommitStatusResponse { result: code.into(), block_number: 7 }
}

/// The arguments of a proposal to a chaincode, the function's name first.
fn arguments(signed: SignedProposal, chaincode: &str) -> Vec<String> {
    let proposal = Proposal::decode(signed.proposal_bytes).unwrap();
    let payload = ChaincodeProposalPayload::decode(proposal.payload).unwrap();
    let spec = ChaincodeInvocationSpec::decode(payload.input).unwrap().chaincode_spec.unwrap();
    assert_eq!(spec.chaincode_id.unwrap().name, chaincode);
    spec.input.unwrap().args.into_iter().map(|it| String::from_utf8(it.into()).unwrap()).collect()
}

#[tokio::test]
async fn a_call_has_the_functions_name_and_its_arguments() {
    let commit = in_block(TxValidationCode::Valid);
    let fake = FakeGateway::new(Script { result: "{\"a\":1}".into(), commit, ..Default::default() });
    let Some(contract) = connect(&fake).await else { return };
    let code = Code::from_bytes([1; 16]);
    let asked_of = |chaincode| fake.script(|script| arguments(script.proposals.remove(0), chaincode));
    let asked = || asked_of("certificates");
    let registry = || asked_of("nanotrace-registry");

    let committed = contract.certificate_stop(code, "a complaint").submit().await.unwrap();
    assert_eq!((committed.block, &committed.result[..]), (7, &b"{\"a\":1}"[..]));
    assert_eq!(asked(), ["certificate:stop", &code.to_string(), "a complaint"]);

    let answer: Value = contract.certificate_get(code, None).read().await.unwrap();
    assert_eq!(answer, json!({"a": 1}));
    assert_eq!(asked(), ["certificate:get", &code.to_string()]);
    contract.certificate_get(code, Some(DateTime::from_seconds(0))).evaluate().await.unwrap();
    assert_eq!(asked(), ["certificate:get", &code.to_string(), "1970-01-01T00:00:00Z"]);

    let suspend = contract.accreditation_suspend("LabMSP", "https://s", Effect::NewGrants, "why");
    suspend.submit().await.unwrap();
    assert_eq!(registry(), ["accreditation:suspend", "LabMSP", "https://s", "newGrants", "why"]);
    contract.scheme_register(&json!({"id": "https://s"})).submit().await.unwrap();
    assert_eq!(registry(), ["scheme:register", "{\"id\":\"https://s\"}"]);
}

/// The secrets go by the transient map to the two bodies that hold them, and every question to a peer of one's own.
#[tokio::test]
async fn confidential_calls_name_their_organisations() {
    let commit = in_block(TxValidationCode::Valid);
    let fake =
        FakeGateway::new(Script { result: "{\"body\":\"OneMSP\"}".into(), commit, ..Default::default() });
    let Some(contract) = connect(&fake).await else { return };
    let code = Code::from_bytes([1; 16]);
    let field = ConfidentialField {
        application: code,
        field: "formulation".into(),
        salt: "0a".repeat(16),
        value: json!("canary"),
    };
    let asked = || fake.script(|script| (script.organizations.clone(), script.proposals.pop().unwrap()));
    let (own, holders) = (["CertBodyMSP"], ["OneMSP", "AccreditationMSP"]);

    let submit = contract.confidential_submit(code, std::slice::from_ref(&field), None).await.unwrap();
    assert_eq!(asked().0, own);
    assert!(!format!("{submit:?}").contains("canary"), "{submit:?}");
    submit.submit().await.unwrap();
    let (organisations, signed) = asked();
    assert_eq!(organisations, holders);
    assert_eq!(arguments(signed.clone(), "certificates"), ["confidential:submit", &code.to_string()]);
    let proposal = Proposal::decode(signed.proposal_bytes).unwrap();
    let transient = ChaincodeProposalPayload::decode(proposal.payload).unwrap().transient_map;
    let handed_in: Vec<ConfidentialField> = serde_json::from_slice(&transient["fields"]).unwrap();
    assert_eq!((handed_in, transient.len()), (vec![field], 1));

    contract.confidential_purge(code, "why").await.unwrap().submit().await.unwrap();
    let (organisations, signed) = asked();
    assert_eq!(organisations, holders);
    assert_eq!(arguments(signed, "certificates"), ["confidential:purge", &code.to_string(), "why"]);

    contract.confidential_get(code).unwrap().evaluate().await.unwrap();
    assert_eq!(asked().0, own);
    contract.at_own_peer(contract.application_get(code)).unwrap().evaluate().await.unwrap();
    assert_eq!(asked().0, own);
}

#[tokio::test]
async fn broken_rules_are_violations() {
    let result = json!({"violations": [{"pointer": "/a", "value": "\"b\"", "rule": "must be over 0"}]});
    let fake = FakeGateway::new(Script { result: result.to_string().into(), ..Default::default() });
    let Some(contract) = connect(&fake).await else { return };
    let violations = contract.certificate_check("{}").await.unwrap();
    assert_eq!(json!({ "violations": violations }), result);
    assert!(matches!(contract.ledger_get().read::<Vec<u8>>().await, Err(CallError::Answer { .. })));
}

#[tokio::test]
async fn a_conflict_is_submitted_again_and_nothing_else_is() {
    let (valid, mvcc) = (TxValidationCode::Valid, TxValidationCode::MvccReadConflict);
    let (phantom, policy) =
        (TxValidationCode::PhantomReadConflict, TxValidationCode::EndorsementPolicyFailure);
    for (codes, submissions, is_committed) in [
        (vec![valid], 1, true),
        (vec![mvcc, phantom, valid], 3, true),
        (vec![mvcc, mvcc, mvcc, valid], 3, false),
        (vec![policy, valid], 1, false),
    ] {
        let commits: VecDeque<_> = codes.iter().copied().map(in_block).collect();
        let fake = FakeGateway::new(Script { commits, ..Default::default() });
        let Some(contract) = connect(&fake).await else { return };
        let committed = contract.ledger_tick().submit_again_on_conflict().await;
        assert_eq!(committed.is_ok(), is_committed, "{codes:?}: {committed:?}");
        // Each with a transaction id of its own.
        let mut ids =
            fake.script(|script| script.proposals.iter().map(|it| headers(it).0.tx_id).collect::<Vec<_>>());
        ids.dedup();
        assert_eq!(ids.len(), submissions, "{codes:?}");
    }
}

#[tokio::test]
async fn what_is_done_already_is_a_success_where_it_may_be() {
    let refusal = |status| Status::aborted(format!("chaincode response {status}, ledger:bind: bound"));
    for (status, is_success) in [(409, true), (403, false)] {
        let fake = FakeGateway::new(Script { failure: Some(refusal(status)), ..Default::default() });
        let Some(contract) = connect(&fake).await else { return };
        let bind = contract.ledger_bind("sha256:00", "CertBodyMSP");
        let Err(CallError::Refused { status: told, message }) = bind.submit_again_on_conflict().await else {
            unreachable!("a refusal")
        };
        assert_eq!((told, message.as_str()), (status, "ledger:bind: bound"));
        assert_eq!(matches!(bind.submit_once().await, Ok(None)), is_success, "{status}");
    }
}

#[tokio::test]
async fn what_may_succeed_later_is_temporary() {
    for (status, expected) in [
        (Status::unavailable("away"), true),
        (Status::unknown("transport error"), true),
        (Status::resource_exhausted("busy"), true),
        (Status::failed_precondition("no peer endorses"), true),
        (Status::permission_denied("no member"), false),
        (Status::aborted("chaincode response 400, certificate:issue: 1 rule broken"), false),
    ] {
        let fake = FakeGateway::new(Script { failure: Some(status.clone()), ..Default::default() });
        let Some(contract) = connect(&fake).await else { return };
        let error = contract.certificate_issue("{}").submit().await.unwrap_err();
        assert_eq!(error.is_temporary(), expected, "{status}");
    }
}
