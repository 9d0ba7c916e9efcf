//! What a flood takes, from strangers or from a member, is missing to the flood alone.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    future::pending,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use fabric::proto::{
    common::{Envelope, Status as DeliverStatus},
    gateway::{CommitStatusRequest, EvaluateRequest, ProposedTransaction, SignedCommitStatusRequest},
    protos::{DeliverResponse, deliver_response},
};
use http_body::Frame;
use http_body_util::BodyExt;
use msp::SigningIdentity;
use peer_client::{ConnectionProfile, Gateway, Invocation};
use prost::Message;
use services::gateway::gateway_client::GatewayClient;
use tests::{
    Network,
    flood::{self, connect, deliver, now, peak_memory, seek},
    hostile::Forgery,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Barrier,
    task::{JoinSet, yield_now},
    time::timeout,
};
use tonic::{Code, Status, transport::Channel};

/// Far more than any answer should take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a process may take more under a flood: 216 MiB of unfinished requests or 128 MiB of unread answers,
/// and what goes with them.
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
    // Of these, eleven are within the limit at a time.
    const SIZE: usize = 19 << 20;
    let mut floods = JoinSet::new();
    for organisation in profile.organisations.iter().take(3) {
        let connection = organisation.gateway.endpoint().unwrap().connect().await.unwrap();
        for _ in 0..40 {
            let connection = connection.clone();
            let body = tonic::body::Body::new(Unfinished::new(SIZE, pending()));
            floods.spawn(async move { flood::call(&connection, "gateway.Gateway/Submit", body).await });
        }
    }
    while floods.len() > node::limits::UNFINISHED_BYTES / SIZE {
        let refused = timeout(PATIENCE, floods.join_next()).await.expect("one that is refused");
        let refused = refused.unwrap().unwrap().expect("its connection stays");
        let status = Status::from_header_map(refused.headers()).unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    }
    show(&profile, "CertBody").await;
    let taken = peak_memory(&network) - before;
    println!("{} MiB for strangers", taken >> 20);
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
async fn unread_answers_take_bounded_memory() {
    let network = Network::start();
    let profile = network.profile();
    let height = write_large_blocks(&profile).await;
    let before = peak_memory(&network);
    let mut unread = Vec::new();
    for _ in 0..60 {
        let connection = connect(&profile, "Lab").await;
        let blocks = deliver(&connection, seek(&profile, "Lab", now())).await;
        unread.push((connection, blocks));
    }
    // Meanwhile others read all: another organisation, and the very identity that leaves so much.
    for name in ["Customs", "Customs", "Lab", "Lab"] {
        assert_eq!(read_all(&profile, &connect(&profile, name).await, name).await, height);
    }
    // The stream that has been unread longest had to go, and nothing else on its connection.
    let (connection, blocks) = unread.remove(0);
    let (_, end) = timeout(PATIENCE, flood::blocks(blocks)).await.unwrap();
    assert_eq!(end.unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(read_all(&profile, &connection, "Lab").await, height);

    let mut results = Vec::new();
    for _ in 0..15 {
        let connection = connect(&profile, "Lab").await;
        for _ in 0..4 {
            let body = large_result(&profile, "Lab", height as u64 - 45).await;
            results.push(flood::call(&connection, "gateway.Gateway/Evaluate", body).await.unwrap());
        }
    }
    // Of these, too, the oldest had to go.
    let (oldest, newest) = (results.remove(0), results.pop().unwrap());
    assert!(timeout(PATIENCE, oldest.into_body().collect()).await.unwrap().is_err());
    let result = timeout(PATIENCE, newest.into_body().collect()).await.unwrap().unwrap().to_bytes();
    assert!(result.len() > 4 << 20, "{} bytes", result.len());
    show(&profile, "Lab").await;
    let taken = peak_memory(&network) - before;
    println!("{} MiB for unread answers", taken >> 20);
    assert!(taken < MORE_MEMORY, "{} MiB for unread answers", taken >> 20);
    drop((unread, results));
    assert!(network.stop());
}

/// Commits some blocks of 4 MiB each, and then so many small ones that the large ones are not kept in memory for all
/// readers. Gives the number of blocks.
async fn write_large_blocks(profile: &ConnectionProfile) -> usize {
    for number in 0..12 {
        let forgery = Forgery {
            namespace: "nanotrace",
            writes: vec![(format!("large/{number}"), vec![7; 4 << 20])],
            endorsers: &["CertBody"],
            ..Forgery::default()
        };
        forgery.submit(profile).await;
    }
    let gateway = flood::accreditation(profile).await;
    for number in 0..40 {
        flood::register(&gateway, &number.to_string()).await.unwrap();
    }
    flood::blocks(deliver(&connect(profile, "Customs").await, seek(profile, "Customs", now())).await).await.0
}

async fn read_all(profile: &ConnectionProfile, connection: &Channel, organisation: &str) -> usize {
    let blocks = deliver(connection, seek(profile, organisation, now())).await;
    let (count, end) = timeout(PATIENCE, flood::blocks(blocks)).await.unwrap();
    end.unwrap();
    count
}

/// A request for a block as the result of a query.
async fn large_result(profile: &ConnectionProfile, organisation: &str, block: u64) -> tonic::body::Body {
    let organisation = profile.organisation(organisation).unwrap();
    let identity = profile.identity(organisation, "User1").unwrap();
    let gateway = Gateway::connect(&organisation.gateway.endpoint().unwrap(), identity).await.unwrap();
    let invocation = Invocation::new(&profile.channel, "qscc", "GetBlockByNumber")
        .argument(profile.channel.clone())
        .argument(block.to_string());
    let proposal = gateway.proposal(invocation).unwrap();
    let proposed = ProposedTransaction::decode(proposal.to_bytes()).unwrap();
    let request = EvaluateRequest {
        transaction_id: proposal.transaction_id().to_owned(),
        channel_id: profile.channel.clone(),
        proposed_transaction: proposed.proposal,
        target_organizations: Vec::new(),
    };
    tonic::body::Body::new(http_body_util::Full::new(flood::framed(&request)))
}

/// A request for blocks without end, and then as many more as there is room for. Counts their bytes.
struct Seeks {
    first: Option<Bytes>,
    sent: Arc<AtomicUsize>,
}

impl http_body::Body for Seeks {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let seek = self.first.take().unwrap_or_else(|| {
            let more = vec![0; 1 << 10];
            flood::framed(&Envelope { payload: more.into(), ..Default::default() })
        });
        self.sent.fetch_add(seek.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(seek))))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_nobody_takes_wait_in_the_window_of_their_connection() {
    const WINDOW: usize = node::limits::CONNECTION_WINDOW as usize;
    let network = Network::start();
    let profile = network.profile();
    let connection = connect(&profile, "Lab").await;
    let sent = Arc::new(AtomicUsize::new(0));
    let mut busy = Vec::new();
    for _ in 0..8 {
        let first = Some(flood::framed(&flood::follow(&profile, "Lab")));
        let body = tonic::body::Body::new(Seeks { first, sent: sent.clone() });
        busy.push(flood::call(&connection, "protos.Deliver/Deliver", body).await.unwrap());
    }
    let full = async {
        while sent.load(Ordering::Relaxed) < WINDOW {
            yield_now().await;
        }
    };
    timeout(PATIENCE, full).await.unwrap();
    // And no further.
    let most = WINDOW + WINDOW / 8;
    let more = async {
        while sent.load(Ordering::Relaxed) <= most {
            yield_now().await;
        }
    };
    assert!(timeout(Duration::from_secs(2), more).await.is_err());
    // Another connection of the same client is served.
    show(&profile, "Lab").await;
    drop(busy);
    assert!(network.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn open_health_watches_of_strangers_are_bounded() {
    const EACH: usize = 500;
    let network = Network::start();
    let profile = network.profile();
    let mut watches = Vec::new();
    for organisation in profile.organisations.iter().cycle().take(20) {
        let connection = organisation.gateway.endpoint().unwrap().connect().await.unwrap();
        for _ in 0..EACH {
            let request = tonic_health::pb::HealthCheckRequest::default();
            let body = tonic::body::Body::new(http_body_util::Full::new(flood::framed(&request)));
            // The connection may have been closed meanwhile, to the profit of others.
            watches.extend(flood::call(&connection, "grpc.health.v1.Health/Watch", body).await.ok());
        }
    }
    let mut open = 0;
    for watch in watches {
        let mut status = watch.into_body();
        // After the first word an open one says nothing.
        while let Some(Ok(_)) = match timeout(Duration::from_millis(1), status.frame()).await {
            Ok(frame) => frame,
            Err(_) => {
                open += 1;
                None
            }
        } {}
    }
    println!("{open} watches are open");
    assert!(open <= node::limits::OPEN_CALLS, "{open} calls are open");
    show(&profile, "CertBody").await;
    assert!(network.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_the_largest_requests_arrive_at_once() {
    const SIZE: usize = node::limits::ENDORSER_REQUEST - 1024;
    let network = Network::start();
    let profile = network.profile();
    for names in [["CertBody", "Industry"], ["CertBody", "CertBody"]] {
        let both_taken_in = Arc::new(Barrier::new(2));
        let mut installs = JoinSet::new();
        for name in names {
            let connection = connect(&profile, name).await;
            let both_taken_in = both_taken_in.clone();
            let rest = async move {
                both_taken_in.wait().await;
            };
            let body = tonic::body::Body::new(Unfinished::new(SIZE, rest));
            installs.spawn(
                async move { flood::call(&connection, "protos.Endorser/ProcessProposal", body).await },
            );
        }
        while let Some(answer) = timeout(PATIENCE, installs.join_next()).await.expect("both are answered") {
            // It is no proposal, which only shows when all of it is there.
            let answer = answer.unwrap().expect("the connection is not cut");
            let status = Status::from_header_map(answer.headers()).unwrap();
            assert_eq!(status.code(), Code::Internal, "{status}");
        }
    }
    assert!(network.stop());
}

/// A message whose last part comes when a future allows it.
struct Unfinished {
    size: usize,
    left: usize,
    rest: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Unfinished {
    fn new(size: usize, rest: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { size, left: size, rest: Box::pin(rest) }
    }
}

impl http_body::Body for Unfinished {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        const PART: &[u8] = &[7; 64 << 10];
        let part = PART.get(..self.left).unwrap_or(PART);
        if part.is_empty() {
            return Poll::Ready(None);
        }
        if self.left == part.len() {
            ready!(self.rest.as_mut().poll(context));
        }
        let prefix = [&[0][..], &(self.size as u32).to_be_bytes()].concat();
        let prefix = if self.left == self.size { &prefix[..] } else { &[] };
        self.left -= part.len();
        Poll::Ready(Some(Ok(Frame::data([prefix, part].concat().into()))))
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
