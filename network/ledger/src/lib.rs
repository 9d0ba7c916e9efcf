//! The ledger of one channel, on disk.
//!
//! It holds the block log, which is the truth, and a database that is derived from it: world state,
//! history, indexes, and beside them the organisations' private data. Only [`Ledger::commit`] and the recovery
//! that runs its code write blocks: log and database are private to this crate.
//!
//! How a block becomes durable, and what a crash means at each step:
//!
//! 1. The block is sealed (filter and commit hash go into its metadata) and the batch for the database is
//!    built. Whatever stops the channel shows here. *Crash: nothing happened.*
//! 2. The block is appended to the log and synced: one durable write. *Crash before its end: the block is
//!    torn and cut off at the next start, or whole and then counts.*
//! 3. The batch goes into the database, unsynced and without RocksDB's own log. *Crash: the database is as
//!    of its last flush, the same block in all its column families; at the next start the blocks since
//!    are replayed from the log, by the code that commits.*
//! 4. Only now the new height is visible, and the caller may acknowledge. A mark beside the log says how far
//!    that went, so that a log that comes back shorter is refused.
//!
//! After a failed write or sync the ledger takes no more blocks: what is on disk is unknown until a
//! restart reads it. See `docs/adr/0003-block-log.md`.
//!
//! # What holds here
//! - No acknowledged block is lost by a failed write, a cut of the log or a lost database (tests
//!   `no_failing_write_loses_an_acknowledged_block`, `a_log_cut_anywhere_loses_the_last_block_at_most`,
//!   `a_lost_database_is_rebuilt`), and a torn end of the database's own record hinders no start (test
//!   `a_torn_end_of_the_manifest_is_cut_off`); and a chain that is shorter than what was acknowledged is not opened (test
//!   `a_chain_shorter_than_confirmed_is_refused`).
//! - Recovery gives the state that commit gave (tests `after_a_power_cut_blocks_are_replayed`,
//!   `a_database_of_any_earlier_block_catches_up`).
//! - Commit hashes are those of real peers (tests `small`, `alpha` and `byhand`).
//! - No clock, no randomness, no identities (test `no_part_names_what_lies_behind_its_wall`); no gRPC and no runtime (test
//!   `what_judges_reaches_no_network`).

mod block;
mod check;
mod commit_hash;
mod database;
mod definitions;
mod error;
mod expiry;
mod export;
mod files;
mod history;
mod index;
mod keys;
mod lifetime;
mod log;
mod loss;
mod manifest;
mod mark;
mod meta;
mod private;
mod recovery;
mod restored;
mod snapshot;
mod state;
pub mod table;
#[cfg(test)]
mod tests;
pub mod transaction;
pub mod updates;
mod view;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use fabric::types::HeadedBlock;
use parking_lot::{Mutex, RwLock};
use rocksdb::DB;

pub use block::{CommittedBlock, ValidatedBlock};
pub use check::{ChainCheck, Check, check_ledger, check_log};
pub use database::replayable;
pub use definitions::{DefinitionError, DefinitionState};
pub use error::{Defect, DefectKind, LedgerError};
pub use export::{CHAINS, ExportError, Exported, export};
pub use history::{HistoryScan, Modification};
pub use index::TxLocation;
pub use log::{Damage, MAX_BLOCK_BYTES, TornTail, logged_blocks};
pub use private::{PrivateStore, PrivateWrites, Waiting};
pub use recovery::Recovery;
pub use restored::{Loss, Restored, ResumeError, accept_loss, complete, losses};
pub use snapshot::{PrivateSnapshot, Snapshot, check_private, restore};
pub use state::StateValue;
pub use transaction::Transaction;
pub use updates::{CommittedState, StateItem, StateKey, Update, UpdateBatch};
pub use view::{RangeScan, View};

use database::{HASHES, TRANSACTIONS};
use index::BlockRecord;
use log::{BlockLog, LogReader};
use mark::Mark;
use meta::Savepoint;
use recovery::Identity;

