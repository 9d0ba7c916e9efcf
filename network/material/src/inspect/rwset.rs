//! Shows read-write sets.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    message,
    policy::signature_policy,
    scalar::{hex, opaque},
};
use fabric::proto::{
    kvrwset::{
        HashedRwSet, KvMetadataEntry, KvrwSet, QueryReads, RangeQueryInfo, Version,
        range_query_info::ReadsInfo,
    },
    rwset::{CollectionHashedReadWriteSet, NsReadWriteSet, TxReadWriteSet},
};

/// An encoded `TxReadWriteSet`, by namespace.
pub(super) fn rwset(results: Bytes) -> Value {
    message(results, |set: &TxReadWriteSet| set.ns_rwset.iter().map(namespace).collect::<Vec<_>>().into())
}

fn namespace(namespace: &NsReadWriteSet) -> Value {
    let collections = namespace.collection_hashed_rwset.iter().map(collection);
    json!({
        "namespace": namespace.namespace,
        "public": message(namespace.rwset.clone(), public),
        "collections": collections.collect::<Vec<_>>(),
    })
}

fn public(set: &KvrwSet) -> Value {
    let reads = set.reads.iter().map(|read| {
        json!({
            "key": read.key,
            "version": read.version.as_ref().map(version),
        })
    });
    let writes = set.writes.iter().map(|write| {
        json!({
            "key": write.key,
            "is_delete": write.is_delete,
            "value": opaque(&write.value),
        })
    });
    let metadata = set.metadata_writes.iter().map(|write| {
        json!({
            "key": write.key,
            "entries": entries(&write.entries),
        })
    });
    json!({
        "reads": reads.collect::<Vec<_>>(),
        "range_queries": set.range_queries_info.iter().map(range_query).collect::<Vec<_>>(),
        "writes": writes.collect::<Vec<_>>(),
        "metadata_writes": metadata.collect::<Vec<_>>(),
    })
}

fn range_query(query: &RangeQueryInfo) -> Value {
    let reads = match &query.reads_info {
        Some(ReadsInfo::RawReads(QueryReads { kv_reads })) => json!({ "keys": kv_reads.len() }),
        Some(ReadsInfo::ReadsMerkleHashes(summary)) => json!({
            "max_degree": summary.max_degree,
            "max_level": summary.max_level,
            "max_level_hashes": summary.max_level_hashes.iter().map(|hash| hex(hash)).collect::<Vec<_>>(),
        }),
        None => Value::Null,
    };
    json!({
        "start_key": query.start_key,
        "end_key": query.end_key,
        "itr_exhausted": query.itr_exhausted,
        "reads": reads,
    })
}

fn collection(collection: &CollectionHashedReadWriteSet) -> Value {
    json!({
        "collection": collection.collection_name,
        "hashed": message(collection.hashed_rwset.clone(), hashed),
        "pvt_rwset_hash": hex(&collection.pvt_rwset_hash),
    })
}

fn hashed(set: &HashedRwSet) -> Value {
    let reads = set.hashed_reads.iter().map(|read| {
        json!({
            "key_hash": hex(&read.key_hash),
            "version": read.version.as_ref().map(version),
        })
    });
    let writes = set.hashed_writes.iter().map(|write| {
        json!({
            "key_hash": hex(&write.key_hash),
            "is_delete": write.is_delete,
            "is_purge": write.is_purge,
            "value_hash": hex(&write.value_hash),
        })
    });
    let metadata = set.metadata_writes.iter().map(|write| {
        json!({
            "key_hash": hex(&write.key_hash),
            "entries": entries(&write.entries),
        })
    });
    json!({
        "hashed_reads": reads.collect::<Vec<_>>(),
        "hashed_writes": writes.collect::<Vec<_>>(),
        "metadata_writes": metadata.collect::<Vec<_>>(),
    })
}

/// The one entry in use is the key's own endorsement policy.
fn entries(entries: &[KvMetadataEntry]) -> Vec<Value> {
    let show = |entry: &KvMetadataEntry| match entry.name.as_str() {
        "VALIDATION_PARAMETER" if !entry.value.is_empty() => signature_policy(entry.value.clone()),
        _ => opaque(&entry.value),
    };
    entries.iter().map(|entry| json!({ "name": entry.name, "value": show(entry) })).collect()
}

fn version(version: &Version) -> Value {
    json!({ "block": version.block_num, "tx": version.tx_num })
}
