//! The Merkle summary of a range query's results, built result by result and compared on the way.
//!
//! Source: `rwsetutil/query_results_helper.go` and `validation/rangequery_validator.go`. The summary in a
//! read set states its own degree, and a forged one may state anything.

use std::{collections::BTreeMap, mem};

use fabric::proto::kvrwset::{KvRead, QueryReads, QueryReadsMerkleSummary};
use prost::Message;
use sha2::{Digest, Sha256};

type Hash = [u8; 32];

/// The level whose hashes are taken over results; those above are taken over hashes.
const LEAF_LEVEL: u32 = 1;

/// What is known of two lists after some results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    EqualSoFar,
    Different,
    /// The tree has grown past the level whose hashes had all been found equal, and Fabric reads beyond
    /// the end of the new level's hashes: peers panic. Honest clients can cause it: after a query of
    /// exactly `max_degree` full leaves (2,550 results) one more leaf of keys appears at the range's end.
    Panic,
}

/// Compares a growing list of results with the summary of the list that was read.
pub(crate) struct Comparison<'a> {
    expected: &'a QueryReadsMerkleSummary,
    pending: Vec<KvRead>,
    levels: BTreeMap<u32, Vec<Hash>>,
    max_level: u32,
    /// How many hashes of the expected level have been found equal.
    matched: usize,
}

impl<'a> Comparison<'a> {
    /// `None` for a degree of which no tree can be built: the block stops every peer.
    pub fn new(expected: &'a QueryReadsMerkleSummary) -> Option<Self> {
        let pending = Vec::new();
        let levels = BTreeMap::new();
        let comparison = Self { expected, pending, levels, max_level: LEAF_LEVEL, matched: 0 };
        (expected.max_degree >= 2).then_some(comparison)
    }

    /// Takes the next result.
    pub fn add(&mut self, read: KvRead) -> Progress {
        self.pending.push(read);
        if self.exceeds_degree(self.pending.len()) {
            self.close_pending();
        }
        let hashes = self.top();
        if self.max_level < self.expected.max_level || hashes.len() == self.matched {
            return Progress::EqualSoFar;
        }
        if hashes.len() > self.expected.max_level_hashes.len() {
            return Progress::Different;
        }
        let next = hashes.get(self.matched).zip(self.expected.max_level_hashes.get(self.matched));
        let progress = match next {
            None => Progress::Panic,
            Some((own, expected)) if own.as_slice() == expected.as_ref() => Progress::EqualSoFar,
            Some(_) => Progress::Different,
        };
        self.matched += 1;
        progress
    }

    /// Whether the list, now complete, is the one that was read.
    pub fn finish(mut self) -> bool {
        if self.max_level == LEAF_LEVEL && self.top().is_empty() {
            return false;
        }
        if !self.pending.is_empty() {
            self.close_pending();
        }
        self.lift_leftovers();
        let expected = &self.expected.max_level_hashes;
        let hashes = self.top();
        self.max_level == self.expected.max_level
            && hashes.len() == expected.len()
            && hashes.iter().zip(expected).all(|(own, other)| own.as_slice() == other.as_ref())
    }

    fn top(&self) -> &[Hash] {
        self.levels.get(&self.max_level).map(Vec::as_slice).unwrap_or_default()
    }

    fn exceeds_degree(&self, count: usize) -> bool {
        count > self.expected.max_degree as usize
    }

    /// Hashes the waiting results into a leaf, and closes every level that became overfull.
    fn close_pending(&mut self) {
        let reads = QueryReads { kv_reads: mem::take(&mut self.pending) };
        let mut node: Hash = Sha256::digest(reads.encode_to_vec()).into();
        let mut level = LEAF_LEVEL;
        loop {
            let nodes = self.levels.entry(level).or_default();
            nodes.push(node);
            let count = nodes.len();
            if !self.exceeds_degree(count) {
                return;
            }
            node = combine(&self.levels.remove(&level).unwrap_or_default());
            level += 1;
            self.max_level = self.max_level.max(level);
        }
    }

    /// Brings what is left below the top level up to it. A lone hash goes up unchanged.
    fn lift_leftovers(&mut self) {
        for level in LEAF_LEVEL..self.max_level {
            let Some(nodes) = self.levels.remove(&level) else { continue };
            let node = match nodes.as_slice() {
                [only] => *only,
                many => combine(many),
            };
            self.levels.entry(level + 1).or_default().push(node);
        }
        if self.exceeds_degree(self.top().len()) {
            let node = combine(&self.levels.remove(&self.max_level).unwrap_or_default());
            self.max_level += 1;
            self.levels.insert(self.max_level, vec![node]);
        }
    }
}

fn combine(nodes: &[Hash]) -> Hash {
    let mut combined = Sha256::new();
    for node in nodes {
        combined.update(node);
    }
    combined.finalize().into()
}
