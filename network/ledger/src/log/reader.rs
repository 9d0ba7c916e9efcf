//! Reads blocks from the log. Needs no lock: what a location names is durable and never changes.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use fabric::types::HeadedBlock;

use super::{
    super::{LedgerError, files, mark},
    damage::Damage,
    ends_at, holds_record,
    record::{self, Flaw, RECORD_HEADER, RecordHeader, SEGMENT_HEADER},
};

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// The segment, by the number of its first block.
    pub(crate) segment: u64,
    /// Where its record begins.
    pub(crate) offset: u64,
    /// Length of the block, without the record's header.
    pub(crate) length: u32,
}

/// A block as it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoggedBlock {
    pub(crate) number: u64,
    pub(crate) location: Location,
    /// A marshalled `common.Block`.
    pub(crate) bytes: Bytes,
}

/// The directory of the block log.
#[derive(Clone, Debug)]
pub(crate) struct LogReader {
    directory: PathBuf,
}

/// Reads a segment from its beginning.
pub(super) struct SegmentScan {
    file: BufReader<File>,
    reader: LogReader,
    path: PathBuf,
    /// Where the next record begins.
    pub(super) offset: u64,
    segment: u64,
    end: u64,
}

impl LogReader {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_path_buf() }
    }

    /// The log in a folder, in its `blocks`, or in its `ledger/blocks`.
    pub(crate) fn find(folder: &Path) -> Result<Option<Self>, LedgerError> {
        for candidate in [folder.to_owned(), folder.join("blocks"), folder.join("ledger").join("blocks")] {
            let reader = Self { directory: candidate };
            if reader.directory.is_dir() && !reader.segments()?.is_empty() {
                return Ok(Some(reader));
            }
        }
        Ok(None)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Numbers of the first blocks of all segments, in order.
    pub(crate) fn segments(&self) -> Result<Vec<u64>, LedgerError> {
        let listing = self.directory.read_dir().map_err(files::error("list", &self.directory))?;
        let mut segments = Vec::new();
        for entry in listing {
            let name = entry.map_err(files::error("list", &self.directory))?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".log"));
            segments.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        segments.sort_unstable();
        Ok(segments)
    }

    pub(crate) fn path(&self, segment: u64) -> PathBuf {
        self.directory.join(format!("{segment:020}.log"))
    }

    /// The bytes of a block.
    pub(crate) fn read(&self, location: Location) -> Result<Bytes, LedgerError> {
        let path = self.path(location.segment);
        let mut bytes = vec![0; RECORD_HEADER + location.length as usize];
        let file = File::open(&path).map_err(files::error("open", &path))?;
        file.read_exact_at(&mut bytes, location.offset).map_err(files::error("read", &path))?;
        let header = RecordHeader::decode(&bytes).and_then(|header| match header.length == location.length {
            true => Ok(header),
            false => Err(Flaw::Header),
        });
        let block = Bytes::from(bytes).split_off(RECORD_HEADER);
        match header.and_then(|header| header.check(&block)) {
            Ok(()) => Ok(block),
            Err(flaw) => Err(self.damaged(location.segment, location.offset, flaw)),
        }
    }

    /// Part of a block, `offset` counted from the block's first byte; `checksum` is that of the part.
    pub(crate) fn read_part(
        &self,
        location: Location,
        offset: u32,
        length: u32,
        checksum: u32,
    ) -> Result<Bytes, LedgerError> {
        let path = self.path(location.segment);
        let file = File::open(&path).map_err(files::error("open", &path))?;
        let start = location.offset + RECORD_HEADER as u64 + u64::from(offset);
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, start).map_err(files::error("read", &path))?;
        if crc32c::crc32c(&bytes) == checksum {
            Ok(bytes.into())
        } else {
            Err(self.damaged(location.segment, location.offset, Flaw::Checksum))
        }
    }

    /// Reads all blocks from number `from` on, in order.
    pub(crate) fn blocks(
        &self,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<LoggedBlock, LedgerError>> + use<>, LedgerError> {
        self.read_blocks(from, u64::MAX)
    }

    /// Reads all blocks of a ledger that another process may be writing to, or died in. A write at the end that is not
    /// finished belongs to a block that was never acknowledged: the chain ends before it. That can be said only
    /// where it is known how many blocks were confirmed; otherwise such an end is damage.
    pub(crate) fn settled_blocks(
        &self,
    ) -> Result<impl Iterator<Item = Result<LoggedBlock, LedgerError>> + use<>, LedgerError> {
        // Read before the log, which may grow meanwhile.
        let confirmed = self.directory.parent().and_then(mark::read);
        self.read_blocks(0, confirmed.map_or(u64::MAX, |confirmed| confirmed.height))
    }

    /// `confirmed` is the number of blocks behind which an interrupted append may have ended the log.
    fn read_blocks(
        &self,
        from: u64,
        confirmed: u64,
    ) -> Result<impl Iterator<Item = Result<LoggedBlock, LedgerError>> + use<>, LedgerError> {
        let mut segments = self.segments()?;
        let (first, last) = (
            segments.partition_point(|segment| *segment <= from).saturating_sub(1),
            segments.last().copied(),
        );
        let reader = self.clone();
        let records = segments.split_off(first).into_iter().flat_map(move |segment| {
            Records::of(&reader, segment, if Some(segment) == last { confirmed } else { u64::MAX })
        });
        let records = records.skip_while(move |record| matches!(record, Ok(block) if block.number < from));
        let (mut expected, reader) = (from, self.clone());
        Ok(records.map(move |record| {
            let block = record?;
            if block.number != expected {
                let Location { segment, offset, .. } = block.location;
                return Err(match segment > expected {
                    true => reader.missing(expected),
                    false => reader.damaged(segment, offset, Flaw::Gap),
                });
            }
            expected += 1;
            Ok(block)
        }))
    }

    /// Whether the log ends before this segment: an append that was interrupted began it, and its first block was not
    /// confirmed.
    pub(super) fn is_unfinished(&self, segment: u64, confirmed: u64) -> Result<bool, LedgerError> {
        if segment < confirmed {
            return Ok(false);
        }
        let Err(LedgerError::LogDamaged { .. }) = self.scan(segment) else { return Ok(false) };
        let path = self.path(segment);
        let bytes = std::fs::read(&path).map_err(files::error("read", &path))?;
        Ok(!holds_record(&bytes, segment))
    }

    pub(super) fn missing(&self, block: u64) -> LedgerError {
        LedgerError::LogDamaged(Box::new(Damage::missing(self, block)))
    }

    /// Says what is damaged at a place, and what is whole around it.
    pub(super) fn damaged(&self, segment: u64, offset: u64, flaw: Flaw) -> LedgerError {
        LedgerError::LogDamaged(Box::new(Damage::examine(self, segment, offset, flaw)))
    }

    pub(super) fn scan(&self, segment: u64) -> Result<SegmentScan, LedgerError> {
        let path = self.path(segment);
        let mut file = File::open(&path).map_err(files::error("open", &path))?;
        let end = file.metadata().map_err(files::error("read", &path))?.len();
        let mut header = [0; SEGMENT_HEADER];
        let read = read_up_to(&mut file, &mut header).map_err(files::error("read", &path))?;
        match record::decode_segment_header(header.get(..read).unwrap_or_default()) {
            Ok(first) if first == segment => {}
            Ok(_) => return Err(self.damaged(segment, 0, Flaw::Header)),
            Err(flaw) => return Err(self.damaged(segment, 0, flaw)),
        }
        let file = BufReader::with_capacity(1 << 20, file);
        Ok(SegmentScan { file, reader: self.clone(), path, offset: SEGMENT_HEADER as u64, segment, end })
    }
}

