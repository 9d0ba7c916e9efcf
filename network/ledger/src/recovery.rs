//! Opening a ledger: whose it is, what the last process left undone, and catching up.

use std::{
    fmt, fs,
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

use fabric::{
    proto::protos::TxValidationCode,
    types::{
        HeadedBlock, Height,
        block::{COMMIT_HASH, TRANSACTIONS_FILTER},
    },
};
use parking_lot::{Mutex, RwLock};
use rocksdb::DB;

use super::{
    Ledger, LedgerError, TornTail, Transaction, UpdateBatch, ValidatedBlock, View, database,
    files::{self, Files},
    index::{self, BlockRecord},
    log::{self, BlockLog, LogReader, LoggedBlock},
    loss, manifest,
    mark::{Confirmed, Mark},
    meta::{self, Savepoint},
    transaction,
};

/// The database's directory in a ledger's, and the block log's.
pub(super) const INDEX: &str = "index";
pub(super) const BLOCKS: &str = "blocks";

/// Which channel the ledger is of. The genesis hash tells channels apart, the name is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) channel_id: String,
    pub(super) genesis_hash: [u8; 32],
}

/// What opening the ledger did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The ledger was begun.
    pub created: bool,
    /// The number of blocks there are now.
    pub height: u64,
    /// Blocks of the log that the database did not have.
    pub replayed: u64,
    /// The end of a write that was interrupted, and was cut off.
    pub torn: Option<TornTail>,
    /// Where blocks went that were lost and whose loss was accepted.
    pub set_aside: Option<PathBuf>,
}

impl fmt::Display for Recovery {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.created {
            true => write!(out, "a new ledger")?,
            false => write!(out, "{} blocks", self.height)?,
        }
        if self.replayed > 0 {
            write!(out, ", {} of them replayed from the block log", self.replayed)?;
        }
        if let Some(torn) = &self.torn {
            write!(out, ", {torn}")?;
        }
        let aside = self.set_aside.as_ref();
        aside.map_or(Ok(()), |aside| write!(out, ", what is left of lost blocks is in {}", aside.display()))
    }
}

pub(super) fn open(
    directory: &Path,
    genesis: Option<&HeadedBlock>,
    accept_loss_from: Option<u64>,
    files: Files,
) -> Result<(Arc<Ledger>, Recovery), LedgerError> {
    files.create_directory(directory)?;
    let lock = lock(directory)?;
    let (mark, confirmed) = Mark::open(directory)?;
    let (parts, set_aside) = match Parts::open(directory, genesis, confirmed, &files) {
        Err(error) if accepts(accept_loss_from, directory, &error) => {
            tracing::warn!(%error, "going on without what is lost");
            let first = accept_loss_from.unwrap_or_default();
            let aside = loss::set_aside(directory, first, &files)?;
            let confirmed = confirmed.filter(|confirmed| confirmed.height <= first);
            (Parts::open(directory, genesis, confirmed, &files)?, Some(aside))
        }
        opened => (opened?, None),
    };
    let Parts { database, log, identity, created, replayed, torn } = parts;
    let tip = savepoint(&database)?;
    mark.set(&tip);
    mark.sync(directory)?;
    let recovery =
        Recovery { created, height: tip.height, replayed: replayed - u64::from(created), torn, set_aside };
    let ledger = Ledger {
        directory: directory.to_path_buf(),
        identity,
        database,
        reader: log.reader().clone(),
        log: Mutex::new(log),
        begun: AtomicU64::new(tip.height),
        tip: RwLock::new(tip),
        mark,
        _lock: lock,
    };
    Ok((Arc::new(ledger), recovery))
}

/// Whether the error is the loss that the operator accepts, or what an interrupted run left of it.
fn accepts(accept_loss_from: Option<u64>, directory: &Path, error: &LedgerError) -> bool {
    let Some((accepted, lost)) = accept_loss_from.zip(error.first_lost()) else { return false };
    accepted == lost || loss::is_unfinished(directory, accepted)
}

/// Block log and database, opened and brought to the same block.
struct Parts {
    database: DB,
    log: BlockLog,
    identity: Identity,
    created: bool,
    replayed: u64,
    torn: Option<TornTail>,
}

