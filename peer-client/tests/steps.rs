//! The steps of a transaction, against a gateway of the tests' own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use fabric::{
    crypto::PrivateKey,
    proto::{
        common::HeaderType,
        gateway::{
            ChaincodeEventsRequest, ChaincodeEventsResponse, CommitStatusRequest, CommitStatusResponse,
            ErrorDetail,
        },
        orderer::seek_position,
        protos::{
            ChaincodeEvent, ChaincodeHeaderExtension, ChaincodeInvocationSpec, ChaincodeProposalPayload,
            Proposal as ProposalMessage, TxValidationCode,
        },
    },
    types::txid,
};
use peer_client::{Detail, Endpoint, Error, Gateway, Invocation, StartAt, Step, Timeouts};
use prost::Message;
use support::{FakeGateway, Script, headers, identity, pair};
use tonic::{Code, Status};

async fn connect(fake: &FakeGateway) -> Option<Gateway> {
    let address = fake.serve(None).await;
    Some(Gateway::connect(&Endpoint::plain(address.to_string()), identity("Org1MSP")?).await.unwrap())
}

fn call() -> Invocation {
    Invocation::new("mychannel", "basic", "Transfer").argument("asset1").argument(vec![0xff, 0x00])
}

#[tokio::test]
async fn a_proposal_is_what_fabric_reads() {
    let fake = FakeGateway::new(Script { result: "answer".into(), ..Default::default() });
    let Some(identity) = identity("Org1MSP") else { return };
    let endpoint = Endpoint::plain(fake.serve(None).await.to_string());
    let gateway = Gateway::connect(&endpoint, Arc::clone(&identity)).await.unwrap();
    let call = call().transient("secret", "salt").organizations(["Org2MSP"]);

    let proposal = gateway.proposal(call).unwrap();
    assert_eq!(proposal.evaluate().await.unwrap(), "answer");

    let (signed, organizations) =
        fake.script(|script| (script.proposals.remove(0), script.organizations.clone()));
    assert_eq!(organizations, ["Org2MSP"]);
    identity.public_key().verify(&signed.proposal_bytes, &signed.signature).unwrap();

    let (channel_header, signature_header) = headers(&signed);
    assert_eq!(channel_header.r#type, HeaderType::EndorserTransaction as i32);
    assert_eq!(channel_header.channel_id, "mychannel");
    assert_eq!(signature_header.creator, identity.serialized());
    assert_eq!(signature_header.nonce.len(), 24);
    assert_eq!(channel_header.tx_id, txid::compute(&signature_header.nonce, &signature_header.creator));
    assert_eq!(channel_header.tx_id, proposal.transaction_id());
    let extension = ChaincodeHeaderExtension::decode(channel_header.extension).unwrap();
    assert_eq!(extension.chaincode_id.unwrap().name, "basic");

    let message = ProposalMessage::decode(signed.proposal_bytes).unwrap();
    let payload = ChaincodeProposalPayload::decode(message.payload).unwrap();
    assert_eq!(payload.transient_map["secret"], "salt");
    let spec = ChaincodeInvocationSpec::decode(payload.input).unwrap().chaincode_spec.unwrap();
    let expected: [&[u8]; 3] = [b"Transfer", b"asset1", &[0xff, 0x00]];
    assert_eq!(spec.input.unwrap().args, expected);
}

#[tokio::test]
async fn from_proposal_to_commit() {
    let commit = CommitStatusResponse { result: TxValidationCode::Valid.into(), block_number: 7 };
    let fake = FakeGateway::new(Script { result: "new".into(), commit, ..Default::default() });
    let Some(gateway) = connect(&fake).await else { return };

    let transaction = gateway.proposal(call()).unwrap().endorse().await.unwrap();
    assert_eq!(transaction.result(), "new");
    let commit = transaction.submit().await.unwrap();
    let status = commit.status().await.unwrap().successful().unwrap();
    assert_eq!((status.code, status.block_number), (TxValidationCode::Valid, 7));
    assert_eq!(status.transaction_id, transaction.transaction_id());

    let (envelope, asked) =
        fake.script(|script| (script.envelopes.remove(0), script.status_requests.remove(0)));
    assert_eq!(envelope, transaction.envelope().unwrap());
    let asked = CommitStatusRequest::decode(asked.request).unwrap();
    assert_eq!(
        (asked.channel_id.as_str(), asked.transaction_id.as_str()),
        ("mychannel", commit.transaction_id())
    );
}

#[tokio::test]
async fn an_invalid_transaction_says_why() {
    for (result, code) in
        [(11, TxValidationCode::MvccReadConflict), (99, TxValidationCode::InvalidOtherReason)]
    {
        let commit = CommitStatusResponse { result, block_number: 8 };
        let fake = FakeGateway::new(Script { commit, ..Default::default() });
        let Some(gateway) = connect(&fake).await else { return };
        let status = gateway.commit("mychannel", "tx").unwrap().status().await.unwrap();
        let error = status.successful().unwrap_err();
        assert_eq!((error.code, error.block_number), (code, 8));
    }
}

/// `google.rpc.Status` as a gateway sends it.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[tokio::test]
async fn a_failure_carries_what_each_peer_said() {
    let detail = ErrorDetail {
        address: "peer0.org2.example.com:7051".into(),
        msp_id: "Org2MSP".into(),
        message: "chaincode response 409, taken".into(),
    };
    let detail =
        Any { type_url: "type.googleapis.com/gateway.ErrorDetail".into(), value: detail.encode_to_vec() };
    let other = Any { type_url: "type.googleapis.com/google.rpc.Help".into(), value: vec![0xff] };
    let details = RpcStatus { code: 10, message: "m".into(), details: vec![other, detail] };
    let failure = Status::with_details(Code::Aborted, "failed to endorse", details.encode_to_vec().into());
    let fake = FakeGateway::new(Script { failure: Some(failure), ..Default::default() });
    let Some(gateway) = connect(&fake).await else { return };

    let proposal = gateway.proposal(call()).unwrap();
    let Error::Gateway(error) = proposal.endorse().await.unwrap_err() else {
        unreachable!("an error of the gateway")
    };
    assert_eq!((error.step, error.code), (Step::Endorse, Code::Aborted));
    assert_eq!(error.transaction_id, proposal.transaction_id());
    let expected = Detail {
        address: "peer0.org2.example.com:7051".into(),
        msp_id: "Org2MSP".into(),
        message: "chaincode response 409, taken".into(),
    };
    assert_eq!(error.details, [expected]);
    let text = error.to_string();
    assert!(
        text.contains("failed to endorse") && text.contains("Org2MSP") && text.contains("409, taken"),
        "{text}"
    );
    assert!(!error.is_unavailable());
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_is_given_up() {
    let fake = FakeGateway::new(Script { silent: true, ..Default::default() });
    let Some(gateway) = connect(&fake).await else { return };
    let soon = Duration::from_millis(50);
    let timeouts = Timeouts { evaluate: soon, endorse: soon, submit: soon, commit_status: soon };
    let proposal = gateway.with_timeouts(timeouts).proposal(call()).unwrap();
    let Error::Gateway(error) = proposal.evaluate().await.unwrap_err() else {
        unreachable!("an error of the gateway")
    };
    assert!(error.is_unavailable(), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = Gateway::connect_unsigned(&Endpoint::plain(&address), Bytes::new()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&address) && text.contains("refused"), "{text}");
    for malformed in ["", "no address", "host:port:"] {
        assert!(
            Gateway::connect_unsigned(&Endpoint::plain(malformed), Bytes::new()).await.is_err(),
            "{malformed}"
        );
    }
}

/// The key is in one place, the connection in another; what passes between them are bytes.
#[tokio::test]
async fn each_step_can_be_signed_elsewhere() {
    let commit = CommitStatusResponse { result: TxValidationCode::Valid.into(), block_number: 1 };
    let fake = FakeGateway::new(Script { commit, ..Default::default() });
    let endpoint = Endpoint::plain(fake.serve(None).await.to_string());
    let gateway = Gateway::connect_unsigned(&endpoint, Bytes::from_static(b"creator")).await.unwrap();
    let key = PrivateKey::generate().unwrap();

    let proposal = gateway.proposal(call()).unwrap();
    assert!(matches!(proposal.endorse().await.unwrap_err(), Error::NotSigned(_)));
    let unsigned = proposal.to_bytes();
    let message = fabric::proto::gateway::ProposedTransaction::decode(unsigned.clone()).unwrap();
    let signature = key.sign(&message.proposal.unwrap().proposal_bytes).unwrap();
    let proposal = gateway.proposal_from_bytes(unsigned).unwrap().with_signature(signature);

    let transaction = proposal.endorse().await.unwrap();
    assert!(matches!(transaction.submit().await.unwrap_err(), Error::NotSigned(_)));
    let message = fabric::proto::gateway::PreparedTransaction::decode(transaction.to_bytes()).unwrap();
    let signature = key.sign(&message.envelope.unwrap().payload).unwrap();
    let transaction =
        gateway.transaction_from_bytes(transaction.to_bytes()).unwrap().with_signature(signature);

    let commit = transaction.submit().await.unwrap();
    assert!(matches!(commit.status().await.unwrap_err(), Error::NotSigned(_)));
    let message = fabric::proto::gateway::SignedCommitStatusRequest::decode(commit.to_bytes()).unwrap();
    let commit = gateway
        .commit_from_bytes(commit.to_bytes())
        .unwrap()
        .with_signature(key.sign(&message.request).unwrap());
    assert_eq!(commit.status().await.unwrap().block_number, 1);

    let (proposal, envelope) = fake.script(|script| (script.proposals.remove(0), script.envelopes.remove(0)));
    key.public_key().verify(&proposal.proposal_bytes, &proposal.signature).unwrap();
    key.public_key().verify(&envelope.payload, &envelope.signature).unwrap();
}

#[tokio::test]
async fn nonsense_from_outside_is_an_error() {
    let fake = FakeGateway::default();
    let endpoint = Endpoint::plain(fake.serve(None).await.to_string());
    let gateway = Gateway::connect_unsigned(&endpoint, Bytes::from_static(b"creator")).await.unwrap();
    for garbage in [&b""[..], &[0xff; 40]] {
        assert!(gateway.proposal_from_bytes(garbage).is_err());
        assert!(gateway.transaction_from_bytes(garbage).is_err());
    }
    assert!(gateway.commit_from_bytes(&[0xff; 40][..]).is_err());
}

#[tokio::test]
async fn events_come_one_by_one_and_a_broken_stream_is_told() {
    let event = |tx_id: &str| ChaincodeEvent {
        chaincode_id: "basic".into(),
        tx_id: tx_id.into(),
        event_name: "Transferred".into(),
        payload: "p".into(),
    };
    let block = |block_number, events| Ok(ChaincodeEventsResponse { block_number, events });
    let events = vec![
        block(4, vec![event("a"), event("b")]),
        block(9, vec![event("c")]),
        Err(Status::unavailable("the peer goes away")),
    ];
    let fake = FakeGateway::new(Script { events, ..Default::default() });
    let Some(gateway) = connect(&fake).await else { return };

    let start = StartAt::After { block: 4, transaction_id: "z".into() };
    let mut stream = gateway.chaincode_events("mychannel", "basic", start).await.unwrap();
    for (block_number, transaction_id) in [(4, "a"), (4, "b"), (9, "c")] {
        let event = stream.next().await.unwrap().unwrap();
        assert_eq!((event.block_number, event.transaction_id.as_str()), (block_number, transaction_id));
        assert_eq!((event.name.as_str(), event.payload), ("Transferred", Bytes::from("p")));
    }
    let Error::Gateway(error) = stream.next().await.unwrap_err() else {
        unreachable!("an error of the gateway")
    };
    assert_eq!((error.step, error.code), (Step::ChaincodeEvents, Code::Unavailable));

    let request = fake.script(|script| script.event_requests.remove(0));
    let request = ChaincodeEventsRequest::decode(request.request).unwrap();
    assert_eq!(request.after_transaction_id, "z");
    let Some(seek_position::Type::Specified(start)) = request.start_position.unwrap().r#type else {
        unreachable!("a block")
    };
    assert_eq!(start.number, 4);

    let mut stream = gateway.chaincode_events("mychannel", "basic", StartAt::Next).await.unwrap();
    assert_eq!(stream.next().await.unwrap(), None);
}

#[tokio::test]
async fn tls_trusts_one_issuer_and_one_name() {
    let (Some(server), Some(stranger), Some(identity)) =
        (pair("peer0.org1"), pair("peer0.org1"), identity("Org1MSP"))
    else {
        return;
    };
    let fake = FakeGateway::new(Script { result: "r".into(), ..Default::default() });
    let address = fake.serve(Some(&server)).await.to_string();
    let endpoint = |root: &support::Pair, name: &str| {
        Endpoint::tls(&address, root.certificate.clone()).with_server_name(name)
    };

    let gateway = Gateway::connect(&endpoint(&server, "peer0.org1"), Arc::clone(&identity)).await.unwrap();
    assert_eq!(gateway.proposal(call()).unwrap().evaluate().await.unwrap(), "r");
    for wrong in
        [endpoint(&stranger, "peer0.org1"), endpoint(&server, "peer0.org2"), Endpoint::plain(&address)]
    {
        let connected = Gateway::connect(&wrong, Arc::clone(&identity)).await;
        let failed = match connected {
            // Without TLS the connection opens, and breaks at the first call.
            Ok(gateway) => gateway.proposal(call()).unwrap().evaluate().await.is_err(),
            Err(_) => true,
        };
        assert!(failed);
    }
}
