//! The block log: the ledger's truth, an append-only row of files that hold one block after the other.
//!
//! A block is durable when [`BlockLog::append`] returns. If the process dies before, the block is whole,
//! torn or absent; [`BlockLog::open`] keeps a whole one and cuts a torn one off, which no client was told
//! about yet. Damage anywhere else is an error: blocks that were acknowledged are never dropped silently.

mod damage;
mod reader;
mod record;

use std::{
    fmt,
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
};

pub use damage::Damage;
use damage::first_record;
use reader::SegmentScan;
pub use reader::logged_blocks;
pub(super) use reader::{Location, LogReader, LoggedBlock};
pub use record::MAX_BLOCK_BYTES;
use record::{Flaw, RecordHeader, SEGMENT_HEADER};

use super::{
    LedgerError,
    files::{self, Files},
};

/// The end of the log, where blocks are appended. There is one, behind the ledger's commit lock.
#[derive(Debug)]
pub(super) struct BlockLog {
    files: Files,
    reader: LogReader,
    /// `None` before the first block.
    segment: Option<Segment>,
    next: u64,
    /// Why nothing may be appended any more.
    poison: Option<String>,
}

#[derive(Debug)]
struct Segment {
    file: File,
    path: PathBuf,
    first: u64,
    length: u64,
}

/// The remains of an append that the process did not live to finish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    pub segment: PathBuf,
    pub offset: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
}

impl BlockLog {
    /// Opens the log, or begins one, and cuts a torn tail off. `confirmed` is the number of blocks that are
    /// known to have been durable: a flaw in one of them is damage, and fewer of them are a loss.
    pub(super) fn open(
        directory: &Path,
        confirmed: u64,
        files: Files,
    ) -> Result<(Self, Option<TornTail>), LedgerError> {
        files.create_directory(directory)?;
        let reader = LogReader::new(directory);
        let mut log = Self { files, reader, segment: None, next: 0, poison: None };
        let torn = log.find_end(confirmed)?;
        if log.next < confirmed {
            return Err(LedgerError::Shorter { confirmed, logged: log.next });
        }
        Ok((log, torn))
    }

    /// The number of blocks in the log, which is the number of the next one.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn reader(&self) -> &LogReader {
        &self.reader
    }

    /// Writes a block of at most [`MAX_BLOCK_BYTES`] and makes it durable. After an error it is unknown
    /// whether the block is durable, and the log refuses all others: only a restart can tell.
    pub(super) fn append(&mut self, block: &[u8]) -> Result<Location, LedgerError> {
        self.check_poison()?;
        let before = self.segment.as_ref().map(|segment| (segment.path.clone(), segment.length));
        self.write(block).inspect_err(|error| {
            self.poison(error);
            self.retract(before);
        })
    }

    /// Refuses all further blocks.
    pub(super) fn poison(&mut self, cause: &LedgerError) {
        self.poison = Some(cause.to_string());
    }

    pub(super) fn check_poison(&self) -> Result<(), LedgerError> {
        match &self.poison {
            None => Ok(()),
            Some(cause) => Err(LedgerError::Poisoned { cause: cause.clone() }),
        }
    }

    /// As [`BlockLog::append`], for a log that nobody rests on before [`BlockLog::sync`].
    pub(super) fn load(&mut self, block: &[u8]) -> Result<(), LedgerError> {
        if self.is_full() {
            self.sync()?;
        }
        let (segment, _) = self.append_record(block)?;
        self.segment = Some(segment);
        self.next += 1;
        Ok(())
    }

    /// Makes durable what [`BlockLog::load`] wrote.
    pub(super) fn sync(&self) -> Result<(), LedgerError> {
        if let Some(segment) = &self.segment {
            self.files.sync(&segment.file, &segment.path)?;
        }
        self.files.sync_directory(self.reader.directory())
    }

    fn write(&mut self, block: &[u8]) -> Result<Location, LedgerError> {
        let is_first = self.is_full();
        let (segment, location) = self.append_record(block)?;
        self.files.sync(&segment.file, &segment.path)?;
        if is_first {
            // The file's name must be durable too, before anybody hears of the block.
            self.files.sync_directory(self.reader.directory())?;
        }
        self.segment = Some(segment);
        self.next += 1;
        Ok(location)
    }

    /// Whether the next block begins a segment.
    fn is_full(&self) -> bool {
        self.segment.as_ref().is_none_or(|segment| segment.length >= self.files.segment_bytes)
    }

    /// Writes the record of the next block to its segment, and hands out both.
    fn append_record(&mut self, block: &[u8]) -> Result<(Segment, Location), LedgerError> {
        let is_full = self.is_full();
        let mut segment = match self.segment.take() {
            Some(segment) if !is_full => segment,
            _ => self.begin_segment()?,
        };
        let header = RecordHeader::of(self.next, block);
        self.files.append(&mut segment.file, &segment.path, &header.encode())?;
        self.files.append(&mut segment.file, &segment.path, block)?;
        let location = Location { segment: segment.first, offset: segment.length, length: header.length };
        segment.length += header.record_length();
        Ok((segment, location))
    }

    /// Takes back what a failed append may have left in the page cache: the next process would read it
    /// as if it were on disk. Best effort; after a crash of the machine the disk alone counts.
    fn retract(&self, before: Option<(PathBuf, u64)>) {
        let beginning = || (self.reader.path(self.next), 0);
        let (path, length) =
            before.filter(|(_, length)| *length < self.files.segment_bytes).unwrap_or_else(beginning);
        if let Ok(file) = OpenOptions::new().append(true).open(&path) {
            let _ = self.files.truncate(&file, &path, length);
        }
    }

    fn begin_segment(&self) -> Result<Segment, LedgerError> {
        let path = self.reader.path(self.next);
        let mut file = self.files.create(&path)?;
        self.files.append(&mut file, &path, &record::encode_segment_header(self.next))?;
        Ok(Segment { file, path, first: self.next, length: SEGMENT_HEADER as u64 })
    }

    /// Finds the end of the log in its last segment.
    fn find_end(&mut self, confirmed: u64) -> Result<Option<TornTail>, LedgerError> {
        let segments = self.reader.segments()?;
        let Some(last) = segments.last().copied() else { return Ok(None) };
        if segments.first() != Some(&0) {
            return Err(self.reader.missing(0));
        }
        let path = self.reader.path(last);
        let length = std::fs::metadata(&path).map_err(files::error("read", &path))?.len();
        if !self.reader.is_unfinished(last, confirmed)? {
            return self.find_end_of(last, length, confirmed);
        }
        self.files.remove(&path)?;
        self.files.sync_directory(self.reader.directory())?;
        self.find_end(confirmed)?;
        Ok(Some(TornTail { segment: path, offset: 0, bytes: length }))
    }

    fn find_end_of(
        &mut self,
        segment: u64,
        length: u64,
        confirmed: u64,
    ) -> Result<Option<TornTail>, LedgerError> {
        let mut scan = self.reader.scan(segment)?;
        self.next = segment;
        let mut torn = None;
        while let Some(record) = scan.next()? {
            match record {
                Ok(block) if block.number == self.next => self.next += 1,
                Ok(_) => return Err(scan.damaged(Flaw::Gap)),
                Err(flaw) => {
                    if !ends_at(flaw, &mut scan, self.next, confirmed)? {
                        return Err(scan.damaged(flaw));
                    }
                    torn = Some(length - scan.offset);
                    break;
                }
            }
        }
        let path = self.reader.path(segment);
        let file = OpenOptions::new().append(true).open(&path).map_err(files::error("open", &path))?;
        if torn.is_some() {
            self.files.truncate(&file, &path, scan.offset)?;
        }
        // Blocks that a dying process wrote but did not sync are kept, so they have to be durable now;
        // and so has the name of the file.
        self.files.sync(&file, &path)?;
        self.files.sync_directory(self.reader.directory())?;
        let torn = torn.map(|bytes| TornTail { segment: path.clone(), offset: scan.offset, bytes });
        self.segment = Some(Segment { file, path, first: segment, length: scan.offset });
        Ok(torn)
    }
}

