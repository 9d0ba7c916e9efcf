//! From when until when a body or a laboratory is accredited, under which number, and the terms before (ISO/IEC 17011, 7.9).

use serde::Serialize;

use super::codec::{Field, Input, RecordError, line, list};
use super::event::Event;
use crate::date_time::DateTime;

/// Characters of an accreditation's number.
pub const MAXIMUM_NUMBER: usize = 200;

/// Renewals of one accreditation.
pub const MAXIMUM_RENEWALS: usize = 100;

/// A term of an accreditation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Term {
    /// As the accreditation body numbers it; certificates repeat it.
    pub number: String,
    pub valid_from: DateTime,
    /// The first second that it no longer covers.
    pub valid_until: DateTime,
}

/// A term that another one follows. It covers its time to its end, also where the next one has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormerTerm {
    #[serde(flatten)]
    pub term: Term,
    pub renewed: Event,
}

impl Term {
    pub fn covers(&self, at: DateTime) -> bool {
        self.valid_from <= at && at < self.valid_until
    }
}

/// All terms, the newest first.
pub fn terms<'a>(last: &'a Term, former: &'a [FormerTerm]) -> impl Iterator<Item = &'a Term> {
    std::iter::once(last).chain(former.iter().rev().map(|former| &former.term))
}

/// The terms of before, as records have them.
pub fn former_terms(input: &mut Input) -> Result<Vec<FormerTerm>, RecordError> {
    list(input, MAXIMUM_RENEWALS)
}

impl Field for Term {
    fn write(&self, out: &mut Vec<u8>) {
        self.number.write(out);
        self.valid_from.write(out);
        self.valid_until.write(out);
    }

    fn read(input: &mut Input) -> Result<Term, RecordError> {
        Ok(Term {
            number: line(input, MAXIMUM_NUMBER)?,
            valid_from: Field::read(input)?,
            valid_until: Field::read(input)?,
        })
    }
}

impl Field for FormerTerm {
    fn write(&self, out: &mut Vec<u8>) {
        self.term.write(out);
        self.renewed.write(out);
    }

    fn read(input: &mut Input) -> Result<FormerTerm, RecordError> {
        Ok(FormerTerm { term: Field::read(input)?, renewed: Field::read(input)? })
    }
}
