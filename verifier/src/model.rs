//! The read model: the certificate records of one channel, kept in a database of the verifier's own.
//!
//! It is fed with committed blocks that this process validated itself, answers while every peer is down, and can be
//! thrown away: everything in it can be read from the ledger again. One batch a block carries the block's changes
//! and the savepoint, so that after a crash it stands at the end of some block, and reads the blocks after it from the
//! ledger's log.

mod adoption;
mod block;
mod bodies;
mod database;
mod error;
mod feed;
mod issue;
mod product;
mod reading;
mod savepoint;
mod scope;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use certificate::chaincode::REGISTRY;
use certificate::{DateTime, demo, keys};
use channel::Bundle;
use fabric::types::{HeadedBlock, Height};
use ledger::replayable;
use parking_lot::Mutex;
use rocksdb::{DB, WriteBatch};

use block::{BlockChanges, IncomingBlock, Stored};
use bodies::Bodies;
pub use error::ModelError;
pub use feed::CaughtUp;
pub use product::product_link;
pub(crate) use product::{belongs, product_facts};
pub use reading::{Entry, Reading};
use savepoint::{FORMAT, Savepoint, take};

use crate::sync_status::{AsOf, Doubt, Head, SyncStatus};

/// First byte of every key in the database.
const STATE: u8 = b's';
const PRODUCT: u8 = b'p';
/// Before a certificate's code: how and when it was issued.
const ISSUE: u8 = b'i';
/// Before a certificate's code: who has taken it over.
const ADOPTION: u8 = b'a';
/// Before the key of a record: what its owner has done.
const LOG: u8 = b'l';
/// The channel's configuration, an encoded `Config`.
const CONFIG: &[u8] = b"g";
const SAVEPOINT: &[u8] = b"m";
/// Before a chaincode's name: whose it is, and its ledger time.
const BODY: u8 = b'b';
const CONFIRMATION: &[u8] = b"c";

/// Seconds between two confirmations that are kept.
const CONFIRMATION_INTERVAL: i64 = 10;

/// The channel that a read model belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub name: String,
    /// Header hash of block 0.
    pub genesis: [u8; 32],
    /// The name of the first certification body's chaincode. Those of further bodies are called after it, with a hyphen.
    pub chaincode: String,
    /// MSP id of the organisation that accredits certification bodies.
    pub accreditation_body: String,
}

impl Channel {
    /// As it is published, printed, and written in certificates.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.genesis)
    }
}

/// Where the model stands on its chain.
#[derive(Clone)]
struct Tip {
    savepoint: Savepoint,
    bodies: Bodies,
    /// In force for the next block; `None` before block 0.
    bundle: Option<Arc<Bundle>>,
}

/// The read model. Shared by the feed, which writes, and by the server, which reads; each answer reads one snapshot.
///
/// ```
/// # use fabric::types::HeadedBlock;
/// # use ledger::Ledger;
/// use certificate::{Code, DateTime};
/// use verifier::{Channel, Head, ReadModel};
///
/// # let directory = tempfile::tempdir()?;
/// # let genesis = HeadedBlock::decode(std::fs::read("../tests/golden/small/genesis.block")?.into())?;
/// # let (ledger, _) = Ledger::open(&directory.path().join("ledger"), Some(&genesis))?;
/// let channel = Channel {
///     name: ledger.channel_id().to_owned(),
///     genesis: ledger.genesis_hash(),
///     chaincode: "nanotrace".to_owned(),
///     accreditation_body: "AccreditationMSP".to_owned(),
/// };
/// # std::fs::create_dir(directory.path().join("read-model"))?;
/// let model = ReadModel::open(&directory.path().join("read-model"), channel)?;
/// model.catch_up(&ledger)?;
/// let now = DateTime::parse("2026-11-21T12:00:00Z").ok_or("no time")?;
/// let day = 24 * 60 * 60;
/// assert!(model.doubt(now, day).is_some(), "no source has confirmed that block 0 is the newest");
///
/// model.confirm(Head { height: ledger.height(), confirmed_at: now, sources: None });
/// let reading = model.read(now, day)?;
/// assert!(reading.doubt().is_none());
/// assert!(reading.entry("01040G2081840R2081040G2081S".parse::<Code>()?)?.is_none(), "no such certificate");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ReadModel {
    channel: Channel,
    directory: PathBuf,
    database: DB,
    /// Taken by the thread that applies a block, for as long as that takes: blocks come one after the other.
    tip: Mutex<Tip>,
    /// When the confirmation was given that was kept last.
    kept: Mutex<Option<DateTime>>,
    /// Changed after the database, so that an answer never claims a newer block than it read. Shared with the task that
    /// opens the read model anew.
    sync_status: Arc<Mutex<SyncStatus>>,
}

