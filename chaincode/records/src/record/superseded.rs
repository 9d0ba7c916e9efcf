//! That another certificate stands in the place of this one.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, RecordError, decode, encode};
use super::event::Event;
use crate::code::Code;

const VERSION: u8 = 2;

/// Written once, with the endorsement of both bodies; final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Superseded {
    pub superseded_by: Code,
    #[serde(flatten)]
    pub event: Event,
}

impl Superseded {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.superseded_by.write(out);
            self.event.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Superseded, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Superseded { superseded_by: Field::read(input)?, event: Field::read(input)? })
        })
    }
}
