//! What the ledger reads out of a transaction: its id, and its writes if it is valid.
//!
//! Validation has decoded the same bytes before and hands the result over; this module is for blocks of the log, which
//! carry their verdicts with them: replay, history, and readers of the ledger.

use bytes::Bytes;
use fabric::{
    proto::{
        common::HeaderType,
        kvrwset::{KvWrite, KvrwSet},
        protos::TxValidationCode,
    },
    types::{
        DecodedEnvelope, Height,
        envelope::Unreadable,
        rwset::{NamespaceRwSet, TxRwSet},
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
        let envelope = DecodedEnvelope::new(envelope.clone());
        let txid = envelope.indexed_txid();
        let rwset = match code {
            TxValidationCode::Valid => rwset(envelope).map_err(unreadable(at))?,
            _ => None,
        };
        Ok(Self { txid, rwset })
    }

    /// A configuration transaction with this payload data, a `ConfigEnvelope`.
    pub fn config(txid: String, data: Bytes) -> Self {
        Self { txid, rwset: Some(config_rwset(data)) }
    }
}

/// The channel a transaction names in its header.
pub(super) fn channel_id(envelope: &Bytes) -> Result<String, Unreadable> {
    Ok(DecodedEnvelope::new(envelope.clone()).channel_header()?.channel_id.clone())
}

/// The write of a key in a valid transaction (`history/query_executer.go`): the first of that key in
/// the first read-write set of that namespace.
pub(super) fn key_write(envelope: &Bytes, namespace: &str, key: &str) -> Result<KeyWrite, NoKeyWrite> {
    let envelope = DecodedEnvelope::new(envelope.clone());
    let header = envelope.channel_header().map_err(Unreadable::from)?;
    let (txid, timestamp) = (header.tx_id.clone(), header.timestamp);
    let mut namespaces = rwset(envelope)?.into_iter().flat_map(|rwset| rwset.namespaces);
    let public = namespaces.find(|candidate| candidate.namespace == namespace).map(|found| found.public);
    let write = public.and_then(|public| public.writes.into_iter().find(|write| write.key == key));
    Ok(KeyWrite { txid, timestamp, write: write.ok_or(NoKeyWrite::Absent)? })
}

/// Why the write of a key cannot be given.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoKeyWrite {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("the write of the key is missing")]
    Absent,
}

/// What a valid transaction read and wrote: its first action, since it has no other, or the configuration that it sets.
/// `None` for any other type of envelope.
fn rwset(envelope: DecodedEnvelope) -> Result<Option<TxRwSet>, Unreadable> {
    match HeaderType::try_from(envelope.channel_header()?.r#type) {
        Ok(HeaderType::EndorserTransaction) => envelope.into_rwset().map(Some),
        Ok(HeaderType::Config) => Ok(Some(config_rwset(envelope.payload()?.data.clone()))),
        _ => Ok(None),
    }
}

fn config_rwset(data: Bytes) -> TxRwSet {
    let write = KvWrite { key: CONFIG_KEY.to_owned(), is_delete: false, value: data };
    let public = KvrwSet { writes: vec![write], ..Default::default() };
    let namespace = CONFIG_NAMESPACE.to_owned();
    TxRwSet { namespaces: vec![NamespaceRwSet { namespace, public, collections: Vec::new() }] }
}

fn unreadable(at: Height) -> impl FnOnce(Unreadable) -> Defect {
    move |error| Defect { at, kind: DefectKind::Unreadable { reason: error.to_string() } }
}
