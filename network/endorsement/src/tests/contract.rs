//! A chaincode server for tests: it sends the requests that its caller asks for, and hands back the answers.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use fabric::{
    proto::protos::{
        ChaincodeAdditionalParams, ChaincodeEvent, ChaincodeId, ChaincodeInput, ChaincodeMessage,
        GetStateMultipleResult, Response, chaincode_message::Type,
    },
    types::decode,
};
use futures::{Stream, StreamExt};
use parking_lot::Mutex;
use prost::Message;
use services::protos::chaincode_server::{Chaincode, ChaincodeServer};
use std::collections::HashMap;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Status, Streaming, transport::Server};

use super::network::encode;

type Outbound = mpsc::Sender<Result<ChaincodeMessage, Status>>;
/// Where the answers to each transaction's requests go.
type Waiting = Arc<Mutex<HashMap<(String, String), mpsc::Sender<ChaincodeMessage>>>>;

/// What a call of the test contract does: its first argument, the others being encoded requests.
pub const RUN: &[u8] = b"run";
/// As [`RUN`], then answers with an event.
pub const EMIT: &[u8] = b"emit";
/// Fails without a response.
pub const FAIL: &[u8] = b"fail";
/// Never answers.
pub const HANG: &[u8] = b"hang";
/// Ends the stream in the middle of the call.
pub const BREAK: &[u8] = b"break";

/// A running chaincode server.
pub struct TestContract {
    pub address: SocketAddr,
    /// Streams opened so far.
    pub streams: Arc<AtomicUsize>,
    /// What the last peer offered.
    pub offered: Arc<Mutex<Option<ChaincodeAdditionalParams>>>,
    stop: Option<oneshot::Sender<()>>,
    stopped: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Contract {
    package_id: Arc<Mutex<String>>,
    streams: Arc<AtomicUsize>,
    offered: Arc<Mutex<Option<ChaincodeAdditionalParams>>>,
}

/// The socket of a server that is not started yet: its address is part of the package.
pub struct Socket(tokio::net::TcpListener);

impl Socket {
    pub async fn bind() -> Self {
        Self(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub async fn bind_again(address: SocketAddr) -> Self {
        Self(tokio::net::TcpListener::bind(address).await.unwrap())
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Serves the contract under this package id.
    pub fn serve(self, package_id: &str) -> TestContract {
        let address = self.address();
        let contract = Contract {
            package_id: Arc::new(Mutex::new(package_id.to_owned())),
            streams: Arc::default(),
            offered: Arc::default(),
        };
        let (streams, offered) = (contract.streams.clone(), contract.offered.clone());
        let (stop, stopping) = oneshot::channel::<()>();
        let serving = Server::builder()
            .add_service(ChaincodeServer::new(contract))
            .serve_with_incoming_shutdown(TcpListenerStream::new(self.0), async { drop(stopping.await) });
        let stopped = tokio::spawn(async move { serving.await.unwrap() });
        TestContract { address, streams, offered, stop: Some(stop), stopped }
    }
}

impl TestContract {
    /// Breaks off: connections are dropped, not drained.
    pub async fn kill(mut self) {
        drop(self.stop.take());
        self.stopped.abort();
        drop(self.stopped.await);
    }
}

#[tonic::async_trait]
impl Chaincode for Contract {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<ChaincodeMessage, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<ChaincodeMessage>>,
    ) -> Result<tonic::Response<Self::ConnectStream>, Status> {
        self.streams.fetch_add(1, Ordering::SeqCst);
        let (outbound, messages) = mpsc::channel(64);
        let name = self.package_id.lock().clone();
        let register = message(Type::Register, encode(&ChaincodeId { name, ..Default::default() }));
        outbound.send(Ok(register)).await.unwrap();
        tokio::spawn(self.clone().talk(request.into_inner(), outbound));
        Ok(tonic::Response::new(Box::pin(ReceiverStream::new(messages).boxed())))
    }
}

impl Contract {
    async fn talk(self, mut inbound: Streaming<ChaincodeMessage>, outbound: Outbound) {
        let waiting = Waiting::default();
        while let Ok(Some(message)) = inbound.message().await {
            match message.r#type() {
                Type::Ready => *self.offered.lock() = Some(decode(message.payload).unwrap()),
                Type::Transaction | Type::Init => {
                    let input: ChaincodeInput = decode(message.payload.clone()).unwrap();
                    if input.args.first().is_some_and(|first| first == BREAK) {
                        return;
                    }
                    if input.args.first().is_some_and(|first| first == HANG) {
                        continue;
                    }
                    assert!(input.decorations.is_empty(), "a client's decorations came through");
                    tokio::spawn(call(message, input, outbound.clone(), waiting.clone()));
                }
                Type::Response | Type::Error => {
                    let key = (message.channel_id.clone(), message.txid.clone());
                    let receiver = waiting.lock().get(&key).cloned();
                    if let Some(receiver) = receiver {
                        receiver.send(message).await.unwrap();
                    }
                }
                _ => {}
            }
        }
    }
}

/// Sends the requests of one call, one after the other, and completes it.
async fn call(begin: ChaincodeMessage, input: ChaincodeInput, outbound: Outbound, waiting: Waiting) {
    let key = (begin.channel_id.clone(), begin.txid.clone());
    let (answered, mut answers) = mpsc::channel(4);
    waiting.lock().insert(key.clone(), answered);
    let belonging = |message: ChaincodeMessage| ChaincodeMessage {
        txid: begin.txid.clone(),
        channel_id: begin.channel_id.clone(),
        ..message
    };
    let mut values = Vec::new();
    let (what, requests) = input.args.split_first().expect("the test contract needs an argument");
    for request in requests {
        let request = ChaincodeMessage::decode(request.clone()).unwrap();
        outbound.send(Ok(belonging(request))).await.unwrap();
        let Some(answer) = answers.recv().await else { return };
        values.push(encode(&ChaincodeMessage { txid: String::new(), ..answer }));
    }
    waiting.lock().remove(&key);
    let response =
        Response { status: 200, payload: encode(&GetStateMultipleResult { values }), ..Default::default() };
    let completion = match &what[..] {
        RUN => message(Type::Completed, encode(&response)),
        EMIT => {
            let event = ChaincodeEvent {
                chaincode_id: "somebody else".into(),
                event_name: "happened".into(),
                payload: "news".into(),
                ..Default::default()
            };
            ChaincodeMessage { chaincode_event: Some(event), ..message(Type::Completed, encode(&response)) }
        }
        FAIL => message(Type::Error, "out of ink".into()),
        status => {
            let status =
                std::str::from_utf8(status).unwrap().strip_prefix("refuse").unwrap().parse().unwrap();
            let refusal = Response { status, message: "no".into(), ..Default::default() };
            message(Type::Completed, encode(&refusal))
        }
    };
    outbound.send(Ok(belonging(completion))).await.unwrap();
}

fn message(kind: Type, payload: Bytes) -> ChaincodeMessage {
    ChaincodeMessage { r#type: kind.into(), payload, ..Default::default() }
}

/// Arguments of a call that makes these requests.
pub fn args(what: &[u8], requests: &[(Type, Bytes)]) -> Vec<Bytes> {
    let requests = requests.iter().map(|(kind, payload)| encode(&message(*kind, payload.clone())));
    std::iter::once(Bytes::copy_from_slice(what)).chain(requests).collect()
}

/// The answers that the contract got to its requests.
pub fn answers(payload: Bytes) -> Vec<ChaincodeMessage> {
    let answers: GetStateMultipleResult = decode(payload).unwrap();
    answers.values.into_iter().map(|answer| decode(answer).unwrap()).collect()
}
