//! An application for certification, from its submission to the grant, and every step on the way.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, Input, RecordError, decode, encode, line, list, optional_line, since};
use super::event::Event;
use super::scope::MAXIMUM_CATEGORY;
use crate::code::Code;
use crate::date_time::DateTime;
use crate::document::MAXIMUM_BYTES;

const VERSION: u8 = 3;

/// Characters of an application's title, and of a report's number and method.
pub const MAXIMUM_TITLE: usize = 200;

/// Test reports of one application, and evaluations.
pub const MAXIMUM_REPORTS: usize = 64;

/// Steps of one application, beside the one that ends it, which is always possible.
pub const MAXIMUM_STEPS: usize = 256;

/// Within the power of both bodies together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// Chosen by the client, 128 bits at random, written like a certificate's code.
    pub application: Code,
    /// MSP id of the certification body.
    pub body: String,
    /// MSP id of the organisation that applies. Which client it applies for stands in the dossier.
    pub applicant: String,
    /// The product, in a line.
    pub title: String,
    pub scheme_id: String,
    pub scheme_version: String,
    /// `sha256:` and the hex of the hash of what the applicant has handed in, as it is now.
    pub dossier: String,
    /// The certificate that the one applied for is to replace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Code>,
    /// Of the product, as scopes of accreditation name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    pub state: ApplicationState,
    /// The positive decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Oldest first.
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ApplicationState {
    Submitted,
    /// To the applicant, for more.
    Returned,
    Accepted,
    Refused,
    Evaluated,
    Reviewed,
    /// Positively: a negative decision is a refusal.
    Decided,
    Granted,
    /// By the applicant.
    Withdrawn,
}

/// What was decided to grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    pub certificate: Code,
    /// `sha256:` and the hex of the hash of the document without its proof, which the cryptosuite signs over.
    pub document: String,
    /// The position in a status list that the decision reserves.
    pub status_list: u32,
    pub status_index: u32,
}

/// What was done to an application, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    #[serde(flatten)]
    pub act: Act,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "camelCase")]
pub enum Act {
    Submit { dossier: String },
    Return,
    Complete { dossier: String },
    Accept,
    Refuse,
    Report(TestReport),
    Evaluate { recommendation: Recommendation },
    Review,
    Decide,
    Change { dossier: String },
    Withdraw,
    Grant,
}

/// A laboratory's test report, by its hash (ISO/IEC 17025, 7.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestReport {
    /// Hex.
    pub sha256: String,
    pub method: String,
    pub number: String,
    /// The day of the report.
    pub date: DateTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Recommendation {
    Grant,
    Refuse,
}

impl Application {
    pub fn reports(&self) -> impl Iterator<Item = &TestReport> {
        self.steps.iter().filter_map(|step| match &step.act {
            Act::Report(report) => Some(report),
            _ => None,
        })
    }

    /// Whether a step of this kind was taken by this person.
    pub fn was_taken_by(&self, person: &str, is_of_kind: impl Fn(&Act) -> bool) -> bool {
        self.steps.iter().any(|step| step.event.person == person && is_of_kind(&step.act))
    }

    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.application.write(out);
            self.body.write(out);
            self.applicant.write(out);
            self.title.write(out);
            self.scheme_id.write(out);
            self.scheme_version.write(out);
            self.dossier.write(out);
            self.replaces.write(out);
            self.category.write(out);
            self.state.write(out);
            self.decision.write(out);
            self.steps.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Application, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Application {
                application: Field::read(input)?,
                body: line(input, MAXIMUM_BYTES)?,
                applicant: line(input, MAXIMUM_BYTES)?,
                title: line(input, MAXIMUM_TITLE)?,
                scheme_id: line(input, MAXIMUM_BYTES)?,
                scheme_version: line(input, MAXIMUM_BYTES)?,
                dossier: line(input, MAXIMUM_TITLE)?,
                replaces: Field::read(input)?,
                category: since(3, input, None, |input| optional_line(input, MAXIMUM_CATEGORY))?,
                state: Field::read(input)?,
                decision: Field::read(input)?,
                // The one that ends it is beyond the bound.
                steps: list(input, MAXIMUM_STEPS + 1)?,
            })
        })
    }
}

