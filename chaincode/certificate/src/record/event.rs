//! One act of a responsible body, as records keep it.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, RecordError, line};
use crate::date_time::DateTime;

/// Reasons are read by the public; they are sentences, not files. In characters.
pub const MAXIMUM_REASON: usize = 500;

/// Characters of an MSP id or a transaction id.
const MAXIMUM_NAME: usize = 255;

/// What was done, when it took effect, by whom, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The transaction's timestamp; `?at=` questions are answered by it.
    pub effective_at: DateTime,
    /// The organisation's MSP id. In a record that one organisation alone may write, it is taken from the record's
    /// key and not from what the record says. The person is named by the transaction's creator and not repeated here:
    /// personal data in the world state would outlive every right to be forgotten.
    pub by: String,
    /// Free text of the caller; empty where the act needs no reason.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    pub transaction_id: String,
}

impl Field for Event {
    fn write(&self, out: &mut Vec<u8>) {
        self.effective_at.write(out);
        self.by.write(out);
        self.reason.write(out);
        self.transaction_id.write(out);
    }

    fn read(input: &mut Bytes) -> Result<Event, RecordError> {
        Ok(Event {
            effective_at: Field::read(input)?,
            by: line(input, MAXIMUM_NAME)?,
            reason: line(input, MAXIMUM_REASON)?,
            transaction_id: line(input, MAXIMUM_NAME)?,
        })
    }
}
