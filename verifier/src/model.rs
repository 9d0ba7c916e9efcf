//! The read model: the certificate records of one channel, kept in a database of the verifier's own.
//!
//! It is fed with committed blocks that this process validated itself, answers while every peer is down, and can be
//! thrown away: everything in it can be read from the ledger again. One batch a block carries the block's changes
//! and the savepoint, so that after a crash it stands at the end of some block, and reads the blocks after it from the
//! ledger's log.

mod database;
mod error;
mod feed;
mod product;
mod reading;
mod savepoint;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use certificate::{Code, DateTime, keys, record};
use fabric::types::Height;
use network::ledger::replayable;
use parking_lot::Mutex;
use rocksdb::{DB, WriteBatch};

pub use error::ModelError;
pub use feed::CaughtUp;
pub(crate) use product::product_facts;
pub use product::product_link;
pub use reading::{Entry, Reading};
use savepoint::{FORMAT, Savepoint};

use crate::limits;
use crate::standing::{AsOf, Doubt, Head, Standing};

/// First byte of every key in the database.
const STATE: u8 = b's';
const PRODUCT: u8 = b'p';
const SAVEPOINT: &[u8] = b"m";
const CONFIRMATION: &[u8] = b"c";

/// Seconds between two confirmations that are kept.
const CONFIRMATION_INTERVAL: i64 = 10;

/// The channel that a read model belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub name: String,
    /// Header hash of block 0.
    pub genesis: [u8; 32],
    /// The chaincode's name, which is the namespace of its records.
    pub chaincode: String,
}

impl Channel {
    /// As it is published, printed, and written in certificates.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.genesis)
    }
}

/// What one block leaves of one key.
pub(crate) struct Change<'a> {
    pub key: &'a str,
    /// `None`: deleted.
    pub value: Option<&'a Bytes>,
    pub version: Height,
}

/// A block as the read model needs it.
pub(crate) struct BlockChanges<'a> {
    pub number: u64,
    pub hash: [u8; 32],
    pub previous_hash: &'a [u8],
    pub changes: Vec<Change<'a>>,
}

/// The read model. Shared by the feed, which writes, and by the server, which reads; each answer reads one snapshot.
pub struct ReadModel {
    channel: Channel,
    directory: PathBuf,
    database: DB,
    /// Taken by whoever applies a block, for as long as that takes: blocks come one after the other.
    savepoint: Mutex<Savepoint>,
    /// When the confirmation was given that was kept last.
    kept: Mutex<Option<DateTime>>,
    /// Changed after the database, so that an answer never claims a newer block than it read.
    standing: Mutex<Standing>,
}

impl ReadModel {
    /// Opens or creates the read model of `channel` in `directory`; refuses one that belongs to another channel.
    pub fn open(directory: &Path, channel: Channel) -> Result<Self, ModelError> {
        let database = database::open(directory)?;
        let savepoint = match database.get(SAVEPOINT)? {
            Some(record) => belonging(&record, &channel, directory)?,
            None => begin(&database, &channel)?,
        };
        let mut standing = Standing::restored(savepoint.height, savepoint.confirmed_at);
        let kept = database.get(CONFIRMATION)?.map(|record| savepoint::decode_head(&record)).transpose()?;
        if let Some(head) = kept {
            // After a crash it may be about blocks that are still to be read from the ledger again.
            standing.confirm(head);
        }
        Ok(Self {
            channel,
            directory: directory.to_owned(),
            database,
            savepoint: Mutex::new(savepoint),
            kept: Mutex::new(kept.map(|head| head.confirmed_at)),
            standing: Mutex::new(standing),
        })
    }

    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Number of blocks applied.
    pub fn height(&self) -> u64 {
        self.savepoint.lock().height
    }

    /// As of which block answers are given.
    pub fn as_of(&self) -> AsOf {
        self.standing.lock().as_of()
    }

    /// Why answers at `now` must be "cannot tell"; see [`Doubt`].
    pub fn doubt(&self, now: DateTime, max_age: i64) -> Option<Doubt> {
        self.standing.lock().doubt(now, max_age)
    }

    /// Takes in what the source of blocks says about the end of the chain. Call it whenever the source has answered,
    /// also when there was no new block: only that keeps answers from growing old.
    pub fn confirm(&self, head: Head) {
        self.standing.lock().confirm(head);
        if let Err(error) = self.keep_confirmation() {
            tracing::warn!(%error, "the confirmation of the head could not be kept for the next start");
        }
    }

