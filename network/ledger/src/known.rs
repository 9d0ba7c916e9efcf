//! What was looked up lately: records of the state, and where transactions are.
//!
//! Each issue asks for the same few records a score of times (definitions, schemes, accreditations, keys), and
//! several times whether its own are there yet, and its id: two simulations, the orderer's checks, validation.

use parking_lot::Mutex;
use recent::Generations;

/// How many entries are kept at most. Each transaction in progress has six records and an id of its own, mostly
/// that nothing is there yet, and hundreds are in progress; that makes some 2 MB.
const CAPACITY: usize = 8192;
/// Longer keys are not kept.
const MAX_KEY_BYTES: usize = 256;
/// Keys share the heights of their last changes, this many. With fewer, more of what older views find would be
/// refused: while a simulation waits for its chaincode, blocks are committed that change some hundred keys.
const LAST_CHANGES: usize = 16_384;

#[derive(Debug)]
pub(super) struct Known<V>(Mutex<Entries<V>>);

#[derive(Debug)]
struct Entries<V> {
    entries: Generations<Vec<u8>, Entry<V>>,
    /// For each place ([`place`]) the first height that shows the last change of any key there.
    last_changes: Vec<u64>,
}

#[derive(Debug)]
struct Entry<V> {
    /// The height from which on this is what is there.
    since: u64,
    found: Option<V>,
}

impl<V: Clone> Known<V> {
    pub(super) fn new(height: u64) -> Self {
        let entries = Generations::new(CAPACITY);
        Self(Mutex::new(Entries { entries, last_changes: vec![height; LAST_CHANGES] }))
    }

    /// What is there at this height, which may be nothing; `None` if that is not known.
    pub(super) fn get(&self, height: u64, key: &[u8]) -> Option<Option<V>> {
        let known = self.0.lock();
        let entry = known.entries.get(key).filter(|entry| entry.since <= height)?;
        Some(entry.found.clone())
    }

    /// Notes what was found at this height, and has been there since that one, unless the key may have changed
    /// after it.
    pub(super) fn note(&self, height: u64, key: Vec<u8>, since: u64, found: Option<V>) {
        let mut known = self.0.lock();
        let unchanged = known.last_changes.get(place(&key)).is_some_and(|last| *last <= height);
        if unchanged && key.len() <= MAX_KEY_BYTES {
            known.entries.insert(key, Entry { since, found });
        }
    }

    /// Forgets what a block changes. To be called before the new height can be seen: who sees it trusts whatever
    /// is left, and what was found at older ones is not noted any more for these keys.
    pub(super) fn advance<'k>(&self, height: u64, changed: impl Iterator<Item = &'k [u8]>) {
        let mut known = self.0.lock();
        for key in changed {
            known.entries.remove(key);
            if let Some(last) = known.last_changes.get_mut(place(key)) {
                *last = height;
            }
        }
    }
}

/// Where among the [`LAST_CHANGES`] a key belongs. Keys that share a place only cost each other the note.
fn place(key: &[u8]) -> usize {
    crc32c::crc32c(key) as usize % LAST_CHANGES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_gets_what_it_would_have_read() {
        let known = Known::new(5);
        known.note(5, b"there".to_vec(), 3, Some("a"));
        known.note(5, b"not there".to_vec(), 5, None);
        assert_eq!(known.get(5, b"there"), Some(Some("a")));
        assert_eq!(known.get(3, b"there"), Some(Some("a")), "it was written in block 2");
        assert_eq!(known.get(2, b"there"), None, "a view of blocks 0 and 1 must look for itself");
        assert_eq!(known.get(6, b"not there"), Some(None));
        assert_eq!(known.get(4, b"not there"), None, "it may have been there once");
        assert_eq!(known.get(5, b"never read"), None);
    }

    #[test]
    fn what_a_block_changes_is_forgotten_and_not_learnt_again_from_older_views() {
        let known = Known::new(5);
        known.note(5, b"changed".to_vec(), 3, Some("old"));
        known.note(5, b"kept".to_vec(), 3, Some("a"));
        known.advance(6, [&b"changed"[..]].into_iter());
        known.note(5, b"changed".to_vec(), 3, Some("old"));
        assert_eq!((known.get(6, b"changed"), known.get(6, b"kept")), (None, Some(Some("a"))));
        known.note(6, b"changed".to_vec(), 6, Some("new"));
        assert_eq!(known.get(6, b"changed"), Some(Some("new")));
        assert_eq!(known.get(5, b"changed"), None);
    }

    #[test]
    fn what_no_block_changed_is_learnt_from_older_views() {
        let known = Known::new(5);
        known.advance(6, [&b"changed"[..]].into_iter());
        known.note(5, b"unchanged".to_vec(), 5, None::<&str>);
        assert_eq!((known.get(6, b"unchanged"), known.get(4, b"unchanged")), (Some(None), None));
    }

    #[test]
    fn nothing_is_learnt_from_before_the_start() {
        let known = Known::new(5);
        known.note(4, b"key".to_vec(), 4, None::<&str>);
        assert_eq!(known.get(5, b"key"), None);
    }

    #[test]
    fn long_keys_are_left_to_the_database() {
        let (known, long) = (Known::new(1), vec![0; MAX_KEY_BYTES + 1]);
        known.note(1, long.clone(), 1, Some("a"));
        assert_eq!(known.get(1, &long), None);
    }
}
