//! For what a body or a laboratory is accredited, and for what it was before (ISO/IEC 17011, 7.8).

use serde::Serialize;

use super::codec::{Field, Input, RecordError, line, list};
use super::event::Event;
use crate::date_time::DateTime;

/// Standards of one scope, and categories.
pub const MAXIMUM_SCOPE: usize = 32;

/// Characters of a category's name.
pub const MAXIMUM_CATEGORY: usize = 200;

/// Characters of a standard's URI.
pub const MAXIMUM_STANDARD: usize = 500;

/// Changes of one record's scope.
const MAXIMUM_FORMER: usize = 100;

/// Bytes of a record that a change of scope may leave: what is read for every issue stays small.
const MAXIMUM_RECORD: usize = 128 * 1024;

/// Within which limits a body may certify under a scheme. An empty list limits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Scope {
    /// URIs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub standards: Vec<String>,
    /// Of products, as applications name them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

/// What a scope was until a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Former<T> {
    pub scope: T,
    /// The change: from then on the next one holds.
    pub ended: Event,
}

impl Scope {
    pub fn is_unlimited(&self) -> bool {
        *self == Scope::default()
    }

    pub fn has_standard(&self, standard: &str) -> bool {
        self.standards.is_empty() || self.standards.iter().any(|known| known == standard)
    }

    /// Where categories are limited, a certificate without one is outside.
    pub fn has_category(&self, category: Option<&str>) -> bool {
        self.categories.is_empty()
            || category.is_some_and(|category| self.categories.iter().any(|known| known == category))
    }
}

/// Which scope held at that moment.
pub fn scope_at<'a, T>(now: &'a T, former: &'a [Former<T>], at: DateTime) -> &'a T {
    let then = former.iter().find(|former| at < former.ended.effective_at);
    then.map_or(now, |former| &former.scope)
}

/// Whether a change of scope is one too many for its record, which is so long with it.
pub fn is_full<T>(former: &[Former<T>], encoded: &[u8]) -> bool {
    former.len() > MAXIMUM_FORMER || encoded.len() > MAXIMUM_RECORD
}

/// The scopes of before, as records have them.
pub fn formers<T: Field>(input: &mut Input) -> Result<Vec<Former<T>>, RecordError> {
    list(input, MAXIMUM_FORMER)
}

impl Field for Scope {
    fn write(&self, out: &mut Vec<u8>) {
        self.standards.write(out);
        self.categories.write(out);
    }

    fn read(input: &mut Input) -> Result<Scope, RecordError> {
        let standards = lines(input, MAXIMUM_STANDARD)?;
        Ok(Scope { standards, categories: lines(input, MAXIMUM_CATEGORY)? })
    }
}

impl<T: Field> Field for Former<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.scope.write(out);
        self.ended.write(out);
    }

    fn read(input: &mut Input) -> Result<Former<T>, RecordError> {
        Ok(Former { scope: Field::read(input)?, ended: Field::read(input)? })
    }
}

fn lines(input: &mut Input, maximum: usize) -> Result<Vec<String>, RecordError> {
    let count = u16::from_be_bytes([u8::read(input)?, u8::read(input)?]);
    if usize::from(count) > MAXIMUM_SCOPE {
        return Err(RecordError::Content);
    }
    (0..count).map(|_| line(input, maximum)).collect()
}
