//! What a range query would read now: committed keys, as the block has changed them so far.
//!
//! Source: `core/ledger/kvledger/txmgmt/validation/combined_iterator.go`.

use std::{cmp::Ordering, iter::Peekable};

use fabric::{proto::kvrwset::RangeQueryInfo, types::Height};

use super::{Defect, mvcc::State, verdict::Failure};
use ledger::{LedgerError, RangeScan, StateKey};

/// A key the block has changed; without a version if the block deleted it.
type Changed<'a> = (&'a str, Option<Height>);

/// The keys of a range with their versions, in order. The last key of a query that was not read to its
/// end is looked up once the others are through, so it comes twice if the range holds it already.
pub(crate) struct RangeResults<'a> {
    state: State<'a>,
    block: Peekable<Box<dyn Iterator<Item = Changed<'a>> + 'a>>,
    committed: Peekable<RangeScan<'a>>,
    last: Option<(&'a str, StateKey)>,
}

impl<'a> RangeResults<'a> {
    pub fn new(state: State<'a>, namespace: &'a str, query: &'a RangeQueryInfo) -> Result<Self, LedgerError> {
        let RangeQueryInfo { start_key: start, end_key: end, .. } = query;
        let changed = |update: &ledger::Update| update.value.as_ref().map(|_| update.version);
        let block = state.block.range(namespace, start, end).map(move |(key, update)| (key, changed(update)));
        let block: Box<dyn Iterator<Item = Changed<'a>> + 'a> = Box::new(block);
        Ok(Self {
            state,
            block: block.peekable(),
            committed: state.committed.range(namespace, start, end)?.peekable(),
            last: (!query.itr_exhausted).then(|| (end.as_str(), StateKey::public(namespace, end))),
        })
    }

    fn next_result(&mut self) -> Result<Option<(String, Height)>, LedgerError> {
        while let Some(order) = self.order()? {
            let committed = if order.is_le() { self.committed.next().transpose()? } else { None };
            let changed = if order.is_ge() { self.block.next() } else { None };
            let result = match changed {
                Some((key, version)) => version.map(|version| (key.to_owned(), version)),
                None => committed.map(|(key, state)| (key, state.version)),
            };
            if result.is_some() {
                return Ok(result);
            }
        }
        self.take_last()
    }

    /// Which of the two is to be read next: `Less` the committed key, `Greater` the block's, `Equal` both.
    fn order(&mut self) -> Result<Option<Ordering>, LedgerError> {
        if let Some(Err(_)) = self.committed.peek() {
            return self.committed.next().transpose().map(|_| None);
        }
        let committed =
            self.committed.peek().and_then(|item| item.as_ref().ok()).map(|(key, _)| key.as_str());
        let changed = self.block.peek().map(|(key, _)| *key);
        Ok(match (committed, changed) {
            (None, None) => None,
            (Some(_), None) => Some(Ordering::Less),
            (None, Some(_)) => Some(Ordering::Greater),
            (Some(committed), Some(changed)) => Some(committed.cmp(changed)),
        })
    }

    fn take_last(&mut self) -> Result<Option<(String, Height)>, LedgerError> {
        let Some((name, key)) = self.last.take() else { return Ok(None) };
        let version = match self.state.block.get(&key) {
            Some(update) => update.value.as_ref().map(|_| update.version),
            None => self.state.committed.state(&key)?.map(|state| state.version),
        };
        Ok(version.map(|version| (name.to_owned(), version)))
    }
}

impl Iterator for RangeResults<'_> {
    type Item = Result<(String, Height), Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(left) = self.state.range_results.get().checked_sub(1) else {
            return Some(Err(Defect::RangeCost.into()));
        };
        self.state.range_results.set(left);
        self.next_result().map_err(Failure::from).transpose()
    }
}
