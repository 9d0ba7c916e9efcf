//! What one transaction does to each key it writes (`validation/tx_ops.go`).
//!
//! Fabric adds the flags of a key's operations up instead of joining them, so a read-write set that
//! writes a key twice turns one operation into another: two puts (1 + 1) look like a metadata write (2),
//! two metadata deletions (4 + 4) like a deletion (8). Every peer computes its state that way, and so
//! must we, down to the overflow of the byte.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::{
    proto::kvrwset::{KvMetadataEntry, KvMetadataWrite, KvWrite, KvWriteHash},
    types::rwset::NamespaceRwSet,
};
use prost::Message;
use sha2::{Digest, Sha256};

use super::StateKey;

const PUT: u8 = 1;
const METADATA_UPDATE: u8 = 2;
const METADATA_DELETE: u8 = 4;
const DELETE: u8 = 8;

/// All that one transaction does to one key.
#[derive(Debug, Default)]
pub(super) struct Operation {
    flags: u8,
    pub(super) value: Option<Bytes>,
    pub(super) metadata: Bytes,
}

/// The operations of a read-write set by key.
pub(super) fn collect<'a>(
    namespaces: impl Iterator<Item = &'a NamespaceRwSet>,
) -> BTreeMap<StateKey, Operation> {
    let mut operations = Operations::default();
    for namespace in namespaces {
        let name = &namespace.namespace;
        for write in &namespace.public.writes {
            operations.of(StateKey::public(name, &write.key)).write(&write.value, is_delete(write));
        }
        for write in &namespace.public.metadata_writes {
            operations.of(StateKey::public(name, &write.key)).write_metadata(&write.entries);
        }
        for collection in &namespace.collections {
            let key = |hash: &Bytes| StateKey::hashed(name, &collection.collection, hash.clone());
            for write in &collection.hashed.hashed_writes {
                operations.of(key(&write.key_hash)).write(&write.value_hash, is_hash_delete(write));
            }
            for write in &collection.hashed.metadata_writes {
                operations.of(key(&write.key_hash)).write_metadata(&write.entries);
            }
        }
    }
    operations.0
}

/// An empty value deletes, whatever the flag says (`rwsetutil.IsKVWriteDelete`).
pub(crate) fn is_delete(write: &KvWrite) -> bool {
    write.is_delete || write.value.is_empty()
}

/// So does the hash of an empty value (`rwsetutil.IsKVWriteHashDelete`).
fn is_hash_delete(write: &KvWriteHash) -> bool {
    write.is_delete
        || write.value_hash.is_empty()
        || write.value_hash.as_ref() == Sha256::digest([]).as_slice()
}

impl Operation {
    pub(super) fn is_delete(&self) -> bool {
        self.flags & DELETE != 0
    }

    /// Both value and metadata are given.
    pub(super) fn is_complete(&self) -> bool {
        self.flags & PUT != 0 && self.flags & (METADATA_UPDATE | METADATA_DELETE) != 0
    }

    pub(super) fn is_value_only(&self) -> bool {
        self.flags | PUT == PUT
    }

    fn write(&mut self, value: &Bytes, delete: bool) {
        if delete {
            self.add(DELETE);
        } else {
            self.add(PUT);
            self.value = Some(value.clone());
        }
    }

    fn write_metadata(&mut self, entries: &[KvMetadataEntry]) {
        if entries.is_empty() {
            self.add(METADATA_DELETE);
        } else {
            self.add(METADATA_UPDATE);
            let write = KvMetadataWrite { key: String::new(), entries: entries.to_vec() };
            self.metadata = write.encode_to_vec().into();
        }
    }

    fn add(&mut self, flag: u8) {
        self.flags = self.flags.wrapping_add(flag);
    }
}

#[derive(Default)]
struct Operations(BTreeMap<StateKey, Operation>);

impl Operations {
    fn of(&mut self, key: StateKey) -> &mut Operation {
        self.0.entry(key).or_default()
    }
}
