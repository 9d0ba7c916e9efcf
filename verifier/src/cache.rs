//! Replies rendered lately, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::Mutex;

use crate::reply::Reply;

/// Replies by question, each with what it rests on; a reply is given out only while that still holds.
///
/// Two generations: what was asked for lately moves to the young one, and when that is half of the memory, the old one
/// goes. So both looking up and forgetting cost the same however much is kept.
pub(crate) struct Cache<Question, Basis> {
    generations: Mutex<Generations<Question, Basis>>,
    limit: usize,
}

struct Generations<Question, Basis> {
    young: HashMap<Question, (Basis, Reply)>,
    old: HashMap<Question, (Basis, Reply)>,
    young_bytes: usize,
}

/// What a kept reply costs beside its body: headers, hash table, allocation.
const OVERHEAD: usize = 512;

impl<Question: Hash + Eq + Clone, Basis: Clone> Cache<Question, Basis> {
    /// Keeps about `limit` bytes.
    pub fn new(limit: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new(), young_bytes: 0 };
        Self { generations: Mutex::new(generations), limit }
    }

    pub fn get(&self, question: &Question, holds: impl Fn(&Basis) -> bool) -> Option<(Basis, Reply)> {
        let mut generations = self.generations.lock();
        if let Some((basis, reply)) = generations.young.get(question) {
            return holds(basis).then(|| (basis.clone(), reply.clone()));
        }
        let (basis, reply) = generations.old.remove(question).filter(|(basis, _)| holds(basis))?;
        self.insert(&mut generations, question.clone(), basis.clone(), reply.clone());
        Some((basis, reply))
    }

    pub fn put(&self, question: Question, basis: Basis, reply: Reply) {
        self.insert(&mut self.generations.lock(), question, basis, reply);
    }

    fn insert(
        &self,
        generations: &mut Generations<Question, Basis>,
        question: Question,
        basis: Basis,
        reply: Reply,
    ) {
        let bytes = reply.size() + OVERHEAD;
        if generations.young_bytes + bytes > self.limit / 2 {
            generations.old = std::mem::take(&mut generations.young);
            generations.young_bytes = 0;
        }
        generations.young_bytes += bytes;
        if let Some((_, replaced)) = generations.young.insert(question, (basis, reply)) {
            generations.young_bytes -= (replaced.size() + OVERHEAD).min(generations.young_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn reply(bytes: usize) -> Reply {
        Reply::new(StatusCode::OK, "text/plain", vec![b'x'; bytes])
    }

    #[test]
    fn a_reply_is_given_out_only_for_what_it_rests_on() {
        let cache = Cache::new(100_000);
        cache.put("a", 1, reply(10));
        assert!(cache.get(&"a", |basis| *basis == 1).is_some());
        assert!(cache.get(&"a", |basis| *basis == 2).is_none());
        assert!(cache.get(&"b", |basis| *basis == 1).is_none());
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let cache = Cache::new(100 * OVERHEAD);
        cache.put(0, 1, reply(0));
        for question in 1..10_000 {
            cache.put(question, 1, reply(0));
            assert!(cache.get(&0, |_| true).is_some(), "{question}");
        }
        let generations = cache.generations.lock();
        assert!(generations.young.len() + generations.old.len() <= 100);
    }

    #[test]
    fn replacing_a_reply_does_not_count_twice() {
        let cache = Cache::new(100 * OVERHEAD);
        for basis in 0..10_000 {
            cache.put(0, basis, reply(0));
        }
        assert_eq!(cache.generations.lock().young_bytes, OVERHEAD);
        assert!(cache.get(&0, |basis| *basis == 9_999).is_some());
    }
}
