//! Opening a ledger: whose it is, what the last process left undone, and catching up.

use std::{
    fmt, fs,
    fs::{File, OpenOptions},
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use fabric::{
    proto::protos::TxValidationCode,
    types::{HeadedBlock, Height},
};
use parking_lot::{Mutex, RwLock};
use rocksdb::DB;

use super::{
    CommittedBlock, Ledger, LedgerError, TornTail, Transaction, UpdateBatch, ValidatedBlock, View, database,
    files::{self, Files},
    index::{self, BlockRecord},
    known::Known,
    log::{BlockLog, LogReader, LoggedBlock},
    meta::{self, Savepoint},
    transaction,
};

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
        self.torn.as_ref().map_or(Ok(()), |torn| write!(out, ", {torn}"))
    }
}

pub(super) fn open(
    directory: &Path,
    genesis: Option<&HeadedBlock>,
    files: Files,
) -> Result<(Arc<Ledger>, Recovery), LedgerError> {
    files.create_directory(directory)?;
    let lock = lock(directory)?;
    let database = open_database(&directory.join("index"))?;
    let indexed = savepoint(&database)?.height;
    let (mut log, torn) = BlockLog::open(&directory.join("blocks"), indexed, files)?;
    let created = log.next() == 0;
    if created {
        let genesis = genesis.ok_or_else(|| LedgerError::NoGenesis { directory: directory.to_path_buf() })?;
        log.append(&validated_genesis(genesis)?.seal(&Savepoint::default())?.encode()?)?;
    }
    let reader = log.reader().clone();
    let identity = identity(&reader)?;
    check_channel(directory, genesis, &identity)?;
    check_same_chain(&database, &reader)?;
    let replayed = replay(&database, &reader)?;
    let tip = savepoint(&database)?;
    let recovery = Recovery { created, height: tip.height, replayed: replayed - u64::from(created), torn };
    let ledger = Ledger {
        directory: directory.to_path_buf(),
        identity,
        database,
        reader,
        log: Mutex::new(log),
        known_state: Known::new(tip.height),
        known_transactions: Known::new(tip.height),
        begun: AtomicU64::new(tip.height),
        tip: RwLock::new(tip),
        _lock: lock,
    };
    Ok((Arc::new(ledger), recovery))
}

/// Commits to the database all blocks of the log that it does not have, as they were committed at first,
/// and compares the commit hashes. Returns how many there were.
pub(super) fn replay(database: &DB, reader: &LogReader) -> Result<u64, LedgerError> {
    let first = savepoint(database)?.height;
    let mut replayed = 0;
    for block in reader.blocks(first)? {
        let block = block?;
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
    let block = HeadedBlock::decode(bytes)
        .map_err(|error| LedgerError::Unreadable { number, reason: error.to_string() })?;
    let recorded = CommittedBlock::recorded_commit_hash(&block);
    let tip = savepoint(database)?;
    let snapshot = database.snapshot();
    let committed = View { database, log: reader, snapshot, height: tip.height, known: None };
    let block = ValidatedBlock::replay(block, &committed)?.seal(&tip)?;
    if block.commit_hash != recorded {
        let (recorded, derived) = (hex::encode(recorded), hex::encode(&block.commit_hash));
        return Err(LedgerError::ReplayDiffers { number, recorded, derived });
    }
    let (mut batch, _) = index::prepare(&block, &committed)?;
    index::locate(&block.block, location, database, &mut batch)?;
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
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(files::error("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(LedgerError::InUse { directory: directory.to_path_buf() }),
        Err(fs::TryLockError::Error(source)) => Err(files::error("lock", &path)(source)),
    }
}

/// Opens a database, or begins one, and refuses one that another version of this program wrote.
pub(super) fn open_database(directory: &Path) -> Result<DB, LedgerError> {
    let database = database::open(directory)?;
    let (found, expected) = (meta::format(&database)?, database::FORMAT);
    match found == expected {
        true => Ok(database),
        false => Err(LedgerError::Format { directory: directory.to_path_buf(), found, expected }),
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
    let differs = || LedgerError::IndexDiffers { number };
    let record = BlockRecord::read(database, number)?.ok_or_else(differs)?;
    let block = HeadedBlock::decode(reader.read(record.location)?).map_err(|_| differs())?;
    match block.hash() == tip.header_hash {
        true => Ok(()),
        false => Err(differs()),
    }
}
