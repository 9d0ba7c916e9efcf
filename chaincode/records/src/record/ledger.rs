//! Which ledger this contract's certificates belong to.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, RecordError, decode, encode, since};
use super::event::Event;

const VERSION: u8 = 3;

/// Whose chaincode it was when a record did not say: there was one certification body.
const FIRST_BODY: &str = "CertBodyMSP";

/// Written once, at set-up (see `docs/adr/0006-ledger-binding.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ledger {
    pub channel: String,
    /// `sha256:` and the hex of the genesis block's header hash.
    pub genesis: String,
    pub bound: Event,
    /// MSP id of the certification body whose chaincode this is.
    pub body: String,
}

impl Ledger {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.channel.write(out);
            self.genesis.write(out);
            self.bound.write(out);
            self.body.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Ledger, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Ledger {
                channel: Field::read(input)?,
                genesis: Field::read(input)?,
                bound: Field::read(input)?,
                body: since(3, input, FIRST_BODY.to_owned(), Field::read)?,
            })
        })
    }
}
