//! What a person decides before a study is evaluated: limits, unit, and how far an extrapolation may go.

use serde::Serialize;

use crate::{bound::Side, study::is_computable};

/// Characters of a unit's name.
const MAXIMUM_UNIT: usize = 20;
const MONTHS: &str = "months";

/// How a study is evaluated.
#[derive(Clone, Debug)]
pub struct Options {
    pub limits: Limits,
    pub unit: Unit,
    pub cap: CapRule,
    /// A person claims the cap where the bound crosses no limit.
    pub claim_cap: bool,
}

/// What results must keep: a lower limit, an upper one, or both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    lower: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper: Option<f64>,
}

/// In what the times are. ICH's cap is in months; no other unit has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Unit(String);

/// How far beyond the time X that the shortest batch covers a shelf life may reach (ICH Q1E, 2.4 and 2.5; which one applies
/// depends on accelerated data and on the storage condition).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum CapRule {
    /// Twice X, at most 12 months more.
    #[serde(rename = "2x")]
    Twice,
    /// One and a half times X, at most 6 months more.
    #[serde(rename = "1.5x")]
    OneAndAHalf,
    #[serde(rename = "none")]
    None,
}

/// What is wrong with limits or a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    #[error("there is no limit: give a lower one, an upper one, or both")]
    NoLimit,
    #[error("a limit is 0 or a number from 1e-50 to 1e50 in size")]
    Limit,
    #[error("the lower limit is not below the upper one")]
    Order,
    #[error("a unit is a word of up to {MAXIMUM_UNIT} letters, such as days")]
    Unit,
}

impl Limits {
    pub fn new(lower: Option<f64>, upper: Option<f64>) -> Result<Self, OptionsError> {
        if [lower, upper].into_iter().flatten().any(|limit| !is_computable(limit)) {
            return Err(OptionsError::Limit);
        }
        match (lower, upper) {
            (None, None) => Err(OptionsError::NoLimit),
            (Some(lower), Some(upper)) if lower >= upper => Err(OptionsError::Order),
            _ => Ok(Self { lower, upper }),
        }
    }

    /// Each limit with its side.
    pub fn sides(&self) -> impl Iterator<Item = (Side, f64)> + Clone + use<> {
        let lower = self.lower.map(|limit| (Side::Lower, limit));
        lower.into_iter().chain(self.upper.map(|limit| (Side::Upper, limit)))
    }

    /// The probability beyond the bound on one side: a bound against one limit is one-sided at 95 %, bounds against two are two-sided.
    pub fn beyond(&self) -> f64 {
        if self.is_two_sided() { 0.025 } else { 0.05 }
    }

    pub fn is_two_sided(&self) -> bool {
        self.lower.is_some() && self.upper.is_some()
    }

    /// Whether a result keeps all limits.
    pub fn hold(&self, result: f64) -> bool {
        self.lower.is_none_or(|limit| result >= limit) && self.upper.is_none_or(|limit| result <= limit)
    }
}

impl Unit {
    /// The unit of this name; months where it is some spelling of them.
    pub fn named(name: &str) -> Result<Self, OptionsError> {
        let is_word = name.chars().all(|it| it.is_alphabetic()) && name.chars().nth(MAXIMUM_UNIT).is_none();
        match name.to_lowercase().as_str() {
            "" => Err(OptionsError::Unit),
            "month" | MONTHS => Ok(Self::months()),
            _ if is_word => Ok(Self(name.to_owned())),
            _ => Err(OptionsError::Unit),
        }
    }

    pub fn months() -> Self {
        Self(MONTHS.to_owned())
    }

    pub fn name(&self) -> &str {
        &self.0
    }

    pub fn is_months(&self) -> bool {
        self.0 == MONTHS
    }
}

impl CapRule {
    /// The latest end of a shelf life in months, where the shortest batch covers so many.
    pub fn latest(self, covered: f64) -> Option<f64> {
        match self {
            Self::Twice => Some((2.0 * covered).min(covered + 12.0)),
            Self::OneAndAHalf => Some((1.5 * covered).min(covered + 6.0)),
            Self::None => None,
        }
    }

    /// As the command line and JSON name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Twice => "2x",
            Self::OneAndAHalf => "1.5x",
            Self::None => "none",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::Twice, Self::OneAndAHalf, Self::None].into_iter().find(|rule| rule.name() == name)
    }

    /// The rule as ICH Q1E writes it.
    pub fn formula(self) -> &'static str {
        match self {
            Self::Twice => "min(2X, X + 12)",
            Self::OneAndAHalf => "min(1.5X, X + 6)",
            Self::None => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn limits_are_numbers_in_their_order() {
        assert_eq!(Limits::new(None, None), Err(OptionsError::NoLimit));
        assert_eq!(Limits::new(Some(f64::NAN), None), Err(OptionsError::Limit));
        assert_eq!(Limits::new(None, Some(f64::INFINITY)), Err(OptionsError::Limit));
        assert_eq!(Limits::new(Some(2.0), Some(2.0)), Err(OptionsError::Order));
        assert!(Limits::new(Some(-1.0), Some(0.0)).unwrap().is_two_sided());
    }

    #[test]
    fn a_unit_is_a_word() {
        assert_eq!(Unit::named("Month").unwrap(), Unit::months());
        assert!(!Unit::named("days").unwrap().is_months());
        for wrong in ["", "1", "a b", "d\u{1b}", &"d".repeat(21)] {
            assert_eq!(Unit::named(wrong), Err(OptionsError::Unit));
        }
    }

    #[test]
    fn caps_are_ichs() {
        let latest =
            |covered| [CapRule::Twice, CapRule::OneAndAHalf, CapRule::None].map(|it| it.latest(covered));
        assert_eq!(latest(24.0), [Some(36.0), Some(30.0), None]);
        assert_eq!(latest(6.0), [Some(12.0), Some(9.0), None]);
    }
}
