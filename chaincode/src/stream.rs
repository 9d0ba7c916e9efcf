//! One peer's stream: registration, then transactions side by side, each with its own line of requests.
//!
//! The peer dialled, but the chaincode speaks first (`fabric/core/chaincode/handler.go`,
//! `fabric-chaincode-go/shim/handler.go`).

use std::{
    collections::{HashMap, hash_map::Entry},
    net::SocketAddr,
    ops::ControlFlow,
    panic::AssertUnwindSafe,
    sync::Arc,
};

use fabric::proto::protos::{
    ChaincodeAdditionalParams, ChaincodeId, ChaincodeMessage, chaincode_message::Type,
};
use futures::FutureExt;
use prost::Message;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
use tracing::{debug, error, info, warn};

use crate::{
    contract::Contract,
    exchange::{Exchange, Terms},
    limits, transaction,
};

pub(crate) type Outgoing = mpsc::Sender<Result<ChaincodeMessage, Status>>;

/// What tells transactions of one stream apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TransactionKey {
    pub channel_id: String,
    pub txid: String,
}

pub(crate) struct Stream {
    package_id: Arc<str>,
    contract: Arc<Contract>,
    outgoing: Outgoing,
    stopping: CancellationToken,
    phase: Phase,
    /// Where the peer's answers to an accepted transaction go.
    answers: HashMap<TransactionKey, mpsc::Sender<ChaincodeMessage>>,
    running: JoinSet<(TransactionKey, ChaincodeMessage)>,
}

/// How far the handshake has come.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// REGISTER is sent, REGISTERED expected.
    Created,
    /// READY expected.
    Established,
    Ready(Terms),
}

/// Why a stream ended before its peer closed it.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the connection failed: {0}")]
    Connection(#[from] Status),
    #[error("{0}")]
    Protocol(String),
    #[error("the peer does not read what it is sent, or is gone")]
    Blocked,
    #[error("transactions were still running {} s after the server was told to stop", limits::GRACE.as_secs())]
    Overdue,
}