/// The ledger of one channel. Cheap to share; readers never wait for a commit.
#[derive(Debug)]
pub struct Ledger {
    directory: PathBuf,
    identity: Identity,
    database: DB,
    reader: LogReader,
    /// Held for a whole commit: blocks are committed one after the other.
    log: Mutex<BlockLog>,
    /// The tip that readers see; written by `commit` alone, after the block is in log and database.
    tip: RwLock<Savepoint>,
    /// The height that the last begun write to the database brings. Until `tip` is there too, the database may
    /// be ahead of it.
    begun: AtomicU64,
    mark: Mark,
    /// Locked as long as the ledger is open, so that no other process opens it.
    _lock: File,
}

impl Ledger {
    /// Opens the ledger in `directory`, or begins one there with the genesis block, and brings the
    /// database up to the block log. A genesis block given for an existing ledger must be its own.
    pub fn open(
        directory: &Path,
        genesis: Option<&HeadedBlock>,
    ) -> Result<(Arc<Self>, Recovery), LedgerError> {
        recovery::open(directory, genesis, None, files::Files::default())
    }

    /// Opens a ledger that has lost blocks for good, and goes on without block `accept_loss_from` and all after
    /// it. Where that is not the first block that is missing or damaged, nothing is touched: then it opens, or
    /// refuses, as [`Ledger::open`] does. What is set aside is kept.
    pub fn open_accepting_loss(
        directory: &Path,
        genesis: Option<&HeadedBlock>,
        accept_loss_from: u64,
    ) -> Result<(Arc<Self>, Recovery), LedgerError> {
        recovery::open(directory, genesis, Some(accept_loss_from), files::Files::default())
    }

    /// The genesis block of the ledger in `directory`, as the node that began the ledger was given it; `None` where
    /// there is no ledger, or its beginning was interrupted.
    pub fn logged_genesis(directory: &Path) -> Result<Option<HeadedBlock>, LedgerError> {
        recovery::logged_genesis(directory)
    }