impl ApplicationState {
    pub const ALL: [ApplicationState; 9] = [
        ApplicationState::Submitted,
        ApplicationState::Returned,
        ApplicationState::Accepted,
        ApplicationState::Refused,
        ApplicationState::Evaluated,
        ApplicationState::Reviewed,
        ApplicationState::Decided,
        ApplicationState::Granted,
        ApplicationState::Withdrawn,
    ];

    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            ApplicationState::Submitted => "submitted",
            ApplicationState::Returned => "returned",
            ApplicationState::Accepted => "accepted",
            ApplicationState::Refused => "refused",
            ApplicationState::Evaluated => "evaluated",
            ApplicationState::Reviewed => "reviewed",
            ApplicationState::Decided => "decided",
            ApplicationState::Granted => "granted",
            ApplicationState::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for ApplicationState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Field for ApplicationState {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(match self {
            ApplicationState::Submitted => 1,
            ApplicationState::Returned => 2,
            ApplicationState::Accepted => 3,
            ApplicationState::Refused => 4,
            ApplicationState::Evaluated => 5,
            ApplicationState::Reviewed => 6,
            ApplicationState::Decided => 7,
            ApplicationState::Granted => 8,
            ApplicationState::Withdrawn => 9,
        });
    }

    fn read(input: &mut Input) -> Result<ApplicationState, RecordError> {
        let place = usize::from(u8::read(input)?).checked_sub(1);
        place.and_then(|place| ApplicationState::ALL.get(place)).copied().ok_or(RecordError::Content)
    }
}

impl Field for Decision {
    fn write(&self, out: &mut Vec<u8>) {
        self.certificate.write(out);
        self.document.write(out);
        self.status_list.write(out);
        self.status_index.write(out);
    }

    fn read(input: &mut Input) -> Result<Decision, RecordError> {
        Ok(Decision {
            certificate: Field::read(input)?,
            document: line(input, MAXIMUM_TITLE)?,
            status_list: Field::read(input)?,
            status_index: Field::read(input)?,
        })
    }
}

impl Field for Step {
    fn write(&self, out: &mut Vec<u8>) {
        self.act.write(out);
        self.event.write(out);
    }

    fn read(input: &mut Input) -> Result<Step, RecordError> {
        Ok(Step { act: Field::read(input)?, event: Field::read(input)? })
    }
}

impl Field for Act {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Act::Submit { dossier } => tagged(1, dossier, out),
            Act::Return => out.push(2),
            Act::Complete { dossier } => tagged(3, dossier, out),
            Act::Accept => out.push(4),
            Act::Refuse => out.push(5),
            Act::Report(report) => tagged(6, report, out),
            Act::Evaluate { recommendation } => tagged(7, recommendation, out),
            Act::Review => out.push(8),
            Act::Decide => out.push(9),
            Act::Change { dossier } => tagged(10, dossier, out),
            Act::Withdraw => out.push(11),
            Act::Grant => out.push(12),
        }
    }

    fn read(input: &mut Input) -> Result<Act, RecordError> {
        Ok(match u8::read(input)? {
            1 => Act::Submit { dossier: line(input, MAXIMUM_TITLE)? },
            2 => Act::Return,
            3 => Act::Complete { dossier: line(input, MAXIMUM_TITLE)? },
            4 => Act::Accept,
            5 => Act::Refuse,
            6 => Act::Report(Field::read(input)?),
            7 => Act::Evaluate { recommendation: Field::read(input)? },
            8 => Act::Review,
            9 => Act::Decide,
            10 => Act::Change { dossier: line(input, MAXIMUM_TITLE)? },
            11 => Act::Withdraw,
            12 => Act::Grant,
            _ => return Err(RecordError::Content),
        })
    }
}

fn tagged(tag: u8, content: &impl Field, out: &mut Vec<u8>) {
    out.push(tag);
    content.write(out);
}

impl Field for TestReport {
    fn write(&self, out: &mut Vec<u8>) {
        self.sha256.write(out);
        self.method.write(out);
        self.number.write(out);
        self.date.write(out);
    }

    fn read(input: &mut Input) -> Result<TestReport, RecordError> {
        Ok(TestReport {
            sha256: line(input, MAXIMUM_TITLE)?,
            method: line(input, MAXIMUM_TITLE)?,
            number: line(input, MAXIMUM_TITLE)?,
            date: Field::read(input)?,
        })
    }
}

impl Field for Recommendation {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Recommendation::Grant => 1,
            Recommendation::Refuse => 2,
        });
    }

    fn read(input: &mut Input) -> Result<Recommendation, RecordError> {
        match u8::read(input)? {
            1 => Ok(Recommendation::Grant),
            2 => Ok(Recommendation::Refuse),
            _ => Err(RecordError::Content),
        }
    }
}
