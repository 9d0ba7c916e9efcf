//! The configuration tree as a flat map from path to element (`common/configtx/configmap.go`).
//!
//! Fabric compares and overlays configurations in this form. It is decoded from the wire directly, because
//! a re-derived configuration must equal the received one in its unknown fields too, which prost drops;
//! and because an update may nest its groups thousands of levels deep.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use bytes::Bytes;
use fabric::{
    proto::common,
    wire::{UnknownFields, put_bytes, put_message, put_varint},
};

use super::{
    ConfigError,
    elements_wire::{WireGroup, check_group, read_policy, read_value},
};

/// The name of the root group.
pub(super) const ROOT: &str = "/Channel";

/// Where an element lies. A group, a value and a policy may share one path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub kind: Kind,
    /// The names from the root, each after a slash: `/Channel/Application`.
    pub path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Group,
    Value,
    Policy,
}

impl Key {
    pub fn new(kind: Kind, path: &str) -> Self {
        Self { kind, path: path.to_owned() }
    }

    fn child(kind: Kind, group: &str, name: &str) -> Self {
        Self { kind, path: format!("{group}/{name}") }
    }

    /// The group that holds this element, or the group that it is.
    pub fn group(&self) -> &str {
        match self.kind {
            Kind::Group => &self.path,
            Kind::Value | Kind::Policy => self.path.rsplit_once('/').map_or("", |(group, _)| group),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:?}] {}", self.kind, shortened(&self.path))
    }
}

/// A group, value or policy with what is common to them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Element {
    pub version: u64,
    pub mod_policy: String,
    pub body: Body,
    pub unknown: UnknownFields,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    /// The names of what the group holds.
    Group {
        groups: BTreeSet<String>,
        values: BTreeSet<String>,
        policies: BTreeSet<String>,
    },
    Value(Bytes),
    /// The policy may be absent, which is not the same as empty.
    Policy(Option<(common::Policy, UnknownFields)>),
}

/// A configuration tree, or the part of one that an update names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ConfigMap(pub BTreeMap<Key, Element>);

impl ConfigMap {
    /// Decodes a `ConfigGroup`, given as the parts of a field that may occur more than once, which lies
    /// `depth - 1` messages deep in another. Nothing may lie deeper than `limit` messages.
    pub fn decode(parts: Vec<Bytes>, depth: usize, limit: usize) -> Result<Self, ConfigError> {
        check_group(&parts, depth, limit)?;
        let mut map = Self::default();
        let mut pending = vec![(ROOT.to_owned(), parts)];
        while let Some((path, parts)) = pending.pop() {
            let group = WireGroup::read(parts)?;
            for (name, parts) in &group.values {
                check_config_id(name)?;
                map.0.insert(Key::child(Kind::Value, &path, name), read_value(parts)?);
            }
            for (name, parts) in &group.policies {
                check_config_id(name)?;
                map.0.insert(Key::child(Kind::Policy, &path, name), read_policy(parts)?);
            }
            for (name, parts) in &group.groups {
                check_config_id(name)?;
                pending.push((Key::child(Kind::Group, &path, name).path, parts.clone()));
            }
            map.0.insert(Key::new(Kind::Group, &path), group.into_element());
        }
        Ok(map)
    }

    /// Encodes the group at `path` and all below it as a `ConfigGroup`.
    pub fn encode(&self, path: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let Some(element) = self.0.get(&Key::new(Kind::Group, path)) else { return out };
        let Body::Group { groups, values, policies } = &element.body else { return out };
        put_varint(&mut out, 1, element.version);
        for name in groups {
            put_entry(&mut out, 2, name, &self.encode(&format!("{path}/{name}")));
        }
        for name in values {
            put_entry(&mut out, 3, name, &self.encode_leaf(&Key::child(Kind::Value, path, name)));
        }
        for name in policies {
            put_entry(&mut out, 4, name, &self.encode_leaf(&Key::child(Kind::Policy, path, name)));
        }
        put_bytes(&mut out, 5, element.mod_policy.as_bytes());
        element.unknown.encode(&mut out);
        out
    }

