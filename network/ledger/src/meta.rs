//! What the database knows about itself: up to which block it goes, and in which format it is.

use std::path::Path;

use bytes::Bytes;
use rocksdb::{DB, Snapshot, WriteBatch};

use super::{
    LedgerError,
    database::{self, META},
};

const SAVEPOINT: &[u8] = b"savepoint";
const FORMAT: &[u8] = b"format";

/// The tip of the chain: what the next block has to continue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Savepoint {
    /// The number of blocks.
    pub(super) height: u64,
    pub(super) header_hash: [u8; 32],
    /// Empty after block 0.
    pub(super) commit_hash: Bytes,
}

impl Savepoint {
    /// `None` if the database has no block yet.
    pub(super) fn read(database: &DB, snapshot: &Snapshot<'_>) -> Result<Option<Self>, LedgerError> {
        let record = snapshot.get_cf(database::family(database, META)?, SAVEPOINT)?;
        record.map(|record| Self::decode(&record)).transpose()
    }

    pub(super) fn write(&self, database: &DB, batch: &mut WriteBatch) -> Result<(), LedgerError> {
        let record = [&self.height.to_be_bytes()[..], &self.header_hash, &self.commit_hash].concat();
        batch.put_cf(database::family(database, META)?, SAVEPOINT, record);
        Ok(())
    }

    fn decode(record: &[u8]) -> Result<Self, LedgerError> {
        let short = || LedgerError::BadRecord("savepoint".to_owned());
        let (height, rest) = record.split_first_chunk().ok_or_else(short)?;
        let (header_hash, commit_hash) = rest.split_first_chunk().ok_or_else(short)?;
        let commit_hash = Bytes::copy_from_slice(commit_hash);
        Ok(Self { height: u64::from_be_bytes(*height), header_hash: *header_hash, commit_hash })
    }
}

/// Refuses a database of another format, which may be open for reading alone.
pub(super) fn check_format(database: &DB, directory: &Path) -> Result<(), LedgerError> {
    let record = database.get_cf(database::family(database, META)?, FORMAT)?.unwrap_or_default();
    let found = record.try_into().map_or(0, u64::from_be_bytes);
    let (directory, expected) = (directory.to_path_buf(), database::FORMAT);
    if found == expected { Ok(()) } else { Err(LedgerError::Format { directory, found, expected }) }
}

/// The format the database was written in; a new one is marked with ours.
pub(super) fn format(database: &DB) -> Result<u64, LedgerError> {
    let meta = database::family(database, META)?;
    match database.get_cf(meta, FORMAT)? {
        Some(record) => {
            let bad = |_| LedgerError::BadRecord("format".to_owned());
            Ok(u64::from_be_bytes(record.try_into().map_err(bad)?))
        }
        None => {
            let format = database::FORMAT;
            database.put_cf_opt(meta, FORMAT, format.to_be_bytes(), &database::durable())?;
            Ok(format)
        }
    }
}
