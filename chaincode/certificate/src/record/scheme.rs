//! A certification scheme and its version, as the accreditation body registered it.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, RecordError, decode, encode};
use super::event::Event;

const VERSION: u8 = 1;

/// Written once: a change of the scheme is a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scheme {
    /// Absolute address of the scheme.
    pub id: String,
    pub version: String,
    pub title: String,
    /// The standards that certificates of this scheme may name, as URIs.
    pub standards: Vec<String>,
    pub registered: Event,
}

impl Scheme {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.id.write(out);
            self.version.write(out);
            self.title.write(out);
            self.standards.write(out);
            self.registered.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Scheme, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Scheme {
                id: Field::read(input)?,
                version: Field::read(input)?,
                title: Field::read(input)?,
                standards: Field::read(input)?,
                registered: Field::read(input)?,
            })
        })
    }
}
