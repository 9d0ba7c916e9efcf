//! The bytes of the block log: a header for each segment, a header for each block.
//!
//! | segment header | 8 bytes `NANOLOG1`, 8 bytes number of its first block                             |
//! |----------------|-----------------------------------------------------------------------------------|
//! | record header  | 4 bytes length, 8 bytes block number, 4 bytes CRC of the block, 4 bytes CRC of these 16 |
//! | record         | the block: a marshalled `common.Block` with filter and commit hash in its metadata |
//!
//! Numbers are little-endian, checksums CRC-32C. The header has a checksum of its own so that a damaged
//! length is known for what it is, and intact records behind it can be found.

use std::fmt;

pub(super) const SEGMENT_HEADER: usize = 16;
pub(super) const RECORD_HEADER: usize = 20;

/// Largest block that is written or believed; Fabric's gRPC limit is 100 MiB.
pub const MAX_BLOCK_BYTES: usize = 128 << 20;

const MAGIC: &[u8; 8] = b"NANOLOG1";

/// What stands before each block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) length: u32,
    pub(super) number: u64,
    pub(super) checksum: u32,
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It is the last one of the file and not all there, as an interrupted append leaves it.
    Incomplete,
    Header,
    Checksum,
    /// It does not continue the record before.
    Gap,
}

impl RecordHeader {
    /// `block` is at most [`MAX_BLOCK_BYTES`] long.
    pub(super) fn of(number: u64, block: &[u8]) -> Self {
        Self { length: block.len() as u32, number, checksum: crc32c::crc32c(block) }
    }

    pub(super) fn encode(&self) -> [u8; RECORD_HEADER] {
        let mut out = [0; RECORD_HEADER];
        let (fields, checksum) = out.split_at_mut(RECORD_HEADER - 4);
        let (length, rest) = fields.split_at_mut(4);
        let (number, block) = rest.split_at_mut(8);
        length.copy_from_slice(&self.length.to_le_bytes());
        number.copy_from_slice(&self.number.to_le_bytes());
        block.copy_from_slice(&self.checksum.to_le_bytes());
        checksum.copy_from_slice(&crc32c::crc32c(fields).to_le_bytes());
        out
    }

    /// Reads the header at the beginning of `bytes`.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let (fields, rest) = bytes.split_first_chunk::<16>().ok_or(Flaw::Incomplete)?;
        let checksum = rest.first_chunk::<4>().ok_or(Flaw::Incomplete)?;
        if crc32c::crc32c(fields) != u32::from_le_bytes(*checksum) {
            return Err(Flaw::Header);
        }
        let [a, b, c, d, number @ .., e, f, g, h] = *fields;
        let header = Self {
            length: u32::from_le_bytes([a, b, c, d]),
            number: u64::from_le_bytes(number),
            checksum: u32::from_le_bytes([e, f, g, h]),
        };
        if header.length as usize > MAX_BLOCK_BYTES { Err(Flaw::Header) } else { Ok(header) }
    }

    pub(super) fn check(&self, block: &[u8]) -> Result<(), Flaw> {
        if crc32c::crc32c(block) == self.checksum { Ok(()) } else { Err(Flaw::Checksum) }
    }

    /// Header and block together.
    pub(super) fn record_length(&self) -> u64 {
        RECORD_HEADER as u64 + u64::from(self.length)
    }
}

pub(super) fn encode_segment_header(first: u64) -> [u8; SEGMENT_HEADER] {
    let mut out = [0; SEGMENT_HEADER];
    let (magic, number) = out.split_at_mut(8);
    magic.copy_from_slice(MAGIC);
    number.copy_from_slice(&first.to_le_bytes());
    out
}

/// The number of the segment's first block.
pub(super) fn decode_segment_header(bytes: &[u8]) -> Result<u64, Flaw> {
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(Flaw::Incomplete)?;
    let number = rest.first_chunk::<8>().ok_or(Flaw::Incomplete)?;
    if magic == MAGIC { Ok(u64::from_le_bytes(*number)) } else { Err(Flaw::Header) }
}

impl fmt::Display for Flaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Flaw::Incomplete => "the last record is incomplete",
            Flaw::Header => "no record header",
            Flaw::Gap => "blocks before this one are missing",
            Flaw::Checksum => "the checksum of the block is wrong",
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_seen() {
        let header = RecordHeader::of(7, b"block");
        let bytes = header.encode();
        assert_eq!(RecordHeader::decode(&bytes), Ok(header));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(RecordHeader::decode(&damaged), Err(Flaw::Header), "bit {bit}");
        }
        assert_eq!(header.check(b"blocK"), Err(Flaw::Checksum));
    }
}