impl ReadModel {
    /// Opens or creates the read model of `channel` in `directory`; refuses one that belongs to another channel.
    pub fn open(directory: &Path, channel: Channel) -> Result<Self, ModelError> {
        Self::open_with(directory, channel, Arc::default())
    }

    /// As [`ReadModel::open`], with what is already known of the chain's end.
    pub(crate) fn open_with(
        directory: &Path,
        channel: Channel,
        sync_status: Arc<Mutex<SyncStatus>>,
    ) -> Result<Self, ModelError> {
        let database = database::open(directory)?;
        let savepoint = match database.get(SAVEPOINT)? {
            Some(record) => belonging(&record, &channel, directory)?,
            None => None,
        };
        let savepoint = savepoint.map_or_else(|| begin(&database, &channel), Ok)?;
        let bodies = Bodies::read(&database, &channel.accreditation_body)?;
        let bundle = database.get(CONFIG)?.map(|config| stored_bundle(&savepoint, config)).transpose()?;
        let kept = database.get(CONFIRMATION)?.map(|record| savepoint::decode_head(&record)).transpose()?;
        let kept_at = kept.as_ref().map(|head| head.confirmed_at);
        let mut place = sync_status.lock();
        place.restore(savepoint.height, savepoint.confirmed_at);
        let is_newer = |head: &Head| savepoint.confirmed_at.is_none_or(|last| last <= head.confirmed_at);
        if let Some(head) = kept.filter(is_newer) {
            // After a crash it may be about blocks that are still to be read from the ledger again.
            place.confirm(head);
        }
        drop(place);
        Ok(Self {
            channel,
            directory: directory.to_owned(),
            database,
            tip: Mutex::new(Tip { savepoint, bodies, bundle }),
            kept: Mutex::new(kept_at),
            sync_status,
        })
    }

    /// Removes the files of a read model that is not open. Everything in it can be read from the ledger again.
    pub(crate) fn destroy(directory: &Path) -> Result<(), ModelError> {
        Ok(DB::destroy(&rocksdb::Options::default(), directory)?)
    }

    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Number of blocks applied.
    pub fn height(&self) -> u64 {
        self.tip.lock().savepoint.height
    }

    /// The ledger time of the newest block in each body's chaincode; see `docs/adr/0013-ledger-time.md`.
    pub fn ledger_times(&self) -> Vec<(String, Option<DateTime>)> {
        let tip = self.tip.lock();
        tip.bodies.iter().map(|(chaincode, body)| (chaincode.to_owned(), body.ledger_time)).collect()
    }

    /// What is known of its place on the chain.
    pub(crate) fn sync_status(&self) -> Arc<Mutex<SyncStatus>> {
        Arc::clone(&self.sync_status)
    }

    /// Whether the ledger is one that was made for demonstration: the demonstration's scheme is registered on it.
    pub(crate) fn is_demonstration(&self) -> bool {
        let scheme = keys::scheme(demo::SCHEME_ID, demo::SCHEME_VERSION);
        let mut places = [REGISTRY, &self.channel.chaincode].into_iter().map(|it| state_key(it, &scheme));
        places.any(|key| self.database.get_pinned(key).is_ok_and(|record| record.is_some()))
    }

