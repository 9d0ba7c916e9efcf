//! Connections to a gateway of the tests' own, which gives every question the same answer.

#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use desk::{Away, Identity, Organisations, SetupError};
use fabric::proto::{
    gateway::{
        ChaincodeEventsResponse, CommitStatusResponse, EndorseRequest, EndorseResponse, EvaluateRequest,
        EvaluateResponse, SignedChaincodeEventsRequest, SignedCommitStatusRequest, SubmitRequest,
        SubmitResponse,
    },
    protos,
};
use material::{CryptoConfig, Validity};
use peer_client::{
    ConnectionProfile,
    profile::{Organisation, Server},
};
use services::gateway::gateway_server::{Gateway, GatewayServer};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

const BOUND: &str = r#"{"body":"CertBodyMSP","channel":"nanotrace","genesis":"sha256:00"}"#;

/// What it answers, and of which organisations it was asked to ask peers, the newest last.
struct Answering(Option<&'static str>, Asked);

type Asked = Arc<Mutex<Vec<Vec<String>>>>;

#[tonic::async_trait]
impl Gateway for Answering {
    type ChaincodeEventsStream = tokio_stream::Empty<Result<ChaincodeEventsResponse, Status>>;

    async fn evaluate(
        &self,
        request: Request<EvaluateRequest>,
    ) -> Result<Response<EvaluateResponse>, Status> {
        let request = request.into_inner();
        // A chaincode's name stands in the proposal.
        let proposal = request.proposed_transaction.unwrap_or_default().proposal_bytes;
        let is_of =
            |chaincode: &str| proposal.windows(chaincode.len()).any(|part| part == chaincode.as_bytes());
        self.1.lock().unwrap().push(request.target_organizations);
        let answer = match self.0 {
            Some(_) if is_of("another-ledger") => Some(r#"{"body":"SecondBodyMSP","genesis":"sha256:ff"}"#),
            Some(_) if is_of("silent") => None,
            answer => answer,
        };
        let Some(answer) = answer else { return std::future::pending().await };
        let payload = Bytes::from_static(answer.as_bytes());
        let result = protos::Response { status: 200, payload, ..Default::default() };
        Ok(Response::new(EvaluateResponse { result: Some(result) }))
    }

    async fn endorse(&self, _: Request<EndorseRequest>) -> Result<Response<EndorseResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn submit(&self, _: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn commit_status(
        &self,
        _: Request<SignedCommitStatusRequest>,
    ) -> Result<Response<CommitStatusResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn chaincode_events(
        &self,
        _: Request<SignedChaincodeEventsRequest>,
    ) -> Result<Response<Self::ChaincodeEventsStream>, Status> {
        Err(Status::unimplemented("not asked here"))
    }
}

async fn serve(listener: TcpListener, answer: Option<&'static str>) -> Asked {
    let asked = Asked::default();
    let gateway = GatewayServer::new(Answering(answer, asked.clone()));
    let server = tonic::transport::Server::builder().add_service(gateway);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    asked
}

/// Keys of an organisation, and a profile whose gateway is at this address.
fn network(address: &str) -> (TempDir, ConnectionProfile) {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("crypto-config");
    let config = "PeerOrgs:\n  - Name: CertBody\n    Domain: certbody.example\n    EnableNodeOUs: true\n    \
                  Template: {Count: 1}\n    Users: {Count: 1}\n";
    let config = CryptoConfig::parse(config).unwrap();
    material::generate(&config, &keys, Validity::of_years(1_790_000_000, 1)).unwrap();
    let server = || Server { address: address.to_owned(), tls_ca_file: None, server_name: None };
    let organisation = Organisation {
        name: "CertBody".into(),
        msp_id: "CertBodyMSP".into(),
        domain: "certbody.example".into(),
        gateway: server(),
    };
    let profile = ConnectionProfile {
        channel: "nanotrace".into(),
        chaincode: "nanotrace".into(),
        genesis: "sha256:00".into(),
        crypto_config: keys,
        verifier: None,
        orderer: server(),
        organisations: vec![organisation],
    };
    (folder, profile)
}

fn identity(user: &str) -> [Identity; 1] {
    [Identity { organisation: "CertBody".into(), user: user.into() }]
}

fn members(profile: &ConnectionProfile) -> Organisations {
    Organisations::new(profile, &[], &identity("User1"), Some("CertBodyMSP")).unwrap()
}

#[tokio::test]
async fn a_ledger_that_is_away_is_said_to_be_away_soon() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_folder, profile) = network(&address.to_string());
    let members = members(&profile);
    let member = members.applicants().unwrap();
    drop(listener);
    assert!(matches!(member.bodies().await, Err(Away::Unreachable(_))));

    // Somebody listens, and says nothing.
    let listener = TcpListener::bind(address).await.unwrap();
    let (_keys, profile) = network(&address.to_string());
    serve(listener, None).await;
    let silent = Organisations::new(&profile, &[], &identity("User1"), None).unwrap();
    let began = Instant::now();
    let silent = silent.get("CertBodyMSP").unwrap();
    assert!(matches!(silent.bodies().await, Err(Away::TimedOut)));
    assert!(matches!(silent.bodies().await, Err(Away::Unreachable(_))), "not asked again at once");
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_ledger_that_comes_back_is_read_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (_folder, profile) = network(&address.to_string());
    let members = members(&profile);
    let member = members.get("CertBodyMSP").unwrap();
    member.bodies().await.unwrap_err();
    serve(TcpListener::bind(address).await.unwrap(), Some(BOUND)).await;
    loop {
        match member.bodies().await {
            Ok(bodies) => {
                let [body] = bodies.as_ref() else { unreachable!("{bodies:?}") };
                assert_eq!((body.msp_id.as_str(), body.chaincode.as_str()), ("CertBodyMSP", "nanotrace"));
                break;
            }
            Err(Away::Unreachable(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(other) => unreachable!("{other}"),
        }
    }
    let no_body = member.application("OtherMSP", certificate::Code::from_random([7; 16])).await;
    assert!(matches!(no_body, Err(Away::NoBody(_))));
}

#[tokio::test]
async fn a_ledger_with_another_genesis_is_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_folder, mut profile) = network(&listener.local_addr().unwrap().to_string());
    serve(listener, Some(BOUND)).await;
    profile.genesis = "sha256:ff".into();
    let members = members(&profile);
    let member = members.get("CertBodyMSP").unwrap();
    assert!(matches!(member.bodies().await, Err(Away::OtherLedger)));
    assert!(member.gateway().await.is_err(), "nor submitted to");
}

/// Another organisation's peer could invent how an application or a certificate of the body stands.
#[tokio::test]
async fn a_body_asks_peers_of_its_own_about_what_is_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_folder, profile) = network(&listener.local_addr().unwrap().to_string());
    let asked = serve(listener, Some(BOUND)).await;
    let members = members(&profile);
    let body = members.reader_of("CertBodyMSP").unwrap();
    body.bodies().await.unwrap();
    let id = certificate::Code::from_random([7; 16]);
    asked.lock().unwrap().clear();
    body.application("CertBodyMSP", id).await.unwrap_err();
    body.applications("CertBodyMSP", None).await.unwrap_err();
    body.certificate("CertBodyMSP", id).await.unwrap_err();
    let own = vec!["CertBodyMSP".to_owned()];
    assert_eq!(*asked.lock().unwrap(), [own.clone(), own.clone(), own]);
    // Of a body that this portal is not, nothing better is known than who applies there.
    assert_eq!(members.reader_of("SecondBodyMSP").unwrap().msp_id, "CertBodyMSP");
}

