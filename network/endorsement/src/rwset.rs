//! The read-write set under construction, and its bytes as every endorser must produce them
//! (`core/ledger/kvledger/txmgmt/rwsetutil`).
//!
//! Everything is sorted: namespaces, keys, collections, metadata names. Private reads and writes are sorted
//! by their plain keys, though only hashes of these leave the peer. Range queries keep the order in which
//! they were opened.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::{
    proto::{
        kvrwset::{
            HashedRwSet, KvMetadataEntry, KvMetadataWrite, KvMetadataWriteHash, KvReadHash, KvWrite,
            KvWriteHash, KvrwSet, RangeQueryInfo,
        },
        rwset::{
            CollectionHashedReadWriteSet, CollectionPvtReadWriteSet, NsPvtReadWriteSet, NsReadWriteSet,
            TxPvtReadWriteSet, TxReadWriteSet,
        },
    },
    types::Height,
};
use prost::Message;
use sha2::{Digest, Sha256};

use super::range_reads::{kv_read, wire_version};

/// Metadata entries of one key, by name.
pub type Metadata = BTreeMap<String, Bytes>;

/// What a transaction has read and written so far.
#[derive(Default)]
pub struct RwSetBuilder {
    namespaces: BTreeMap<String, Namespace>,
}

#[derive(Default)]
struct Namespace {
    reads: BTreeMap<String, Option<Height>>,
    range_queries: Vec<RangeQueryInfo>,
    writes: BTreeMap<String, Bytes>,
    metadata_writes: BTreeMap<String, Metadata>,
    collections: BTreeMap<String, Collection>,
}

#[derive(Default)]
struct Collection {
    reads: BTreeMap<String, Option<Height>>,
    writes: BTreeMap<String, PrivateWrite>,
    metadata_writes: BTreeMap<String, Metadata>,
}

struct PrivateWrite {
    value: Bytes,
    purge: bool,
}

/// The finished read-write set: what goes into the transaction, and what goes to the members of
/// collections only.
pub struct RwSet {
    /// Encoded `TxReadWriteSet`.
    pub public: Bytes,
    /// Namespaces that appear in `public`, sorted.
    pub namespaces: Vec<String>,
    /// The plain private writes; `None` if there were none.
    pub private: Option<TxPvtReadWriteSet>,
}

impl RwSetBuilder {
    pub fn add_read(&mut self, namespace: &str, key: &str, version: Option<Height>) {
        self.namespace(namespace).reads.insert(key.to_owned(), version);
    }

    /// The version in which a key was read, `Some(None)` if it was not there; `None` if it was not read.
    pub fn version_read(&self, namespace: &str, key: &str) -> Option<Option<Height>> {
        self.namespaces.get(namespace)?.reads.get(key).copied()
    }

    /// An empty value is a delete.
    pub fn add_write(&mut self, namespace: &str, key: String, value: Bytes) {
        self.namespace(namespace).writes.insert(key, value);
    }

    /// Replaces what the transaction wrote to the key's metadata before; empty metadata deletes it.
    pub fn add_metadata_write(&mut self, namespace: &str, key: String, metadata: Metadata) {
        self.namespace(namespace).metadata_writes.insert(key, metadata);
    }

    /// A query with the bounds and exhaustion of an earlier one adds nothing.
    pub fn add_range_query(&mut self, namespace: &str, query: RangeQueryInfo) {
        let queries = &mut self.namespace(namespace).range_queries;
        let same = |known: &RangeQueryInfo| {
            known.start_key == query.start_key
                && known.end_key == query.end_key
                && known.itr_exhausted == query.itr_exhausted
        };
        if !queries.iter().any(same) {
            queries.push(query);
        }
    }

    pub fn add_hashed_read(&mut self, namespace: &str, collection: &str, key: &str, version: Option<Height>) {
        self.collection(namespace, collection).reads.insert(key.to_owned(), version);
    }

    /// An empty value is a delete; a purge deletes the key's history on members' disks too.
    pub fn add_private_write(
        &mut self,
        namespace: &str,
        collection: &str,
        key: String,
        value: Bytes,
        purge: bool,
    ) {
        self.collection(namespace, collection).writes.insert(key, PrivateWrite { value, purge });
    }

    pub fn add_private_metadata_write(
        &mut self,
        namespace: &str,
        collection: &str,
        key: String,
        metadata: Metadata,
    ) {
        self.collection(namespace, collection).metadata_writes.insert(key, metadata);
    }

