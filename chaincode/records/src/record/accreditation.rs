//! The accreditation of a certification body for a scheme (ISO/IEC 17011), and its suspensions.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::codec::{Field, Input, RecordError, decode, encode, line, list, since};
use super::event::Event;
use super::scope::{Former, Scope, formers, scope_at};
use super::stop::MAXIMUM_SUSPENSIONS;
use super::term::{FormerTerm, Term, former_terms, terms};
use crate::date_time::DateTime;
use crate::document::MAXIMUM_BYTES;

const VERSION: u8 = 4;

/// Within the power of the accreditation body alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Accreditation {
    /// MSP id of the certification body.
    pub body: String,
    pub scheme_id: String,
    /// The last one.
    #[serde(flatten)]
    pub term: Term,
    pub registered: Event,
    /// Oldest first.
    pub suspensions: Vec<AccreditationSuspension>,
    /// What the body may certify, as of now. Accreditations of earlier versions limit nothing.
    pub scope: Scope,
    /// What it was before, oldest first.
    pub former_scopes: Vec<Former<Scope>>,
    /// The terms before the last, oldest first.
    pub former_terms: Vec<FormerTerm>,
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
    /// The suspension that is not lifted yet.
    pub fn standing(&self) -> Option<&AccreditationSuspension> {
        self.suspensions.last().filter(|suspension| suspension.lifted.is_none())
    }

    pub fn covers(&self, at: DateTime) -> bool {
        self.terms().any(|term| term.covers(at))
    }

    /// All terms, the newest first.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        terms(&self.term, &self.former_terms)
    }

    /// The newest term that covers the moment; where none does, the last.
    pub fn term_at(&self, at: DateTime) -> &Term {
        self.terms().find(|term| term.covers(at)).unwrap_or(&self.term)
    }

    /// The scope that held at that moment.
    pub fn scope_at(&self, at: DateTime) -> &Scope {
        scope_at(&self.scope, &self.former_scopes, at)
    }

    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.body.write(out);
            self.scheme_id.write(out);
            self.term.write(out);
            self.registered.write(out);
            self.suspensions.write(out);
            self.scope.write(out);
            self.former_scopes.write(out);
            self.former_terms.write(out);
        })
    }

    /// Only its `owner`, the accreditation body, writes the record: whatever it says, that body acted.
    pub fn decode(record: &Bytes, owner: &str) -> Result<Accreditation, RecordError> {
        let mut accreditation = Self::read(record)?;
        accreditation.registered.by = owner.to_owned();
        for AccreditationSuspension { placed, lifted, .. } in &mut accreditation.suspensions {
            placed.by = owner.to_owned();
            lifted.iter_mut().for_each(|lifted| lifted.by = owner.to_owned());
        }
        accreditation.former_scopes.iter_mut().for_each(|former| former.ended.by = owner.to_owned());
        accreditation.former_terms.iter_mut().for_each(|former| former.renewed.by = owner.to_owned());
        Ok(accreditation)
    }

    fn read(record: &Bytes) -> Result<Accreditation, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Accreditation {
                body: line(input, MAXIMUM_BYTES)?,
                scheme_id: line(input, MAXIMUM_BYTES)?,
                term: Field::read(input)?,
                registered: Field::read(input)?,
                suspensions: list(input, MAXIMUM_SUSPENSIONS)?,
                scope: since(3, input, Scope::default(), Field::read)?,
                former_scopes: since(3, input, Vec::new(), formers)?,
                former_terms: since(4, input, Vec::new(), former_terms)?,
            })
        })
    }
}

impl Field for AccreditationSuspension {
    fn write(&self, out: &mut Vec<u8>) {
        self.effect.write(out);
        self.placed.write(out);
        self.lifted.write(out);
    }

    fn read(input: &mut Input) -> Result<AccreditationSuspension, RecordError> {
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

    fn read(input: &mut Input) -> Result<Effect, RecordError> {
        match u8::read(input)? {
            1 => Ok(Effect::NewGrants),
            2 => Ok(Effect::AllCertificates),
            _ => Err(RecordError::Content),
        }
    }
}
