//! Which certificate holds a position of a status list.

use bytes::Bytes;

use super::codec::{Field, Input, RecordError, decode, encode};
use crate::code::Code;

const VERSION: u8 = 1;

/// Written once, by issue: a position is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    pub certificate: Code,
}

impl Status {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| self.certificate.write(out))
    }

    pub fn decode(record: &Bytes) -> Result<Status, RecordError> {
        decode(record, VERSION, |input| Ok(Status { certificate: Field::read(input)? }))
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
