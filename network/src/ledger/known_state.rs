//! Records of the state that were looked up lately.
//!
//! Each issue asks for the same few records a score of times (definitions, schemes, accreditations, keys), and
//! several times whether its own are there yet: two simulations, two checks of its versions.

use parking_lot::Mutex;
use recent::Generations;

use super::state::{StateRecordKey, StateValue};

/// How many records are kept at most. Each transaction in progress has six of its own, mostly that nothing is
/// there yet, and hundreds are in progress; that makes some 2 MB, and 9 MB if all are as long as they may be.
const CAPACITY: usize = 8192;
const MAX_VALUE_BYTES: usize = 1024;

#[derive(Debug)]
pub(super) struct KnownState(Mutex<Known>);

#[derive(Debug)]
struct Known {
    /// Nothing that a view of a lower height sees is taken in.
    height: u64,
    records: Generations<StateRecordKey, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The height from which on this is what is there.
    since: u64,
    found: Option<StateValue>,
}

impl KnownState {
    pub(super) fn new(height: u64) -> Self {
        Self(Mutex::new(Known { height, records: Generations::new(CAPACITY) }))
    }

    /// What a view of this height finds under the key, which may be nothing; `None` if that is not known.
    pub(super) fn get(&self, height: u64, key: &[u8]) -> Option<Option<StateValue>> {
        let known = self.0.lock();
        let entry = known.records.get(key).filter(|entry| entry.since <= height)?;
        Some(entry.found.clone())
    }

    /// Notes what a view of this height found.
    pub(super) fn note(&self, height: u64, key: StateRecordKey, found: &Option<StateValue>) {
        if found.as_ref().is_some_and(|state| state.value.len() + state.metadata.len() > MAX_VALUE_BYTES) {
            return;
        }
        let mut known = self.0.lock();
        if known.height == height {
            let since = found.as_ref().map_or(height, |state| state.version.block.saturating_add(1));
            known.records.insert(key, Entry { since, found: found.clone() });
        }
    }

    /// Forgets what a block changes. To be called before views of the new height can be made: they trust
    /// whatever is left, and older ones may add nothing any more.
    pub(super) fn advance<'k>(&self, height: u64, changed: impl IntoIterator<Item = &'k StateRecordKey>) {
        let mut known = self.0.lock();
        known.height = height;
        changed.into_iter().for_each(|key| known.records.remove(key));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use fabric::types::Height;

    use super::*;

    fn value(text: &'static str, block: u64) -> Option<StateValue> {
        let value = Bytes::from_static(text.as_bytes());
        Some(StateValue { value, metadata: Bytes::new(), version: Height::new(block, 0) })
    }

    #[test]
    fn a_view_gets_what_it_would_have_read() {
        let known = KnownState::new(5);
        known.note(5, b"there".to_vec(), &value("a", 2));
        known.note(5, b"not there".to_vec(), &None);
        assert_eq!(known.get(5, b"there"), Some(value("a", 2)));
        assert_eq!(known.get(3, b"there"), Some(value("a", 2)), "it was written in block 2");
        assert_eq!(known.get(2, b"there"), None, "a view of blocks 0 and 1 must look for itself");
        assert_eq!(known.get(6, b"not there"), Some(None));
        assert_eq!(known.get(4, b"not there"), None, "it may have been there once");
        assert_eq!(known.get(5, b"never read"), None);
    }

    #[test]
    fn what_a_block_changes_is_forgotten_and_not_learnt_again_from_older_views() {
        let known = KnownState::new(5);
        known.note(5, b"changed".to_vec(), &value("old", 2));
        known.note(5, b"kept".to_vec(), &value("a", 2));
        known.advance(6, [&b"changed".to_vec()]);
        known.note(5, b"changed".to_vec(), &value("old", 2));
        assert_eq!((known.get(6, b"changed"), known.get(6, b"kept")), (None, Some(value("a", 2))));
        known.note(6, b"changed".to_vec(), &value("new", 5));
        assert_eq!(known.get(6, b"changed"), Some(value("new", 5)));
        assert_eq!(known.get(5, b"changed"), None);
    }

    #[test]
    fn long_values_are_left_to_the_database() {
        let known = KnownState::new(1);
        let long = StateValue {
            value: vec![0; MAX_VALUE_BYTES + 1].into(),
            metadata: Bytes::new(),
            version: Height::new(0, 0),
        };
        known.note(1, b"long".to_vec(), &Some(long));
        assert_eq!(known.get(1, b"long"), None);
    }
}
