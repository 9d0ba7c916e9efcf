//! Who wrote a key, and when: an index of places, the values lie in the block log.

use bytes::Bytes;
use fabric::types::Height;
use prost_types::Timestamp;
use rocksdb::{DBRawIterator, ReadOptions};

use super::{LedgerError, View, database::HISTORY, keys, transaction, updates};

/// A write of a public key by a valid transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Modification {
    pub txid: String,
    pub at: Height,
    /// As the client dated the transaction.
    pub timestamp: Option<Timestamp>,
    pub value: Bytes,
    pub is_delete: bool,
}

/// The modifications of a key, newest first.
pub struct HistoryScan<'a> {
    view: &'a View<'a>,
    iterator: DBRawIterator<'a>,
    namespace: String,
    key: String,
}

impl View<'_> {
    /// Who wrote a public key, newest first (`history/query_executer.go`).
    pub fn history(&self, namespace: &str, key: &str) -> Result<HistoryScan<'_>, LedgerError> {
        let prefix = keys::join(&[namespace.as_bytes(), key.as_bytes()]);
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(prefix.clone());
        let mut iterator = self.snapshot.raw_iterator_cf_opt(self.family(HISTORY)?, options);
        iterator.seek_for_prev([&prefix[..], &[u8::MAX; 16]].concat());
        Ok(HistoryScan { view: self, iterator, namespace: namespace.to_owned(), key: key.to_owned() })
    }
}

/// The index entry of a write; entries of a key sort by height.
pub(super) fn key(namespace: &str, key: &str, at: Height) -> Vec<u8> {
    let mut entry = keys::join(&[namespace.as_bytes(), key.as_bytes()]);
    entry.extend(at.block.to_be_bytes());
    entry.extend(at.tx.to_be_bytes());
    entry
}

impl HistoryScan<'_> {
    fn current(&self) -> Result<Option<Modification>, LedgerError> {
        let Some(entry) = self.iterator.key() else {
            self.iterator.status()?;
            return Ok(None);
        };
        let at = height(entry).ok_or_else(|| LedgerError::BadRecord("history entry".to_owned()))?;
        self.modification(at).map(Some)
    }

    fn modification(&self, at: Height) -> Result<Modification, LedgerError> {
        let envelope = self.view.envelope(at.block, at.tx)?;
        let written = transaction::key_write(&envelope, &self.namespace, &self.key)
            .map_err(|error| LedgerError::Unreadable { number: at.block, reason: error.to_string() })?;
        Ok(Modification {
            txid: written.txid,
            at,
            timestamp: written.timestamp,
            is_delete: updates::is_delete(&written.write),
            value: written.write.value,
        })
    }
}

impl Iterator for HistoryScan<'_> {
    type Item = Result<Modification, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.current().transpose()?;
        self.iterator.prev();
        Some(item)
    }
}

fn height(entry: &[u8]) -> Option<Height> {
    let (rest, tx) = entry.split_last_chunk()?;
    let (_, block) = rest.split_last_chunk()?;
    Some(Height::new(u64::from_be_bytes(*block), u64::from_be_bytes(*tx)))
}
