//! A running transaction's line to its peer: one request, one answer, until the transaction ends.
//!
//! Requests and their payloads: `fabric/core/chaincode/handler.go`. Reads answer from the committed state;
//! a peer never shows a transaction its own writes.

use std::iter;

use bytes::Bytes;
use fabric::proto::{
    protos::{
        ChaincodeId, ChaincodeInput, ChaincodeMessage, ChaincodeSpec, DelState, GetHistoryForKey, GetState,
        GetStateByRange, GetStateMultiple, GetStateMultipleResult, PutState, PutStateMetadata, QueryResponse,
        QueryStateClose, QueryStateNext, Response, WriteBatchState, WriteRecord, chaincode_message::Type,
        write_record,
    },
    queryresult::{KeyModification, Kv},
};
use prost::Message;
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::timeout,
};

use crate::{
    limits,
    stream::{Outgoing, TransactionKey},
};

/// What the peer offered beyond the old protocol: how many keys or writes one request may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    pub write_batch: Option<usize>,
    pub get_multiple: Option<usize>,
}

pub(crate) struct Exchange {
    key: TransactionKey,
    requests: Outgoing,
    answers: Receiver<ChaincodeMessage>,
    terms: Terms,
}

/// Why the ledger gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    /// The peer's own words.
    #[error("{0}")]
    Refused(String),
    #[error("the peer did not answer within {} s", limits::ANSWER.as_secs())]
    Silent,
    #[error("the stream to the peer ended")]
    Gone,
    #[error("the peer answered {0}, neither RESPONSE nor ERROR")]
    Unexpected(&'static str),
    #[error("the peer's answer cannot be read")]
    Undecodable(#[from] prost::DecodeError),
    #[error("the peer answered {answered} of {asked} keys")]
    Incomplete { asked: usize, answered: usize },
    #[error("the query has more than {} results", limits::QUERY_RESULTS)]
    TooMany,
}

impl Exchange {
    /// A line, and the end at which the stream puts the peer's answers. It holds one answer: there is
    /// one request at a time.
    pub fn new(key: TransactionKey, requests: Outgoing, terms: Terms) -> (Self, Sender<ChaincodeMessage>) {
        let (sender, answers) = channel(1);
        (Self { key, requests, answers, terms }, sender)
    }

    pub fn key(&self) -> &TransactionKey {
        &self.key
    }

    /// The value of a key, or `None`: Fabric does not tell a missing key from an empty value.
    pub async fn get(&mut self, collection: &str, key: &str) -> Result<Option<Bytes>, LedgerError> {
        let request = GetState { key: key.into(), collection: collection.into() };
        Ok(present(self.ask(Type::GetState, &request).await?))
    }

    /// The values of several keys in their order, in as few requests as the peer allows; those of private data by the name
    /// of their collection, public ones by none.
    pub async fn get_multiple(
        &mut self,
        collection: &str,
        keys: &[&str],
    ) -> Result<Vec<Option<Bytes>>, LedgerError> {
        let mut values = Vec::with_capacity(keys.len());
        match self.terms.get_multiple {
            Some(most) if keys.len() > 1 => {
                for keys in keys.chunks(most) {
                    values.extend(self.get_chunk(collection, keys).await?);
                }
            }
            _ => {
                for key in keys {
                    values.push(self.get(collection, key).await?);
                }
            }
        }
        Ok(values)
    }

    async fn get_chunk(
        &mut self,
        collection: &str,
        keys: &[&str],
    ) -> Result<Vec<Option<Bytes>>, LedgerError> {
        let keys = keys.iter().map(|key| key.to_string()).collect();
        let request = GetStateMultiple { keys, collection: collection.into() };
        let answer = GetStateMultipleResult::decode(self.ask(Type::GetStateMultiple, &request).await?)?;
        let (asked, answered) = (request.keys.len(), answer.values.len());
        if asked != answered {
            return Err(LedgerError::Incomplete { asked, answered });
        }
        Ok(answer.values.into_iter().map(present).collect())
    }

    /// What another chaincode of the channel answers; what it reads joins this transaction.
    pub async fn invoke(
        &mut self,
        chaincode: &str,
        function: &str,
        arguments: &[&str],
    ) -> Result<Bytes, LedgerError> {
        let args = iter::once(&function).chain(arguments).map(|text| Bytes::copy_from_slice(text.as_bytes()));
        let input = ChaincodeInput { args: args.collect(), ..Default::default() };
        let chaincode_id = ChaincodeId { name: chaincode.into(), ..Default::default() };
        let spec =
            ChaincodeSpec { chaincode_id: Some(chaincode_id), input: Some(input), ..Default::default() };
        // The answer is the other chaincode's last message.
        let last = ChaincodeMessage::decode(self.ask(Type::InvokeChaincode, &spec).await?)?;
        let told = |text: String| LedgerError::Refused(format!("{chaincode}: {text}"));
        if last.r#type() != Type::Completed {
            return Err(told(String::from_utf8_lossy(&last.payload).into_owned()));
        }
        let response = Response::decode(last.payload)?;
        if response.status == certificate::Response::OK {
            Ok(response.payload)
        } else {
            Err(told(response.message))
        }
    }

    /// The first keys in `[start, end)`, at most `most`, with their values, in key order. An empty start is the first
    /// simple key.
    pub async fn range(&mut self, start: &str, end: &str, most: usize) -> Result<Vec<Kv>, LedgerError> {
        // Composite keys begin with NUL and are no part of a simple range; Fabric's shim does the same.
        let start_key = if start.is_empty() { "\u{1}" } else { start }.into();
        let request = GetStateByRange { start_key, end_key: end.into(), ..Default::default() };
        self.query(Type::GetStateByRange, &request, most).await
    }

    /// The committed changes of a key, newest first.
    pub async fn history(&mut self, key: &str) -> Result<Vec<KeyModification>, LedgerError> {
        self.query(Type::GetHistoryForKey, &GetHistoryForKey { key: key.into() }, usize::MAX).await
    }

    /// Takes a query to its end, or to `most` results, so that the peer frees it.
    async fn query<T: Message + Default>(
        &mut self,
        kind: Type,
        request: &impl Message,
        most: usize,
    ) -> Result<Vec<T>, LedgerError> {
        let mut page = QueryResponse::decode(self.ask(kind, request).await?)?;
        let mut results = Vec::new();
        loop {
            for result in page.results {
                results.push(T::decode(result.result_bytes)?);
            }
            if results.len() > limits::QUERY_RESULTS {
                return Err(LedgerError::TooMany);
            }
            if !page.has_more {
                break;
            }
            if results.len() >= most {
                self.ask(Type::QueryStateClose, &QueryStateClose { id: page.id }).await?;
                break;
            }
            let next = QueryStateNext { id: page.id };
            page = QueryResponse::decode(self.ask(Type::QueryStateNext, &next).await?)?;
        }
        results.truncate(most);
        Ok(results)
    }

    /// Hands over all writes in order: in batches where the peer takes them, else one by one.
    pub async fn write(&mut self, writes: Vec<WriteRecord>) -> Result<(), LedgerError> {
        match self.terms.write_batch {
            Some(most) => {
                for rec in batches(writes, most) {
                    self.ask(Type::WriteBatchState, &WriteBatchState { rec }).await?;
                }
            }
            None => {
                for write in writes {
                    self.write_one(write).await?;
                }
            }
        }
        Ok(())
    }

    async fn write_one(&mut self, write: WriteRecord) -> Result<(), LedgerError> {
        let kind = write.r#type();
        let WriteRecord { key, value, collection, metadata, .. } = write;
        match kind {
            write_record::Type::PutStateMetadata => {
                let request = PutStateMetadata { key, collection, metadata };
                self.ask(Type::PutStateMetadata, &request).await?
            }
            write_record::Type::PurgePrivateData => {
                self.ask(Type::PurgePrivateData, &DelState { key, collection }).await?
            }
            _ => self.ask(Type::PutState, &PutState { key, value, collection }).await?,
        };
        Ok(())
    }

    /// Asks and waits. After an error the line is not to be used again: a late answer would be taken for
    /// the answer to the next question.
    async fn ask(&mut self, kind: Type, request: &impl Message) -> Result<Bytes, LedgerError> {
        let message = ChaincodeMessage {
            r#type: kind.into(),
            payload: request.encode_to_vec().into(),
            txid: self.key.txid.clone(),
            channel_id: self.key.channel_id.clone(),
            ..Default::default()
        };
        self.requests.try_send(Ok(message)).map_err(|_| LedgerError::Gone)?;
        let answer = timeout(limits::ANSWER, self.answers.recv()).await.map_err(|_| LedgerError::Silent)?;
        let answer = answer.ok_or(LedgerError::Gone)?;
        match answer.r#type() {
            Type::Response => Ok(answer.payload),
            Type::Error => Err(LedgerError::Refused(String::from_utf8_lossy(&answer.payload).into_owned())),
            other => Err(LedgerError::Unexpected(other.as_str_name())),
        }
    }
}

fn present(value: Bytes) -> Option<Bytes> {
    if value.is_empty() { None } else { Some(value) }
}

/// Cuts writes by number and by bytes, keeping their order.
fn batches(writes: Vec<WriteRecord>, most: usize) -> Vec<Vec<WriteRecord>> {
    let mut batches: Vec<Vec<WriteRecord>> = Vec::new();
    let mut bytes = 0;
    for write in writes {
        bytes += write.encoded_len();
        match batches.last_mut() {
            Some(batch) if batch.len() < most && bytes <= limits::BATCH_BYTES => batch.push(write),
            _ => {
                bytes = write.encoded_len();
                batches.push(vec![write]);
            }
        }
    }
    batches
}
