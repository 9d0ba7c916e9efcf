//! A gateway of the tests' own, which records what it is asked and answers as it is told, and identities made with
//! `openssl`.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::VecDeque,
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use fabric::proto::{
    common::{ChannelHeader, Envelope, Header, Payload},
    gateway::{
        ChaincodeEventsResponse, CommitStatusResponse, EndorseRequest, EndorseResponse, EvaluateRequest,
        EvaluateResponse, SignedChaincodeEventsRequest, SignedCommitStatusRequest, SubmitRequest,
        SubmitResponse,
    },
    protos::{
        ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, Proposal, ProposalResponsePayload,
        Response as ChaincodeResponse, SignedProposal, Transaction, TransactionAction,
    },
};
use msp::SigningIdentity;
use prost::Message;
use services::gateway::gateway_server::{Gateway, GatewayServer};
use tokio::net::TcpListener;
use tokio_stream::{Iter, iter};
use tonic::{
    Request, Response, Status,
    transport::{Identity, Server, ServerTlsConfig, server::TcpIncoming},
};

/// What the fake gateway answers, and what it was asked.
#[derive(Default)]
pub struct Script {
    pub result: Bytes,
    pub failure: Option<Status>,
    /// Never answer at all.
    pub silent: bool,
    /// What is answered to the first questions after a commit; then it is `commit`.
    pub commits: VecDeque<CommitStatusResponse>,
    pub commit: CommitStatusResponse,
    pub events: Vec<Result<ChaincodeEventsResponse, Status>>,
    pub proposals: Vec<SignedProposal>,
    pub organizations: Vec<String>,
    pub envelopes: Vec<Envelope>,
    pub status_requests: Vec<SignedCommitStatusRequest>,
    pub event_requests: Vec<SignedChaincodeEventsRequest>,
}

#[derive(Clone, Default)]
pub struct FakeGateway(Arc<Mutex<Script>>);

impl FakeGateway {
    pub fn new(script: Script) -> Self {
        Self(Arc::new(Mutex::new(script)))
    }

    pub fn script<T>(&self, look: impl FnOnce(&mut Script) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// Serves until the test's runtime ends.
    pub async fn serve(&self, tls: Option<&Pair>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = Server::builder();
        if let Some(pair) = tls {
            let identity = Identity::from_pem(&pair.certificate, &pair.key);
            server = server.tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        }
        let router = server.add_service(GatewayServer::new(self.clone()));
        tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
        address
    }

    async fn fail(&self) -> Result<(), Status> {
        let (silent, failure) = self.script(|script| (script.silent, script.failure.clone()));
        if silent {
            std::future::pending::<()>().await;
        }
        failure.map_or(Ok(()), Err)
    }
}

#[tonic::async_trait]
impl Gateway for FakeGateway {
    type ChaincodeEventsStream = Iter<std::vec::IntoIter<Result<ChaincodeEventsResponse, Status>>>;

    async fn evaluate(
        &self,
        request: Request<EvaluateRequest>,
    ) -> Result<Response<EvaluateResponse>, Status> {
        self.fail().await?;
        let request = request.into_inner();
        let payload = self.script(|script| {
            script.proposals.extend(request.proposed_transaction);
            script.organizations = request.target_organizations;
            script.result.clone()
        });
        let result = ChaincodeResponse { status: 200, payload, ..Default::default() };
        Ok(Response::new(EvaluateResponse { result: Some(result) }))
    }

    async fn endorse(&self, request: Request<EndorseRequest>) -> Result<Response<EndorseResponse>, Status> {
        self.fail().await?;
        let request = request.into_inner();
        let proposal = request.proposed_transaction.unwrap();
        let result = self.script(|script| {
            script.proposals.push(proposal.clone());
            script.organizations = request.endorsing_organizations;
            script.result.clone()
        });
        let envelope = Envelope { payload: payload(&proposal, result), signature: Bytes::new() };
        Ok(Response::new(EndorseResponse { prepared_transaction: Some(envelope) }))
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        self.fail().await?;
        self.script(|script| script.envelopes.extend(request.into_inner().prepared_transaction));
        Ok(Response::new(SubmitResponse {}))
    }

    async fn commit_status(
        &self,
        request: Request<SignedCommitStatusRequest>,
    ) -> Result<Response<CommitStatusResponse>, Status> {
        self.fail().await?;
        let response = self.script(|script| {
            script.status_requests.push(request.into_inner());
            script.commits.pop_front().unwrap_or(script.commit)
        });
        Ok(Response::new(response))
    }

    async fn chaincode_events(
        &self,
        request: Request<SignedChaincodeEventsRequest>,
    ) -> Result<Response<Self::ChaincodeEventsStream>, Status> {
        self.fail().await?;
        let events = self.script(|script| {
            script.event_requests.push(request.into_inner());
            std::mem::take(&mut script.events)
        });
        Ok(Response::new(iter(events)))
    }
}

/// A transaction as a gateway prepares it: the proposal's header, and the result within.
fn payload(proposal: &SignedProposal, result: Bytes) -> Bytes {
    let proposal = Proposal::decode(proposal.proposal_bytes.clone()).unwrap();
    let response = ChaincodeResponse { status: 200, payload: result, ..Default::default() };
    let action = ChaincodeAction { response: Some(response), ..Default::default() };
    let response = ProposalResponsePayload { extension: encode(&action), ..Default::default() };
    let endorsed =
        ChaincodeEndorsedAction { proposal_response_payload: encode(&response), ..Default::default() };
    let action = ChaincodeActionPayload { action: Some(endorsed), ..Default::default() };
    let transaction =
        Transaction { actions: vec![TransactionAction { payload: encode(&action), ..Default::default() }] };
    let header = Header::decode(proposal.header).unwrap();
    encode(&Payload { header: Some(header), data: encode(&transaction) })
}

pub fn encode(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

/// The headers of a proposal.
pub fn headers(signed: &SignedProposal) -> (ChannelHeader, fabric::proto::common::SignatureHeader) {
    let proposal = Proposal::decode(signed.proposal_bytes.clone()).unwrap();
    let header = Header::decode(proposal.header).unwrap();
    let signature_header = Message::decode(header.signature_header).unwrap();
    (ChannelHeader::decode(header.channel_header).unwrap(), signature_header)
}

/// A certificate that is its own issuer, and its key.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// `None`, with a word, where there is no openssl.
pub fn pair(name: &str) -> Option<Pair> {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path(), name);
    if made.is_none() {
        println!("skipped: no openssl to make certificates with");
    }
    made
}

fn make(folder: &Path, name: &str) -> Option<Pair> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let request =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let made = Command::new("openssl")
        .args(request)
        .args(["-subj", &format!("/OU=client/CN={name}")])
        .args(["-addext", &format!("subjectAltName=DNS:{name}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .ok()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (certificate, key) = (fs::read_to_string(certificate).unwrap(), fs::read_to_string(key).unwrap());
    Some(Pair { certificate, key })
}

pub fn identity(msp_id: &str) -> Option<Arc<SigningIdentity>> {
    let pair = pair("user1")?;
    let identity = SigningIdentity::from_pem(msp_id, pair.certificate.as_bytes(), pair.key.as_bytes());
    Some(Arc::new(identity.unwrap()))
}
