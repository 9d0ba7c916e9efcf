//! Why the contract refuses a call, in a form that names the field, the value and the rule.

use std::fmt;

pub use credential::Violation;

use crate::record::RecordError;
use crate::state::StateError;

/// A refused call. The text goes to the caller as the chaincode response's message, because a gateway passes on
/// nothing else of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Arguments that are missing, too many or not what the function takes.
    Arguments(String),
    /// Rules that the document or the request breaks; at least one.
    Rules(Vec<Violation>),
    /// The caller's organisation or role may not do this.
    Forbidden(String),
    /// No such record.
    Unknown(String),
    /// The record is there already, or in a state in which this cannot be done.
    Conflict(String),
    /// The ledger did not answer, or holds what this contract cannot read.
    Ledger(String),
}

/// More than this is counted, not listed, in a message.
const LISTED_VIOLATIONS: usize = 20;

impl Refusal {
    /// The status of the chaincode's response, in the manner of HTTP: 400 and above is not endorsed.
    pub fn status(&self) -> i32 {
        match self {
            Refusal::Arguments(_) | Refusal::Rules(_) => 400,
            Refusal::Forbidden(_) => 403,
            Refusal::Unknown(_) => 404,
            Refusal::Conflict(_) => 409,
            Refusal::Ledger(_) => 500,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Arguments(text)
            | Refusal::Forbidden(text)
            | Refusal::Unknown(text)
            | Refusal::Conflict(text)
            | Refusal::Ledger(text) => formatter.write_str(text),
            Refusal::Rules(violations) => {
                let plural = if violations.len() == 1 { "rule" } else { "rules" };
                write!(formatter, "{} {plural} broken", violations.len())?;
                for violation in violations.iter().take(LISTED_VIOLATIONS) {
                    write!(formatter, "\n{violation}")?;
                }
                match violations.len().saturating_sub(LISTED_VIOLATIONS) {
                    0 => Ok(()),
                    more => write!(formatter, "\n… and {more} more"),
                }
            }
        }
    }
}

impl std::error::Error for Refusal {}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Refusal {
        Refusal::Ledger(error.to_string())
    }
}

impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Refusal {
        Refusal::Ledger(format!("a record on the ledger cannot be read: {error}"))
    }
}
