//! What one organisation holds against one certificate: its suspensions, and its withdrawal.
//!
//! Both records exist from issue on, because the first writing of a key is validated by the chaincode's policy,
//! which takes both bodies: a record made only when needed could not be made by one body alone.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, Input, RecordError, decode, encode, list};
use super::event::Event;

const VERSION: u8 = 2;

/// Suspensions in one record. The contract writes no more, so that a record stays small; a withdrawal is always possible.
pub const MAXIMUM_SUSPENSIONS: usize = 100;

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

impl Stop {
    /// The suspension that is not lifted yet.
    pub fn standing(&self) -> Option<&Suspension> {
        self.suspensions.last().filter(|suspension| suspension.lifted.is_none())
    }

    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| self.suspensions.write(out))
    }

    /// `owner` is the organisation whose key the record stands under: whatever the record says, it acted.
    pub fn decode(record: &Bytes, owner: &str) -> Result<Stop, RecordError> {
        let mut stop =
            decode(record, VERSION, |input| Ok(Stop { suspensions: list(input, MAXIMUM_SUSPENSIONS)? }))?;
        for Suspension { placed, lifted } in &mut stop.suspensions {
            placed.by = owner.to_owned();
            lifted.iter_mut().for_each(|lifted| lifted.by = owner.to_owned());
        }
        Ok(stop)
    }
}

impl Withdrawal {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| self.withdrawn.write(out))
    }

    /// `owner` as for [`Stop::decode`].
    pub fn decode(record: &Bytes, owner: &str) -> Result<Withdrawal, RecordError> {
        let mut withdrawal =
            decode(record, VERSION, |input| Ok(Withdrawal { withdrawn: Field::read(input)? }))?;
        withdrawal.withdrawn.iter_mut().for_each(|withdrawn| withdrawn.by = owner.to_owned());
        Ok(withdrawal)
    }
}

impl Field for Suspension {
    fn write(&self, out: &mut Vec<u8>) {
        self.placed.write(out);
        self.lifted.write(out);
    }

    fn read(input: &mut Input) -> Result<Suspension, RecordError> {
        Ok(Suspension { placed: Field::read(input)?, lifted: Field::read(input)? })
    }
}
