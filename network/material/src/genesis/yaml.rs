//! Reads YAML by path, so that every error names the key that is wrong.

use serde_norway::{Mapping, Value};

use super::GenesisError;
use channel::duration;

/// How often merge keys may lead to further merge keys.
const MAX_MERGES: usize = 32;

/// Parses a YAML document and resolves its anchors, aliases and `<<` merges.
pub(super) fn parse(text: &str) -> Result<Value, serde_norway::Error> {
    let mut document: Value = serde_norway::from_str(text)?;
    // A merged mapping may bring a merge key of its own.
    for _ in 0..MAX_MERGES {
        let before = document.clone();
        document.apply_merge()?;
        if document == before {
            break;
        }
    }
    Ok(document)
}

/// A value of the document and where it stands.
#[derive(Clone)]
pub(super) struct Node<'a> {
    /// The path from the top of the file: `Orderer.BatchSize`.
    pub key: String,
    /// The last part of the path.
    pub name: &'a str,
    value: &'a Value,
}

impl<'a> Node<'a> {
    pub fn root(document: &'a Value) -> Self {
        Self { key: String::new(), name: "", value: document }
    }

    /// The entries of a mapping whose keys must be among these, in any case. An entry without a value
    /// counts as absent.
    pub fn fields(&self, known: &'static [&'static str]) -> Result<Fields<'a>, GenesisError> {
        let mut nodes: Vec<(&'static str, Node<'a>)> = Vec::new();
        for node in self.entries()? {
            let known_name = known.iter().find(|known| known.eq_ignore_ascii_case(node.name));
            let Some(known_name) = known_name else {
                return Err(GenesisError::UnknownKey { expected: known.join(", "), key: node.key });
            };
            if nodes.iter().any(|(name, _)| name == known_name) {
                return Err(GenesisError::DuplicateKey { key: node.key });
            }
            nodes.push((known_name, node));
        }
        Ok(Fields { key: self.key.clone(), nodes })
    }

    /// The entries of a mapping with keys of the author's choice.
    pub fn entries(&self) -> Result<Vec<Node<'a>>, GenesisError> {
        let Value::Mapping(mapping) = self.value else { return Err(self.wrong("keys with values")) };
        let present = |mapping: &'a Mapping| mapping.iter().filter(|(_, value)| !value.is_null());
        present(mapping).map(|(name, value)| self.entry(name, value)).collect()
    }

    /// The elements of a list.
    pub fn list(&self) -> Result<Vec<Node<'a>>, GenesisError> {
        let Value::Sequence(values) = self.value else { return Err(self.wrong("a list")) };
        let element = |(index, value)| Node { key: format!("{}[{index}]", self.key), name: self.name, value };
        Ok(values.iter().enumerate().map(element).collect())
    }

    pub fn text(&self) -> Result<String, GenesisError> {
        match self.value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(self.wrong("text")),
        }
    }

    pub fn texts(&self) -> Result<Vec<String>, GenesisError> {
        self.list()?.iter().map(Node::text).collect()
    }

    pub fn flag(&self) -> Result<bool, GenesisError> {
        self.value.as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    pub fn number<N: TryFrom<u64>>(&self) -> Result<N, GenesisError> {
        let number = match self.value {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64(),
        };
        number.and_then(|number| N::try_from(number).ok()).ok_or_else(|| self.wrong("a number"))
    }

    /// A number of bytes, also with a unit: `512 KB`, `10 MB`, `1g` (1 KB is 1024 bytes).
    pub fn bytes(&self) -> Result<u32, GenesisError> {
        let Value::String(text) = self.value else { return self.number() };
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = text.get(digits.len()..).unwrap_or_default().trim_start().to_ascii_lowercase();
        let shift = match unit.as_str() {
            "" => 0,
            "k" | "kb" => 10,
            "m" | "mb" => 20,
            "g" | "gb" => 30,
            _ => return Err(self.wrong("a number of bytes, for example 512 KB or 10 MB")),
        };
        let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
        number.and_then(|number| u32::try_from(number).ok()).ok_or_else(|| self.wrong("less than 4 GB"))
    }

    /// A Go duration in nanoseconds; a bare number counts nanoseconds.
    pub fn duration(&self) -> Result<u64, GenesisError> {
        let Value::String(text) = self.value else { return self.number() };
        let nanoseconds = duration::parse(text).map_err(|reason| self.invalid(reason))?;
        u64::try_from(nanoseconds).map_err(|_| self.invalid("must not be negative"))
    }

    pub fn invalid(&self, reason: impl Into<String>) -> GenesisError {
        GenesisError::Invalid { key: self.key.clone(), reason: reason.into() }
    }

    fn entry(&self, name: &'a Value, value: &'a Value) -> Result<Node<'a>, GenesisError> {
        let Value::String(name) = name else { return Err(self.wrong("keys that are text")) };
        let key = if self.key.is_empty() { name.clone() } else { format!("{}.{name}", self.key) };
        Ok(Node { key, name, value })
    }

    fn wrong(&self, expected: &'static str) -> GenesisError {
        let found = match self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => format!("'{text}'"),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "keys with values".to_owned(),
            Value::Tagged(tagged) => tagged.tag.to_string(),
        };
        let key = if self.key.is_empty() { "the file".to_owned() } else { self.key.clone() };
        GenesisError::WrongType { key, expected, found }
    }
}

/// The entries of a mapping with known keys.
pub(super) struct Fields<'a> {
    key: String,
    nodes: Vec<(&'static str, Node<'a>)>,
}

impl<'a> Fields<'a> {
    pub fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.nodes.iter().find(|(known, _)| *known == name).map(|(_, node)| node)
    }

    pub fn require(&self, name: &str) -> Result<&Node<'a>, GenesisError> {
        self.get(name).ok_or_else(|| GenesisError::Missing { key: format!("{}.{name}", self.key) })
    }

    /// Reads a field if it is there.
    pub fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Node<'a>) -> Result<T, GenesisError>,
    ) -> Result<Option<T>, GenesisError> {
        self.get(name).map(read).transpose()
    }
}