/// Block 0 of the log in `directory`; `None` where there is no log, or the append of block 0 was interrupted.
pub(super) fn first_block(directory: &Path) -> Result<Option<LoggedBlock>, LedgerError> {
    let reader = LogReader::new(directory);
    let segments = if directory.exists() { reader.segments()? } else { Vec::new() };
    let Some(last) = segments.last() else { return Ok(None) };
    let first = match segments.first() {
        Some(0) => reader.blocks(0).and_then(|mut blocks| blocks.next().transpose()),
        _ => Err(reader.missing(0)),
    };
    match first {
        Err(LedgerError::LogDamaged { .. }) if *last == 0 && !holds_any_record(&reader.path(0))? => Ok(None),
        first => first,
    }
}

fn holds_any_record(segment: &Path) -> Result<bool, LedgerError> {
    let bytes = std::fs::read(segment).map_err(files::error("read", segment))?;
    Ok(holds_record(&bytes, 0))
}

/// Whether the log ends at the flaw in the record of block `number`: the block was not confirmed, and an append that was
/// interrupted can have left the flaw. Opening the log and reading the log of a ledger that another process has open
/// go by this rule, and by [`LogReader::is_unfinished`] where a segment begins.
fn ends_at(flaw: Flaw, scan: &mut SegmentScan, number: u64, confirmed: u64) -> Result<bool, LedgerError> {
    match flaw {
        _ if number < confirmed => Ok(false),
        Flaw::Incomplete => Ok(true),
        // The disk may have got the end of the record and not its beginning.
        Flaw::Header => Ok(!holds_record(&scan.rest()?, number)),
        Flaw::Checksum | Flaw::Gap => Ok(false),
    }
}

/// Whether an intact record of block `number` or a later one lies anywhere behind the first byte: an
/// interrupted append leaves none.
fn holds_record(bytes: &[u8], number: u64) -> bool {
    first_record(bytes, 1, number).is_some()
}

impl fmt::Display for TornTail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, offset, segment) = (self.bytes, self.offset, self.segment.display());
        write!(out, "cut {bytes} bytes of an interrupted write off {segment} at byte {offset}")
    }
}
