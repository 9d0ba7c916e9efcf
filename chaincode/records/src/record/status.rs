//! Which certificate holds a position of a status list.
//!
//! A decision reserves the position, the grant takes it; a refusal or withdrawal in between gives it back.

use bytes::Bytes;

use super::codec::{Field, Input, RecordError, decode, encode, since};
use crate::code::Code;

const VERSION: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    pub certificate: Code,
    pub hold: Hold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// For ever: a position is never given twice.
    Issued,
    Reserved,
    Released,
}

impl Status {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.certificate.write(out);
            self.hold.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Status, RecordError> {
        decode(record, VERSION, |input| {
            let certificate = Field::read(input)?;
            Ok(Status { certificate, hold: since(2, input, Hold::Issued, Field::read)? })
        })
    }
}

impl Field for Hold {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Hold::Issued => 1,
            Hold::Reserved => 2,
            Hold::Released => 3,
        });
    }

    fn read(input: &mut Input) -> Result<Hold, RecordError> {
        match u8::read(input)? {
            1 => Ok(Hold::Issued),
            2 => Ok(Hold::Reserved),
            3 => Ok(Hold::Released),
            _ => Err(RecordError::Content),
        }
    }
}

impl Field for Code {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes());
    }

    fn read(input: &mut Input) -> Result<Code, RecordError> {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&input.take(16)?);
        Ok(Code::from_bytes(bytes))
    }
}
