//! One act of a responsible body, as records keep it.

use serde::Serialize;

use super::codec::{Field, Input, RecordError, line, since};
use crate::date_time::DateTime;
use crate::duty::is_person;

/// Reasons are read by the public; they are sentences, not files. In characters.
pub const MAXIMUM_REASON: usize = 500;

/// Characters of an MSP id, a transaction id, or duties.
const MAXIMUM_NAME: usize = 255;

/// The version of a record from which on its events name role and person.
const WITH_PERSON: u8 = 2;

/// What was done, when it took effect, by whom, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The transaction's timestamp; `?at=` questions are answered by it.
    pub effective_at: DateTime,
    /// The organisation's MSP id. In a record that one organisation alone may write, it is taken from the record's
    /// key and not from what the record says.
    pub by: String,
    /// The [duties](crate::Duty) by which the caller might do it; empty where its organisation and NodeOU role sufficed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// The caller's pseudonym; empty where its certificate has none. No name: personal data in the world state would
    /// outlive every right to be forgotten.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub person: String,
    /// Free text of the caller; empty where the act needs no reason.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    pub transaction_id: String,
}

impl Field for Event {
    fn write(&self, out: &mut Vec<u8>) {
        self.effective_at.write(out);
        self.by.write(out);
        self.role.write(out);
        self.person.write(out);
        self.reason.write(out);
        self.transaction_id.write(out);
    }

    fn read(input: &mut Input) -> Result<Event, RecordError> {
        Ok(Event {
            effective_at: Field::read(input)?,
            by: line(input, MAXIMUM_NAME)?,
            role: since(WITH_PERSON, input, String::new(), |input| line(input, MAXIMUM_NAME))?,
            person: since(WITH_PERSON, input, String::new(), person)?,
            reason: line(input, MAXIMUM_REASON)?,
            transaction_id: line(input, MAXIMUM_NAME)?,
        })
    }
}

fn person(input: &mut Input) -> Result<String, RecordError> {
    let text = String::read(input)?;
    if text.is_empty() || is_person(&text) { Ok(text) } else { Err(RecordError::Content) }
}
