//! How lifecycle structures lie in the state: one key for each field, and one that names type and fields
//! (`core/chaincode/lifecycle/serializer.go`).
//!
//! Only fields that changed are written, so that the read-write set says what a transaction altered.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::{
    proto::lifecycle::{StateData, StateMetadata, state_data::Type},
    types::decode,
};
use prost::{Message, Name};
use sha2::{Digest, Sha256};

use super::state::{ReadState, StateError, WriteState};

const METADATA: &str = "metadata";
const FIELDS: &str = "fields";

/// A structure ready for the state: its type and its fields in Fabric's order.
pub struct Record {
    pub datatype: &'static str,
    pub fields: Vec<(&'static str, Type)>,
}

impl Record {
    fn metadata(&self) -> StateMetadata {
        StateMetadata {
            datatype: self.datatype.to_owned(),
            fields: self.fields.iter().map(|(name, _)| (*name).to_owned()).collect(),
        }
    }
}

/// A field that holds a message.
pub fn message(message: &impl Message) -> Type {
    Type::Bytes(message.encode_to_vec().into())
}

pub fn metadata_key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{METADATA}/{name}")
}

pub fn field_key(namespace: &str, name: &str, field: &str) -> String {
    format!("{namespace}/{FIELDS}/{name}/{field}")
}

/// Structure and field that a key of `namespace` is of.
pub fn field_of<'k>(namespace: &str, key: &'k str) -> Option<(&'k str, &'k str)> {
    key.strip_prefix(namespace)?.strip_prefix('/')?.strip_prefix(FIELDS)?.strip_prefix('/')?.rsplit_once('/')
}

/// Prefix of the metadata keys of all structures in `namespace`.
pub fn metadata_prefix(namespace: &str) -> String {
    format!("{namespace}/{METADATA}/")
}

/// Writes what differs from the state, the metadata only if type or fields changed, and deletes fields that
/// the structure no longer has.
pub fn write<S: WriteState>(
    namespace: &str,
    name: &str,
    record: &Record,
    state: &mut S,
) -> Result<(), StateError<S::Error>> {
    let stored = read_metadata(namespace, name, state)?.unwrap_or_default();
    let mut existing = BTreeMap::new();
    for field in &stored.fields {
        let key = field_key(namespace, name, field);
        let value =
            state.get(&key).map_err(|error| error.context(format!("could not get value for key {key}")))?;
        existing.insert(key, value.unwrap_or_default());
    }
    for (field, value) in &record.fields {
        let key = field_key(namespace, name, field);
        let value = encode_field(value);
        if existing.remove(&key).as_ref() != Some(&value) {
            state.put(key, value).map_err(|error| error.context("could not write key into state"))?;
        }
    }
    let same_shape = stored.datatype == record.datatype && stored.fields.len() == record.fields.len();
    if !existing.is_empty() || !same_shape {
        let metadata = record.metadata().encode_to_vec().into();
        state.put(metadata_key(namespace, name), metadata).map_err(|error| {
            error.context(format!("could not store metadata for namespace {namespace}/{name}"))
        })?;
    }
    for key in existing.into_keys() {
        state.delete(key).map_err(|error| error.context("could not delete unneeded key"))?;
    }
    Ok(())
}

/// The names of the fields whose stored hash is not that of `record`, or just the type if already that
/// differs. Every hash is looked up, also when the first differs: the read set must not depend on it.
pub fn mismatches<E>(
    namespace: &str,
    name: &str,
    record: &Record,
    mut hash_of: impl FnMut(&str) -> Result<Option<Bytes>, StateError<E>>,
) -> Result<Vec<String>, StateError<E>> {
    let mut look_up = |key: String| {
        hash_of(&key).map_err(|error| error.context(format!("could not get value for key {key}")))
    };
    let metadata_hash = look_up(metadata_key(namespace, name))?;
    let mut differing = Vec::new();
    for (field, value) in &record.fields {
        let hash = look_up(field_key(namespace, name, field))?;
        if !is_hash_of(hash, &encode_field(value)) {
            differing.push((*field).to_owned());
        }
    }
    if !is_hash_of(metadata_hash, &record.metadata().encode_to_vec()) {
        return Ok(vec![record.datatype.to_owned()]);
    }
    Ok(differing)
}

fn is_hash_of(hash: Option<Bytes>, value: &[u8]) -> bool {
    hash.is_some_and(|hash| hash == Sha256::digest(value).as_slice())
}

pub fn read_metadata<S: ReadState>(
    namespace: &str,
    name: &str,
    state: &mut S,
) -> Result<Option<StateMetadata>, StateError<S::Error>> {
    let stored = state.get(&metadata_key(namespace, name)).map_err(|error| {
        error.context(format!("could not query metadata for namespace {namespace}/{name}"))
    })?;
    stored.map(|bytes| decode_metadata(namespace, name, bytes)).transpose()
}

pub fn decode_metadata<E>(namespace: &str, name: &str, bytes: Bytes) -> Result<StateMetadata, StateError<E>> {
    decode(bytes).map_err(|error| {
        StateError::Failed(format!("could not unmarshal metadata for namespace {namespace}/{name}: {error}"))
    })
}

/// A number; zero if the field is missing.
pub fn read_int64<S: ReadState>(
    namespace: &str,
    name: &str,
    field: &str,
    state: &mut S,
) -> Result<i64, StateError<S::Error>> {
    match read_field(namespace, name, field, state)? {
        None => Ok(0),
        Some(Type::Int64(value)) => Ok(value),
        Some(_) => Err(unexpected(namespace, name, field, "Int64")),
    }
}

/// A text; empty if the field is missing.
pub fn read_string<S: ReadState>(
    namespace: &str,
    name: &str,
    field: &str,
    state: &mut S,
) -> Result<String, StateError<S::Error>> {
    match read_field(namespace, name, field, state)? {
        None => Ok(String::new()),
        Some(Type::String(value)) => Ok(value),
        Some(_) => Err(unexpected(namespace, name, field, "String")),
    }
}

/// A message; the empty one if the field is missing.
pub fn read_message<M: Message + Default + Name, S: ReadState>(
    namespace: &str,
    name: &str,
    field: &str,
    state: &mut S,
) -> Result<M, StateError<S::Error>> {
    let bytes = match read_field(namespace, name, field, state)? {
        None => Bytes::new(),
        Some(Type::Bytes(value)) => value,
        Some(_) => return Err(unexpected(namespace, name, field, "[]byte")),
    };
    decode(bytes).map_err(|error| {
        StateError::Failed(format!("could not unmarshal key {}: {error}", field_key(namespace, name, field)))
    })
}

fn read_field<S: ReadState>(
    namespace: &str,
    name: &str,
    field: &str,
    state: &mut S,
) -> Result<Option<Type>, StateError<S::Error>> {
    let key = field_key(namespace, name, field);
    let stored =
        state.get(&key).map_err(|error| error.context(format!("could not get state for key {key}")))?;
    let decoded: Result<StateData, _> = decode(stored.unwrap_or_default());
    let data = decoded
        .map_err(|error| StateError::Failed(format!("could not unmarshal state for key {key}: {error}")))?;
    Ok(data.r#type)
}

fn unexpected<E>(namespace: &str, name: &str, field: &str, wanted: &str) -> StateError<E> {
    let key = field_key(namespace, name, field);
    StateError::Failed(format!("expected key {key} to encode a value of type {wanted}"))
}

/// The value that a field has in the state.
pub fn encode_field(value: &Type) -> Bytes {
    StateData { r#type: Some(value.clone()) }.encode_to_vec().into()
}
