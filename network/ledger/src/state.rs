//! The world state as it lies on disk: how keys are laid out and what a record holds.
//!
//! Keys are laid out exactly as a LevelDB peer's (`statedb/stateleveldb`, `privacyenabledstate/db.go`),
//! in one key space: `namespace 00 key` for public keys, `namespace $$h collection 00 key-hash` for hashes
//! of private ones. So iteration has Fabric's order by nature, and a read-write set that names the
//! derived namespace itself, as only a forged one does, meets here what it meets there.

use bytes::{Buf, BufMut, Bytes};
use fabric::types::Height;
use prost::encoding::{decode_varint, encode_varint};

use super::{
    LedgerError,
    updates::{StateItem, StateKey, Update},
};

/// First byte of every record, so that a later layout can be told apart.
const FORMAT: u8 = 1;
const HASHED: &[u8] = b"$$h";
const SEPARATOR: u8 = 0;
/// The byte after [`SEPARATOR`]: where a namespace ends.
const END: u8 = 1;

/// A committed value with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateValue {
    /// For a hashed key: the hash of the private value.
    pub value: Bytes,
    /// A marshalled `KVMetadataWrite` without its key; empty if there is none.
    pub metadata: Bytes,
    /// Where on the chain it was last written.
    pub version: Height,
}

/// A key as it lies in the database.
pub(super) type StateRecordKey = Vec<u8>;

/// The key of a record in the database.
pub(super) fn encode_key(key: &StateKey) -> StateRecordKey {
    match &key.item {
        StateItem::Public(name) => public_key(&key.namespace, name),
        StateItem::Hashed { collection, key_hash } => hashed_key(&key.namespace, collection, key_hash),
    }
}

pub(super) fn public_key(namespace: &str, key: &str) -> StateRecordKey {
    [namespace.as_bytes(), &[SEPARATOR], key.as_bytes()].concat()
}

pub(super) fn hashed_key(namespace: &str, collection: &str, key_hash: &[u8]) -> StateRecordKey {
    [namespace.as_bytes(), HASHED, collection.as_bytes(), &[SEPARATOR], key_hash].concat()
}

/// Where a range over public keys stops; an empty `end` is the end of the namespace.
pub(super) fn range_end(namespace: &str, end: &str) -> Vec<u8> {
    match end.is_empty() {
        true => [namespace.as_bytes(), &[END]].concat(),
        false => public_key(namespace, end),
    }
}

/// The record of an update, `None` if it deletes.
pub(super) fn encode_update(update: &Update) -> Option<Vec<u8>> {
    let value = update.value.as_ref()?;
    Some(encode_value(value, &update.metadata, update.version))
}

pub(super) fn encode_value(value: &[u8], metadata: &[u8], version: Height) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + metadata.len() + 16);
    out.put_u8(FORMAT);
    encode_varint(version.block, &mut out);
    encode_varint(version.tx, &mut out);
    encode_varint(metadata.len() as u64, &mut out);
    out.put_slice(metadata);
    out.put_slice(value);
    out
}

pub(super) fn decode_value(record: Vec<u8>) -> Result<StateValue, LedgerError> {
    let mut rest = Bytes::from(record);
    let format = rest.try_get_u8().map_err(|_| bad("empty record"))?;
    if format != FORMAT {
        return Err(bad(&format!("format {format}")));
    }
    let mut number = || decode_varint(&mut rest).map_err(|error| bad(&error.to_string()));
    let version = Height::new(number()?, number()?);
    let length = usize::try_from(number()?).map_err(|_| bad("metadata length"))?;
    if length > rest.len() {
        return Err(bad("metadata length"));
    }
    let metadata = rest.split_to(length);
    Ok(StateValue { value: rest, metadata, version })
}

fn bad(reason: &str) -> LedgerError {
    LedgerError::BadRecord(format!("state record: {reason}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_round_trip() {
        let version = Height::new(u64::MAX, 300);
        let record = encode_value(b"value", b"metadata", version);
        let value = decode_value(record).unwrap();
        assert_eq!((value.value.as_ref(), value.metadata.as_ref()), (&b"value"[..], &b"metadata"[..]));
        assert_eq!(value.version, version);
    }

    #[test]
    fn no_truncated_record_panics() {
        let record = encode_value(b"", b"metadata", Height::new(1 << 40, 300));
        for length in 0..record.len() {
            assert!(decode_value(record[..length].to_vec()).is_err(), "{length} bytes");
        }
    }
}
