//! Remembers what was found lately, no more than its capacity.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// By key, oldest first out.
pub struct Memo<K, V> {
    capacity: usize,
    entries: Mutex<Entries<K, V>>,
}

struct Entries<K, V> {
    found: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V: Clone> Memo<K, V> {
    pub fn new(capacity: usize) -> Memo<K, V> {
        Memo { capacity, entries: Mutex::new(Entries { found: HashMap::new(), order: VecDeque::new() }) }
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.entries().found.get(key).cloned()
    }

    /// In place of what was known under this key, if anything.
    pub fn remember(&self, key: K, value: V) {
        let mut entries = self.entries();
        if entries.found.insert(key.clone(), value).is_some() {
            return;
        }
        entries.order.push_back(key);
        if entries.order.len() > self.capacity
            && let Some(oldest) = entries.order.pop_front()
        {
            entries.found.remove(&oldest);
        }
    }

    /// No panic leaves the entries half changed, so a poisoned lock is as good as any.
    fn entries(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_capacity_is_kept() {
        let memo = Memo::new(10);
        for number in 0..=10 {
            memo.remember(number, "first");
            memo.remember(number, "last");
        }
        let entries = memo.entries();
        assert_eq!((entries.found.len(), entries.order.len()), (10, 10));
        assert_eq!((entries.found.get(&0), entries.found.get(&1)), (None, Some(&"last")));
    }
}
