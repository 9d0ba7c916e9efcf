//! The code of a certificate that was decided on and is not granted yet.

use bytes::Bytes;

use super::codec::{Field, RecordError, decode, encode};
use crate::code::Code;

const VERSION: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// Whose decision names the code.
    pub application: Code,
    /// False once the application was refused or withdrawn: the code is free again.
    pub stands: bool,
}

impl Reservation {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.application.write(out);
            self.stands.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Reservation, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Reservation { application: Field::read(input)?, stands: Field::read(input)? })
        })
    }
}
