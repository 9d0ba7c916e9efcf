//! What a range query leaves in the read set of a simulation.

use fabric::{
    proto::kvrwset::{KvRead, Version, range_query_info::ReadsInfo},
    types::{Height, merkle::RangeQueryResults},
};

/// The degree of the Merkle summary (`maxDegreeQueryReadsHashing` in `txmgmt/txmgr/query_executor.go`). Every endorser must
/// use the same, or their read sets differ.
const MAX_DEGREE: usize = 50;

/// Collects the results of one range query in the order in which they were read.
pub struct RangeReads(RangeQueryResults);

impl Default for RangeReads {
    fn default() -> Self {
        Self(RangeQueryResults::new(MAX_DEGREE))
    }
}

impl RangeReads {
    pub fn add(&mut self, key: &str, version: Height) {
        self.0.add(kv_read(key, Some(version)));
    }

    /// The raw reads or their summary; `None` if nothing was read.
    pub fn finish(self) -> Option<ReadsInfo> {
        self.0.finish()
    }
}

/// A read as it stands in a read set; a key that does not exist has no version.
pub fn kv_read(key: &str, version: Option<Height>) -> KvRead {
    KvRead { key: key.to_owned(), version: version.map(wire_version) }
}

pub fn wire_version(height: Height) -> Version {
    Version { block_num: height.block, tx_num: height.tx }
}