    /// As of which block answers are given.
    pub fn as_of(&self) -> AsOf {
        self.sync_status.lock().as_of()
    }

    /// Why answers at `now` must be "cannot tell"; see [`Doubt`].
    pub fn doubt(&self, now: DateTime, max_age: i64) -> Option<Doubt> {
        self.sync_status.lock().doubt(now, max_age)
    }

    /// Takes in what the source of blocks says about the end of the chain. Call it whenever the source has answered,
    /// also when there was no new block: only that keeps answers from growing old.
    pub fn confirm(&self, head: Head) {
        self.sync_status.lock().confirm(head);
        if let Err(error) = self.keep_confirmation() {
            tracing::warn!(%error, "the confirmation of the head could not be kept for the next start");
        }
    }

    /// One consistent picture for one answer.
    pub fn read(&self, now: DateTime, max_age: i64) -> Result<Reading<'_>, ModelError> {
        // Before the snapshot is taken: what it holds is then at least as new as what is claimed.
        let sync_status = self.sync_status.lock().clone();
        Reading::new(self, &sync_status, now, max_age)
    }

    /// Applies a block's changes and the savepoint in one batch. On an error nothing was applied, and answers are
    /// "cannot tell" until a block goes in again.
    fn apply_block(&self, block: &IncomingBlock<'_>) -> Result<(), ModelError> {
        let mut tip = self.tip.lock();
        let applied = self.write_block(&tip, block);
        let mut sync_status = self.sync_status.lock();
        match applied {
            Ok(next) => {
                sync_status.advance(next.savepoint.height);
                *tip = next;
                Ok(())
            }
            Err(error) => {
                sync_status.fail();
                Err(error)
            }
        }
    }

    /// Throws everything away, to be filled again from block 0.
    pub(crate) fn clear(&self) -> Result<(), ModelError> {
        let mut tip = self.tip.lock();
        *tip =
            Tip { savepoint: begin(&self.database, &self.channel)?, bodies: Bodies::default(), bundle: None };
        *self.kept.lock() = None;
        self.sync_status.lock().restart();
        Ok(())
    }

    /// Header hash of the newest block applied.
    pub(crate) fn block_hash(&self) -> [u8; 32] {
        self.tip.lock().savepoint.block_hash
    }

    fn stored(&self) -> Stored<'_> {
        Stored { database: &self.database, first: &self.channel.chaincode }
    }

    fn write_block(&self, tip: &Tip, block: &IncomingBlock<'_>) -> Result<Tip, ModelError> {
        check_follows(&tip.savepoint, block.block)?;
        let bodies = self.bodies_after(tip, block);
        let config = block.config()?;
        let stored = self.stored();
        let mut changes = BlockChanges::new(block, &stored, &bodies, &self.channel.accreditation_body);
        changes.apply()?;
        let mut batch = changes.into_batch()?;
        bodies.put(&mut batch);
        if let Some(bundle) = &config {
            batch.put(CONFIG, bundle.config());
        }
        let next = Savepoint {
            height: block.block.number() + 1,
            block_hash: block.block.hash(),
            confirmed_at: self.sync_status.lock().as_of().confirmed_at,
            ..tip.savepoint.clone()
        };
        batch.put(SAVEPOINT, next.encode());
        self.database.write_opt(batch, &replayable())?;
        Ok(Tip { savepoint: next, bodies, bundle: config.or_else(|| tip.bundle.clone()) })
    }

    /// Which bodies there are after this block, and their ledger times: the greatest timestamp, up to and in the block, of
    /// valid transactions of a body's chaincode that both bodies endorsed.
    fn bodies_after(&self, tip: &Tip, block: &IncomingBlock<'_>) -> Bodies {
        let mut bodies = tip.bodies.clone();
        let Some(bundle) = &tip.bundle else { return bodies };
        for (chaincode, ledger, envelope) in block.bindings(&self.channel.chaincode) {
            bodies.bind(&chaincode, &ledger.body, &self.channel.accreditation_body, &envelope, bundle);
        }
        for (claimed, envelope) in block.claims() {
            bodies.advance(claimed, &envelope, bundle);
        }
        bodies
    }

    /// In RocksDB's own log, since nothing else holds it.
    fn keep_confirmation(&self) -> Result<(), ModelError> {
        let mut kept = self.kept.lock();
        let AsOf { height, confirmed_at: Some(confirmed_at), .. } = self.as_of() else { return Ok(()) };
        // One of a clock that was set back since is replaced at once.
        let is_due =
            |kept: DateTime| confirmed_at < kept || kept.plus_seconds(CONFIRMATION_INTERVAL) <= confirmed_at;
        if kept.is_none_or(is_due) {
            self.database.put(CONFIRMATION, savepoint::encode_head(height, confirmed_at))?;
            *kept = Some(confirmed_at);
        }
        Ok(())
    }
}

