//! How private data lie on disk.
//!
//! | key                                                         | value                             |
//! |-------------------------------------------------------------|-----------------------------------|
//! | `v` organisation, namespace, collection, key                | the value in clear                |
//! | `h` namespace, collection, key hash, organisation           | the key in clear                  |
//! | `s` block, transaction, organisation, namespace, collection | the `KVRWSet` of that transaction |
//! | `w` namespace, collection, key hash, organisation, block, transaction | nothing: that set has the key |
//! | `x` block, one of the two keys above                        | nothing: it expires with the block |

use bytes::Bytes;
use fabric::types::Height;

use super::{
    super::{LedgerError, View, database::PRIVATE, keys},
    HashedKey, PrivateWrites,
};

const VALUE: &[u8] = b"v";
const KEY_OF_HASH: &[u8] = b"h";
const SET: &[u8] = b"s";
const WRITTEN_IN: &[u8] = b"w";
const EXPIRES: &[u8] = b"x";

/// A record that expires, and the mark that says so: keys of both.
pub(super) struct Expiring {
    pub(super) mark: Vec<u8>,
    pub(super) record: Vec<u8>,
}

pub(super) fn value_key(organisation: &str, namespace: &str, collection: &str, key: &str) -> Vec<u8> {
    let parts = [organisation.as_bytes(), namespace.as_bytes(), collection.as_bytes()];
    [VALUE, &keys::join(&parts), key.as_bytes()].concat()
}

/// Where the clear text of a hashed key stands, for one organisation or, with none, for all.
pub(super) fn key_of_hash(key: &HashedKey, organisation: &str) -> Vec<u8> {
    [KEY_OF_HASH, &hashed(key), organisation.as_bytes()].concat()
}

pub(super) fn set_key(at: Height, organisation: &str, namespace: &str, collection: &str) -> Vec<u8> {
    let parts = [organisation.as_bytes(), namespace.as_bytes(), collection.as_bytes()];
    [SET, &at.block.to_be_bytes(), &at.tx.to_be_bytes(), &keys::join(&parts)].concat()
}

/// Marks that the set of a transaction has the key.
pub(super) fn written_in(key: &HashedKey, organisation: &str, at: Height) -> Vec<u8> {
    let organisation = keys::join(&[organisation.as_bytes()]);
    let (block, tx) = (at.block.to_be_bytes(), at.tx.to_be_bytes());
    [WRITTEN_IN, &hashed(key), &organisation, &block, &tx].concat()
}

/// Marks that a record expires with a block.
pub(super) fn expiry_key(block: u64, record: &[u8]) -> Vec<u8> {
    [EXPIRES, &block.to_be_bytes(), record].concat()
}

/// What expires with a block.
pub(super) fn expiring(view: &View<'_>, block: u64) -> Result<Vec<Expiring>, LedgerError> {
    let prefix = expiry_key(block, &[]);
    let marks = view.scan(PRIVATE, prefix.clone())?;
    let read = |mark: Vec<u8>| {
        let record = mark.get(prefix.len()..).unwrap_or_default().to_vec();
        Expiring { mark, record }
    };
    marks.map(|mark| Ok(read(mark?.0))).collect()
}

/// All sets that have the key, with the organisations that keep them.
pub(super) fn sets_with(
    view: &View<'_>,
    key: &HashedKey,
) -> Result<Vec<(Vec<u8>, String, Height)>, LedgerError> {
    let prefix = [WRITTEN_IN, &hashed(key)].concat();
    let read = |mark: Vec<u8>| {
        let ([organisation], rest) = keys::split(mark.get(prefix.len()..)?)?;
        let (block, rest) = rest.split_first_chunk()?;
        let (tx, _) = rest.split_first_chunk()?;
        let organisation = String::from_utf8(organisation.to_vec()).ok()?;
        let written = Height::new(u64::from_be_bytes(*block), u64::from_be_bytes(*tx));
        Some((mark, organisation, written))
    };
    let marks = view.scan(PRIVATE, prefix.clone())?;
    marks.map(|mark| read(mark?.0).ok_or_else(|| bad("mark of a private write"))).collect()
}

/// The organisations that know the clear text of a hashed key, and that text.
pub(super) fn keys_of_hash(view: &View<'_>, key: &HashedKey) -> Result<Vec<(String, String)>, LedgerError> {
    let prefix = key_of_hash(key, "");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| bad("private key"));
    let records = view.scan(PRIVATE, prefix.clone())?;
    let read = |(record, clear): (Vec<u8>, Vec<u8>)| {
        Ok((text(record.get(prefix.len()..).unwrap_or_default())?, text(&clear)?))
    };
    records.map(|record| read(record?)).collect()
}

pub(super) fn writes_of_block(
    view: &View<'_>,
    organisation: &str,
    block: u64,
) -> Result<Vec<PrivateWrites>, LedgerError> {
    let prefix = [SET, &block.to_be_bytes()].concat();
    let mut found = Vec::new();
    for record in view.scan(PRIVATE, prefix.clone())? {
        let (record, rwset) = record?;
        let (owner, writes) = read_set(record.get(prefix.len()..).unwrap_or_default(), rwset)
            .ok_or_else(|| bad("private read-write set"))?;
        if owner == organisation {
            found.push(writes);
        }
    }
    Ok(found)
}

fn read_set(key: &[u8], rwset: Vec<u8>) -> Option<(String, PrivateWrites)> {
    let (tx, rest) = key.split_first_chunk()?;
    let ([organisation, namespace, collection], _) = keys::split(rest)?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let writes = PrivateWrites {
        tx: u64::from_be_bytes(*tx),
        namespace: text(namespace)?,
        collection: text(collection)?,
        rwset: Bytes::from(rwset),
    };
    Some((text(organisation)?, writes))
}

fn hashed(key: &HashedKey) -> Vec<u8> {
    keys::join(&[key.namespace.as_bytes(), key.collection.as_bytes(), &key.key_hash])
}

fn bad(record: &str) -> LedgerError {
    LedgerError::BadRecord(record.to_owned())
}
