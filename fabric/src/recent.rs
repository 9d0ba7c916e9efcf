//! A bounded map that forgets the older half.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Keeps at most `capacity` entries, and at least the last half of that.
///
/// The older half is dropped whole when the younger one is full: an entry costs no bookkeeping, and a look-up
/// writes nothing.
#[derive(Debug)]
pub struct Recent<K, V> {
    half: usize,
    generations: Mutex<Generations<K, V>>,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// With a capacity below two nothing is kept.
    pub fn new(capacity: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new() };
        Self { half: capacity / 2, generations: Mutex::new(generations) }
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let generations = self.lock();
        generations.young.get(key).or_else(|| generations.old.get(key)).cloned()
    }

    pub fn insert(&self, key: K, value: V) {
        if self.half == 0 {
            return;
        }
        let mut generations = self.lock();
        generations.young.insert(key, value);
        if generations.young.len() >= self.half {
            generations.old = std::mem::take(&mut generations.young);
        }
    }

    /// A thread that panicked while it held the lock left a whole map behind.
    fn lock(&self) -> MutexGuard<'_, Generations<K, V>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn without_capacity_it_keeps_nothing() {
        let recent = Recent::new(1);
        recent.insert(1, 1);
        assert_eq!(recent.get(&1), None);
    }
}
