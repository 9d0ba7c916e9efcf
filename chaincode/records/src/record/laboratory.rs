//! A laboratory whose test reports count (ISO/IEC 17025), as the accreditation body registered it.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, RecordError, decode, encode, line, list, since};
use super::event::Event;
use super::scope::{Former, formers, scope_at};
use super::stop::{MAXIMUM_SUSPENSIONS, Suspension};
use super::term::{FormerTerm, MAXIMUM_NUMBER, Term, former_terms, terms};
use crate::date_time::DateTime;

const VERSION: u8 = 4;

/// Methods in a laboratory's scope.
pub const MAXIMUM_METHODS: usize = 32;

/// Characters of an MSP id, an accreditation's number, or a method.
const MAXIMUM_LINE: usize = 255;

/// Within the power of the accreditation body alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Laboratory {
    /// MSP id.
    pub organisation: String,
    /// Its scope, as of now: the test methods, as reports name them.
    pub methods: Vec<String>,
    /// The last one of its accreditation.
    #[serde(flatten)]
    pub term: Term,
    pub registered: Event,
    /// Oldest first.
    pub suspensions: Vec<Suspension>,
    /// The methods of before, oldest first.
    pub former_scopes: Vec<Former<Vec<String>>>,
    /// The terms before the last, oldest first.
    pub former_terms: Vec<FormerTerm>,
}

impl Laboratory {
    /// The suspension that is not lifted yet.
    pub fn standing(&self) -> Option<&Suspension> {
        self.suspensions.last().filter(|suspension| suspension.lifted.is_none())
    }

    pub fn covers(&self, at: DateTime) -> bool {
        terms(&self.term, &self.former_terms).any(|term| term.covers(at))
    }

    /// The methods that it was accredited for at that moment.
    pub fn methods_at(&self, at: DateTime) -> &Vec<String> {
        scope_at(&self.methods, &self.former_scopes, at)
    }

    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.organisation.write(out);
            self.term.number.write(out);
            self.methods.write(out);
            self.term.valid_from.write(out);
            self.term.valid_until.write(out);
            self.registered.write(out);
            self.suspensions.write(out);
            self.former_scopes.write(out);
            self.former_terms.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Laboratory, RecordError> {
        decode(record, VERSION, |input| {
            let (organisation, number) = (line(input, MAXIMUM_LINE)?, line(input, MAXIMUM_NUMBER)?);
            let methods = list(input, MAXIMUM_METHODS)?;
            let (valid_from, valid_until) = (Field::read(input)?, Field::read(input)?);
            Ok(Laboratory {
                organisation,
                methods,
                term: Term { number, valid_from, valid_until },
                registered: Field::read(input)?,
                suspensions: list(input, MAXIMUM_SUSPENSIONS)?,
                former_scopes: since(3, input, Vec::new(), formers)?,
                former_terms: since(4, input, Vec::new(), former_terms)?,
            })
        })
    }
}
