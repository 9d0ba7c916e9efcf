//! What the public may know of an application's confidential part: a salted hash for each field, and who handed them in.

use bytes::Bytes;
use serde::Serialize;

use super::application::MAXIMUM_TITLE;
use super::codec::{Field, Input, RecordError, decode, encode, line, list};
use super::event::Event;
use crate::code::Code;
use crate::confidential::MAXIMUM_FIELDS;

const VERSION: u8 = 2;

/// Within the power of both bodies together. It outlives the private data, so that what was opened before they were purged
/// can be checked for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Confidential {
    pub application: Code,
    /// In the order of the private keys.
    pub fields: Vec<FieldHash>,
    /// One for each time fields were handed in.
    pub submitted: Vec<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purged: Option<Event>,
}

/// `sha256:` and the hex of the hash of a field with its salt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FieldHash(pub String);

impl Confidential {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.application.write(out);
            self.fields.write(out);
            self.submitted.write(out);
            self.purged.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Confidential, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Confidential {
                application: Field::read(input)?,
                fields: list(input, MAXIMUM_FIELDS)?,
                submitted: list(input, MAXIMUM_FIELDS)?,
                purged: Field::read(input)?,
            })
        })
    }
}

impl Field for FieldHash {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(input: &mut Input) -> Result<FieldHash, RecordError> {
        Ok(FieldHash(line(input, MAXIMUM_TITLE)?))
    }
}
