//! What a flood takes, from strangers or from a member, is missing to the flood alone.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use fabric::{
    msp::SigningIdentity,
    proto::{
        common::Status as DeliverStatus,
        gateway::{CommitStatusRequest, SignedCommitStatusRequest, gateway_client::GatewayClient},
        protos::{DeliverResponse, deliver_response},
    },
};
use http_body::Frame;
use peer_client::{ConnectionProfile, Gateway, Invocation};
use prost::Message;
use tests::{
    Network,
    flood::{self, connect, deliver, now, peak_memory, seek},
    hostile::Forgery,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};
use tonic::{Code, transport::Channel};
use tower::{Service, ServiceExt};

/// Far more than any answer should take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a process may take more under a flood: 128 MiB of unfinished requests, and what goes with them.
const MORE_MEMORY: u64 = 300 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn silent_sockets_leave_verifier_and_gateways_reachable() {
    // For this process, which holds the other ends.
    transport::descriptors::raise_limit().unwrap();
    let network = Network::start_with_descriptors(1024);
    let profile = network.profile();
    let verifier = network.verifier().trim_start_matches("http://").to_owned();
    let mut addresses = vec![verifier.clone(), profile.orderer.address.clone()];
    addresses.extend(profile.organisations.iter().map(|organisation| organisation.gateway.address.clone()));
    let mut silent = Vec::new();
    for address in addresses.iter().cycle().take(1100) {
        silent.push(TcpStream::connect(address).await.unwrap());
    }

    assert!(get(&verifier, "/healthz").await.starts_with("HTTP/1.1 200"));
    for name in ["CertBody", "Accreditation", "Lab"] {
        show(&profile, name).await;
    }
    // What the database and the files of blocks may need is left.
    let open = std::fs::read_dir(format!("/proc/{}/fd", network.process_id())).unwrap().count();
    assert!(open < 1024 - 256, "{open} descriptors are open");
    drop(silent);
    assert!(network.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_messages_of_strangers_take_bounded_memory() {
    let network = Network::start();
    let profile = network.profile();
    let before = peak_memory(&network);
    let mut floods = JoinSet::new();
    let (sender, mut ends) = mpsc::unbounded_channel();
    for organisation in profile.organisations.iter().take(3) {
        let connection = organisation.gateway.endpoint().unwrap().connect().await.unwrap();
        for _ in 0..40 {
            floods.spawn(send_unfinished(connection.clone(), sender.clone()));
        }
    }
    let mut cut = 0;
    for _ in 0..floods.len() {
        let end = timeout(PATIENCE, ends.recv()).await.expect("every flood is cut or taken in whole");
        cut += usize::from(end == Some(Flood::Cut));
    }
    println!(
        "{cut} of {} floods were cut, {} MiB taken",
        floods.len(),
        (peak_memory(&network) - before) >> 20
    );
    assert!(cut >= 110, "{cut} floods were cut");
    show(&profile, "CertBody").await;
    let taken = peak_memory(&network) - before;
    assert!(taken < MORE_MEMORY, "{} MiB for strangers", taken >> 20);
    assert!(network.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn open_calls_of_one_member_do_not_refuse_another_organisations() {
    let network = Network::start();
    let profile = network.profile();
    let gateway = profile.organisation("CertBody").unwrap().gateway.endpoint().unwrap();
    let industry = profile.organisation("Industry").unwrap();
    let hostile = profile.identity(industry, "User1").unwrap();
    let connections = [gateway.connect().await.unwrap(), gateway.connect().await.unwrap()];
    let mut calls = JoinSet::new();
    for (number, connection) in (0..600).zip(connections.iter().cycle()) {
        let request = commit_status(&profile, &hostile, &format!("{number:064x}"));
        let mut client = GatewayClient::new(connection.clone());
        calls.spawn(async move { client.commit_status(request).await });
    }
    // What is refused says that all others are open: their transactions never come.
    for _ in 0..100 {
        let refused = timeout(PATIENCE, calls.join_next()).await.unwrap().unwrap().unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::Unknown);
        assert!(refused.message().starts_with("too many requests for /gateway.Gateway"), "{refused}");
    }

    // Through the same gateway.
    let accreditation = profile.organisation("Accreditation").unwrap();
    let honest = profile.identity(accreditation, "User1").unwrap();
    let honest = Gateway::connect(&gateway, honest).await.unwrap();
    ask(&honest).await.unwrap();
    let colleague = profile.identity(industry, "Admin").unwrap();
    ask(&honest.with_identity(colleague)).await.unwrap();
    let same = honest.with_identity(hostile.clone());
    assert!(ask(&same).await.unwrap_err().contains("too many requests"));

    // Calls that are given up make room again.
    drop(calls);
    timeout(PATIENCE, async { while ask(&same).await.is_err() {} }).await.unwrap();

    let mut client = GatewayClient::new(connections[0].clone());
    for wrong in ["abc", &"x".repeat(64), &"0".repeat(1 << 16)] {
        let refused = client.commit_status(commit_status(&profile, &hostile, wrong)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
    assert!(network.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seek_from_before_all_time_is_refused() {
    let network = Network::start();
    let profile = network.profile();
    for seconds in [i64::MIN, i64::MIN + 1, -1, i64::MAX] {
        let seek = seek(&profile, "Lab", prost_types::Timestamp { seconds, nanos: i32::MIN });
        let mut blocks = deliver(&connect(&profile, "Lab").await, seek).await;
        let answer = timeout(PATIENCE, blocks.message()).await.unwrap().unwrap();
        let status = deliver_response::Type::Status(DeliverStatus::BadRequest as i32);
        assert_eq!(answer, Some(DeliverResponse { r#type: Some(status) }), "{seconds}");
    }
    assert!(network.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_deliver_streams_take_bounded_memory() {
    const LARGE_BLOCKS: usize = 12;
    let network = Network::start();
    let profile = network.profile();
    for number in 0..LARGE_BLOCKS {
        let forgery = Forgery {
            namespace: "nanotrace",
            writes: vec![(format!("large/{number}"), vec![7; 4 << 20])],
            policies: Vec::new(),
            endorsers: &["CertBody"],
        };
        forgery.submit(&profile).await;
    }
    // The newest blocks are kept in memory for all; the large ones must be none of these.
    let gateway = flood::accreditation(&profile).await;
    for number in 0..40 {
        flood::register(&gateway, &number.to_string()).await.unwrap();
    }
    let before = peak_memory(&network);
    let mut unread = Vec::new();
    for _ in 0..60 {
        let connection = connect(&profile, "Lab").await;
        unread.push(deliver(&connection, seek(&profile, "Lab", now())).await);
    }
    // Meanwhile another organisation reads all.
    for _ in 0..3 {
        let mut blocks = deliver(&connect(&profile, "Customs").await, seek(&profile, "Customs", now())).await;
        let mut count = 0;
        let mut answer = timeout(PATIENCE, blocks.message()).await.unwrap().unwrap();
        while let Some(deliver_response::Type::Block(_)) = answer.and_then(|answer| answer.r#type) {
            count += 1;
            answer = timeout(PATIENCE, blocks.message()).await.unwrap().unwrap();
        }
        assert!(count > LARGE_BLOCKS + 40, "{count} blocks");
    }
    let taken = peak_memory(&network) - before;
    assert!(taken < MORE_MEMORY, "{} MiB for readers that do not read", taken >> 20);
    drop(unread);
    assert!(network.stop());
}

/// How a flood of one request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flood {
    /// The server has taken all but the last byte, and waits for that.
    TakenIn,
    /// The server closed the connection.
    Cut,
}

/// Sends a request but for its last byte, says how that went, and keeps what was sent open.
async fn send_unfinished(mut connection: Channel, ends: mpsc::UnboundedSender<Flood>) {
    let (all, mut all_sent) = mpsc::channel(1);
    let body = tonic::body::Body::new(Unfinished { left: Unfinished::SIZE, begun: false, all });
    let request = http::Request::post("https://localhost/gateway.Gateway/Submit")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    let Ok(connection) = connection.ready().await else { return ends.send(Flood::Cut).unwrap() };
    let call = connection.call(request);
    tokio::pin!(call);
    tokio::select! {
        _ = &mut call => return ends.send(Flood::Cut).unwrap(),
        Some(()) = all_sent.recv() => ends.send(Flood::TakenIn).unwrap(),
    }
    let _ = call.await;
}

/// A message that never ends.
struct Unfinished {
    left: usize,
    begun: bool,
    all: mpsc::Sender<()>,
}

impl Unfinished {
    /// The gateway's limit is 20 MiB.
    const SIZE: usize = 19 << 20;
}

impl http_body::Body for Unfinished {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        const PART: &[u8] = &[7; 64 << 10];
        if !self.begun {
            self.begun = true;
            let prefix = [&[0][..], &(Self::SIZE as u32).to_be_bytes()].concat();
            return Poll::Ready(Some(Ok(Frame::data(prefix.into()))));
        }
        if self.left <= PART.len() {
            // No waker: the rest never comes.
            let _ = self.all.try_send(());
            return Poll::Pending;
        }
        self.left -= PART.len();
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(PART)))))
    }
}

async fn get(address: &str, path: &str) -> String {
    let answer = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    timeout(PATIENCE, answer).await.expect("the verifier answers")
}

/// Asks an organisation's gateway for something, as a member of it.
async fn show(profile: &ConnectionProfile, organisation: &str) {
    let organisation = profile.organisation(organisation).unwrap();
    let identity = profile.identity(organisation, "User1").unwrap();
    let asked = async {
        let gateway = Gateway::connect(&organisation.gateway.endpoint().unwrap(), identity).await.unwrap();
        ask(&gateway).await.unwrap();
    };
    timeout(PATIENCE, asked).await.expect("the gateway answers");
}

/// An answer of the chaincode, also that there is no such thing; an error where the gateway refused the call.
async fn ask(gateway: &Gateway) -> Result<(), String> {
    let invocation = Invocation::new("nanotrace", "nanotrace", "ledger:get");
    match gateway.proposal(invocation).unwrap().evaluate().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = format!("{error} {error:?}");
            if text.contains("too many requests") { Err(text) } else { Ok(()) }
        }
    }
}

fn commit_status(
    profile: &ConnectionProfile,
    client: &SigningIdentity,
    txid: &str,
) -> SignedCommitStatusRequest {
    let request = CommitStatusRequest {
        transaction_id: txid.to_owned(),
        channel_id: profile.channel.clone(),
        identity: client.serialized(),
    };
    let request: Bytes = request.encode_to_vec().into();
    SignedCommitStatusRequest { signature: client.sign(&request).unwrap().into(), request }
}