    /// What hangs together from the root down: the configuration that this map stands for. Elements that no
    /// group names are left out.
    pub fn tree(&self) -> Result<Self, ConfigError> {
        let mut tree = Self::default();
        let mut pending = vec![Key::new(Kind::Group, ROOT)];
        while let Some(key) = pending.pop() {
            let element = self.0.get(&key).ok_or_else(|| ConfigError::MissingElement(key.to_string()))?;
            if let Body::Group { groups, values, policies } = &element.body {
                pending.extend(groups.iter().map(|name| Key::child(Kind::Group, &key.path, name)));
                pending.extend(values.iter().map(|name| Key::child(Kind::Value, &key.path, name)));
                pending.extend(policies.iter().map(|name| Key::child(Kind::Policy, &key.path, name)));
            }
            tree.0.insert(key, element.clone());
        }
        Ok(tree)
    }

    /// The names of the groups in the group at `path`.
    pub fn groups(&self, path: &str) -> impl Iterator<Item = &str> {
        self.names(path, |body| match body {
            Body::Group { groups, .. } => Some(groups),
            _ => None,
        })
    }

    /// The values in the group at `path`, by name.
    pub fn values<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, &'a Bytes)> {
        let names = self.names(path, |body| match body {
            Body::Group { values, .. } => Some(values),
            _ => None,
        });
        names.filter_map(move |name| match &self.0.get(&Key::child(Kind::Value, path, name))?.body {
            Body::Value(value) => Some((name, value)),
            _ => None,
        })
    }

    /// The policies in the group at `path`, by name.
    pub fn policies<'a>(
        &'a self,
        path: &'a str,
    ) -> impl Iterator<Item = (&'a str, Option<&'a common::Policy>)> {
        let names = self.names(path, |body| match body {
            Body::Group { policies, .. } => Some(policies),
            _ => None,
        });
        names.filter_map(move |name| match &self.0.get(&Key::child(Kind::Policy, path, name))?.body {
            Body::Policy(policy) => Some((name, policy.as_ref().map(|(policy, _)| policy))),
            _ => None,
        })
    }

    pub fn contains(&self, kind: Kind, path: &str) -> bool {
        self.0.contains_key(&Key::new(kind, path))
    }

    fn names<'a>(
        &'a self,
        path: &str,
        choose: impl Fn(&'a Body) -> Option<&'a BTreeSet<String>>,
    ) -> impl Iterator<Item = &'a str> {
        let group = self.0.get(&Key::new(Kind::Group, path));
        group.and_then(|group| choose(&group.body)).into_iter().flatten().map(String::as_str)
    }

    fn encode_leaf(&self, key: &Key) -> Vec<u8> {
        let mut out = Vec::new();
        let Some(element) = self.0.get(key) else { return out };
        put_varint(&mut out, 1, element.version);
        match &element.body {
            Body::Value(value) => put_bytes(&mut out, 2, value),
            Body::Policy(Some((policy, unknown))) => {
                let mut encoded = prost::Message::encode_to_vec(policy);
                unknown.encode(&mut encoded);
                put_message(&mut out, 2, &encoded);
            }
            Body::Policy(None) | Body::Group { .. } => {}
        }
        put_bytes(&mut out, 3, element.mod_policy.as_bytes());
        element.unknown.encode(&mut out);
        out
    }
}

fn put_entry(out: &mut Vec<u8>, number: u32, name: &str, value: &[u8]) {
    let mut entry = Vec::new();
    put_bytes(&mut entry, 1, name.as_bytes());
    put_message(&mut entry, 2, value);
    put_message(out, number, &entry);
}

/// Names in the configuration are ASCII letters, digits, dots and dashes, at most 249 of them
/// (`validateConfigID` in `common/configtx/validator.go`).
pub(super) fn check_config_id(name: &str) -> Result<(), ConfigError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if name.is_empty() || name.len() > 249 || name == "." || name == ".." || !name.chars().all(legal) {
        return Err(ConfigError::IllegalName(shortened(name).to_owned()));
    }
    Ok(())
}

/// As much of a name from outside as an error message should hold.
fn shortened(name: &str) -> &str {
    name.char_indices().nth(250).map_or(name, |(end, _)| name.get(..end).unwrap_or(name))
}
