//! What a damaged place in the log means: which block is concerned, and what is whole before and behind it.

use std::{fmt, fs, path::PathBuf};

use super::{
    LogReader,
    record::{Flaw, RECORD_HEADER, RecordHeader, SEGMENT_HEADER},
};

/// A place in the log that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub segment: PathBuf,
    pub offset: u64,
    pub reason: String,
    /// The number of the first block that cannot be read.
    pub block: u64,
    /// The first block of the file, where the blocks from there on are whole up to the damaged one.
    pub whole_from: Option<u64>,
    /// The last whole block behind the place.
    pub behind: Option<u64>,
}

impl Damage {
    /// Looks around the damaged place. Reads one or two segments; what cannot be read counts as not whole.
    pub(super) fn examine(reader: &LogReader, segment: u64, offset: u64, flaw: Flaw) -> Self {
        let path = reader.path(segment);
        let bytes = fs::read(&path).unwrap_or_default();
        let (next, end) = whole_records(&bytes, SEGMENT_HEADER, segment, offset);
        // What stands before the place may be damaged too: then the number is that of the first flaw.
        let offset = if end < offset { end.max(SEGMENT_HEADER as u64) } else { offset };
        let behind = reader.last_block_behind(segment).or_else(|| {
            let (start, header) = first_record(&bytes, usize::try_from(offset).ok()? + 1, next)?;
            Some(whole_records(&bytes, start, header.number, u64::MAX).0 - 1)
        });
        let whole_from = (next > segment).then_some(segment);
        Self { segment: path, offset, reason: flaw.to_string(), block: next, whole_from, behind }
    }

    /// The file that should begin with this block is not there.
    pub(super) fn missing(reader: &LogReader, block: u64) -> Self {
        let (segment, reason) = (reader.path(block), "the file is missing".to_owned());
        let behind = reader.last_block_behind(block);
        Self { segment, offset: 0, reason, block, whole_from: None, behind }
    }
}

impl LogReader {
    /// Where the record of block `number` would begin in a segment, if all blocks before it are whole and there is
    /// anything at all.
    pub(crate) fn place_of(&self, number: u64, segment: u64) -> Option<(PathBuf, u64)> {
        let path = self.path(segment);
        let bytes = fs::read(&path).ok()?;
        let (mut next, mut offset) = (segment, SEGMENT_HEADER);
        while next < number {
            let header = record_at(&bytes, offset).filter(|header| header.number == next)?;
            offset += header.record_length() as usize;
            next += 1;
        }
        (offset < bytes.len()).then_some((path, offset as u64))
    }

    /// The last whole block of the last segment, where that is a later one.
    fn last_block_behind(&self, segment: u64) -> Option<u64> {
        let last = self.segments().ok()?.pop().filter(|last| *last > segment)?;
        let bytes = fs::read(self.path(last)).ok()?;
        let (next, _) = whole_records(&bytes, SEGMENT_HEADER, last, u64::MAX);
        (next > last).then(|| next - 1)
    }
}

/// Walks whole records with consecutive numbers, and stops at byte `end` or at the first that is none. Returns
/// the number of the next block and the byte where it should begin.
fn whole_records(bytes: &[u8], start: usize, first: u64, end: u64) -> (u64, u64) {
    let (mut number, mut offset) = (first, start);
    while (offset as u64) < end {
        let Some(header) = record_at(bytes, offset).filter(|header| header.number == number) else { break };
        offset += header.record_length() as usize;
        number += 1;
    }
    (number, offset as u64)
}

/// The first whole record of block `number` or a later one that begins at byte `from` or behind it.
pub(super) fn first_record(bytes: &[u8], from: usize, number: u64) -> Option<(usize, RecordHeader)> {
    (from..bytes.len().saturating_sub(RECORD_HEADER)).find_map(|start| {
        let header = record_at(bytes, start).filter(|header| header.number >= number)?;
        Some((start, header))
    })
}

fn record_at(bytes: &[u8], start: usize) -> Option<RecordHeader> {
    let rest = bytes.get(start..)?;
    let header = RecordHeader::decode(rest).ok()?;
    let block = rest.get(RECORD_HEADER..RECORD_HEADER + header.length as usize)?;
    header.check(block).ok().map(|()| header)
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, offset, reason, block, whole_from, behind } = self;
        write!(
            out,
            "block {block} cannot be read from the block log: {} at byte {offset}: {reason}. ",
            segment.display()
        )?;
        match whole_from {
            Some(first) => write!(out, "Before it, blocks {first} to {} are whole; ", block - 1)?,
            None => write!(out, "In this file it is the first; ")?,
        }
        match behind {
            Some(last) => write!(out, "behind it whole blocks follow, the last of them block {last}"),
            None => write!(out, "behind it no whole block follows"),
        }
    }
}
