//! A bounded map that forgets the older half.
//!
//! # What holds here
//! - It holds at most its capacity, and at least the last half of that (test `it_is_bounded_and_keeps_the_latest_half`).

use std::{
    borrow::Borrow,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use foldhash::{HashMap, HashMapExt};

/// [`Generations`] behind a lock.
#[derive(Debug)]
pub struct Recent<K, V>(Mutex<Generations<K, V>>);

/// Keeps at most `capacity` entries, and at least the last half of that.
///
/// The older half is dropped whole when the younger one is full: an entry costs no bookkeeping, and a look-up
/// writes nothing.
#[derive(Debug)]
pub struct Generations<K, V> {
    half: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// With a capacity below two nothing is kept.
    pub fn new(capacity: usize) -> Self {
        Self(Mutex::new(Generations::new(capacity)))
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.lock().get(key).cloned()
    }

    pub fn insert(&self, key: K, value: V) {
        self.lock().insert(key, value);
    }

    /// A thread that panicked while it held the lock left a whole map behind.
    fn lock(&self) -> MutexGuard<'_, Generations<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    /// With a capacity below two nothing is kept.
    pub fn new(capacity: usize) -> Self {
        Self { half: capacity / 2, young: HashMap::new(), old: HashMap::new() }
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub fn insert(&mut self, key: K, value: V) {
        if self.half == 0 {
            return;
        }
        self.young.insert(key, value);
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
    }

    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_keeps_the_latest_half() {
        let recent = Recent::new(8);
        (0..100).for_each(|key| recent.insert(key, key));
        let known: Vec<i32> = (0..100).filter(|key| recent.get(key).is_some()).collect();
        assert!(known.len() <= 8 && known.ends_with(&[96, 97, 98, 99]), "{known:?}");
    }

    #[test]
    fn what_is_removed_is_gone_from_both_halves() {
        let mut recent = Generations::new(6);
        (0..4).for_each(|number| recent.insert(number % 3, number));
        recent.remove(&0);
        assert_eq!((recent.get(&0), recent.get(&1), recent.get(&2)), (None, Some(&1), Some(&2)));
    }

    #[test]
    fn without_capacity_it_keeps_nothing() {
        let recent = Recent::new(1);
        recent.insert(1, 1);
        assert_eq!(recent.get(&1), None);
    }
}
