//! Who has taken over a certificate of a body that has ended, as the public verifier found it: an adoption that counts.

use bytes::Bytes;

use crate::date_time::DateTime;
use crate::event_log::Moment;
use crate::record::codec::{Field, Input, decode, encode};
use crate::record::{Event, RecordError};

/// Events name persons from version 2 of a record on.
const VERSION: u8 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// The successor's chaincode.
    pub chaincode: String,
    /// MSP id of the successor.
    pub by: String,
    /// From when it counts.
    pub at: DateTime,
    pub event: Event,
}

/// Those of one certificate, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adoptions(pub Vec<Adoption>);

impl Adoption {
    /// About now, one that is on the ledger counts.
    pub fn counts(&self, moment: Moment) -> bool {
        match moment {
            Moment::Now(_) => true,
            Moment::At(at) => self.at <= at,
        }
    }
}

impl Adoptions {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| self.0.write(out))
    }

    pub fn decode(row: &Bytes) -> Result<Adoptions, RecordError> {
        decode(row, VERSION, |input| Ok(Adoptions(Field::read(input)?)))
    }
}

impl Field for Adoption {
    fn write(&self, out: &mut Vec<u8>) {
        self.chaincode.write(out);
        self.by.write(out);
        self.at.write(out);
        self.event.write(out);
    }

    fn read(input: &mut Input) -> Result<Adoption, RecordError> {
        Ok(Adoption {
            chaincode: Field::read(input)?,
            by: Field::read(input)?,
            at: Field::read(input)?,
            event: Field::read(input)?,
        })
    }
}
