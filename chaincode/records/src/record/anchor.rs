//! Where a log that is kept elsewhere stood: its entries up to there cannot be changed unseen.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, RecordError, decode, encode, line};
use super::event::Event;

const VERSION: u8 = 2;

/// Characters of a log's name, and of its head.
pub const MAXIMUM_LOG_NAME: usize = 100;

/// The newest anchor of one log of one organisation; the key's history has those before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anchor {
    pub log: String,
    /// Hex of the SHA-256 with which the log's chain of hashes ended.
    pub head: String,
    /// How many entries it had.
    pub count: u64,
    pub anchored: Event,
}

impl Anchor {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.log.write(out);
            self.head.write(out);
            self.count.write(out);
            self.anchored.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Anchor, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Anchor {
                log: line(input, MAXIMUM_LOG_NAME)?,
                head: line(input, MAXIMUM_LOG_NAME)?,
                count: Field::read(input)?,
                anchored: Field::read(input)?,
            })
        })
    }
}