impl Parts {
    fn open(
        directory: &Path,
        genesis: Option<&HeadedBlock>,
        confirmed: Option<Confirmed>,
        files: &Files,
    ) -> Result<Self, LedgerError> {
        // RocksDB syncs what is in its directory, but not the directory's own name; private data lies nowhere else.
        files.create_directory(&directory.join(INDEX))?;
        let database = open_database(&directory.join(INDEX))?;
        let durable = savepoint(&database)?.height.max(confirmed.map_or(0, |confirmed| confirmed.height));
        let (mut log, torn) = BlockLog::open(&directory.join(BLOCKS), durable, files.clone())?;
        let created = log.next() == 0;
        if created {
            let missing = || LedgerError::NoGenesis { directory: directory.to_path_buf() };
            let genesis = validated_genesis(genesis.ok_or_else(missing)?)?;
            log.append(&genesis.seal(&Savepoint::default())?.encode()?)?;
        }
        let reader = log.reader();
        let identity = identity(reader)?;
        check_channel(directory, genesis, &identity)?;
        check_same_chain(&database, reader)?;
        let replayed = replay(&database, reader)?;
        check_confirmed(&database, reader, confirmed)?;
        Ok(Self { database, log, identity, created, replayed, torn })
    }
}

/// The genesis block as the ledger in `directory` holds it, in the form in which it began the ledger; `None` where
/// there is no ledger, or its beginning was interrupted. Opens nothing, and changes nothing.
pub(super) fn logged_genesis(directory: &Path) -> Result<Option<HeadedBlock>, LedgerError> {
    let Some(first) = log::first_block(&directory.join(BLOCKS))? else { return Ok(None) };
    let mut block = HeadedBlock::decode(first.bytes)
        .map_err(|error| LedgerError::BadGenesis { reason: error.to_string() })?;
    // What the commit has written into it.
    for written in [TRANSACTIONS_FILTER, COMMIT_HASH] {
        if let Some(entry) = block.metadata_mut().get_mut(written) {
            entry.clear();
        }
    }
    Ok(Some(block))
}

/// Commits to the database all blocks of the log that it does not have, as they were committed at first,
/// and compares the commit hashes. Returns how many there were.
pub(super) fn replay(database: &DB, reader: &LogReader) -> Result<u64, LedgerError> {
    replay_to(database, reader, u64::MAX)
}

/// As [`replay`], with no block from number `end` on.
pub(super) fn replay_to(database: &DB, reader: &LogReader, end: u64) -> Result<u64, LedgerError> {
    let first = savepoint(database)?.height;
    let mut replayed = 0;
    for block in reader.blocks(first)? {
        let block = block?;
        if block.number >= end {
            break;
        }
        if block.number % 1000 == 999 {
            tracing::info!(block = block.number, "replaying the block log");
        }
        replay_block(database, reader, block)?;
        replayed += 1;
    }
    Ok(replayed)
}

fn replay_block(database: &DB, reader: &LogReader, logged: LoggedBlock) -> Result<(), LedgerError> {
    let LoggedBlock { number, location, bytes } = logged;
    let unreadable = |error: &dyn fmt::Display| LedgerError::Unreadable { number, reason: error.to_string() };
    let block = HeadedBlock::decode(bytes.clone()).map_err(|error| unreadable(&error))?;
    let recorded = block.commit_hash().map_err(|error| unreadable(&error))?;
    let tip = savepoint(database)?;
    let snapshot = database.snapshot();
    let committed = View { database, log: reader, snapshot, height: tip.height };
    let block = ValidatedBlock::replay(block, &committed)?.seal(&tip)?;
    if block.commit_hash != recorded {
        let (recorded, derived) = (hex::encode(recorded), hex::encode(&block.commit_hash));
        return Err(LedgerError::ReplayDiffers { number, recorded, derived });
    }
    let mut batch = index::prepare(&block, &committed)?;
    let envelopes = index::envelope_spans(number, &bytes)?;
    index::locate(number, BlockRecord { location, envelopes }, database, &mut batch)?;
    index::write(database, batch)
}

pub(super) fn savepoint(database: &DB) -> Result<Savepoint, LedgerError> {
    Ok(Savepoint::read(database, &database.snapshot())?.unwrap_or_default())
}

/// Which channel the log is of: block 0 says.
pub(super) fn identity(reader: &LogReader) -> Result<Identity, LedgerError> {
    let unreadable = |reason: &dyn fmt::Display| LedgerError::BadGenesis { reason: reason.to_string() };
    let block = reader.blocks(0)?.next().ok_or_else(|| unreadable(&"there is none"))??;
    let block = HeadedBlock::decode(block.bytes).map_err(|error| unreadable(&error))?;
    let envelope = block.envelopes().first().ok_or_else(|| unreadable(&"it has no transaction"))?;
    let channel_id = transaction::channel_id(envelope).map_err(|error| unreadable(&error))?;
    Ok(Identity { channel_id, genesis_hash: block.hash() })
}

