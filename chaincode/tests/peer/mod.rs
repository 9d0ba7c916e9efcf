//! A peer of the tests' own: dials the chaincode, checks the handshake, and answers from a small ledger.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use chaincode::{Server, ServerError, ServerTls};
use fabric::proto::{
    common::{ChannelHeader, Header, HeaderType, SignatureHeader},
    msp::SerializedIdentity,
    protos::{
        ChaincodeAdditionalParams, ChaincodeEvent, ChaincodeId, ChaincodeInput, ChaincodeMessage, DelState,
        GetState, GetStateByRange, GetStateMultiple, GetStateMultipleResult, Proposal, PutState,
        QueryResponse, QueryResultBytes, QueryStateNext, Response, SignedProposal, WriteBatchState,
        chaincode_message::Type, write_record,
    },
    queryresult::Kv,
};
use prost::Message;
use services::protos::chaincode_client::ChaincodeClient;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, transport::Channel};

pub const PACKAGE_ID: &str = "nanotrace_1.0:0123456789abcdef";
pub const CHANNEL: &str = "nanotrace";

/// Certificates without their keys: a peer has checked the signature before the chaincode sees it.
pub const ADMIN: &str = include_str!("../data/admin.pem");
pub const CLIENT: &str = include_str!("../data/client.pem");

/// Far longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the registry's chaincode is told when it starts.
pub fn registry() -> certificate::Chaincode {
    told(certificate::Part::Registry)
}

fn told(part: certificate::Part) -> certificate::Chaincode {
    certificate::Chaincode { part, accreditation_body: "AccreditationMSP".into() }
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("nothing happened for a long time")
}

/// The server under test, on a port of its own.
pub struct Chaincode {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<Result<(), ServerError>>,
}

impl Chaincode {
    pub async fn start() -> Self {
        Self::start_with(Server::new(PACKAGE_ID, registry()).unwrap()).await
    }

    pub async fn start_of_body() -> Self {
        Self::start_with(Server::new(PACKAGE_ID, told(certificate::Part::Body)).unwrap()).await
    }

    pub async fn start_tls(tls: ServerTls) -> Self {
        Self::start_with(Server::new(PACKAGE_ID, registry()).unwrap().with_tls(tls)).await
    }

    async fn start_with(server: Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let server = tokio::spawn(server.serve(listener, stopped));
        Self { address, stop: Some(stop), server }
    }

    /// Tells the server to stop without waiting for it.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub async fn stopped(mut self) {
        self.stop();
        within(self.server).await.unwrap().unwrap();
    }
}

/// The peer's end of a stream.
pub struct Peer {
    outgoing: mpsc::Sender<ChaincodeMessage>,
    incoming: Streaming<ChaincodeMessage>,
    /// Requests that were answered, by type.
    pub requests: Vec<Type>,
    pub ledger: BTreeMap<String, Bytes>,
    pub policies: BTreeMap<String, Bytes>,
    /// Collections and keys that were purged.
    pub purged: Vec<(String, String)>,
    /// How many results one page of a query holds.
    pub page: usize,
    pages: BTreeMap<String, VecDeque<Kv>>,
}

/// What ended a transaction.
#[derive(Debug)]
pub struct Outcome {
    pub response: Result<Response, String>,
    pub event: Option<ChaincodeEvent>,
}

impl Outcome {
    pub fn response(&self) -> &Response {
        self.response.as_ref().expect("a response")
    }

    pub fn error(&self) -> &str {
        self.response.as_ref().expect_err("no response")
    }
}

impl Peer {
    /// Dials, and takes the registration.
    pub async fn dial(address: SocketAddr) -> Self {
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Self::over(channel).await.unwrap()
    }

