//! Has what a transaction read been changed since, by the chain or by this block?
//!
//! Source: `core/ledger/kvledger/txmgmt/validation/{validator,rangequery_validator,combined_iterator}.go`.
//! Namespaces are taken in the order of the read-write set; in each one public reads come first, then
//! range queries, then hashed reads. The first conflict decides the code.

use std::{cell::Cell, fmt};

use bytes::Bytes;
use fabric::{
    proto::{
        kvrwset::{KvRead, QueryReadsMerkleSummary, RangeQueryInfo, Version, range_query_info::ReadsInfo},
        protos::TxValidationCode,
    },
    types::{
        Height,
        rwset::{CollectionRwSet, NamespaceRwSet, TxRwSet},
    },
};

use super::{
    Defect,
    merkle::{Comparison, Progress},
    range::RangeResults,
    verdict::{Failure, Verdict},
};
use ledger::{StateKey, UpdateBatch, View};

/// The world state as the next transaction of the block finds it.
#[derive(Clone, Copy)]
pub(crate) struct State<'a> {
    pub committed: &'a View<'a>,
    /// The changes of the valid transactions before it.
    pub block: &'a UpdateBatch,
    /// How many results of range queries may still be looked up, where the orderer limits it.
    pub range_results: &'a Cell<usize>,
}

impl State<'_> {
    pub fn check(self, rwset: &TxRwSet) -> Result<(), Failure> {
        for namespace in &rwset.namespaces {
            self.public_reads(namespace)?;
            self.range_queries(namespace)?;
            for collection in &namespace.collections {
                self.hashed_reads(&namespace.namespace, collection)?;
            }
        }
        Ok(())
    }

    fn public_reads(self, namespace: &NamespaceRwSet) -> Result<(), Failure> {
        let key = |read: &KvRead| StateKey::public(&namespace.namespace, &read.key);
        let mut reads = namespace.public.reads.iter();
        reads.try_for_each(|read| self.read(key(read), read.version.as_ref()))
    }

    fn hashed_reads(self, namespace: &str, collection: &CollectionRwSet) -> Result<(), Failure> {
        let key = |hash: &Bytes| StateKey::hashed(namespace, &collection.collection, hash.clone());
        let mut reads = collection.hashed.hashed_reads.iter();
        reads.try_for_each(|read| self.read(key(&read.key_hash), read.version.as_ref()))
    }

    fn read(self, key: StateKey, version: Option<&Version>) -> Result<(), Failure> {
        let conflict = |reason| Verdict::invalid(TxValidationCode::MvccReadConflict, reason);
        // Whatever an earlier transaction of the block did to the key, even if its version is equal.
        if self.block.get(&key).is_some() {
            return Err(conflict(format!("{key} was changed earlier in this block")).into());
        }
        let read = version.map(height);
        let committed = self.committed.state(&key)?.map(|state| state.version);
        if read != committed {
            let reason = format!("{key} was read {}, is {}", Shown(read), Shown(committed));
            return Err(conflict(reason).into());
        }
        Ok(())
    }

    fn range_queries(self, namespace: &NamespaceRwSet) -> Result<(), Failure> {
        for query in &namespace.public.range_queries_info {
            if self.query_is_unchanged(&namespace.namespace, query)? {
                continue;
            }
            let reason = format!(
                "the keys from {:?} to {:?} of '{}' have changed",
                query.start_key, query.end_key, namespace.namespace
            );
            return Err(Verdict::invalid(TxValidationCode::PhantomReadConflict, reason).into());
        }
        Ok(())
    }

    fn query_is_unchanged(self, namespace: &str, query: &RangeQueryInfo) -> Result<bool, Failure> {
        let results = RangeResults::new(self, namespace, query)?;
        match &query.reads_info {
            Some(ReadsInfo::ReadsMerkleHashes(summary)) => equals_summary(results, summary),
            Some(ReadsInfo::RawReads(reads)) => equals_reads(results, &reads.kv_reads),
            None => equals_reads(results, &[]),
        }
    }
}

fn equals_reads(mut results: RangeResults<'_>, reads: &[KvRead]) -> Result<bool, Failure> {
    for read in reads {
        let Some((key, version)) = results.next().transpose()? else { return Ok(false) };
        if key != read.key {
            return Ok(false);
        }
        // Fabric looks into the version of a key that it found equal, whether there is one or not.
        let read_version = read.version.as_ref().ok_or(Defect::ReadWithoutVersion(key))?;
        if version != height(read_version) {
            return Ok(false);
        }
    }
    Ok(results.next().transpose()?.is_none())
}

fn equals_summary(results: RangeResults<'_>, summary: &QueryReadsMerkleSummary) -> Result<bool, Failure> {
    let mut comparison = Comparison::new(summary).ok_or(Defect::SummaryDegree(summary.max_degree))?;
    for result in results {
        let (key, Height { block, tx }) = result?;
        let version = Some(Version { block_num: block, tx_num: tx });
        match comparison.add(KvRead { key, version }) {
            Progress::EqualSoFar => {}
            Progress::Different => return Ok(false),
            Progress::Panic => return Err(Defect::SummaryOutgrown.into()),
        }
    }
    Ok(comparison.finish())
}

fn height(version: &Version) -> Height {
    Height::new(version.block_num, version.tx_num)
}

/// A version for people.
struct Shown(Option<Height>);

impl fmt::Display for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Height { block, tx }) => write!(out, "at version {block}:{tx}"),
            None => out.write_str("absent"),
        }
    }
}