    /// Commits the next block: when this returns, it is durable and visible.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use fabric::proto::common::{BlockHeader, BlockMetadata};
    /// # use fabric::types::{HeadedBlock, block::data_hash};
    /// use ledger::{Ledger, UpdateBatch, ValidatedBlock};
    ///
    /// # let bytes = std::fs::read("../../tests/golden/small/genesis.block")?;
    /// # let genesis = HeadedBlock::decode(bytes.into())?;
    /// # let directory = tempfile::tempdir()?;
    /// let (ledger, _) = Ledger::open(directory.path(), Some(&genesis))?;
    /// assert_eq!((ledger.height(), ledger.channel_id()), (1, "small"));
    ///
    /// // Blocks come from validation (`validation::validate`), with verdicts and the changes of valid transactions. This
    /// // one has no transaction.
    /// let header = BlockHeader {
    ///     number: 1,
    ///     previous_hash: Bytes::copy_from_slice(&ledger.last_hash()),
    ///     data_hash: Bytes::copy_from_slice(&data_hash::<Bytes>(&[])),
    /// };
    /// let block = HeadedBlock::new(header, vec![], BlockMetadata::default());
    /// let validated = ValidatedBlock { block, codes: vec![], transactions: vec![], updates: UpdateBatch::default() };
    /// let committed = ledger.commit(validated)?;
    /// assert_eq!((committed.number, ledger.height()), (1, 2));
    /// assert!(ledger.view()?.get("nanotrace", "a key")?.is_none());
    /// drop(ledger);
    ///
    /// // An existing ledger needs no genesis block.
    /// let (ledger, _) = Ledger::open(directory.path(), None)?;
    /// assert_eq!(ledger.height(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn commit(&self, validated: ValidatedBlock) -> Result<Arc<CommittedBlock>, LedgerError> {
        let mut log = self.log.lock();
        log.check_poison()?;
        let block = validated.seal(&self.tip.read())?;
        let mut batch = index::prepare(&block, &self.view()?)?;
        let encoded = Bytes::from(block.encode()?);
        let envelopes = index::envelope_spans(block.number, &encoded)?;
        let location = log.append(&encoded)?;
        index::locate(block.number, BlockRecord { location, envelopes }, &self.database, &mut batch)?;
        self.begun.store(block.number + 1, Ordering::SeqCst);
        index::write(&self.database, batch).inspect_err(|error| log.poison(error))?;
        let tip = block.savepoint();
        self.mark.set(&tip);
        *self.tip.write() = tip;
        Ok(Arc::new(block))
    }

    pub fn channel_id(&self) -> &str {
        &self.identity.channel_id
    }

    /// The header hash of block 0, which tells channels apart.
    pub fn genesis_hash(&self) -> [u8; 32] {
        self.identity.genesis_hash
    }

    /// The number of blocks, and so the number of the next one.
    pub fn height(&self) -> u64 {
        self.tip.read().height
    }

    /// The header hash of the last block.
    pub fn last_hash(&self) -> [u8; 32] {
        self.tip.read().header_hash
    }

    /// The commit hash of the last block; empty after block 0.
    pub fn commit_hash(&self) -> Bytes {
        self.tip.read().commit_hash.clone()
    }

    /// The state as of the last block.
    pub fn view(&self) -> Result<View<'_>, LedgerError> {
        let tip = self.height();
        let snapshot = self.database.snapshot();
        let height = match self.begun.load(Ordering::SeqCst) {
            begun if begun == tip => tip,
            _ => Savepoint::read(&self.database, &snapshot)?.unwrap_or_default().height,
        };
        let (database, log) = (&self.database, &self.reader);
        Ok(View { database, log, snapshot, height })
    }

    pub fn block(&self, number: u64) -> Result<Option<HeadedBlock>, LedgerError> {
        let Some(bytes) = self.block_bytes(number)? else { return Ok(None) };
        let unreadable = |reason: String| LedgerError::Unreadable { number, reason };
        HeadedBlock::decode(bytes).map(Some).map_err(|error| unreadable(error.to_string()))
    }

    /// A marshalled `common.Block`, with our filter and commit hash in its metadata. Cheap: one look into
    /// the index and one read, no decoding.
    pub fn block_bytes(&self, number: u64) -> Result<Option<Bytes>, LedgerError> {
        let record = BlockRecord::read(&self.database, number)?;
        record.map(|record| self.reader.read(record.location)).transpose()
    }

    /// A block by its header hash.
    pub fn block_by_hash(&self, hash: &[u8]) -> Result<Option<HeadedBlock>, LedgerError> {
        let record = self.database.get_cf(database::family(&self.database, HASHES)?, hash)?;
        let bad = |_| LedgerError::BadRecord("block hash index".to_owned());
        match record {
            Some(record) => self.block(u64::from_be_bytes(record.try_into().map_err(bad)?)),
            None => Ok(None),
        }
    }

    /// The first transaction with this id, valid or not.
    pub fn transaction(&self, txid: &str) -> Result<Option<TxLocation>, LedgerError> {
        let family = database::family(&self.database, TRANSACTIONS)?;
        let record = self.database.get_pinned_cf(family, txid)?;
        record.map(|record| TxLocation::decode(&record)).transpose()
    }

    pub fn contains_txid(&self, txid: &str) -> Result<bool, LedgerError> {
        Ok(self.transaction(txid)?.is_some())
    }

    /// The private data of an organisation, named by its MSP id.
    pub fn private_store<'a>(&'a self, organisation: &'a str) -> PrivateStore<'a> {
        PrivateStore::new(self, organisation)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Ledger {
    /// Spares the next start the replay. If it fails, or never happens, the blocks are replayed.
    fn drop(&mut self) {
        if let Err(error) = database::flush(&self.database) {
            tracing::warn!(%error, "cannot flush the ledger's database; the next start replays some blocks");
        }
    }
}
