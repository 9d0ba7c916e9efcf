//! Reads the messages of the configuration tree from the wire, unknown fields included.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::{
    proto::common,
    wire::{Field, FieldValue, Fields, UnknownFields, WireError, check_depth, string},
};

use super::elements::{Body, Element};

/// Checks that Go could decode this `ConfigGroup` and all it contains, also what a later entry of a map
/// replaces. It lies `depth - 1` messages deep in another, and all of it at most `limit` messages deep.
pub(super) fn check_group(parts: &[Bytes], depth: usize, limit: usize) -> Result<(), WireError> {
    let mut pending: Vec<_> = parts.iter().map(|part| (Shape::Group, part.clone(), depth)).collect();
    while let Some((shape, message, depth)) = pending.pop() {
        check_depth(depth, limit)?;
        for field in Fields::of(message) {
            let field = field?;
            let FieldValue::Bytes(bytes) = field.value else { continue };
            match shape.field(field.number) {
                Some(Content::String) => string(&bytes).map(drop)?,
                Some(Content::Message(shape)) => pending.push((shape, bytes, depth + 1)),
                None => {}
            }
        }
    }
    Ok(())
}

/// The messages that a configuration tree is made of.
#[derive(Clone, Copy)]
enum Shape {
    Group,
    GroupEntry,
    ValueEntry,
    PolicyEntry,
    Value,
    ConfigPolicy,
    Policy,
}

/// What a length-delimited field must be, beyond bytes.
enum Content {
    String,
    Message(Shape),
}

impl Shape {
    fn field(self, number: u32) -> Option<Content> {
        Some(match (self, number) {
            (Self::Group, 2) => Content::Message(Self::GroupEntry),
            (Self::Group, 3) => Content::Message(Self::ValueEntry),
            (Self::Group, 4) => Content::Message(Self::PolicyEntry),
            (Self::GroupEntry, 2) => Content::Message(Self::Group),
            (Self::ValueEntry, 2) => Content::Message(Self::Value),
            (Self::PolicyEntry, 2) => Content::Message(Self::ConfigPolicy),
            (Self::ConfigPolicy, 2) => Content::Message(Self::Policy),
            (Self::GroupEntry | Self::ValueEntry | Self::PolicyEntry, 1) => Content::String,
            (Self::Group, 5) | (Self::Value | Self::ConfigPolicy, 3) => Content::String,
            _ => return None,
        })
    }
}

/// The entries of a map field: by key the parts of the last entry's value.
pub(super) type Entries = BTreeMap<String, Vec<Bytes>>;

/// A `ConfigGroup` whose contents are not yet decoded.
#[derive(Default)]
pub(super) struct WireGroup {
    version: u64,
    pub groups: Entries,
    pub values: Entries,
    pub policies: Entries,
    mod_policy: String,
    unknown: UnknownFields,
}

impl WireGroup {
    pub fn read(parts: Vec<Bytes>) -> Result<Self, WireError> {
        let mut group = Self::default();
        for field in parts.into_iter().flat_map(Fields::of) {
            let field = field?;
            match (field.number, &field.value) {
                (1, FieldValue::Varint(version)) => group.version = *version,
                (2, FieldValue::Bytes(entry)) => insert_entry(&mut group.groups, entry)?,
                (3, FieldValue::Bytes(entry)) => insert_entry(&mut group.values, entry)?,
                (4, FieldValue::Bytes(entry)) => insert_entry(&mut group.policies, entry)?,
                (5, FieldValue::Bytes(mod_policy)) => group.mod_policy = string(mod_policy)?,
                _ => group.unknown.push(&field),
            }
        }
        Ok(group)
    }

    pub fn into_element(self) -> Element {
        let body = Body::Group {
            groups: self.groups.into_keys().collect(),
            values: self.values.into_keys().collect(),
            policies: self.policies.into_keys().collect(),
        };
        Element { version: self.version, mod_policy: self.mod_policy, body, unknown: self.unknown }
    }
}

fn insert_entry(entries: &mut Entries, entry: &Bytes) -> Result<(), WireError> {
    let mut name = String::new();
    let mut parts = Vec::new();
    for field in Fields::of(entry.clone()) {
        let field = field?;
        match (field.number, field.value) {
            (1, FieldValue::Bytes(key)) => name = string(&key)?,
            (2, FieldValue::Bytes(part)) => parts.push(part),
            _ => {}
        }
    }
    entries.insert(name, parts);
    Ok(())
}

pub(super) fn read_value(parts: &[Bytes]) -> Result<Element, WireError> {
    let mut value = Bytes::new();
    let mut element = Leaf::default();
    for field in parts.iter().cloned().flat_map(Fields::of) {
        let field = field?;
        match (field.number, &field.value) {
            (2, FieldValue::Bytes(bytes)) => value = bytes.clone(),
            _ => element.take(&field)?,
        }
    }
    Ok(element.into_element(Body::Value(value)))
}

pub(super) fn read_policy(parts: &[Bytes]) -> Result<Element, WireError> {
    let mut policy: Option<(common::Policy, UnknownFields)> = None;
    let mut element = Leaf::default();
    for field in parts.iter().cloned().flat_map(Fields::of) {
        let field = field?;
        match (field.number, &field.value) {
            (2, FieldValue::Bytes(bytes)) => merge_policy(policy.get_or_insert_default(), bytes)?,
            _ => element.take(&field)?,
        }
    }
    Ok(element.into_element(Body::Policy(policy)))
}

fn merge_policy(
    (policy, unknown): &mut (common::Policy, UnknownFields),
    bytes: &Bytes,
) -> Result<(), WireError> {
    for field in Fields::of(bytes.clone()) {
        let field = field?;
        match (field.number, &field.value) {
            (1, FieldValue::Varint(kind)) => policy.r#type = *kind as i32,
            (2, FieldValue::Bytes(value)) => policy.value = value.clone(),
            _ => unknown.push(&field),
        }
    }
    Ok(())
}

/// What `ConfigValue` and `ConfigPolicy` have in common.
#[derive(Default)]
struct Leaf {
    version: u64,
    mod_policy: String,
    unknown: UnknownFields,
}

impl Leaf {
    fn take(&mut self, field: &Field) -> Result<(), WireError> {
        match (field.number, &field.value) {
            (1, FieldValue::Varint(version)) => self.version = *version,
            (3, FieldValue::Bytes(mod_policy)) => self.mod_policy = string(mod_policy)?,
            _ => self.unknown.push(field),
        }
        Ok(())
    }

    fn into_element(self, body: Body) -> Element {
        Element { version: self.version, mod_policy: self.mod_policy, body, unknown: self.unknown }
    }
}
