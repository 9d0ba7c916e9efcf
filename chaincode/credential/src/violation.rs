//! A rule that a document or a request breaks, in a form that names the field, the value and the rule.

use std::fmt;

use serde::Serialize;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Where: a JSON pointer (RFC 6901) into the document; empty for the document itself.
    pub pointer: String,
    /// What stands there, as JSON, shortened; empty where nothing stands.
    pub value: String,
    /// What must hold.
    pub rule: String,
}

impl Violation {
    pub fn new(pointer: &str, value: &str, rule: &str) -> Violation {
        Violation { pointer: pointer.to_owned(), value: value.to_owned(), rule: rule.to_owned() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "the document" } else { &self.pointer };
        let value = if self.value.is_empty() { "absent" } else { &self.value };
        write!(formatter, "{pointer} is {value}: {}", self.rule)
    }
}