impl Stream {
    pub fn new(
        package_id: Arc<str>,
        contract: Arc<Contract>,
        outgoing: Outgoing,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            package_id,
            contract,
            outgoing,
            stopping,
            phase: Phase::Created,
            answers: HashMap::new(),
            running: JoinSet::new(),
        }
    }

    /// Talks until the peer closes, breaks the protocol, or the server stops. Dropping `self` then ends
    /// the response stream, and every transaction that still waits for an answer.
    pub async fn run(mut self, incoming: Streaming<ChaincodeMessage>, peer: Option<SocketAddr>) {
        info!(?peer, "a peer opened a chaincode stream");
        match self.talk(incoming).await {
            Ok(()) => info!(?peer, "chaincode stream closed"),
            Err(reason) => warn!(?peer, %reason, "chaincode stream broken"),
        }
    }

    async fn talk(&mut self, mut incoming: Streaming<ChaincodeMessage>) -> Result<(), Broken> {
        self.register()?;
        let stopping = self.stopping.clone();
        tokio::select! {
            end = self.serve(&mut incoming) => return end,
            () = stopping.cancelled() => {}
        }
        timeout(limits::GRACE, self.drain(&mut incoming)).await.unwrap_or(Err(Broken::Overdue))
    }

    fn register(&self) -> Result<(), Broken> {
        let id = ChaincodeId { name: self.package_id.to_string(), ..Default::default() };
        self.send(ChaincodeMessage {
            r#type: Type::Register.into(),
            payload: id.encode_to_vec().into(),
            ..Default::default()
        })
    }

    async fn serve(&mut self, incoming: &mut Streaming<ChaincodeMessage>) -> Result<(), Broken> {
        while self.step(incoming).await?.is_continue() {}
        Ok(())
    }

    /// Lets running transactions end; the peer must go on answering their requests.
    async fn drain(&mut self, incoming: &mut Streaming<ChaincodeMessage>) -> Result<(), Broken> {
        while !self.running.is_empty() && self.step(incoming).await?.is_continue() {}
        Ok(())
    }

    /// Waits for one event and handles it. Nothing is lost when the future is dropped while it waits.
    async fn step(&mut self, incoming: &mut Streaming<ChaincodeMessage>) -> Result<ControlFlow<()>, Broken> {
        tokio::select! {
            biased;
            Some(finished) = self.running.join_next() => self.finish(finished.map_err(broken_task)?)?,
            message = incoming.message() => match message? {
                Some(message) => self.receive(message)?,
                None => return Ok(ControlFlow::Break(())),
            },
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Forgets the transaction before its last message leaves: the peer may then use the id again.
    fn finish(&mut self, (key, last): (TransactionKey, ChaincodeMessage)) -> Result<(), Broken> {
        self.answers.remove(&key);
        self.send(last)
    }

    fn receive(&mut self, message: ChaincodeMessage) -> Result<(), Broken> {
        match (self.phase, message.r#type()) {
            (_, Type::Keepalive) => self.send(message),
            (Phase::Created, Type::Registered) => {
                self.phase = Phase::Established;
                Ok(())
            }
            (Phase::Established, Type::Ready) => {
                self.phase = Phase::Ready(terms(&message));
                debug!(phase = ?self.phase, "registered");
                Ok(())
            }
            (Phase::Ready(terms), Type::Transaction | Type::Init) => self.accept(message, terms),
            (Phase::Ready(_), Type::Response | Type::Error) => self.answer(message),
            (phase, unexpected) => self.protest(&message, phase, unexpected),
        }
    }

    /// Starts a transaction, or refuses it with a reason; neither harms the others on this stream.
    fn accept(&mut self, message: ChaincodeMessage, terms: Terms) -> Result<(), Broken> {
        let key = TransactionKey { channel_id: message.channel_id.clone(), txid: message.txid.clone() };
        let accepted = self.answers.len();
        let refusal = match self.answers.entry(key.clone()) {
            _ if self.stopping.is_cancelled() => "the chaincode's server is stopping: try again later".into(),
            _ if accepted >= limits::ACCEPTED => format!("the chaincode has {accepted} transactions to do"),
            Entry::Occupied(_) => format!("transaction {} is running already", key.txid),
            Entry::Vacant(slot) => {
                let (exchange, answers) = Exchange::new(key.clone(), self.outgoing.clone(), terms);
                slot.insert(answers);
                self.running.spawn(transact(key, message, exchange, self.contract.clone()));
                return Ok(());
            }
        };
        self.send(error(&key, refusal))
    }

    /// Hands an answer to its transaction. One without a waiting transaction is late: its transaction has ended.
    fn answer(&mut self, message: ChaincodeMessage) -> Result<(), Broken> {
        let key = TransactionKey { channel_id: message.channel_id.clone(), txid: message.txid.clone() };
        match self.answers.get(&key) {
            Some(answers) if answers.try_send(message).is_ok() => {}
            Some(_) => warn!(txid = %key.txid, "the peer answered what was not asked"),
            None => debug!(txid = %key.txid, "an answer came after its transaction had ended"),
        }
        Ok(())
    }

    fn protest(&self, message: &ChaincodeMessage, phase: Phase, unexpected: Type) -> Result<(), Broken> {
        let key = TransactionKey { channel_id: message.channel_id.clone(), txid: message.txid.clone() };
        let text = format!("cannot handle a message of type {} in phase {phase:?}", unexpected.as_str_name());
        self.send(error(&key, text.clone()))?;
        Err(Broken::Protocol(text))
    }

    fn send(&self, message: ChaincodeMessage) -> Result<(), Broken> {
        self.outgoing.try_send(Ok(message)).map_err(|_| Broken::Blocked)
    }
}

async fn transact(
    key: TransactionKey,
    message: ChaincodeMessage,
    exchange: Exchange,
    contract: Arc<Contract>,
) -> (TransactionKey, ChaincodeMessage) {
    let last = AssertUnwindSafe(transaction::run(message, exchange, contract)).catch_unwind().await;
    let last = last.unwrap_or_else(|_| {
        error!(txid = %key.txid, "the contract panicked");
        error(&key, "the contract failed by a fault of its own: see the log of the chaincode's server".into())
    });
    (key, last)
}

/// The message that ends a transaction without a response.
pub(crate) fn error(key: &TransactionKey, text: String) -> ChaincodeMessage {
    ChaincodeMessage {
        r#type: Type::Error.into(),
        payload: text.into(),
        txid: key.txid.clone(),
        channel_id: key.channel_id.clone(),
        ..Default::default()
    }
}

/// What READY offers. Peers before Fabric 3.1 send no payload; one that cannot be read counts as none.
fn terms(ready: &ChaincodeMessage) -> Terms {
    let params = ChaincodeAdditionalParams::decode(ready.payload.clone()).unwrap_or_default();
    let size = |offered: bool, most: u32| offered.then_some((most as usize).max(limits::LEAST_BATCH));
    Terms {
        write_batch: size(params.use_write_batch, params.max_size_write_batch),
        get_multiple: size(params.use_get_multiple_keys, params.max_size_get_multiple_keys),
    }
}

fn broken_task(bug: tokio::task::JoinError) -> Broken {
    Broken::Protocol(format!("a transaction's task failed: {bug}"))
}
