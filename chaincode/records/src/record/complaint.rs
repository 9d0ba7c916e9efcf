//! A complaint or an appeal about an application or a certificate (ISO/IEC 17065, 7.13), and how it was decided.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, Input, RecordError, decode, encode, line, list};
use super::event::Event;
use crate::code::Code;
use crate::document::MAXIMUM_BYTES;

const VERSION: u8 = 2;

/// More than its states have transitions.
const MAXIMUM_STEPS: usize = 8;

/// Within the power of both bodies together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Complaint {
    /// Chosen by the client, 128 bits at random, written like a certificate's code.
    pub complaint: Code,
    pub kind: ComplaintKind,
    #[serde(flatten)]
    pub about: About,
    /// MSP id of the organisation that filed it.
    pub filed_by: String,
    pub state: ComplaintState,
    /// Oldest first. The reason of the first says what the complaint is, that of the last why it was decided so.
    pub steps: Vec<ComplaintStep>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ComplaintKind {
    /// About what the body or its client does.
    Complaint,
    /// Against a decision: it is asked for anew.
    Appeal,
}

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum About {
    Application(Code),
    Certificate(Code),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ComplaintState {
    Filed,
    /// The body has said that it received it (7.13.3).
    Acknowledged,
    /// It was right: what follows is decided apart.
    Upheld,
    Dismissed,
    /// By the person who filed it.
    Withdrawn,
}

/// To which state it came, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComplaintStep {
    pub state: ComplaintState,
    #[serde(flatten)]
    pub event: Event,
}

impl Complaint {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.complaint.write(out);
            self.kind.write(out);
            self.about.write(out);
            self.filed_by.write(out);
            self.state.write(out);
            self.steps.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Complaint, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Complaint {
                complaint: Field::read(input)?,
                kind: Field::read(input)?,
                about: Field::read(input)?,
                filed_by: line(input, MAXIMUM_BYTES)?,
                state: Field::read(input)?,
                steps: list(input, MAXIMUM_STEPS)?,
            })
        })
    }
}

impl ComplaintState {
    pub const ALL: [ComplaintState; 5] = [
        ComplaintState::Filed,
        ComplaintState::Acknowledged,
        ComplaintState::Upheld,
        ComplaintState::Dismissed,
        ComplaintState::Withdrawn,
    ];

    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            ComplaintState::Filed => "filed",
            ComplaintState::Acknowledged => "acknowledged",
            ComplaintState::Upheld => "upheld",
            ComplaintState::Dismissed => "dismissed",
            ComplaintState::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for ComplaintState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Field for ComplaintKind {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(match self {
            ComplaintKind::Complaint => 1,
            ComplaintKind::Appeal => 2,
        });
    }

    fn read(input: &mut Input) -> Result<ComplaintKind, RecordError> {
        match u8::read(input)? {
            1 => Ok(ComplaintKind::Complaint),
            2 => Ok(ComplaintKind::Appeal),
            _ => Err(RecordError::Content),
        }
    }
}

impl Field for About {
    fn write(&self, out: &mut Vec<u8>) {
        let (tag, code) = match self {
            About::Application(code) => (1, code),
            About::Certificate(code) => (2, code),
        };
        out.push(tag);
        code.write(out);
    }

    fn read(input: &mut Input) -> Result<About, RecordError> {
        match u8::read(input)? {
            1 => Code::read(input).map(About::Application),
            2 => Code::read(input).map(About::Certificate),
            _ => Err(RecordError::Content),
        }
    }
}

impl Field for ComplaintState {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(match self {
            ComplaintState::Filed => 1,
            ComplaintState::Acknowledged => 2,
            ComplaintState::Upheld => 3,
            ComplaintState::Dismissed => 4,
            ComplaintState::Withdrawn => 5,
        });
    }

    fn read(input: &mut Input) -> Result<ComplaintState, RecordError> {
        let place = usize::from(u8::read(input)?).checked_sub(1);
        place.and_then(|place| ComplaintState::ALL.get(place)).copied().ok_or(RecordError::Content)
    }
}

impl Field for ComplaintStep {
    fn write(&self, out: &mut Vec<u8>) {
        self.state.write(out);
        self.event.write(out);
    }

    fn read(input: &mut Input) -> Result<ComplaintStep, RecordError> {
        Ok(ComplaintStep { state: Field::read(input)?, event: Field::read(input)? })
    }
}
