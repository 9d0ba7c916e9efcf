//! What the ledger reads out of a transaction: its id, and its writes if it is valid.
//!
//! Validation has decoded the same bytes before and hands the result over; this module is for replaying
//! blocks of the log, which carry their verdicts with them.

use bytes::Bytes;
use fabric::{
    proto::{
        common::{ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader},
        kvrwset::{KvWrite, KvrwSet},
        protos::{
            ChaincodeAction, ChaincodeActionPayload, ProposalResponsePayload, Transaction as ActionList,
            TxValidationCode,
        },
    },
    types::{
        Height, decode,
        rwset::{NamespaceRwSet, TxRwSet},
        txid,
    },
};
use prost_types::Timestamp;

use super::{Defect, error::DefectKind};

/// The namespace of the channel configuration.
pub const CONFIG_NAMESPACE: &str = "";
/// The key of the channel configuration; its value is a `ConfigEnvelope` (`configtx_processor.go`).
pub const CONFIG_KEY: &str = "CHANNEL_CONFIG_ENV_BYTES";

/// A transaction as the ledger sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    /// As its header says, or computed if the header says nothing; empty if there is no header.
    pub txid: String,
    /// For valid transactions that write: what was read and written.
    pub rwset: Option<TxRwSet>,
}

/// What a transaction wrote to a key, for the history of that key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeyWrite {
    pub(super) txid: String,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) write: KvWrite,
}

impl Transaction {
    /// Reads an envelope that has the validation code `code` in its block.
    pub(super) fn read(envelope: &Bytes, code: TxValidationCode, at: Height) -> Result<Self, Defect> {
        let rwset = match code {
            TxValidationCode::Valid => {
                Parts::read(envelope).and_then(Parts::rwset).map_err(unreadable(at))?
            }
            _ => None,
        };
        Ok(Self { txid: id(envelope), rwset })
    }

    /// A configuration transaction with this payload data, a `ConfigEnvelope`.
    pub fn config(txid: String, data: Bytes) -> Self {
        Self { txid, rwset: Some(config_rwset(data)) }
    }
}

/// The transaction's id as Fabric indexes it (`protoutil.GetOrComputeTxIDFromEnvelope`); empty where
/// Fabric fails to read one.
pub fn id(envelope: &Bytes) -> String {
    let Ok(parts) = Parts::read(envelope) else { return String::new() };
    if !parts.channel_header.tx_id.is_empty() {
        return parts.channel_header.tx_id;
    }
    decode(parts.signature_header)
        .map(|header: SignatureHeader| txid::compute(&header.nonce, &header.creator))
        .unwrap_or_default()
}

/// The channel a transaction names in its header.
pub(super) fn channel_id(envelope: &Bytes) -> Result<String, Unreadable> {
    Parts::read(envelope).map(|parts| parts.channel_header.channel_id)
}

/// The write of a key in a valid transaction (`history/query_executer.go`): the first of that key in
/// the first read-write set of that namespace.
pub(super) fn key_write(envelope: &Bytes, namespace: &str, key: &str) -> Result<KeyWrite, Unreadable> {
    let parts = Parts::read(envelope)?;
    let (txid, timestamp) = (parts.channel_header.tx_id.clone(), parts.channel_header.timestamp);
    let rwset = parts.rwset()?.unwrap_or_default();
    let mut namespaces = rwset.namespaces.into_iter();
    let public = namespaces.find(|candidate| candidate.namespace == namespace).map(|found| found.public);
    let write = public.and_then(|public| public.writes.into_iter().find(|write| write.key == key));
    Ok(KeyWrite { txid, timestamp, write: write.ok_or(Unreadable::Missing("the write of the key"))? })
}

/// Why an envelope cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0}")]
    Malformed(String),
}

/// An envelope, decoded as far as the ledger needs it.
struct Parts {
    channel_header: ChannelHeader,
    signature_header: Bytes,
    data: Bytes,
}

impl Parts {
    fn read(envelope: &Bytes) -> Result<Self, Unreadable> {
        let envelope: Envelope = decode(envelope.clone()).map_err(malformed)?;
        let payload: Payload = decode(envelope.payload).map_err(malformed)?;
        let Header { channel_header, signature_header } =
            payload.header.ok_or(Unreadable::Missing("the header"))?;
        let channel_header = decode(channel_header).map_err(malformed)?;
        Ok(Self { channel_header, signature_header, data: payload.data })
    }

    fn rwset(self) -> Result<Option<TxRwSet>, Unreadable> {
        match HeaderType::try_from(self.channel_header.r#type) {
            Ok(HeaderType::EndorserTransaction) => {
                TxRwSet::decode(results(self.data)?).map(Some).map_err(malformed)
            }
            Ok(HeaderType::Config) => Ok(Some(config_rwset(self.data))),
            _ => Ok(None),
        }
    }
}

/// The read-write set of the transaction's first action; a valid one has no other.
fn results(data: Bytes) -> Result<Bytes, Unreadable> {
    let transaction: ActionList = decode(data).map_err(malformed)?;
    let action = transaction.actions.into_iter().next().ok_or(Unreadable::Missing("the action"))?;
    let action: ChaincodeActionPayload = decode(action.payload).map_err(malformed)?;
    let endorsed = action.action.ok_or(Unreadable::Missing("the endorsed action"))?;
    let response: ProposalResponsePayload = decode(endorsed.proposal_response_payload).map_err(malformed)?;
    let action: ChaincodeAction = decode(response.extension).map_err(malformed)?;
    Ok(action.results)
}

fn config_rwset(data: Bytes) -> TxRwSet {
    let write = KvWrite { key: CONFIG_KEY.to_owned(), is_delete: false, value: data };
    let public = KvrwSet { writes: vec![write], ..Default::default() };
    let namespace = CONFIG_NAMESPACE.to_owned();
    TxRwSet { namespaces: vec![NamespaceRwSet { namespace, public, collections: Vec::new() }] }
}

fn malformed(error: impl std::fmt::Display) -> Unreadable {
    Unreadable::Malformed(error.to_string())
}

fn unreadable(at: Height) -> impl FnOnce(Unreadable) -> Defect {
    move |error| Defect { at, kind: DefectKind::Unreadable { reason: error.to_string() } }
}