/// Refuses a directory that another process has open.
fn lock(directory: &Path) -> Result<File, LedgerError> {
    let path = directory.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.map_err(files::error("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(LedgerError::InUse { directory: directory.to_path_buf() }),
        Err(fs::TryLockError::Error(source)) => Err(files::error("lock", &path)(source)),
    }
}

/// Opens a database, or begins one, and refuses one that another version of this program wrote.
pub(super) fn open_database(directory: &Path) -> Result<DB, LedgerError> {
    let database = match database::open(directory) {
        Err(error) if is_corrupt(&error) && manifest::cut_torn_end(directory)? => database::open(directory),
        opened => opened,
    };
    let database = database.map_err(|error| unusable(directory, error))?;
    let (found, expected) = (meta::format(&database)?, database::FORMAT);
    match found == expected {
        true => Ok(database),
        false => Err(LedgerError::Format { directory: directory.to_path_buf(), found, expected }),
    }
}

fn is_corrupt(error: &LedgerError) -> bool {
    matches!(error, LedgerError::Database(source) if source.kind() == rocksdb::ErrorKind::Corruption)
}

/// A database that is damaged is named; what else hinders it, such as a full disk, says so itself.
fn unusable(directory: &Path, error: LedgerError) -> LedgerError {
    let is_damage = is_corrupt(&error) || error.to_string().contains("No such file");
    match error {
        LedgerError::Database(source) if is_damage => {
            LedgerError::IndexUnusable { directory: directory.to_path_buf(), source }
        }
        error => error,
    }
}

/// The genesis block with its one verdict; its effect shows when it is replayed.
fn validated_genesis(genesis: &HeadedBlock) -> Result<ValidatedBlock, LedgerError> {
    let bad = |reason: &str| LedgerError::BadGenesis { reason: reason.to_owned() };
    let [envelope] = genesis.envelopes() else {
        return Err(bad("it has not exactly one transaction"));
    };
    if genesis.number() != 0 {
        return Err(bad("its number is not 0"));
    }
    let codes = vec![TxValidationCode::Valid];
    let transaction = Transaction::read(envelope, TxValidationCode::Valid, Height::new(0, 0))?;
    let (block, transactions) = (genesis.clone(), vec![transaction]);
    Ok(ValidatedBlock { block, codes, transactions, updates: UpdateBatch::default() })
}

fn check_channel(
    directory: &Path,
    genesis: Option<&HeadedBlock>,
    identity: &Identity,
) -> Result<(), LedgerError> {
    let Some(asked) = genesis.map(HeadedBlock::hash) else { return Ok(()) };
    if asked == identity.genesis_hash {
        return Ok(());
    }
    Err(LedgerError::OtherChannel {
        directory: directory.to_path_buf(),
        found: identity.channel_id.clone(),
        found_genesis: hex::encode(identity.genesis_hash),
        asked_genesis: hex::encode(asked),
    })
}

/// Refuses a database that was derived from another log than this.
fn check_same_chain(database: &DB, reader: &LogReader) -> Result<(), LedgerError> {
    let tip = savepoint(database)?;
    let Some(number) = tip.height.checked_sub(1) else { return Ok(()) };
    match is_block(number, &tip.header_hash, database, reader)? {
        true => Ok(()),
        false => Err(LedgerError::IndexDiffers { number }),
    }
}

/// Refuses a log whose blocks are others than those that were confirmed here.
fn check_confirmed(
    database: &DB,
    reader: &LogReader,
    confirmed: Option<Confirmed>,
) -> Result<(), LedgerError> {
    let Some(Confirmed { height, header_hash }) = confirmed else { return Ok(()) };
    let Some(number) = height.checked_sub(1) else { return Ok(()) };
    match is_block(number, &header_hash, database, reader)? {
        true => Ok(()),
        false => Err(LedgerError::OtherCourse { number }),
    }
}

/// Whether the block that the database finds in the log under this number has this header hash.
fn is_block(
    number: u64,
    expected: &[u8; 32],
    database: &DB,
    reader: &LogReader,
) -> Result<bool, LedgerError> {
    let Some(record) = BlockRecord::read(database, number)? else { return Ok(false) };
    let bytes = match reader.read(record.location) {
        // The place may be that of another log: then the block itself is whole in this one.
        Err(LedgerError::LogDamaged(_)) => {
            reader.blocks(number)?.next().transpose()?;
            return Ok(false);
        }
        bytes => bytes?,
    };
    Ok(HeadedBlock::decode(bytes).is_ok_and(|block| block.hash() == *expected))
}