impl SegmentScan {
    /// The next record, `None` at the end of the file. A flaw leaves the scan where the record began.
    pub(super) fn next(&mut self) -> Result<Option<Result<LoggedBlock, Flaw>>, LedgerError> {
        if self.offset >= self.end {
            return Ok(None);
        }
        let path = self.path.clone();
        self.read_record().map(Some).map_err(files::error("read", &path))
    }

    pub(super) fn damaged(&self, flaw: Flaw) -> LedgerError {
        self.reader.damaged(self.segment, self.offset, flaw)
    }

    /// Everything from the beginning of the record that could not be read.
    pub(super) fn rest(&mut self) -> Result<Vec<u8>, LedgerError> {
        let mut rest = Vec::new();
        let path = self.path.clone();
        self.file.seek(SeekFrom::Start(self.offset)).map_err(files::error("read", &path))?;
        self.file.read_to_end(&mut rest).map_err(files::error("read", &path))?;
        Ok(rest)
    }

    fn read_record(&mut self) -> std::io::Result<Result<LoggedBlock, Flaw>> {
        let mut header = [0; RECORD_HEADER];
        let read = read_up_to(&mut self.file, &mut header)?;
        let header = match RecordHeader::decode(header.get(..read).unwrap_or_default()) {
            Ok(header) => header,
            Err(flaw) => return Ok(Err(flaw)),
        };
        if self.offset + header.record_length() > self.end {
            return Ok(Err(Flaw::Incomplete));
        }
        let mut block = vec![0; header.length as usize];
        self.file.read_exact(&mut block)?;
        if let Err(flaw) = header.check(&block) {
            let last = self.offset + header.record_length() == self.end;
            return Ok(Err(if last { Flaw::Incomplete } else { flaw }));
        }
        let location = Location { segment: self.segment, offset: self.offset, length: header.length };
        self.offset += header.record_length();
        Ok(Ok(LoggedBlock { number: header.number, location, bytes: block.into() }))
    }
}

