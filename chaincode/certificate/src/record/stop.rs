//! What one organisation holds against one certificate: its suspensions, and its withdrawal.
//!
//! Both records exist from issue on, because the first writing of a key is judged by the chaincode's policy,
//! which takes both bodies: a record made only when needed could not be made by one body alone.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, RecordError, decode, encode};
use super::event::Event;
use crate::date_time::DateTime;

const VERSION: u8 = 1;

/// All suspensions of a certificate by one organisation, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stop {
    pub suspensions: Vec<Suspension>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suspension {
    pub placed: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Event>,
}

/// The withdrawal of a certificate by one organisation; final once there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Withdrawal {
    pub withdrawn: Option<Event>,
}

impl Suspension {
    /// Half-open: in force from the second it was placed to the second before it was lifted.
    pub fn in_force(&self, at: DateTime) -> bool {
        self.placed.effective_at <= at && self.lifted.as_ref().is_none_or(|lifted| at < lifted.effective_at)
    }
}

impl Stop {
    /// The suspension that nobody has lifted yet.
    pub fn standing(&self) -> Option<&Suspension> {
        self.suspensions.last().filter(|suspension| suspension.lifted.is_none())
    }

    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| self.suspensions.write(out))
    }

    pub fn decode(record: &Bytes) -> Result<Stop, RecordError> {
        decode(record, VERSION, |input| Ok(Stop { suspensions: Field::read(input)? }))
    }
}

impl Withdrawal {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| self.withdrawn.write(out))
    }

    pub fn decode(record: &Bytes) -> Result<Withdrawal, RecordError> {
        decode(record, VERSION, |input| Ok(Withdrawal { withdrawn: Field::read(input)? }))
    }
}

impl Field for Suspension {
    fn write(&self, out: &mut Vec<u8>) {
        self.placed.write(out);
        self.lifted.write(out);
    }

    fn read(input: &mut Bytes) -> Result<Suspension, RecordError> {
        Ok(Suspension { placed: Field::read(input)?, lifted: Field::read(input)? })
    }
}
