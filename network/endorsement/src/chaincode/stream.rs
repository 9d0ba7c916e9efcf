//! One stream to one chaincode: registration, then messages of many transactions at once
//! (`core/chaincode/handler.go`).
//!
//! A task reads the stream and hands each message to the transaction it belongs to; the transaction answers
//! by itself. When the stream ends, every transaction on it ends with [`StreamError::Terminated`].

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use fabric::{
    proto::protos::{ChaincodeId, ChaincodeMessage, chaincode_message::Type},
    types::decode,
};
use parking_lot::Mutex;
use prost::Message;
use services::protos::chaincode_client::ChaincodeClient;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{Connection, MAX_MESSAGE_BYTES, OFFERED, STARTUP_TIMEOUT};

/// Messages that wait to be sent; then senders wait too.
const OUTBOUND_MESSAGES: usize = 256;
/// A transaction may have one request in hand and, if it misbehaves, its completion behind it.
const INBOX_MESSAGES: usize = 2;

/// Why a call on a stream failed. The gateway looks at the text of the second.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error("timeout expired while executing transaction")]
    Timeout,
    #[error("chaincode stream terminated")]
    Terminated,
    /// A chaincode that calls itself would have to answer itself.
    #[error("txid: {txid}({channel}) exists")]
    InUse { txid: String, channel: String },
}

/// An open stream whose chaincode has registered.
pub struct Stream {
    outbound: mpsc::Sender<ChaincodeMessage>,
    transactions: Arc<Transactions>,
    reader: JoinHandle<()>,
}

/// Transactions in progress on a stream.
struct Transactions {
    /// By id; `None` once the stream has ended, so that no caller begins what would never be answered.
    open: Mutex<Option<HashMap<String, Entry>>>,
}

struct Entry {
    channel: String,
    inbox: mpsc::Sender<ChaincodeMessage>,
    /// Whether a request of this transaction is being answered.
    busy: Arc<AtomicBool>,
}

/// Receives the messages of one transaction; leaving scope it ends the transaction on the stream.
pub struct Inbox {
    txid: String,
    transactions: Arc<Transactions>,
    messages: mpsc::Receiver<ChaincodeMessage>,
    busy: Arc<AtomicBool>,
}

impl Stream {
    /// Connects and waits for the chaincode to register under `package_id`.
    pub(super) async fn open(package_id: &str, connection: &Connection) -> Result<Self, String> {
        let failed = |reason: String| format!("connection to {package_id} failed: {reason}");
        let channel = connection
            .dial()
            .await
            .map_err(|error| failed(format!("error cannot create connection for {package_id}: {error}")))?;
        let mut client = ChaincodeClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let (outbound, messages) = mpsc::channel(OUTBOUND_MESSAGES);
        let registration = async {
            let response = client.connect(ReceiverStream::new(messages)).await.map_err(|status| {
                failed(format!("error creating grpc client connection to {package_id}: {status}"))
            })?;
            let mut inbound = response.into_inner();
            register(package_id, &mut inbound, &outbound)
                .await
                .map_err(|reason| format!("chaincode registration failed: {reason}"))?;
            Ok::<_, String>(inbound)
        };
        let inbound = timeout(STARTUP_TIMEOUT, registration).await.map_err(|_| {
            format!("timeout expired while starting chaincode {package_id} for transaction")
        })??;

        let transactions = Arc::new(Transactions { open: Mutex::new(Some(HashMap::new())) });
        let reader = read(package_id.to_owned(), inbound, transactions.clone(), outbound.downgrade());
        Ok(Self { outbound, transactions, reader: tokio::spawn(reader) })
    }

    pub fn is_open(&self) -> bool {
        self.transactions.open.lock().is_some() && !self.outbound.is_closed()
    }

    /// Makes the stream deliver messages of this transaction to the inbox returned.
    pub fn begin(&self, channel: &str, txid: &str) -> Result<Inbox, StreamError> {
        let (inbox, messages) = mpsc::channel(INBOX_MESSAGES);
        let busy = Arc::new(AtomicBool::new(false));
        let mut open = self.transactions.open.lock();
        let open = open.as_mut().ok_or(StreamError::Terminated)?;
        if open.contains_key(txid) {
            return Err(StreamError::InUse { txid: txid.to_owned(), channel: channel.to_owned() });
        }
        open.insert(txid.to_owned(), Entry { channel: channel.to_owned(), inbox, busy: busy.clone() });
        Ok(Inbox { txid: txid.to_owned(), transactions: self.transactions.clone(), messages, busy })
    }

