//! The commit hash: one number in which peers see that they hold the same state
//! (`kv_ledger.go`, `addBlockCommitHash`; `txmgr/update_batch_bytes.go`).

use bytes::Bytes;
use prost::{Message, encoding::encode_varint};
use sha2::{Digest, Sha256};

use super::updates::{StateItem, UpdateBatch};

/// SHA-256 over the block's validation codes (with their count), its updates, and the hash before.
/// Metadata of keys is not in it, nor is the channel configuration.
pub(super) fn derive(filter: &[u8], updates: &UpdateBatch, previous: &[u8]) -> Bytes {
    let mut prefix = Vec::with_capacity(filter.len() + 4);
    encode_varint(filter.len() as u64, &mut prefix);
    prefix.extend_from_slice(filter);
    let hash = Sha256::new()
        .chain_update(prefix)
        .chain_update(deterministic_bytes(updates))
        .chain_update(previous)
        .finalize();
    Bytes::copy_from_slice(&hash)
}

/// `txmgr.Updates`, a message that is only ever hashed.
#[derive(Clone, PartialEq, Message)]
struct Updates {
    #[prost(message, repeated, tag = "1")]
    kvwrites: Vec<KvWrite>,
}

#[derive(Clone, PartialEq, Message)]
struct KvWrite {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    collection: String,
    #[prost(bytes = "bytes", tag = "3")]
    key: Bytes,
    #[prost(bool, tag = "4")]
    is_delete: bool,
    #[prost(bytes = "bytes", tag = "5")]
    value: Bytes,
    #[prost(bytes = "vec", tag = "6")]
    version_bytes: Vec<u8>,
}

fn deterministic_bytes(updates: &UpdateBatch) -> Vec<u8> {
    let mut kvwrites = Vec::with_capacity(updates.len());
    let (mut last_namespace, mut last_collection) = ("", "");
    for (key, update) in updates.iter() {
        // The channel configuration lies in the empty namespace; its encoding is not deterministic.
        if key.namespace.is_empty() {
            continue;
        }
        let (collection, name) = match &key.item {
            StateItem::Public(name) => ("", Bytes::copy_from_slice(name.as_bytes())),
            StateItem::Hashed { collection, key_hash } => (collection.as_str(), key_hash.clone()),
        };
        let new_namespace = key.namespace != last_namespace;
        let new_collection = new_namespace || collection != last_collection;
        (last_namespace, last_collection) = (&key.namespace, collection);
        kvwrites.push(KvWrite {
            namespace: if new_namespace { key.namespace.clone() } else { String::new() },
            collection: if new_collection { collection.to_owned() } else { String::new() },
            key: name,
            is_delete: update.value.is_none(),
            value: update.value.clone().unwrap_or_default(),
            version_bytes: update.version.to_bytes(),
        });
    }
    Updates { kvwrites }.encode_to_vec()
}