    pub fn finish(self) -> RwSet {
        let mut public = TxReadWriteSet::default();
        let mut private = TxPvtReadWriteSet::default();
        let mut namespaces = Vec::with_capacity(self.namespaces.len());
        for (name, namespace) in self.namespaces {
            namespaces.push(name.clone());
            let (visible, hidden) = namespace.finish(name);
            public.ns_rwset.push(visible);
            private.ns_pvt_rwset.extend(hidden);
        }
        let private = (!private.ns_pvt_rwset.is_empty()).then_some(private);
        RwSet { public: public.encode_to_vec().into(), namespaces, private }
    }

    fn namespace(&mut self, name: &str) -> &mut Namespace {
        self.namespaces.entry(name.to_owned()).or_default()
    }

    fn collection(&mut self, namespace: &str, name: &str) -> &mut Collection {
        self.namespace(namespace).collections.entry(name.to_owned()).or_default()
    }
}

impl Namespace {
    fn finish(self, name: String) -> (NsReadWriteSet, Option<NsPvtReadWriteSet>) {
        let mut hashed = Vec::with_capacity(self.collections.len());
        let mut private = Vec::new();
        for (collection_name, collection) in self.collections {
            let (visible, hidden) = collection.finish(collection_name);
            hashed.push(visible);
            private.extend(hidden);
        }
        let public = KvrwSet {
            reads: self.reads.iter().map(|(key, version)| kv_read(key, *version)).collect(),
            range_queries_info: self.range_queries,
            writes: self.writes.into_iter().map(kv_write).collect(),
            metadata_writes: self.metadata_writes.into_iter().map(metadata_write).collect(),
        };
        let private = (!private.is_empty())
            .then(|| NsPvtReadWriteSet { namespace: name.clone(), collection_pvt_rwset: private });
        let public = NsReadWriteSet {
            namespace: name,
            rwset: public.encode_to_vec().into(),
            collection_hashed_rwset: hashed,
        };
        (public, private)
    }
}

impl Collection {
    fn finish(self, name: String) -> (CollectionHashedReadWriteSet, Option<CollectionPvtReadWriteSet>) {
        let hashed = HashedRwSet {
            hashed_reads: self.reads.iter().map(hashed_read).collect(),
            hashed_writes: self.writes.iter().map(hashed_write).collect(),
            metadata_writes: self.metadata_writes.iter().map(hashed_metadata_write).collect(),
        };
        let private = self.into_private();
        let pvt_rwset_hash = private.as_ref().map(|rwset| sha256(rwset)).unwrap_or_default();
        let private = private.map(|rwset| CollectionPvtReadWriteSet { collection_name: name.clone(), rwset });
        let hashed = CollectionHashedReadWriteSet {
            collection_name: name,
            hashed_rwset: hashed.encode_to_vec().into(),
            pvt_rwset_hash,
        };
        (hashed, private)
    }

    /// Encoded private `KVRWSet`, or nothing if the collection was only read. A metadata write names the
    /// key alone: members only need to know that its version moves.
    fn into_private(self) -> Option<Bytes> {
        if self.writes.is_empty() && self.metadata_writes.is_empty() {
            return None;
        }
        let writes = self.writes.into_iter().map(|(key, write)| kv_write((key, write.value)));
        let metadata_writes =
            self.metadata_writes.into_keys().map(|key| KvMetadataWrite { key, entries: Vec::new() });
        let rwset = KvrwSet {
            writes: writes.collect(),
            metadata_writes: metadata_writes.collect(),
            ..KvrwSet::default()
        };
        Some(rwset.encode_to_vec().into())
    }
}

fn kv_write((key, value): (String, Bytes)) -> KvWrite {
    KvWrite { key, is_delete: value.is_empty(), value }
}

fn metadata_write((key, metadata): (String, Metadata)) -> KvMetadataWrite {
    KvMetadataWrite { key, entries: entries(&metadata) }
}

fn hashed_read((key, version): (&String, &Option<Height>)) -> KvReadHash {
    KvReadHash { key_hash: sha256(key.as_bytes()), version: version.map(wire_version) }
}

fn hashed_write((key, write): (&String, &PrivateWrite)) -> KvWriteHash {
    let is_delete = write.value.is_empty();
    let value_hash = if is_delete { Bytes::new() } else { sha256(&write.value) };
    KvWriteHash { key_hash: sha256(key.as_bytes()), is_delete, value_hash, is_purge: write.purge }
}

fn hashed_metadata_write((key, metadata): (&String, &Metadata)) -> KvMetadataWriteHash {
    KvMetadataWriteHash { key_hash: sha256(key.as_bytes()), entries: entries(metadata) }
}

fn entries(metadata: &Metadata) -> Vec<KvMetadataEntry> {
    let entry =
        |(name, value): (&String, &Bytes)| KvMetadataEntry { name: name.clone(), value: value.clone() };
    metadata.iter().map(entry).collect()
}

pub fn sha256(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(bytes))
}
