//! The database that is derived from the block log: its column families and how it is opened.

use std::path::Path;

use rocksdb::{Cache, ColumnFamily, ColumnFamilyDescriptor, DB, FlushOptions, Options, WriteOptions};

use super::{LedgerError, table};

/// Raised when the meaning of any record changes; the database is then rebuilt from the log.
pub(super) const FORMAT: u64 = 1;

/// The cache of blocks and indexes.
const CACHE_BYTES: usize = 16 << 20;
/// What was written and not flushed yet, over all column families; also bounds the replay at open.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
const ARENA_BYTES: usize = 64 << 10;
const OPEN_FILES: i32 = 256;

/// Declares a column family once, as a constant and in the list of all.
macro_rules! families {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub(super) const $name: &str = $text;)*
        const FAMILIES: &[&str] = &[$($text),*];
    };
}

families! {
    /// World state, public keys and hashes of private ones (`state`).
    STATE = "state";
    /// `namespace, key, block, transaction` of every public write; no values (`history`).
    HISTORY = "history";
    /// Transaction id: block, index and code of its first occurrence (`index`).
    TRANSACTIONS = "transactions";
    /// Block number: where the block and its transactions lie in the log (`index`).
    BLOCKS = "blocks";
    /// Header hash: block number.
    HASHES = "hashes";
    /// Format and savepoint (`meta`).
    META = "meta";
    /// `expiry block, committing block, state key`: hashed keys that will be purged (`expiry`).
    EXPIRY = "expiry";
    /// Private values of the organisations this node serves (`private`).
    PRIVATE = "private";
    /// Their private read-write sets of transactions not yet committed (`private::transient`).
    TRANSIENT = "transient";
}

/// Where single keys are looked up all the time and mostly are not there, above all ids of new transactions:
/// a filter in memory saves the search.
const LOOKED_UP: &[&str] = &[STATE, TRANSACTIONS];

/// What the block log alone determines.
pub(super) const DERIVED: &[&str] = &[STATE, HISTORY, TRANSACTIONS, BLOCKS, HASHES, META, EXPIRY];

/// Opens or creates the database.
///
/// Nothing that a block changes is written to RocksDB's own log: after a crash the database is as of
/// its last flush, the same block in all column families (`atomic_flush`), and the blocks since are
/// replayed from ours.
pub(super) fn open(directory: &Path) -> Result<DB, LedgerError> {
    let cache = table::cache(CACHE_BYTES);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_atomic_flush(true);
    options.set_db_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_open_files(OPEN_FILES);
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options.set_max_total_wal_size(WRITE_BUFFER_BYTES as u64);
    let families =
        FAMILIES.iter().map(|name| ColumnFamilyDescriptor::new(*name, family_options(name, &cache)));
    Ok(DB::open_cf_descriptors(&options, directory, families)?)
}

/// Opens the database that another process may have open, as of the last flush and what RocksDB's own log has beyond it. All
/// files are opened now: that process may remove them.
pub(super) fn open_read_only(directory: &Path) -> Result<DB, LedgerError> {
    let cache = table::cache(CACHE_BYTES);
    let mut options = Options::default();
    options.set_max_open_files(-1);
    let families =
        FAMILIES.iter().map(|name| ColumnFamilyDescriptor::new(*name, family_options(name, &cache)));
    Ok(DB::open_cf_descriptors_read_only(&options, directory, families, false)?)
}

/// Writes everything to disk, all column families as of the same block.
pub(super) fn flush(database: &DB) -> Result<(), LedgerError> {
    let families = FAMILIES.iter().map(|name| family(database, name)).collect::<Result<Vec<_>, _>>()?;
    Ok(database.flush_cfs_opt(&families, &FlushOptions::default())?)
}

/// For what can be replayed from the block log: RocksDB need not log it too.
pub fn replayable() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    options
}

/// For what only this database holds.
pub(super) fn durable() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}

/// A column family that [`open`] created.
pub(super) fn family<'a>(database: &'a DB, name: &str) -> Result<&'a ColumnFamily, LedgerError> {
    let missing = || LedgerError::BadRecord(format!("the database has no column family '{name}'"));
    database.cf_handle(name).ok_or_else(missing)
}

fn family_options(name: &str, cache: &Cache) -> Options {
    let mut options = Options::default();
    table::lay_out(&mut options, cache);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_arena_block_size(ARENA_BYTES);
    if LOOKED_UP.contains(&name) {
        options.set_memtable_prefix_bloom_ratio(0.05);
        options.set_memtable_whole_key_filtering(true);
    }
    options
}
