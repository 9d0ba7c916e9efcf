//! The Merkle summary of a range query's results, built result by result and compared on the way.
//!
//! Source: `validation/rangequery_validator.go`. The summary in a read set states its own degree, and a forged one may
//! state anything.

use fabric::{
    proto::kvrwset::{KvRead, QueryReadsMerkleSummary, range_query_info::ReadsInfo},
    types::merkle::RangeQueryResults,
};

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
    results: RangeQueryResults,
    /// How many hashes of the expected level have been found equal.
    matched: usize,
}

impl<'a> Comparison<'a> {
    /// `None` for a degree of which no tree can be built: the block stops every peer.
    pub fn new(expected: &'a QueryReadsMerkleSummary) -> Option<Self> {
        let results = RangeQueryResults::new(expected.max_degree as usize);
        (expected.max_degree >= 2).then_some(Self { expected, results, matched: 0 })
    }

    /// Takes the next result.
    pub fn add(&mut self, read: KvRead) -> Progress {
        self.results.add(read);
        let (level, hashes) = self.results.top();
        if level < self.expected.max_level as usize || hashes.len() == self.matched {
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
    pub fn finish(self) -> bool {
        match self.results.finish() {
            Some(ReadsInfo::ReadsMerkleHashes(summary)) => summary == *self.expected,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use fabric::{proto::kvrwset::QueryReads, types::merkle::Hash};
    use prost::Message;
    use sha2::{Digest, Sha256};

    use super::*;

    const LEAF_LEVEL: u32 = 1;

    fn combine(nodes: &[Hash]) -> Hash {
        Sha256::digest(nodes.concat()).into()
    }

    fn reads(count: usize) -> Vec<KvRead> {
        (0..count).map(|index| KvRead { key: format!("key{index:04}"), version: None }).collect()
    }

    /// The hashes of the top level, computed level by level over the finished list: full groups go up, and
    /// so does what is left of each level together with what came from below.
    fn summary(reads: &[KvRead], max_degree: u32) -> QueryReadsMerkleSummary {
        let group = max_degree as usize + 1;
        let leaf =
            |reads: &[KvRead]| Sha256::digest(QueryReads { kv_reads: reads.to_vec() }.encode_to_vec()).into();
        let mut levels: Vec<Vec<Hash>> = vec![reads.chunks(group).map(leaf).collect()];
        while levels.last().unwrap().len() >= group {
            let level = levels.last_mut().unwrap();
            let rest = level.split_off(level.len() / group * group);
            let above = level.chunks(group).map(combine).collect();
            *level = rest;
            levels.push(above);
        }
        let mut top = levels.pop().unwrap();
        let carried = levels.into_iter().fold(None, |carried: Option<Hash>, mut level| {
            level.extend(carried);
            if level.len() > 1 { Some(combine(&level)) } else { level.first().copied() }
        });
        top.extend(carried);
        let mut max_level = LEAF_LEVEL;
        let mut leaves = reads.len() / group + usize::from(!reads.len().is_multiple_of(group));
        while leaves >= group {
            leaves /= group;
            max_level += 1;
        }
        if top.len() >= group {
            top = vec![combine(&top)];
            max_level += 1;
        }
        let max_level_hashes = top.iter().map(|hash| hash.to_vec().into()).collect();
        QueryReadsMerkleSummary { max_degree, max_level, max_level_hashes }
    }

    fn compare(expected: &QueryReadsMerkleSummary, reads: &[KvRead]) -> Result<bool, Progress> {
        let mut comparison = Comparison::new(expected).unwrap();
        for read in reads {
            match comparison.add(read.clone()) {
                Progress::EqualSoFar => {}
                Progress::Different => return Ok(false),
                panic => return Err(panic),
            }
        }
        Ok(comparison.finish())
    }

    #[test]
    fn a_list_equals_its_own_summary_and_no_other() {
        for degree in [2, 3, 5] {
            for count in degree as usize + 1..150 {
                let list = reads(count);
                let expected = summary(&list, degree);
                assert_eq!(compare(&expected, &list), Ok(true), "degree {degree}, {count} results");
                let shorter = compare(&expected, &list[..count - 1]);
                assert_eq!(shorter, Ok(false), "degree {degree}, {count} results, one less");
                for changed in [0, count / 2, count - 1] {
                    let mut other = list.clone();
                    other[changed].key.push('x');
                    assert_eq!(compare(&expected, &other), Ok(false), "degree {degree}, {count}, {changed}");
                }
            }
        }
    }

    #[test]
    fn few_results_have_no_summary() {
        let expected = QueryReadsMerkleSummary { max_degree: 50, max_level: 1, max_level_hashes: Vec::new() };
        assert_eq!(compare(&expected, &reads(0)), Ok(false));
        assert_eq!(compare(&expected, &reads(50)), Ok(false));
    }

    #[test]
    fn peers_panic_where_a_full_level_is_outgrown() {
        let list = reads(2_601);
        let expected = summary(&list[..2_550], 50);
        assert_eq!(compare(&expected, &list[..2_600]), Ok(false));
        assert_eq!(compare(&expected, &list), Err(Progress::Panic));
    }
}
