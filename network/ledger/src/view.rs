//! A consistent picture of the ledger at one height, for simulation, validation and queries.

use bytes::Bytes;
use rocksdb::{ColumnFamily, DB, DBRawIterator, ReadOptions, Snapshot};

use super::{
    LedgerError,
    database::{self, STATE},
    index::BlockRecord,
    log::LogReader,
    state::{self, StateValue},
    updates::StateKey,
};

/// The ledger as of one block. It may be held over an `await`; as long as it lives, RocksDB keeps
/// what is deleted meanwhile, so hold it for one request and not for long.
pub struct View<'a> {
    pub(super) database: &'a DB,
    pub(super) log: &'a LogReader,
    pub(super) snapshot: Snapshot<'a>,
    pub(super) height: u64,
}

/// Iterates over public keys in the order of their bytes.
pub struct RangeScan<'a> {
    iterator: DBRawIterator<'a>,
    prefix: usize,
}

/// A raw record, key and value.
pub(super) type Record = (Vec<u8>, Vec<u8>);

/// Iterates over raw records.
pub(super) struct RecordScan<'a> {
    iterator: DBRawIterator<'a>,
}

impl<'a> View<'a> {
    /// The number of blocks committed in this view.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// A public key.
    pub fn get(&self, namespace: &str, key: &str) -> Result<Option<StateValue>, LedgerError> {
        self.record(state::public_key(namespace, key))
    }

    /// The hash of a private value, by the hash of its key.
    pub fn get_hashed(
        &self,
        namespace: &str,
        collection: &str,
        key_hash: &[u8],
    ) -> Result<Option<StateValue>, LedgerError> {
        self.record(state::hashed_key(namespace, collection, key_hash))
    }

    pub fn state(&self, key: &StateKey) -> Result<Option<StateValue>, LedgerError> {
        self.record(state::encode_key(key))
    }

    /// Public keys from `start` up to, without, `end`; an empty `end` is the end of the namespace.
    pub fn range(&self, namespace: &str, start: &str, end: &str) -> Result<RangeScan<'_>, LedgerError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(state::range_end(namespace, end));
        let mut iterator = self.snapshot.raw_iterator_cf_opt(self.family(STATE)?, options);
        iterator.seek(state::public_key(namespace, start));
        Ok(RangeScan { iterator, prefix: namespace.len() + 1 })
    }

    pub(super) fn family(&self, name: &str) -> Result<&'a ColumnFamily, LedgerError> {
        database::family(self.database, name)
    }

    /// A transaction of a committed block, as it was ordered.
    pub fn envelope(&self, block: u64, index: u64) -> Result<Bytes, LedgerError> {
        let record = BlockRecord::read(self.database, block)?;
        let missing = || LedgerError::BadRecord(format!("no transaction {index} of block {block}"));
        let record = record.ok_or_else(missing)?;
        let index = usize::try_from(index).map_err(|_| missing())?;
        let span = record.envelopes.get(index).ok_or_else(missing)?;
        self.log.read_part(record.location, span.offset, span.length, span.checksum)
    }

    /// All records of a column family whose keys begin with `prefix`.
    pub(super) fn scan(&self, family: &str, prefix: Vec<u8>) -> Result<RecordScan<'_>, LedgerError> {
        self.scan_from(family, prefix.clone(), prefix)
    }

    /// The same, from a key on.
    pub(super) fn scan_from(
        &self,
        family: &str,
        from: Vec<u8>,
        prefix: Vec<u8>,
    ) -> Result<RecordScan<'_>, LedgerError> {
        let mut options = ReadOptions::default();
        options.set_iterate_range(rocksdb::PrefixRange(prefix));
        let mut iterator = self.snapshot.raw_iterator_cf_opt(self.family(family)?, options);
        iterator.seek(from);
        Ok(RecordScan { iterator })
    }

    fn record(&self, key: Vec<u8>) -> Result<Option<StateValue>, LedgerError> {
        let record = self.snapshot.get_cf(self.family(STATE)?, &key)?;
        record.map(state::decode_value).transpose()
    }
}

impl RangeScan<'_> {
    fn current(&self) -> Result<Option<(String, StateValue)>, LedgerError> {
        let Some((key, value)) = self.iterator.item() else {
            self.iterator.status()?;
            return Ok(None);
        };
        // Public keys are text. Only a forged read-write set can look into a namespace whose keys are
        // not, and a key that is changed on the way never equals one that it claims to have read.
        let key = String::from_utf8_lossy(key.get(self.prefix..).unwrap_or_default());
        Ok(Some((key.into_owned(), state::decode_value(value.to_vec())?)))
    }
}

impl Iterator for RangeScan<'_> {
    type Item = Result<(String, StateValue), LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.current().transpose()?;
        self.iterator.next();
        Some(item)
    }
}

impl Iterator for RecordScan<'_> {
    type Item = Result<Record, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some((key, value)) = self.iterator.item() else {
            return self.iterator.status().err().map(|error| Err(error.into()));
        };
        let item = (key.to_vec(), value.to_vec());
        self.iterator.next();
        Some(Ok(item))
    }
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "View(height {})", self.height)
    }
}
