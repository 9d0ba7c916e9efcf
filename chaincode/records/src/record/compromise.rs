//! That somebody else may have signed with an issuer key, as one organisation declares it.
//!
//! Both records exist from the key's approval on, for the reason for which stops exist from issue on.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, Input, RecordError, decode, encode};
use super::event::Event;
use crate::date_time::DateTime;

const VERSION: u8 = 2;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compromise {
    pub declared: Option<Declaration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Declaration {
    /// Certificates whose issue counts from then on, or from later, are not valid.
    pub compromised_from: DateTime,
    #[serde(flatten)]
    pub event: Event,
}

impl Compromise {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| self.declared.write(out))
    }

    /// `owner` is the organisation whose key the record stands under: whatever the record says, it declared so.
    pub fn decode(record: &Bytes, owner: &str) -> Result<Compromise, RecordError> {
        let mut compromise =
            decode(record, VERSION, |input| Ok(Compromise { declared: Field::read(input)? }))?;
        compromise.declared.iter_mut().for_each(|declared| declared.event.by = owner.to_owned());
        Ok(compromise)
    }
}

impl Field for Declaration {
    fn write(&self, out: &mut Vec<u8>) {
        self.compromised_from.write(out);
        self.event.write(out);
    }

    fn read(input: &mut Input) -> Result<Declaration, RecordError> {
        Ok(Declaration { compromised_from: Field::read(input)?, event: Field::read(input)? })
    }
}
