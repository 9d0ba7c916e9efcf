//! That a certification body has ended, and which body takes over its certificates.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, Input, RecordError, decode, encode, line, list};
use super::event::Event;

const VERSION: u8 = 2;

/// Successors of one body, one after the other.
pub const MAXIMUM_SUCCESSORS: usize = 16;

/// Characters of an MSP id and of a chaincode's name.
const MAXIMUM_NAME: usize = 255;

/// Within the power of the accreditation body alone. The first successor's event is the end of the body; it does not begin
/// again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BodyEnd {
    /// MSP id.
    pub body: String,
    /// Oldest first. The last is the one who may take certificates over; what those before took over stays theirs.
    pub successors: Vec<Successor>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Successor {
    /// MSP id.
    pub successor: String,
    /// Its chaincode.
    pub chaincode: String,
    pub named: Event,
}

impl BodyEnd {
    /// Who may take its certificates over.
    pub fn successor(&self) -> Option<&Successor> {
        self.successors.last()
    }

    /// The event by which it ended.
    pub fn ended(&self) -> Option<&Event> {
        self.successors.first().map(|first| &first.named)
    }

    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.body.write(out);
            self.successors.write(out);
        })
    }

    /// Only its `owner`, the accreditation body, writes the record: whatever it says, that body acted.
    pub fn decode(record: &Bytes, owner: &str) -> Result<BodyEnd, RecordError> {
        let mut end = decode(record, VERSION, |input| {
            Ok(BodyEnd { body: line(input, MAXIMUM_NAME)?, successors: list(input, MAXIMUM_SUCCESSORS)? })
        })?;
        end.successors.iter_mut().for_each(|successor| successor.named.by = owner.to_owned());
        Ok(end)
    }
}

impl Field for Successor {
    fn write(&self, out: &mut Vec<u8>) {
        self.successor.write(out);
        self.chaincode.write(out);
        self.named.write(out);
    }

    fn read(input: &mut Input) -> Result<Successor, RecordError> {
        Ok(Successor {
            successor: line(input, MAXIMUM_NAME)?,
            chaincode: line(input, MAXIMUM_NAME)?,
            named: Field::read(input)?,
        })
    }
}