/// A body that is away, or on another ledger, takes no other one with it.
#[tokio::test]
async fn a_body_that_does_not_answer_rightly_is_left_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_folder, profile) = network(&listener.local_addr().unwrap().to_string());
    serve(listener, Some(BOUND)).await;
    for other in ["another-ledger", "silent"] {
        let chaincodes = [other.to_owned(), "nanotrace".to_owned()];
        let members = Organisations::new(&profile, &chaincodes, &identity("User1"), None).unwrap();
        let member = members.get("CertBodyMSP").unwrap();
        let bodies = member.bodies().await.unwrap();
        assert_eq!(
            bodies.iter().map(|it| it.chaincode.as_str()).collect::<Vec<_>>(),
            ["nanotrace"],
            "{other}"
        );
        assert!(member.contract("CertBodyMSP").await.unwrap().is_some());
        // It may be that one's: nobody may take it for a body that there is not.
        assert!(matches!(member.contract("SecondBodyMSP").await, Err(Away::Unreachable(_))), "{other}");
    }
}

#[test]
fn identities_are_found_by_name_and_by_folder() {
    let (_folder, profile) = network("localhost:1");
    let set_up = |user: &str| Organisations::new(&profile, &[], &identity(user), None);
    let folder = peer_client::profile::msp_folder(&profile.crypto_config, "certbody.example", "User1");
    for right in ["User1", folder.to_str().unwrap()] {
        assert!(set_up(right).unwrap().get("CertBodyMSP").is_some(), "{right}");
    }
    let missing = Path::new("/nowhere/at/all");
    assert!(matches!(set_up("User9"), Err(SetupError::Profile(_))));
    assert!(matches!(set_up(missing.to_str().unwrap()), Err(SetupError::Identity { .. })));
    let twice = [identity("User1"), identity("Admin")].concat();
    assert!(matches!(Organisations::new(&profile, &[], &twice, None), Err(SetupError::Twice(_))));
    let nobody = Organisations::new(&profile, &[], &[], Some("CertBody"));
    assert!(matches!(nobody, Err(SetupError::Applicants(_))));
    assert!(Organisations::default().is_empty());
}
