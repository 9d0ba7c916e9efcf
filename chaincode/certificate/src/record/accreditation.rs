//! The accreditation of a certification body for a scheme (ISO/IEC 17011), and its suspensions.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::codec::{Field, RecordError, decode, encode};
use super::event::Event;
use crate::date_time::DateTime;

const VERSION: u8 = 1;

/// Within the power of the accreditation body alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Accreditation {
    /// MSP id of the certification body.
    pub body: String,
    pub scheme_id: String,
    /// As the accreditation body numbers it; certificates repeat it.
    pub number: String,
    pub valid_from: DateTime,
    /// The first day in which it no longer covers a decision.
    pub valid_until: DateTime,
    pub registered: Event,
    /// Oldest first.
    pub suspensions: Vec<AccreditationSuspension>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccreditationSuspension {
    pub effect: Effect,
    pub placed: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Event>,
}

/// What a suspended accreditation stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// New certificates only; those granted before go on.
    NewGrants,
    /// Every certificate that rests on the accreditation, at once.
    AllCertificates,
}

impl Accreditation {
    /// The suspension that nobody has lifted yet.
    pub fn standing(&self) -> Option<&AccreditationSuspension> {
        self.suspensions.last().filter(|suspension| suspension.lifted.is_none())
    }

    pub fn covers(&self, at: DateTime) -> bool {
        self.valid_from <= at && at < self.valid_until
    }

    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.body.write(out);
            self.scheme_id.write(out);
            self.number.write(out);
            self.valid_from.write(out);
            self.valid_until.write(out);
            self.registered.write(out);
            self.suspensions.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Accreditation, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Accreditation {
                body: Field::read(input)?,
                scheme_id: Field::read(input)?,
                number: Field::read(input)?,
                valid_from: Field::read(input)?,
                valid_until: Field::read(input)?,
                registered: Field::read(input)?,
                suspensions: Field::read(input)?,
            })
        })
    }
}

impl AccreditationSuspension {
    /// Half-open, as for certificates.
    pub fn in_force(&self, at: DateTime) -> bool {
        self.placed.effective_at <= at && self.lifted.as_ref().is_none_or(|lifted| at < lifted.effective_at)
    }
}

impl Field for AccreditationSuspension {
    fn write(&self, out: &mut Vec<u8>) {
        self.effect.write(out);
        self.placed.write(out);
        self.lifted.write(out);
    }

    fn read(input: &mut Bytes) -> Result<AccreditationSuspension, RecordError> {
        Ok(AccreditationSuspension {
            effect: Field::read(input)?,
            placed: Field::read(input)?,
            lifted: Field::read(input)?,
        })
    }
}

impl Field for Effect {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Effect::NewGrants => 1,
            Effect::AllCertificates => 2,
        });
    }

    fn read(input: &mut Bytes) -> Result<Effect, RecordError> {
        match u8::read(input)? {
            1 => Ok(Effect::NewGrants),
            2 => Ok(Effect::AllCertificates),
            _ => Err(RecordError::Content),
        }
    }
}
