//! A node that stops, or has to, tells everybody who waits and is gone within seconds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Stdio},
    time::Duration,
};

use bytes::Bytes;
use fabric::proto::{
    common::{ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader},
    orderer::{SeekInfo, SeekNewest, SeekPosition, SeekSpecified, seek_position::Type},
};
use futures::{StreamExt, stream};
use msp::SigningIdentity;
use peer_client::{ConnectionProfile, Error, Gateway, Invocation, StartAt};
use prost::Message;
use services::{
    orderer::atomic_broadcast_client::AtomicBroadcastClient, protos::deliver_client::DeliverClient,
};
use tests::{Network, assert_success, interrupt, nanotrace_with_files_up_to};
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};

/// Far longer than a node takes to end: it gives clients three seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// `nanotrace up` whose end is looked at.
struct Process {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Goes on with a network; no file of it may become larger than `limit`.
    fn start(directory: &Path, limit: Option<u64>) -> Self {
        let mut process = nanotrace_with_files_up_to(limit)
            .args(["up", "--port", "0", "--verifier", "127.0.0.1:0", "--no-portal", "--data-dir"])
            .arg(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        wait_for(&mut output, "What to try next");
        Self { process, output }
    }

    async fn ended(mut self) -> (Option<i32>, String) {
        let ending = tokio::task::spawn_blocking(move || {
            std::io::copy(&mut self.output, &mut std::io::sink()).unwrap();
            let mut said = String::new();
            self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            (self.process.wait().unwrap().code(), said)
        });
        timeout(PATIENCE, ending).await.expect("the process goes on").unwrap()
    }
}

fn wait_for(output: &mut impl BufRead, begin: &str) {
    let mut line = String::new();
    while !line.starts_with(begin) {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the network ended before {begin:?}");
    }
}

/// Clients that wait for something that does not come.
struct Waiting {
    streams: Vec<(&'static str, tokio::task::JoinHandle<Status>)>,
}

impl Waiting {
    async fn begin(profile: &ConnectionProfile) -> Self {
        let organisation = profile.organisation("Accreditation").unwrap();
        let identity = profile.identity(organisation, "User1").unwrap();
        let endpoint = organisation.gateway.endpoint().unwrap();
        let gateway = Gateway::connect(&endpoint, identity.clone()).await.unwrap();

        let mut events =
            gateway.chaincode_events(&profile.channel, &profile.chaincode, StartAt::Next).await.unwrap();
        let events = tokio::spawn(async move {
            loop {
                match events.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Status::ok("the stream ended"),
                    Err(error) => return status(error),
                }
            }
        });
        let commit = gateway.commit(&profile.channel, &"ab".repeat(32)).unwrap();
        let commit = tokio::spawn(async move { status(commit.status().await.unwrap_err()) });

        let connection = endpoint.connect().await.unwrap();
        let blocks =
            DeliverClient::new(connection).deliver(stays_open(seek(profile, &identity))).await.unwrap();
        let blocks = after_first(blocks.into_inner()).await;
        let orderer = profile.orderer.endpoint().unwrap().connect().await.unwrap();
        let mut orderer = AtomicBroadcastClient::new(orderer);
        let ordered = orderer.deliver(stays_open(seek(profile, &identity))).await.unwrap();
        let ordered = after_first(ordered.into_inner()).await;
        let answers = orderer.broadcast(stream::pending()).await.unwrap();
        let answers = tokio::spawn(failure(answers.into_inner()));

        let streams = vec![
            ("chaincode events", events),
            ("commit status", commit),
            ("peer deliver", blocks),
            ("orderer deliver", ordered),
            ("broadcast", answers),
        ];
        Self { streams }
    }

    /// Each hears that the node is not available, and why.
    async fn hear(self, why: &str) {
        for (name, stream) in self.streams {
            let status = timeout(PATIENCE, stream).await.unwrap_or_else(|_| panic!("{name} waits")).unwrap();
            assert_eq!(status.code(), Code::Unavailable, "{name}: {status}");
            assert!(status.message().contains(why), "{name}: {status}");
            if name == "commit status" {
                assert!(status.message().contains("not known whether"), "{status}");
            }
        }
    }
}

fn status(error: Error) -> Status {
    let Error::Gateway(error) = error else { panic!("{error}") };
    Status::new(error.code, error.message)
}

/// A client that sends one envelope and never half-closes.
fn stays_open(envelope: Envelope) -> impl futures::Stream<Item = Envelope> {
    stream::once(std::future::ready(envelope)).chain(stream::pending())
}

/// Takes the newest block, and waits for more.
async fn after_first<M: Send + 'static>(mut blocks: Streaming<M>) -> tokio::task::JoinHandle<Status> {
    blocks.message().await.unwrap().unwrap();
    tokio::spawn(failure(blocks))
}

async fn failure<M>(mut stream: Streaming<M>) -> Status {
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return Status::ok("the stream ended"),
            Err(status) => return status,
        }
    }
}

