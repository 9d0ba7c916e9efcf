//! How far the chain was confirmed: a file of one small record, beside the block log and the database.
//!
//! The block log is synced before a block is acknowledged; the mark is written after that, unsynced. It
//! outlives the process in every case, and the machine in most, so that a log that comes back shorter is
//! known for what it is even where the database had not been flushed. It proves a loss and never its absence.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use super::{LedgerError, files, meta::Savepoint};

const NAME: &str = "confirmed";
/// Height, header hash of the newest block, and a CRC-32C of both.
const LENGTH: usize = 8 + 32 + 4;

/// The newest block that this ledger acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Confirmed {
    /// The number of blocks.
    pub(super) height: u64,
    pub(super) header_hash: [u8; 32],
}

#[derive(Debug)]
pub(super) struct Mark {
    file: File,
}

impl Mark {
    /// Opens the mark of the ledger in `directory` and reads it; `None` where there is none or it is damaged.
    pub(super) fn open(directory: &Path) -> Result<(Self, Option<Confirmed>), LedgerError> {
        let path = directory.join(NAME);
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
        let file = file.map_err(files::error("open", &path))?;
        let confirmed = read_from(&file);
        Ok((Self { file }, confirmed))
    }

    /// A failure costs no block: the mark is then older than it could be.
    pub(super) fn set(&self, tip: &Savepoint) {
        let Savepoint { height, header_hash, .. } = tip;
        let record = encode(&Confirmed { height: *height, header_hash: *header_hash });
        if let Err(error) = self.file.write_all_at(&record, 0) {
            tracing::warn!(%error, "the mark of confirmed blocks cannot be written");
        }
    }

    /// Makes the mark durable, where a start depends on it.
    pub(super) fn sync(&self, directory: &Path) -> Result<(), LedgerError> {
        self.file.sync_all().map_err(files::error("sync", &directory.join(NAME)))
    }
}

/// The mark of the ledger in `directory`, which another process may have open.
pub(super) fn read(directory: &Path) -> Option<Confirmed> {
    read_from(&File::open(directory.join(NAME)).ok()?)
}

fn read_from(file: &File) -> Option<Confirmed> {
    let mut record = [0; LENGTH];
    file.read_exact_at(&mut record, 0).ok().and_then(|()| decode(&record))
}

fn encode(confirmed: &Confirmed) -> [u8; LENGTH] {
    let mut out = [0; LENGTH];
    let (fields, checksum) = out.split_at_mut(LENGTH - 4);
    let (height, hash) = fields.split_at_mut(8);
    height.copy_from_slice(&confirmed.height.to_le_bytes());
    hash.copy_from_slice(&confirmed.header_hash);
    checksum.copy_from_slice(&crc32c::crc32c(fields).to_le_bytes());
    out
}

fn decode(record: &[u8; LENGTH]) -> Option<Confirmed> {
    let (fields, checksum) = record.split_last_chunk::<4>()?;
    let (height, hash) = fields.split_first_chunk::<8>()?;
    let is_whole = crc32c::crc32c(fields) == u32::from_le_bytes(*checksum);
    is_whole.then_some(Confirmed { height: u64::from_le_bytes(*height), header_hash: hash.try_into().ok()? })
}
