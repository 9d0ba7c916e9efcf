//! Rendered replies, in bounded memory; see `docs/adr/0005-read-model.md`.

use std::hash::Hash;

use quick_cache::{Weighter, sync::Cache};

use crate::limits::CACHED_BYTES;
use crate::reply::Reply;

/// Replies by question, each with what it rests on; a reply is given out only while that still holds. Its owner is the site.
pub(crate) struct ReplyCache<Question, Basis>(Cache<Question, (Basis, Reply), ReplyBytes>);

/// What a reply costs beside its body: headers, hash table, allocation.
const OVERHEAD: usize = 512;

/// Of a usual page.
const USUAL_BYTES: usize = 8 << 10;

#[derive(Clone)]
struct ReplyBytes;

impl<Question, Basis> Weighter<Question, (Basis, Reply)> for ReplyBytes {
    fn weight(&self, _: &Question, (_, reply): &(Basis, Reply)) -> u64 {
        (reply.size() + OVERHEAD) as u64
    }
}

impl<Question: Hash + Eq, Basis: Clone> ReplyCache<Question, Basis> {
    pub fn new() -> Self {
        Self(Cache::with_weighter(CACHED_BYTES / USUAL_BYTES, CACHED_BYTES as u64, ReplyBytes))
    }

    pub fn get(&self, question: &Question, holds: impl Fn(&Basis) -> bool) -> Option<(Basis, Reply)> {
        self.0.get(question).filter(|(basis, _)| holds(basis))
    }

    pub fn put(&self, question: Question, basis: Basis, reply: Reply) {
        self.0.insert(question, (basis, reply));
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
        let cache = ReplyCache::new();
        cache.put("a", 1, reply(10));
        assert!(cache.get(&"a", |basis| *basis == 1).is_some());
        assert!(cache.get(&"a", |basis| *basis == 2).is_none());
        assert!(cache.get(&"b", |basis| *basis == 1).is_none());
        cache.put("a", 2, reply(20));
        assert!(cache.get(&"a", |basis| *basis == 2).is_some());
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let cache = ReplyCache::new();
        cache.put(0, 1, reply(1000));
        for question in 1..50_000 {
            cache.put(question, 1, reply(1000));
            assert!(cache.get(&0, |_| true).is_some(), "{question}");
        }
        assert!(cache.0.weight() <= CACHED_BYTES as u64, "{}", cache.0.weight());
    }
}