    pub async fn over(channel: Channel) -> Result<Self, Status> {
        let (outgoing, messages) = mpsc::channel(64);
        let mut client = ChaincodeClient::new(channel);
        let mut incoming = within(client.connect(ReceiverStream::new(messages))).await?.into_inner();
        let register = within(incoming.message()).await?.unwrap();
        assert_eq!(register.r#type(), Type::Register);
        assert_eq!(ChaincodeId::decode(register.payload).unwrap().name, PACKAGE_ID);
        let (requests, ledger, policies, purged, pages) = Default::default();
        Ok(Self { outgoing, incoming, requests, ledger, policies, purged, page: 100, pages })
    }

    /// A peer since Fabric 3.1 offers batches; one before sends READY without a payload.
    pub async fn ready(&self, batches: bool) {
        let offer = ChaincodeAdditionalParams {
            use_write_batch: true,
            max_size_write_batch: 1000,
            use_get_multiple_keys: true,
            max_size_get_multiple_keys: 1000,
        };
        self.send(ChaincodeMessage { r#type: Type::Registered.into(), ..Default::default() }).await;
        let payload = if batches { offer.encode_to_vec() } else { Vec::new() };
        self.send(ChaincodeMessage {
            r#type: Type::Ready.into(),
            payload: payload.into(),
            ..Default::default()
        })
        .await;
    }

    pub async fn connected(chaincode: &Chaincode, batches: bool) -> Self {
        let peer = Self::dial(chaincode.address).await;
        peer.ready(batches).await;
        peer
    }

    pub async fn send(&self, message: ChaincodeMessage) {
        self.outgoing.send(message).await.unwrap();
    }

    /// The chaincode's next message; `None` when it closed the stream.
    pub async fn receive(&mut self) -> Option<ChaincodeMessage> {
        within(self.incoming.message()).await.unwrap()
    }

    /// Runs a transaction to its end, answering every request from the ledger.
    pub async fn run(&mut self, transaction: ChaincodeMessage) -> Outcome {
        self.send(transaction).await;
        self.finish().await
    }

    pub async fn finish(&mut self) -> Outcome {
        loop {
            let message = self.receive().await.expect("the stream is open");
            match message.r#type() {
                Type::Completed => {
                    let response = Ok(Response::decode(message.payload).unwrap());
                    return Outcome { response, event: message.chaincode_event };
                }
                Type::Error => {
                    let text = String::from_utf8(message.payload.to_vec()).unwrap();
                    return Outcome { response: Err(text), event: None };
                }
                _ => self.answer(message).await,
            }
        }
    }

    pub async fn answer(&mut self, request: ChaincodeMessage) {
        let kind = request.r#type();
        self.requests.push(kind);
        let payload = self.serve(kind, request.payload.clone());
        self.send(reply(&request, Type::Response, payload)).await;
    }

    fn serve(&mut self, kind: Type, payload: Bytes) -> Bytes {
        match kind {
            Type::GetState => self.value(&GetState::decode(payload).unwrap().key),
            Type::GetStateMultiple => {
                let keys = GetStateMultiple::decode(payload).unwrap().keys;
                let values = keys.iter().map(|key| self.value(key)).collect();
                encode(&GetStateMultipleResult { values })
            }
            Type::PutState => {
                let PutState { key, value, .. } = PutState::decode(payload).unwrap();
                self.ledger.insert(key, value);
                Bytes::new()
            }
            Type::PutStateMetadata => {
                let put = fabric::proto::protos::PutStateMetadata::decode(payload).unwrap();
                let metadata = put.metadata.unwrap();
                assert_eq!(metadata.metakey, "VALIDATION_PARAMETER");
                self.policies.insert(put.key, metadata.value);
                Bytes::new()
            }
            Type::PurgePrivateData => {
                let DelState { key, collection } = DelState::decode(payload).unwrap();
                self.purged.push((collection, key));
                Bytes::new()
            }
            Type::WriteBatchState => {
                for record in WriteBatchState::decode(payload).unwrap().rec {
                    match (record.r#type(), record.metadata) {
                        (write_record::Type::PurgePrivateData, _) => {
                            self.purged.push((record.collection, record.key));
                            None
                        }
                        (_, Some(metadata)) => self.policies.insert(record.key, metadata.value),
                        (_, None) => self.ledger.insert(record.key, record.value),
                    };
                }
                Bytes::new()
            }
            Type::GetStateByRange => {
                let range = GetStateByRange::decode(payload).unwrap();
                let found = self.ledger.range(range.start_key..range.end_key);
                let found = found.map(|(key, value)| Kv {
                    key: key.clone(),
                    value: value.clone(),
                    ..Default::default()
                });
                let id = format!("query-{}", self.pages.len());
                self.pages.insert(id.clone(), found.collect());
                self.next_page(id)
            }
            Type::QueryStateNext => self.next_page(QueryStateNext::decode(payload).unwrap().id),
            other => panic!("the peer of the tests does not serve {other:?}"),
        }
    }

    fn next_page(&mut self, id: String) -> Bytes {
        let rest = self.pages.get_mut(&id).expect("a query that is open");
        let page = rest.drain(..self.page.min(rest.len()));
        let results = page.map(|entry| QueryResultBytes { result_bytes: encode(&entry) }).collect();
        let has_more = !rest.is_empty();
        encode(&QueryResponse { results, has_more, id, metadata: Bytes::new() })
    }

    fn value(&self, key: &str) -> Bytes {
        self.ledger.get(key).cloned().unwrap_or_default()
    }
}

/// Who calls, with what, under which transaction id; the defaults make an ordinary call.
#[derive(Clone)]
pub struct Call {
    pub msp_id: &'static str,
    pub certificate: &'static str,
    pub txid: &'static str,
    /// Seconds between this machine's clock and the transaction's timestamp.
    pub late: i64,
    pub arguments: Vec<String>,
}

pub fn call(arguments: &[&str]) -> Call {
    Call {
        msp_id: "AccreditationMSP",
        certificate: ADMIN,
        txid: "tx1",
        late: 0,
        arguments: arguments.iter().map(|argument| argument.to_string()).collect(),
    }
}

impl Call {
    pub fn message(&self) -> ChaincodeMessage {
        let args = self.arguments.iter().map(|argument| Bytes::from(argument.clone())).collect();
        let input = ChaincodeInput { args, ..Default::default() };
        ChaincodeMessage {
            r#type: Type::Transaction.into(),
            payload: encode(&input),
            txid: self.txid.into(),
            channel_id: CHANNEL.into(),
            proposal: Some(self.proposal()),
            ..Default::default()
        }
    }

    fn proposal(&self) -> SignedProposal {
        let identity =
            SerializedIdentity { mspid: self.msp_id.into(), id_bytes: self.certificate.as_bytes().into() };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let mut channel_header = ChannelHeader {
            r#type: HeaderType::EndorserTransaction.into(),
            channel_id: CHANNEL.into(),
            tx_id: self.txid.into(),
            ..Default::default()
        };
        channel_header.timestamp.get_or_insert_default().seconds = now - self.late;
        let signature_header = SignatureHeader { creator: encode(&identity), nonce: Bytes::new() };
        let header =
            Header { channel_header: encode(&channel_header), signature_header: encode(&signature_header) };
        let proposal = Proposal { header: encode(&header), ..Default::default() };
        SignedProposal { proposal_bytes: encode(&proposal), signature: Bytes::new() }
    }
}

pub fn reply(request: &ChaincodeMessage, kind: Type, payload: impl Into<Bytes>) -> ChaincodeMessage {
    ChaincodeMessage {
        r#type: kind.into(),
        payload: payload.into(),
        txid: request.txid.clone(),
        channel_id: request.channel_id.clone(),
        ..Default::default()
    }
}

pub fn encode(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}