/// `sha256:` and hex.
pub fn fingerprint(hash: &[u8; 32]) -> String {
    format!("sha256:{}", hex::encode(hash))
}

fn check_follows(last: &Savepoint, block: &HeadedBlock) -> Result<(), ModelError> {
    let number = block.number();
    if number != last.height {
        return Err(ModelError::WrongNumber { expected: last.height, got: number });
    }
    let follows = match number {
        0 => block.hash() == last.genesis,
        _ => block.header().previous_hash.as_ref() == last.block_hash,
    };
    if follows { Ok(()) } else { Err(ModelError::OtherChain { number }) }
}

/// An empty model, whatever was there before. It goes through RocksDB's own log, so that no later confirmation is read
/// beside what was thrown away.
fn begin(database: &DB, channel: &Channel) -> Result<Savepoint, ModelError> {
    let Channel { name, genesis, .. } = channel.clone();
    let savepoint = Savepoint { height: 0, block_hash: [0; 32], genesis, channel: name, confirmed_at: None };
    let mut batch = WriteBatch::default();
    batch.delete_range([0u8].as_slice(), [u8::MAX].as_slice());
    batch.put(SAVEPOINT, savepoint.encode());
    database.write(batch)?;
    Ok(savepoint)
}

fn stored_bundle(savepoint: &Savepoint, config: Vec<u8>) -> Result<Arc<Bundle>, ModelError> {
    Bundle::from_config(&savepoint.channel, Bytes::from(config)).map_err(|_| ModelError::Savepoint)
}

/// The savepoint, if the model is of this channel; `None` where an older program wrote it, to be filled anew.
fn belonging(record: &[u8], channel: &Channel, directory: &Path) -> Result<Option<Savepoint>, ModelError> {
    let found = record.first().copied().unwrap_or_default();
    if found < FORMAT {
        tracing::warn!(found, expected = FORMAT, "the read model is of an older format and is built anew");
        return Ok(None);
    }
    if found > FORMAT {
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
    Ok(Some(savepoint))
}

/// No name of a chaincode holds a NUL.
fn state_key(chaincode: &str, key: &str) -> Vec<u8> {
    [&[STATE], chaincode.as_bytes(), &[0], key.as_bytes()].concat()
}

fn log_key(chaincode: &str, key: &str) -> Vec<u8> {
    [&[LOG], chaincode.as_bytes(), &[0], key.as_bytes()].concat()
}

/// A record's version and its value.
fn split_version(stored: Bytes) -> Option<(Height, Bytes)> {
    let mut rest: &[u8] = &stored;
    let block = u64::from_be_bytes(take(&mut rest)?);
    let tx = u64::from_be_bytes(take(&mut rest)?);
    let value = stored.slice_ref(rest);
    Some((Height::new(block, tx), value))
}