/// The blocks of a ledger that no process needs to have open, from its log alone; `None` where the folder holds
/// no ledger. The folder is the ledger's, its `blocks`, or the data directory of a node or verifier.
pub fn logged_blocks(
    folder: &Path,
) -> Result<Option<impl Iterator<Item = Result<HeadedBlock, LedgerError>> + use<>>, LedgerError> {
    let Some(reader) = LogReader::find(folder)? else { return Ok(None) };
    Ok(Some(reader.settled_blocks()?.map(|logged| {
        let LoggedBlock { number, bytes, .. } = logged?;
        HeadedBlock::decode(bytes)
            .map_err(|error| LedgerError::Unreadable { number, reason: error.to_string() })
    })))
}

/// The records of a segment.
struct Records {
    scan: Option<SegmentScan>,
    failed: Option<LedgerError>,
    /// The number of the next block.
    next: u64,
    /// From which block on a record need not be finished.
    confirmed: u64,
}

impl Records {
    fn of(reader: &LogReader, segment: u64, confirmed: u64) -> Self {
        let records = |scan, failed| Self { scan, failed, next: segment, confirmed };
        match reader.scan(segment) {
            Ok(scan) => records(Some(scan), None),
            Err(error) => match reader.is_unfinished(segment, confirmed) {
                Ok(true) => records(None, None),
                Ok(false) => records(None, Some(error)),
                Err(error) => records(None, Some(error)),
            },
        }
    }
}

impl Iterator for Records {
    type Item = Result<LoggedBlock, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let scan = self.scan.as_mut()?;
        let record = match scan.next().transpose()? {
            Ok(Ok(record)) => {
                self.next += 1;
                return Some(Ok(record));
            }
            Ok(Err(flaw)) => match ends_at(flaw, scan, self.next, self.confirmed) {
                Ok(true) => return None,
                Ok(false) => Err(scan.damaged(flaw)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        self.scan = None;
        Some(record)
    }
}

/// As many bytes as there are, up to the length of the buffer.
fn read_up_to(source: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match source.read(rest)? {
            0 => break,
            count => read += count,
        }
    }
    Ok(read)
}
