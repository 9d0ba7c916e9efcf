//! Which ledger this contract's certificates belong to.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, RecordError, decode, encode};
use super::event::Event;

const VERSION: u8 = 2;

/// Written once, at set-up (see `docs/adr/0006-ledger-binding.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ledger {
    pub channel: String,
    /// `sha256:` and the hex of the genesis block's header hash.
    pub genesis: String,
    pub bound: Event,
}

impl Ledger {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.channel.write(out);
            self.genesis.write(out);
            self.bound.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Ledger, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Ledger {
                channel: Field::read(input)?,
                genesis: Field::read(input)?,
                bound: Field::read(input)?,
            })
        })
    }
}
