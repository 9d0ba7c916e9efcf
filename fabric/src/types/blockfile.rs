//! Fabric's block files (`common/ledger/blkstorage`), the `blockfile_*` of a peer or orderer: read and written.
//!
//! A file is a run of records, each a uvarint length and a block in Fabric's own encoding: number, data
//! hash, previous hash, then a counted list of transactions and one of metadata entries; every bytes field
//! has a uvarint length before it.

use std::io::{self, BufReader, Read};

use bytes::{Buf, Bytes};
use thiserror::Error;

use prost::encoding::{encode_varint, encoded_len_varint};

use super::HeadedBlock;
use crate::proto::common::{Block, BlockData, BlockHeader, BlockMetadata};

/// The largest record accepted: an orderer's absolute maximum (100 MiB by Fabric's gRPC limit), with room
/// for what the peer adds.
pub const MAX_BLOCK_BYTES: u64 = 128 << 20;

/// Why a block file cannot be read further.
#[derive(Debug, Error)]
pub enum BlockFileError {
    #[error("cannot read the block file: {0}")]
    Io(#[from] io::Error),
    #[error("record {record} of the block file says {length} bytes; the limit is {MAX_BLOCK_BYTES}")]
    TooLarge { record: u64, length: u64 },
    #[error("the block file ends inside record {record}")]
    Truncated { record: u64 },
    #[error("record {record} of the block file is no block: {reason}")]
    Malformed { record: u64, reason: &'static str },
}

/// The blocks of one file, in order. After an error there are no more.
///
/// A file that a peer was writing when it died may end in half a record: that is [`BlockFileError::Truncated`].
#[derive(Debug)]
pub struct BlockFile<R> {
    reader: BufReader<R>,
    record: u64,
    ended: bool,
}

impl<R: Read> BlockFile<R> {
    pub fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader), record: 0, ended: false }
    }

    fn read_block(&mut self) -> Result<Option<Block>, BlockFileError> {
        let record = self.record;
        let Some(length) = self.read_length()? else { return Ok(None) };
        if length > MAX_BLOCK_BYTES {
            return Err(BlockFileError::TooLarge { record, length });
        }
        let mut bytes = Vec::new();
        self.reader.by_ref().take(length).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < length {
            return Err(BlockFileError::Truncated { record });
        }
        self.record += 1;
        parse_block(bytes.into()).map(Some).map_err(|reason| BlockFileError::Malformed { record, reason })
    }

    fn read_length(&mut self) -> Result<Option<u64>, BlockFileError> {
        let (mut length, mut read) = (0_u64, 0);
        for (index, byte) in self.reader.by_ref().bytes().take(MAX_LENGTH_BYTES).enumerate() {
            let byte = byte?;
            read += 1;
            length |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return Ok(Some(length));
            }
        }
        // Nothing at all is the end of the file; half a length is a defect.
        match read {
            0 => Ok(None),
            _ => Err(BlockFileError::Truncated { record: self.record }),
        }
    }
}

impl<R: Read> Iterator for BlockFile<R> {
    type Item = Result<Block, BlockFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let block = self.read_block();
        self.ended = !matches!(block, Ok(Some(_)));
        block.transpose()
    }
}

/// A peer begins the next file where a record would make this one longer (`maxBlockfileSize`).
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// The record of a block, as a peer appends it to its block file.
pub fn record(block: &HeadedBlock) -> Vec<u8> {
    let header = block.header();
    let metadata = block.message().metadata.as_ref().map(|metadata| metadata.metadata.as_slice());
    let mut content = Vec::new();
    encode_varint(header.number, &mut content);
    write_bytes(&header.data_hash, &mut content);
    write_bytes(&header.previous_hash, &mut content);
    write_list(block.envelopes(), &mut content);
    write_list(metadata.unwrap_or_default(), &mut content);
    let mut record = Vec::with_capacity(content.len() + encoded_len_varint(content.len() as u64));
    write_bytes(&content, &mut record);
    record
}

