//! The surveillance of a certificate (ISO/IEC 17065, 7.9): what the scheme asks for, what was planned, and what was found.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, Input, RecordError, decode, encode, list};
use super::event::Event;
use crate::date_time::DateTime;

const VERSION: u8 = 2;

/// Plans and reports of one certificate, which holds for three years at most.
pub const MAXIMUM_ACTIVITIES: usize = 64;

/// What a scheme asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SurveillanceRule {
    /// Days from the issue, and from each surveillance, to the next.
    pub every_days: u32,
    /// How many days overdue a certificate holds no more; `None` where that is only shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_days: Option<u32>,
}

/// Written with the endorsement of both bodies. There is none before the first activity.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Surveillance {
    /// Oldest first.
    pub activities: Vec<Activity>,
}

/// A surveillance that was done, or planned for a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// Absent where it was only planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<Conclusion>,
    /// When the next one is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<DateTime>,
    /// Its reason has the findings.
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Conclusion {
    Conforming,
    /// What follows is decided apart: a suspension, a withdrawal, or nothing.
    Nonconforming,
}

impl SurveillanceRule {
    /// When the next surveillance is due after one, or after the issue.
    pub fn due(self, after: DateTime) -> DateTime {
        after.plus_days(self.every_days.into())
    }
}

impl Surveillance {
    /// When a surveillance was done last.
    pub fn last_done(&self) -> Option<DateTime> {
        let mut done = self.activities.iter().rev().filter(|activity| activity.conclusion.is_some());
        done.next().map(|activity| activity.event.effective_at)
    }

    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| self.activities.write(out))
    }

    pub fn decode(record: &Bytes) -> Result<Surveillance, RecordError> {
        decode(record, VERSION, |input| Ok(Surveillance { activities: list(input, MAXIMUM_ACTIVITIES)? }))
    }
}

impl Field for SurveillanceRule {
    fn write(&self, out: &mut Vec<u8>) {
        self.every_days.write(out);
        self.grace_days.write(out);
    }

    fn read(input: &mut Input) -> Result<SurveillanceRule, RecordError> {
        Ok(SurveillanceRule { every_days: Field::read(input)?, grace_days: Field::read(input)? })
    }
}

impl Field for Activity {
    fn write(&self, out: &mut Vec<u8>) {
        self.conclusion.write(out);
        self.due.write(out);
        self.event.write(out);
    }

    fn read(input: &mut Input) -> Result<Activity, RecordError> {
        Ok(Activity { conclusion: Field::read(input)?, due: Field::read(input)?, event: Field::read(input)? })
    }
}

impl Field for Conclusion {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Conclusion::Conforming => 1,
            Conclusion::Nonconforming => 2,
        });
    }

    fn read(input: &mut Input) -> Result<Conclusion, RecordError> {
        match u8::read(input)? {
            1 => Ok(Conclusion::Conforming),
            2 => Ok(Conclusion::Nonconforming),
            _ => Err(RecordError::Content),
        }
    }
}
