//! A ledger as of one moment, read while another process writes to it: the confirmed blocks, and the private data that the
//! blocks do not have. And a ledger that is made of both again.
//!
//! Private data of committed blocks lie in the database as of its last flush; those of later blocks lie there too, as what
//! waits for its transaction, because that is synced before it is endorsed. So a ledger that is made anew replays the blocks up
//! to the flush, takes the records over, and replays the rest, which is what a start after a crash does.
//!
//! | private data | as bytes                                                                       |
//! |--------------|--------------------------------------------------------------------------------|
//! | beginning    | 8 bytes: how many blocks the database had                                      |
//! | record       | 1 byte column family, 4 bytes length of the key, 4 of the value, key and value |
//!
//! Numbers are little-endian.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use fabric::types::HeadedBlock;
use prost::Message;
use rocksdb::{DB, IteratorMode, WriteBatch};

use super::{
    ChainCheck, LedgerError,
    database::{self, PRIVATE, TRANSIENT},
    files::Files,
    log::{BlockLog, LogReader, LoggedBlock},
    mark::{self, Mark},
    meta::{self, Savepoint},
    recovery,
};

/// How often opening the database is tried where the process that writes it removes a file meanwhile.
const TRIES: u32 = 20;
/// What is written to a new database at once.
const BATCH_BYTES: usize = 1 << 20;
/// No key is longer, and no value.
const MAX_KEY: u32 = 1 << 20;
const MAX_VALUE: u32 = 128 << 20;
/// The column families of private data, by their number.
const FAMILIES: [&str; 2] = [PRIVATE, TRANSIENT];

/// A ledger as of one moment. Nothing is written to its folder, and no lock is needed.
pub struct Snapshot {
    reader: LogReader,
    /// Blocks that were durable when it was opened; `None` where the ledger does not say how many were confirmed.
    confirmed: Option<u64>,
    private: Option<PrivateSnapshot>,
}

/// The private data of a ledger as of one moment.
pub struct PrivateSnapshot {
    database: DB,
    height: u64,
}

impl Snapshot {
    /// Of the ledger in a folder, as `ledger check` finds it; `None` where there is none.
    pub fn open(folder: &Path) -> Result<Option<Self>, LedgerError> {
        let Some(reader) = LogReader::find(folder)? else { return Ok(None) };
        let ledger = reader.directory().parent().unwrap_or(folder).to_owned();
        // The private data first: then each block up to the mark has all its own among them.
        let private = PrivateSnapshot::open(&ledger.join(recovery::INDEX))?;
        let flushed = private.as_ref().map_or(0, |private| private.height);
        let confirmed = confirmed(&ledger).map(|height| height.max(flushed));
        Ok(Some(Self { reader, confirmed, private }))
    }

    /// The confirmed blocks, in order. The log of a ledger whose mark is lost is read to its end.
    pub fn blocks(
        &self,
    ) -> Result<impl Iterator<Item = Result<HeadedBlock, LedgerError>> + use<>, LedgerError> {
        let end = self.confirmed.unwrap_or(u64::MAX);
        let blocks = self.reader.settled_blocks()?;
        let is_wanted =
            move |block: &Result<LoggedBlock, _>| block.as_ref().map_or(true, |block| block.number < end);
        Ok(blocks.take_while(is_wanted).map(|logged| {
            let LoggedBlock { number, bytes, .. } = logged?;
            HeadedBlock::decode(bytes)
                .map_err(|error| LedgerError::Unreadable { number, reason: error.to_string() })
        }))
    }

    /// How many blocks are confirmed, where that is known.
    pub fn confirmed(&self) -> Option<u64> {
        self.confirmed
    }

    pub fn private(&self) -> Option<&PrivateSnapshot> {
        self.private.as_ref()
    }
}

/// The mark may be read in the moment in which it is written.
fn confirmed(ledger: &Path) -> Option<u64> {
    (0..TRIES).find_map(|_| mark::read(ledger)).map(|confirmed| confirmed.height)
}

impl PrivateSnapshot {
    fn open(directory: &Path) -> Result<Option<Self>, LedgerError> {
        if !directory.join("CURRENT").exists() {
            return Ok(None);
        }
        let mut opened = database::open_read_only(directory);
        for _ in 1..TRIES {
            if opened.is_ok() {
                break;
            }
            opened = database::open_read_only(directory);
        }
        let database = opened?;
        meta::check_format(&database, directory)?;
        let height = recovery::savepoint(&database)?.height;
        Ok(Some(Self { database, height }))
    }

    /// Writes all records.
    pub fn write_to(&self, out: &mut dyn Write) -> Result<(), LedgerError> {
        self.write(out).map_err(|error| match error {
            Unwritten::Database(error) => error,
            Unwritten::Output(source) => {
                LedgerError::File { action: "write", path: PathBuf::from("private data"), source }
            }
        })
    }