/// The request for all blocks from the newest on.
fn seek(profile: &ConnectionProfile, identity: &SigningIdentity) -> Envelope {
    let position = |at| Some(SeekPosition { r#type: Some(at) });
    let info = SeekInfo {
        start: position(Type::Newest(SeekNewest {})),
        stop: position(Type::Specified(SeekSpecified { number: u64::MAX })),
        ..Default::default()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let channel_header = ChannelHeader {
        r#type: HeaderType::DeliverSeekInfo as i32,
        channel_id: profile.channel.clone(),
        timestamp: Some(prost_types::Timestamp { seconds: now.as_secs() as i64, nanos: 0 }),
        ..Default::default()
    };
    let signature_header =
        SignatureHeader { creator: identity.serialized(), nonce: Bytes::from_static(&[7; 24]) };
    let header = Header {
        channel_header: channel_header.encode_to_vec().into(),
        signature_header: signature_header.encode_to_vec().into(),
    };
    let payload = Payload { header: Some(header), data: info.encode_to_vec().into() };
    let payload: Bytes = payload.encode_to_vec().into();
    let signature = identity.sign(&payload).unwrap().into();
    Envelope { payload, signature }
}

/// A call of the health service that never ends by itself.
async fn watch_health(profile: &ConnectionProfile) -> Streaming<tonic_health::pb::HealthCheckResponse> {
    let connection = profile.orderer.endpoint().unwrap().connect().await.unwrap();
    let mut client = tonic_health::pb::health_client::HealthClient::new(connection);
    let request = tonic_health::pb::HealthCheckRequest::default();
    let mut watched = client.watch(request).await.unwrap().into_inner();
    watched.message().await.unwrap().unwrap();
    watched
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_streams_of_clients() {
    let folder = tempfile::tempdir().unwrap();
    let network = Process::start(folder.path(), None);
    let profile = ConnectionProfile::load(&folder.path().join("network.json")).unwrap();
    let waiting = Waiting::begin(&profile).await;
    // One who does not let go at all.
    let watched = watch_health(&profile).await;
    interrupt(network.process.id());
    waiting.hear("the node is shutting down").await;
    let (exit, said) = network.ended().await;
    assert_eq!(exit, Some(0), "{said}");
    drop(watched);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Process::start(folder.path(), None);
    let profile = ConnectionProfile::load(&folder.path().join("network.json")).unwrap();
    // The node would wait for it some seconds.
    let watched = watch_health(&profile).await;
    interrupt(network.process.id());
    wait_for(&mut network.output, "Stopping");
    interrupt(network.process.id());
    let (exit, said) = network.ended().await;
    assert_eq!(exit, Some(4), "{said}");
    assert!(said.contains("second signal"), "{said}");
    drop(watched);
    assert!(Network::start_in(folder.path()).stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_node_and_everybody_hears_of_it() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Network::start_in(folder.path()).stop());
    let log = folder.path().join("ledger/blocks").join(format!("{:020}.log", 0));
    let limit = fs::metadata(&log).unwrap().len() + 100_000;

    let network = Process::start(folder.path(), Some(limit));
    let profile = ConnectionProfile::load(&folder.path().join("network.json")).unwrap();
    let waiting = Waiting::begin(&profile).await;
    let organisation = profile.organisation("Accreditation").unwrap();
    let identity = profile.identity(organisation, "Admin").unwrap();
    let gateway = Gateway::connect(&organisation.gateway.endpoint().unwrap(), identity).await.unwrap();
    let mut acknowledged = Vec::new();
    let error = loop {
        match timeout(PATIENCE, register(&gateway, acknowledged.len())).await.expect("an answer") {
            Ok(id) => acknowledged.push(id),
            Err(error) => break error,
        }
    };
    assert!(!acknowledged.is_empty());
    let said = status(error);
    // A call that was on its way to a connection that ends is cancelled on this side, before the node sees it.
    assert!(matches!(said.code(), Code::Unavailable | Code::Cancelled), "{said}");
    waiting.hear("the node has failed and stops").await;
    let (exit, said) = network.ended().await;
    assert_eq!(exit, Some(4), "{said}");
    assert!(said.contains("the node cannot go on") && said.contains("File too large"), "{said}");

    let network = Network::start_in(folder.path());
    let listed = assert_success(&network.nanotrace(&["cert", "scheme", "list"]));
    for id in acknowledged {
        assert!(listed.contains(&id), "{id} is lost");
    }
    assert!(network.stop());
}

async fn register(gateway: &Gateway, number: usize) -> Result<String, Error> {
    let id = format!("https://example.org/schemes/{number}");
    let scheme = serde_json::json!({
        "id": id, "version": "1", "title": "Until the disk is full", "standards": ["https://example.org/standard"],
    });
    let invocation = Invocation::new("nanotrace", "nanotrace-registry", "scheme:register")
        .argument(scheme.to_string().into_bytes());
    let commit = gateway.proposal(invocation)?.endorse().await?.submit().await?;
    commit.status().await?.successful()?;
    Ok(id)
}
