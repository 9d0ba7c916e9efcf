//! What a range query leaves in the read set: its results one by one while they are few, a Merkle summary of them once
//! they are many.
//!
//! Endorsers build it with the degree of their own, validators with the degree that the read set states, to compare the
//! two. Source: `core/ledger/kvledger/txmgmt/rwsetutil/query_results_helper.go`.

use std::mem;

use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};

use crate::proto::kvrwset::{KvRead, QueryReads, QueryReadsMerkleSummary, range_query_info::ReadsInfo};

/// SHA-256 of encoded `QueryReads` on the level of the leaves, of the hashes below on all others.
pub type Hash = [u8; 32];

/// The results of one range query, taken in the order in which they are read.
#[derive(Debug)]
pub struct RangeQueryResults {
    /// The most results that are kept one by one, and the most hashes on a level of the tree.
    max_degree: usize,
    pending: Vec<KvRead>,
    /// Hashes that wait for a parent, from the leaves upwards. The top level is the last one, even where a lower level
    /// has been consumed.
    levels: Vec<Vec<Hash>>,
}

impl RangeQueryResults {
    /// Fabric builds no tree of a degree below 2.
    pub fn new(max_degree: usize) -> Self {
        Self { max_degree, pending: Vec::new(), levels: Vec::new() }
    }

    /// Takes the next result.
    pub fn add(&mut self, read: KvRead) {
        self.pending.push(read);
        if self.pending.len() > self.max_degree {
            self.hash_pending();
        }
    }

    /// The top level so far: its number, 1 for the leaves, and its hashes.
    pub fn top(&self) -> (usize, &[Hash]) {
        (self.levels.len().max(1), self.levels.last().map_or(&[], Vec::as_slice))
    }

    /// The results or their summary; `None` if there were none.
    pub fn finish(mut self) -> Option<ReadsInfo> {
        if self.levels.is_empty() {
            let kv_reads = self.pending;
            return (!kv_reads.is_empty()).then_some(ReadsInfo::RawReads(QueryReads { kv_reads }));
        }
        if !self.pending.is_empty() {
            self.hash_pending();
        }
        Some(ReadsInfo::ReadsMerkleHashes(self.summary()))
    }

    /// Makes a leaf of the results that are kept, and closes every level that became overfull.
    fn hash_pending(&mut self) {
        let reads = QueryReads { kv_reads: mem::take(&mut self.pending) };
        let mut node: Hash = Sha256::digest(reads.encode_to_vec()).into();
        for level in &mut self.levels {
            level.push(node);
            if level.len() <= self.max_degree {
                return;
            }
            node = combine(&mem::take(level));
        }
        self.levels.push(vec![node]);
    }

    /// Lifts what is left below the top level, then gives the top level.
    fn summary(mut self) -> QueryReadsMerkleSummary {
        let mut max_level = self.levels.len();
        let mut top = self.levels.pop().unwrap_or_default();
        top.extend(self.levels.into_iter().fold(None, lift));
        if top.len() > self.max_degree {
            top = vec![combine(&top)];
            max_level += 1;
        }
        QueryReadsMerkleSummary {
            max_degree: self.max_degree as u32,
            max_level: max_level as u32,
            max_level_hashes: top.into_iter().map(|hash| Bytes::copy_from_slice(&hash)).collect(),
        }
    }
}

/// What a level hands to the next one, given what came from below. A lone hash goes up unchanged.
fn lift(from_below: Option<Hash>, mut level: Vec<Hash>) -> Option<Hash> {
    level.extend(from_below);
    match level.as_slice() {
        [] => None,
        [only] => Some(*only),
        many => Some(combine(many)),
    }
}

fn combine(hashes: &[Hash]) -> Hash {
    let mut combined = Sha256::new();
    for hash in hashes {
        combined.update(hash);
    }
    combined.finalize().into()
}
