//! The binary form of a state record: one byte of version, then the fields in order.
//!
//! Never bare JSON: a CouchDB peer parses a JSON value and writes it again, and the signed document would not
//! survive byte for byte. Numbers are big-endian; a text or byte string has a length of four bytes before it, a
//! list a count of two bytes; an optional field has a byte 0 or 1 before it.

use bytes::{Buf, Bytes};

use crate::date_time::DateTime;
use crate::document::is_line;

/// A record that this version of the contract cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("the record ends too early")]
    Short,
    #[error("the record goes on after its last field")]
    Long,
    #[error("the record has version {0}, which this program does not know")]
    Version(u8),
    #[error("a field of the record holds what it cannot hold")]
    Content,
}

/// A value with a binary form. What is written has the newest form; every form that was ever written is read.
pub trait Field: Sized {
    fn write(&self, out: &mut Vec<u8>);
    fn read(input: &mut Input) -> Result<Self, RecordError>;
}

/// What is still to be read of a record.
pub struct Input {
    bytes: Bytes,
    version: u8,
}

impl Input {
    pub fn take(&mut self, length: usize) -> Result<Bytes, RecordError> {
        if length > self.bytes.len() {
            return Err(RecordError::Short);
        }
        Ok(self.bytes.split_to(length))
    }
}

pub fn encode(version: u8, fields: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![version];
    fields(&mut out);
    out
}

/// Reads a whole record of any version up to the `newest`: nothing may be left over.
pub fn decode<T>(
    record: &Bytes,
    newest: u8,
    fields: impl FnOnce(&mut Input) -> Result<T, RecordError>,
) -> Result<T, RecordError> {
    let mut bytes = record.clone();
    let version = bytes.try_get_u8().map_err(|_| RecordError::Short)?;
    if !(1..=newest).contains(&version) {
        return Err(RecordError::Version(version));
    }
    let mut input = Input { bytes, version };
    let value = fields(&mut input)?;
    if input.bytes.is_empty() { Ok(value) } else { Err(RecordError::Long) }
}

impl Field for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn read(input: &mut Input) -> Result<u8, RecordError> {
        input.bytes.try_get_u8().map_err(|_| RecordError::Short)
    }
}

impl Field for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push((*self).into());
    }

    fn read(input: &mut Input) -> Result<bool, RecordError> {
        match u8::read(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(RecordError::Content),
        }
    }
}

impl Field for u32 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn read(input: &mut Input) -> Result<u32, RecordError> {
        input.bytes.try_get_u32().map_err(|_| RecordError::Short)
    }
}

impl Field for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn read(input: &mut Input) -> Result<u64, RecordError> {
        input.bytes.try_get_u64().map_err(|_| RecordError::Short)
    }
}

impl Field for Bytes {
    /// A record is far smaller than the four gigabytes that a length can say.
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.len() as u32).to_be_bytes());
        out.extend_from_slice(self);
    }

    fn read(input: &mut Input) -> Result<Bytes, RecordError> {
        let length = u32::read(input)? as usize;
        input.take(length)
    }
}

impl Field for String {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.len() as u32).to_be_bytes());
        out.extend_from_slice(self.as_bytes());
    }

    fn read(input: &mut Input) -> Result<String, RecordError> {
        String::from_utf8(Bytes::read(input)?.into()).map_err(|_| RecordError::Content)
    }
}

impl Field for DateTime {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seconds().to_be_bytes());
    }

    fn read(input: &mut Input) -> Result<DateTime, RecordError> {
        input.bytes.try_get_i64().map(DateTime::from_seconds).map_err(|_| RecordError::Short)
    }
}

/// Reads a text that people are shown: at most `maximum` characters, none of them invisible. The contract writes no
/// other, but the owner of a key can write past the contract.
pub fn line(input: &mut Input, maximum: usize) -> Result<String, RecordError> {
    let text = String::read(input)?;
    if text.is_empty() || is_line(&text, maximum) { Ok(text) } else { Err(RecordError::Content) }
}

/// Reads such a text that may be absent.
pub fn optional_line(input: &mut Input, maximum: usize) -> Result<Option<String>, RecordError> {
    if bool::read(input)? { line(input, maximum).map(Some) } else { Ok(None) }
}

/// Reads a field that records have from this version on; earlier ones mean `before`.
pub fn since<T>(
    version: u8,
    input: &mut Input,
    before: T,
    read: impl FnOnce(&mut Input) -> Result<T, RecordError>,
) -> Result<T, RecordError> {
    if input.version >= version { read(input) } else { Ok(before) }
}

/// Reads a list that has at most `maximum` entries.
pub fn list<T: Field>(input: &mut Input, maximum: usize) -> Result<Vec<T>, RecordError> {
    let count = input.bytes.try_get_u16().map_err(|_| RecordError::Short)?;
    if usize::from(count) > maximum {
        return Err(RecordError::Content);
    }
    (0..count).map(|_| T::read(input)).collect()
}

impl<T: Field> Field for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.write(out);
            }
        }
    }

    fn read(input: &mut Input) -> Result<Option<T>, RecordError> {
        match u8::read(input)? {
            0 => Ok(None),
            1 => T::read(input).map(Some),
            _ => Err(RecordError::Content),
        }
    }
}

impl<T: Field> Field for Vec<T> {
    /// The contract bounds each list far below the 65,535 that a count can say.
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.len() as u16).to_be_bytes());
        for value in self {
            value.write(out);
        }
    }

    fn read(input: &mut Input) -> Result<Vec<T>, RecordError> {
        list(input, usize::from(u16::MAX))
    }
}