    fn write(&self, out: &mut dyn Write) -> Result<(), Unwritten> {
        out.write_all(&self.height.to_le_bytes())?;
        for (number, name) in (0_u8..).zip(FAMILIES) {
            let family = database::family(&self.database, name)?;
            for record in self.database.iterator_cf(family, IteratorMode::Start) {
                let (key, value) = record.map_err(LedgerError::from)?;
                out.write_all(&[number])?;
                out.write_all(&(key.len() as u32).to_le_bytes())?;
                out.write_all(&(value.len() as u32).to_le_bytes())?;
                out.write_all(&key)?;
                out.write_all(&value)?;
            }
        }
        Ok(())
    }
}

enum Unwritten {
    Database(LedgerError),
    Output(io::Error),
}

impl From<LedgerError> for Unwritten {
    fn from(error: LedgerError) -> Self {
        Self::Database(error)
    }
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Makes a ledger in a folder that holds none, of the blocks of a chain and the private data that [`PrivateSnapshot::write_to`]
/// wrote. Returns what the blocks are; all is durable then.
pub fn restore<E: From<LedgerError>>(
    directory: &Path,
    blocks: impl Iterator<Item = Result<HeadedBlock, E>>,
    private: Option<&mut dyn Read>,
) -> Result<ChainCheck, E> {
    let files = Files::default();
    files.create_directory(directory)?;
    let (mut log, _) = BlockLog::open(&directory.join(recovery::BLOCKS), 0, files)?;
    if log.next() > 0 {
        return Err(LedgerError::WrongNumber { expected: log.next(), got: 0 }.into());
    }
    let mut chain = ChainCheck::default();
    for block in blocks {
        let block = block?;
        chain.take(&block)?;
        log.load(&block.message().encode_to_vec())?;
    }
    log.sync()?;
    if let Some(private) = private {
        load_private(&directory.join(recovery::INDEX), log.reader(), private)?;
    }
    let (mark, _) = Mark::open(directory)?;
    let (height, header_hash) = (chain.blocks, chain.last_hash);
    mark.set(&Savepoint { height, header_hash, ..Savepoint::default() });
    mark.sync(directory)?;
    Ok(chain)
}

fn load_private(directory: &Path, log: &LogReader, private: &mut dyn Read) -> Result<(), LedgerError> {
    let mut records = Records::begin(private)?;
    Files::default().create_directory(directory)?;
    let database = recovery::open_database(directory)?;
    recovery::replay_to(&database, log, records.height)?;
    let reached = recovery::savepoint(&database)?.height;
    if reached != records.height {
        return Err(bad(format!("they are as of {} blocks, and there are {reached}", records.height)));
    }
    let mut batch = WriteBatch::default();
    while let Some((family, key, value)) = records.next()? {
        batch.put_cf(database::family(&database, family)?, key, value);
        if batch.size_in_bytes() > BATCH_BYTES {
            database.write_opt(std::mem::take(&mut batch), &database::replayable())?;
        }
    }
    database.write_opt(batch, &database::replayable())?;
    database::flush(&database)
}

/// Reads private data through; returns how many blocks they are as of, and how many records there are.
pub fn check_private(private: &mut dyn Read) -> Result<(u64, u64), LedgerError> {
    let mut records = Records::begin(private)?;
    let mut count = 0;
    while records.next()?.is_some() {
        count += 1;
    }
    Ok((records.height, count))
}

/// Column family, key and value.
type Record = (&'static str, Vec<u8>, Vec<u8>);

struct Records<'a> {
    source: &'a mut dyn Read,
    height: u64,
}

impl<'a> Records<'a> {
    fn begin(source: &'a mut dyn Read) -> Result<Self, LedgerError> {
        let mut height = [0; 8];
        source.read_exact(&mut height).map_err(bad)?;
        Ok(Self { source, height: u64::from_le_bytes(height) })
    }

    /// The next record with the name of its column family; `None` at the end.
    fn next(&mut self) -> Result<Option<Record>, LedgerError> {
        let mut family = [0];
        if self.source.read(&mut family).map_err(bad)? == 0 {
            return Ok(None);
        }
        let [number] = family;
        let family = FAMILIES.get(usize::from(number)).ok_or_else(|| bad("an unknown column family"))?;
        let (key, value) = (self.length(MAX_KEY)?, self.length(MAX_VALUE)?);
        Ok(Some((family, self.bytes(key)?, self.bytes(value)?)))
    }

    fn length(&mut self, most: u32) -> Result<u32, LedgerError> {
        let mut length = [0; 4];
        self.source.read_exact(&mut length).map_err(bad)?;
        let length = u32::from_le_bytes(length);
        if length > most { Err(bad("a record is too long")) } else { Ok(length) }
    }

    fn bytes(&mut self, length: u32) -> Result<Vec<u8>, LedgerError> {
        let mut bytes = Vec::new();
        let read = (&mut *self.source).take(u64::from(length)).read_to_end(&mut bytes).map_err(bad)?;
        if read as u64 == u64::from(length) { Ok(bytes) } else { Err(bad("they end inside a record")) }
    }
}

fn bad(reason: impl ToString) -> LedgerError {
    LedgerError::BadRecord(format!("private data of a backup: {}", reason.to_string()))
}
