//! What a range query leaves in the read set: its results one by one while they are few, a Merkle summary
//! of them once they are many (`rwsetutil/query_results_helper.go`).

use std::mem;

use bytes::Bytes;
use fabric::{
    proto::kvrwset::{KvRead, QueryReads, QueryReadsMerkleSummary, Version, range_query_info::ReadsInfo},
    types::Height,
};
use prost::Message;
use sha2::{Digest, Sha256};

/// The most results kept raw, and the most nodes kept on a level of the tree. Every endorser must use the
/// same degree, or their read sets differ.
const MAX_DEGREE: usize = 50;

type Hash = [u8; 32];

/// Collects the results of one range query in the order in which they were read.
#[derive(Default)]
pub struct RangeReads {
    pending: Vec<KvRead>,
    tree: MerkleTree,
}

impl RangeReads {
    pub fn add(&mut self, key: &str, version: Height) {
        self.pending.push(kv_read(key, Some(version)));
        if self.pending.len() > MAX_DEGREE {
            self.hash_pending();
        }
    }

    /// The raw reads or their summary; `None` if nothing was read.
    pub fn finish(mut self) -> Option<ReadsInfo> {
        if self.tree.is_empty() {
            let kv_reads = self.pending;
            return (!kv_reads.is_empty()).then_some(ReadsInfo::RawReads(QueryReads { kv_reads }));
        }
        if !self.pending.is_empty() {
            self.hash_pending();
        }
        Some(ReadsInfo::ReadsMerkleHashes(self.tree.finish()))
    }

    fn hash_pending(&mut self) {
        let reads = QueryReads { kv_reads: mem::take(&mut self.pending) };
        self.tree.add_leaf(Sha256::digest(reads.encode_to_vec()).into());
    }
}

/// A read as it stands in a read set; a key that does not exist has no version.
pub fn kv_read(key: &str, version: Option<Height>) -> KvRead {
    KvRead { key: key.to_owned(), version: version.map(wire_version) }
}

pub fn wire_version(height: Height) -> Version {
    Version { block_num: height.block, tx_num: height.tx }
}

/// Hashes that wait for a parent, from the leaves (index 0) upwards. The top level is the last one, even
/// when a lower level has been consumed.
#[derive(Default)]
struct MerkleTree {
    levels: Vec<Vec<Hash>>,
}

impl MerkleTree {
    fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Adds a leaf and closes every level that became overfull.
    fn add_leaf(&mut self, leaf: Hash) {
        let mut node = leaf;
        for level in &mut self.levels {
            level.push(node);
            if level.len() <= MAX_DEGREE {
                return;
            }
            node = combine(&mem::take(level));
        }
        self.levels.push(vec![node]);
    }

    /// Lifts what is left below the top level, then gives the top level.
    fn finish(mut self) -> QueryReadsMerkleSummary {
        let mut top = self.levels.pop().unwrap_or_default();
        let mut max_level = self.levels.len() + 1;
        top.extend(self.levels.into_iter().fold(None, lift));
        if top.len() > MAX_DEGREE {
            top = vec![combine(&top)];
            max_level += 1;
        }
        QueryReadsMerkleSummary {
            max_degree: MAX_DEGREE as u32,
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