fn write_list(items: &[Bytes], out: &mut Vec<u8>) {
    encode_varint(items.len() as u64, out);
    items.iter().for_each(|item| write_bytes(item, out));
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// As many length bytes as [`MAX_BLOCK_BYTES`] can need.
const MAX_LENGTH_BYTES: usize = 5;

fn parse_block(mut record: Bytes) -> Result<Block, &'static str> {
    let number = uvarint(&mut record)?;
    let data_hash = bytes(&mut record)?;
    let previous_hash = bytes(&mut record)?;
    let data = list(&mut record)?;
    let metadata = list(&mut record)?;
    // Fabric does not look at what follows in the record, and writes nothing there.
    Ok(Block {
        header: Some(BlockHeader { number, previous_hash, data_hash }),
        data: Some(BlockData { data }),
        metadata: Some(BlockMetadata { metadata }),
    })
}

fn list(record: &mut Bytes) -> Result<Vec<Bytes>, &'static str> {
    let count = uvarint(record)?;
    // Each item takes a byte at least: a larger count is a lie and must reserve nothing.
    if count > record.len() as u64 {
        return Err("more items than bytes");
    }
    (0..count).map(|_| bytes(record)).collect()
}

fn bytes(record: &mut Bytes) -> Result<Bytes, &'static str> {
    let length = usize::try_from(uvarint(record)?).map_err(|_| "length too large")?;
    if length > record.len() {
        return Err("it ends too early");
    }
    Ok(record.split_to(length))
}

fn uvarint(record: &mut Bytes) -> Result<u64, &'static str> {
    if !record.has_remaining() {
        return Err("it ends too early");
    }
    prost::encoding::decode_varint(record).map_err(|_| "a number is malformed")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn record(content: &[u8]) -> Vec<u8> {
        [&[content.len() as u8], content].concat()
    }

    fn read(file: &[u8]) -> Vec<Result<Block, BlockFileError>> {
        BlockFile::new(file).collect()
    }

    const BLOCK: &[u8] = &[7, 1, 0xaa, 1, 0xbb, 2, 1, 0x01, 2, 0x02, 0x03, 1, 0];

    #[test]
    fn reads_records_until_the_end() {
        let blocks = read(&[record(BLOCK), record(BLOCK)].concat());
        assert_eq!(blocks.len(), 2);
        let block = blocks[0].as_ref().unwrap();
        let header = block.header.as_ref().unwrap();
        assert_eq!(
            (header.number, &header.data_hash[..], &header.previous_hash[..]),
            (7, &[0xaa][..], &[0xbb][..])
        );
        assert_eq!(block.data.as_ref().unwrap().data, [&[1][..], &[2, 3]]);
        assert_eq!(block.metadata.as_ref().unwrap().metadata, [&[][..]]);
        assert!(read(&[]).is_empty());
    }

    #[test]
    fn a_record_is_written_as_it_was_read() {
        for file in [record(BLOCK), record(&[0x80, 1, 0, 0, 0, 0])] {
            let block = read(&file).remove(0).unwrap();
            assert_eq!(super::record(&block.try_into().unwrap()), file);
        }
    }

    #[test]
    fn half_a_record_is_named_and_ends_the_file() {
        let mut file = [record(BLOCK), record(BLOCK)].concat();
        file.pop();
        let blocks = read(&file);
        assert_eq!(blocks.len(), 2);
        assert!(matches!(blocks[1], Err(BlockFileError::Truncated { record: 1 })));
        assert!(matches!(read(&[0x80 | 5])[..], [Err(BlockFileError::Truncated { record: 0 })]));
    }

    #[test]
    fn lies_about_lengths_are_found_before_memory_is_taken() {
        let huge = [0xff, 0xff, 0xff, 0xff, 0x7f];
        assert!(matches!(read(&huge)[..], [Err(BlockFileError::TooLarge { .. })]));
        let many = record(&[7, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]);
        assert!(matches!(read(&many)[..], [Err(BlockFileError::Malformed { .. })]));
    }
}
