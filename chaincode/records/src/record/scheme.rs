//! A certification scheme and its version, as the accreditation body registered it.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, RecordError, decode, encode, line, since};
use super::event::Event;
use super::surveillance::SurveillanceRule;
use crate::document::MAXIMUM_BYTES;

const VERSION: u8 = 3;

/// Characters of a scheme's version and of its title.
pub const MAXIMUM_NAME: usize = 200;

/// Written once: a change of the scheme is a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scheme {
    /// Absolute address of the scheme.
    pub id: String,
    pub version: String,
    pub title: String,
    /// The standards that certificates of this scheme may name, as URIs.
    pub standards: Vec<String>,
    pub registered: Event,
    /// Whether a certificate may be issued in one step, without an application. Under schemes of version 1 it may.
    pub direct_issue: bool,
    /// Whether who reviewed an evaluation may decide on it (ISO/IEC 17065, 7.6.2).
    pub reviewer_may_decide: bool,
    /// The surveillance of certificates under it, where it asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surveillance: Option<SurveillanceRule>,
}

impl Scheme {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.id.write(out);
            self.version.write(out);
            self.title.write(out);
            self.standards.write(out);
            self.registered.write(out);
            self.direct_issue.write(out);
            self.reviewer_may_decide.write(out);
            self.surveillance.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Scheme, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Scheme {
                id: line(input, MAXIMUM_BYTES)?,
                version: line(input, MAXIMUM_NAME)?,
                title: line(input, MAXIMUM_NAME)?,
                standards: Field::read(input)?,
                registered: Field::read(input)?,
                direct_issue: since(2, input, true, Field::read)?,
                reviewer_may_decide: since(2, input, true, Field::read)?,
                surveillance: since(3, input, None, Field::read)?,
            })
        })
    }
}
