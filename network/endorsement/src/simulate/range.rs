//! Range queries in a simulation.

use std::collections::{BTreeMap, btree_map};

use fabric::proto::{kvrwset::RangeQueryInfo, queryresult};

use super::{SimulationError, Simulator};
use crate::range_reads::RangeReads;
use ledger::{RangeScan, StateValue};

pub use queryresult::Kv as KeyValue;

/// Names an open range query of one simulation.
#[derive(Clone, Copy, Debug)]
pub struct RangeId(usize);

/// A range query and what has been read of it.
pub(super) struct RangeQuery<'v> {
    namespace: String,
    /// The upper bound asked for; it enters the read set only once the range was read to its end, because
    /// it is not known whether the caller would have read on.
    end: String,
    info: RangeQueryInfo,
    reads: RangeReads,
    entries: RangeScan<'v>,
    /// Results left on the page; `None` for a query without pages.
    left_on_page: Option<u32>,
}

impl<'v> Simulator<'v> {
    /// Opens a range from `start` up to but not including `end` (empty: the last key). A page size other than
    /// zero makes it a paginated query; one below zero is no limit.
    pub fn open_range(
        &mut self,
        namespace: &str,
        start: &str,
        end: &str,
        page_size: Option<i32>,
    ) -> Result<RangeId, SimulationError> {
        if page_size.is_some() {
            if self.written {
                return Err(SimulationError::PaginatedQueryAfterWrite(self.txid.to_owned()));
            }
            self.queried_in_pages = true;
        }
        let limit = page_size.and_then(|size| u32::try_from(size).ok()).filter(|size| *size > 0);
        self.range_queries.push(RangeQuery {
            namespace: namespace.to_owned(),
            end: end.to_owned(),
            info: RangeQueryInfo { start_key: start.to_owned(), ..RangeQueryInfo::default() },
            reads: RangeReads::default(),
            entries: self.view.range(namespace, start, end)?,
            left_on_page: limit,
        });
        Ok(RangeId(self.range_queries.len() - 1))
    }

    /// The next result of an open range; `None` at its end or at the end of the page.
    pub fn next_in_range(&mut self, id: RangeId) -> Result<Option<KeyValue>, SimulationError> {
        self.range_queries.get_mut(id.0).map_or(Ok(None), RangeQuery::next)
    }

    /// The key after the last result read, empty at the end of the range. It is not read: it may differ
    /// between endorsers without harm.
    pub fn bookmark(&mut self, id: RangeId) -> Result<String, SimulationError> {
        let following = self.range_queries.get_mut(id.0).and_then(|query| query.entries.next());
        Ok(following.transpose()?.map(|(key, _)| key).unwrap_or_default())
    }
}

impl RangeQuery<'_> {
    fn next(&mut self) -> Result<Option<KeyValue>, SimulationError> {
        if self.left_on_page == Some(0) {
            return Ok(self.exhausted());
        }
        let Some((key, state)) = self.entries.next().transpose()? else {
            return Ok(self.exhausted());
        };
        self.left_on_page = self.left_on_page.map(|left| left - 1);
        self.reads.add(&key, state.version);
        self.info.end_key.clone_from(&key);
        Ok(Some(KeyValue { namespace: self.namespace.clone(), key, value: state.value }))
    }

    fn exhausted(&mut self) -> Option<KeyValue> {
        self.info.itr_exhausted = true;
        self.info.end_key.clone_from(&self.end);
        None
    }

    pub(super) fn finish(mut self) -> (String, RangeQueryInfo) {
        self.info.reads_info = self.reads.finish();
        (self.namespace, self.info)
    }
}

/// An open range over private data.
pub struct PrivateRange {
    namespace: String,
    entries: btree_map::IntoIter<String, StateValue>,
}

impl PrivateRange {
    pub(super) fn new(namespace: &str, entries: BTreeMap<String, StateValue>) -> Self {
        Self { namespace: namespace.to_owned(), entries: entries.into_iter() }
    }
}

impl Iterator for PrivateRange {
    type Item = KeyValue;

    fn next(&mut self) -> Option<KeyValue> {
        let (key, private) = self.entries.next()?;
        Some(KeyValue { namespace: self.namespace.clone(), key, value: private.value })
    }
}