    pub async fn send(&self, message: ChaincodeMessage) -> Result<(), StreamError> {
        self.outbound.send(message).await.map_err(|_| StreamError::Terminated)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Inbox {
    /// The next request or the completion of the transaction.
    pub async fn next(&mut self) -> Result<ChaincodeMessage, StreamError> {
        self.messages.recv().await.ok_or(StreamError::Terminated)
    }

    /// Says that the last request has been dealt with, so that the next one is let in. Must be called
    /// before the answer is sent: the chaincode may ask again at once.
    pub fn answered(&self) {
        self.busy.store(false, Ordering::Release);
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        if let Some(open) = self.transactions.open.lock().as_mut() {
            open.remove(&self.txid);
        }
    }
}

/// The chaincode speaks first; we answer and say what we can do.
async fn register(
    package_id: &str,
    inbound: &mut Streaming<ChaincodeMessage>,
    outbound: &mpsc::Sender<ChaincodeMessage>,
) -> Result<(), String> {
    let message = next(inbound).await?;
    if message.r#type != i32::from(Type::Register) {
        let name = message.r#type().as_str_name();
        return Err(format!(
            "[{}] Fabric side handler cannot handle message ({name}) while in created state",
            message.txid
        ));
    }
    let id: ChaincodeId =
        decode(message.payload).map_err(|error| format!("could NOT unmarshal registration info: {error}"))?;
    if id.name.is_empty() {
        return Err("error in handling register chaincode, chaincodeID name is empty".into());
    }
    if id.name != package_id {
        return Err(format!(
            "peer will not accept external chaincode connection {} (except in dev mode)",
            id.name
        ));
    }
    let registered = ChaincodeMessage { r#type: Type::Registered.into(), ..Default::default() };
    let ready = ChaincodeMessage {
        r#type: Type::Ready.into(),
        payload: OFFERED.encode_to_vec().into(),
        ..Default::default()
    };
    for message in [registered, ready] {
        outbound.send(message).await.map_err(|_| StreamError::Terminated.to_string())?;
    }
    Ok(())
}

async fn next(inbound: &mut Streaming<ChaincodeMessage>) -> Result<ChaincodeMessage, String> {
    match inbound.message().await {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err("EOF".into()),
        Err(status) => Err(format!("receive from chaincode support stream failed: {status}")),
    }
}

/// Reads the stream to its end. Holds no strong sender: the stream closes when its owner lets go of it.
async fn read(
    package_id: String,
    mut inbound: Streaming<ChaincodeMessage>,
    transactions: Arc<Transactions>,
    outbound: mpsc::WeakSender<ChaincodeMessage>,
) {
    let reason = loop {
        let message = match next(&mut inbound).await {
            Ok(message) => message,
            Err(reason) => break reason,
        };
        match transactions.deliver(message) {
            Ok(None) => {}
            Ok(Some(refusal)) => {
                let Some(outbound) = outbound.upgrade() else { break "closed".into() };
                if outbound.send(refusal).await.is_err() {
                    break "closed".into();
                }
            }
            Err(reason) => break reason,
        }
    };
    tracing::info!(%package_id, %reason, "chaincode stream ended");
    // A transaction that waits on an inbox learns it by its end.
    *transactions.open.lock() = None;
}

impl Transactions {
    /// Hands a message to its transaction. Gives the answer to a request that belongs to none, and an error
    /// for a message that has no place on a registered stream.
    fn deliver(&self, message: ChaincodeMessage) -> Result<Option<ChaincodeMessage>, String> {
        let is_request = match message.r#type() {
            Type::Keepalive => return Ok(None),
            Type::Completed | Type::Error => false,
            kind if is_request(kind) => true,
            kind => {
                return Err(format!(
                    "error handling message, ending stream: [{}] Fabric side handler cannot handle message ({}) \
                     while in ready state",
                    message.txid,
                    kind.as_str_name()
                ));
            }
        };
        let open = self.open.lock();
        let known = open.as_ref().and_then(|open| open.get(&message.txid));
        let Some(entry) = known.filter(|entry| entry.channel == message.channel_id) else {
            return Ok(is_request.then(|| no_context(message)));
        };
        if is_request && entry.busy.swap(true, Ordering::AcqRel) {
            tracing::warn!(txid = %message.txid, "another request pending for this transaction, request dropped");
            return Ok(None);
        }
        if entry.inbox.try_send(message).is_err() {
            tracing::warn!("chaincode sends more than it may, message dropped");
        }
        Ok(None)
    }
}

fn is_request(kind: Type) -> bool {
    !matches!(
        kind,
        Type::Undefined
            | Type::Register
            | Type::Registered
            | Type::Init
            | Type::Ready
            | Type::Transaction
            | Type::Response
    )
}

fn no_context(request: ChaincodeMessage) -> ChaincodeMessage {
    let kind = request.r#type();
    let reason =
        if kind == Type::InvokeChaincode { "could not get valid transaction" } else { "no ledger context" };
    let text = format!("{} failed: transaction ID: {}: {reason}", kind.as_str_name(), request.txid);
    ChaincodeMessage {
        r#type: Type::Error.into(),
        payload: text.into(),
        txid: request.txid,
        channel_id: request.channel_id,
        ..Default::default()
    }
}