    /// One consistent picture for one answer.
    pub fn read(&self, now: DateTime, max_age: i64) -> Result<Reading<'_>, ModelError> {
        // Before the snapshot is taken: what it holds is then at least as new as what is claimed.
        let standing = self.standing.lock().clone();
        Reading::new(self, &standing, now, max_age)
    }

    /// Applies a block's changes and the savepoint in one batch. On an error nothing was applied, and answers are
    /// "cannot tell" until a block goes in again.
    pub(crate) fn apply_changes(&self, block: &BlockChanges<'_>) -> Result<(), ModelError> {
        let mut savepoint = self.savepoint.lock();
        let applied = self.write_block(&savepoint, block);
        let mut standing = self.standing.lock();
        match applied {
            Ok(next) => {
                standing.advance(next.height);
                *savepoint = next;
                Ok(())
            }
            Err(error) => {
                standing.fail();
                Err(error)
            }
        }
    }

    /// Throws everything away, to be filled again from block 0.
    pub(crate) fn clear(&self) -> Result<(), ModelError> {
        let mut savepoint = self.savepoint.lock();
        let mut batch = WriteBatch::default();
        batch.delete_range([0u8].as_slice(), [u8::MAX].as_slice());
        let empty = empty(&self.channel);
        batch.put(SAVEPOINT, empty.encode());
        // In RocksDB's own log, so that no later confirmation is read beside what was thrown away.
        self.database.write(batch)?;
        *savepoint = empty;
        *self.kept.lock() = None;
        *self.standing.lock() = Standing::default();
        Ok(())
    }

    /// Header hash of the newest block applied.
    pub(crate) fn block_hash(&self) -> [u8; 32] {
        self.savepoint.lock().block_hash
    }

    fn write_block(&self, last: &Savepoint, block: &BlockChanges<'_>) -> Result<Savepoint, ModelError> {
        check_follows(last, block)?;
        let mut batch = WriteBatch::default();
        for change in &block.changes {
            write_change(&mut batch, change);
        }
        let confirmed_at = self.standing.lock().as_of().confirmed_at;
        let next =
            Savepoint { height: block.number + 1, block_hash: block.hash, confirmed_at, ..last.clone() };
        batch.put(SAVEPOINT, next.encode());
        self.database.write_opt(batch, &replayable())?;
        Ok(next)
    }

    /// In RocksDB's own log, since nothing else holds it.
    fn keep_confirmation(&self) -> Result<(), ModelError> {
        let mut kept = self.kept.lock();
        let AsOf { height, confirmed_at: Some(confirmed_at) } = self.as_of() else { return Ok(()) };
        if kept.is_none_or(|kept| kept.plus_seconds(CONFIRMATION_INTERVAL) <= confirmed_at) {
            self.database.put(CONFIRMATION, savepoint::encode_head(Head { height, confirmed_at }))?;
            *kept = Some(confirmed_at);
        }
        Ok(())
    }
}

/// `sha256:` and hex.
pub fn fingerprint(hash: &[u8; 32]) -> String {
    format!("sha256:{}", hex::encode(hash))
}

fn check_follows(last: &Savepoint, block: &BlockChanges<'_>) -> Result<(), ModelError> {
    if block.number != last.height {
        return Err(ModelError::WrongNumber { expected: last.height, got: block.number });
    }
    let follows = match block.number {
        0 => block.hash == last.genesis,
        _ => block.previous_hash == last.block_hash,
    };
    if follows { Ok(()) } else { Err(ModelError::OtherChain { number: block.number }) }
}

fn begin(database: &DB, channel: &Channel) -> Result<Savepoint, ModelError> {
    let savepoint = empty(channel);
    database.put(SAVEPOINT, savepoint.encode())?;
    Ok(savepoint)
}

fn empty(channel: &Channel) -> Savepoint {
    let Channel { name, genesis, .. } = channel.clone();
    Savepoint { height: 0, block_hash: [0; 32], genesis, channel: name, confirmed_at: None }
}

fn belonging(record: &[u8], channel: &Channel, directory: &Path) -> Result<Savepoint, ModelError> {
    let found = record.first().copied().unwrap_or_default();
    if found != FORMAT {
        return Err(ModelError::Format { directory: directory.to_owned(), found, expected: FORMAT });
    }
    let savepoint = Savepoint::decode(record)?;
    if savepoint.channel != channel.name || savepoint.genesis != channel.genesis {
        return Err(ModelError::OtherChannel {
            directory: directory.to_owned(),
            found_genesis: fingerprint(&savepoint.genesis),
            found: savepoint.channel,
            asked: channel.name.clone(),
            asked_genesis: channel.fingerprint(),
        });
    }
    Ok(savepoint)
}

fn write_change(batch: &mut WriteBatch, change: &Change<'_>) {
    let key = state_key(change.key);
    let Some(value) = change.value else {
        batch.delete(key);
        return;
    };
    if value.len() > limits::VALUE_BYTES {
        // No record of the contract is so long; what it would have replaced must not be answered from.
        tracing::warn!(key = change.key, bytes = value.len(), "a record is too long to be one of ours");
        batch.delete(key);
        return;
    }
    if let Some(code) = certificate_code(change.key) {
        for row in product_rows(value, code, change) {
            batch.put(row, []);
        }
    }
    let version = [change.version.block.to_be_bytes(), change.version.tx.to_be_bytes()].concat();
    batch.put(key, [&version, value.as_ref()].concat());
}

/// A certificate is written once. Were it written again, a second row would only list it twice. One that cannot be
/// read is not listed; whoever asks for it by its code is told that this verifier cannot tell.
fn product_rows(value: &Bytes, code: Code, change: &Change<'_>) -> Vec<Vec<u8>> {
    match record::Certificate::decode(value) {
        Ok(certificate) => product::rows(&certificate.document, code, change.version),
        Err(error) => {
            tracing::error!(key = change.key, %error, "a certificate record cannot be read");
            Vec::new()
        }
    }
}

fn certificate_code(key: &str) -> Option<Code> {
    key.strip_prefix(keys::CERTIFICATE)?.parse().ok()
}

fn state_key(key: &str) -> Vec<u8> {
    [&[STATE], key.as_bytes()].concat()
}
