//! Remembers signed documents that break no rule, since a process that serves peers of several organisations is
//! asked about the same one by each, within milliseconds.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::{SignedDocument, check_signed};
use crate::refusal::Violation;

/// More than the proposals that are in progress at one time; 2 MB.
const CAPACITY: usize = 1024;

static GOOD: LazyLock<Mutex<Memo<SignedDocument>>> =
    LazyLock::new(|| Mutex::new(Memo { found: HashMap::new(), order: VecDeque::new() }));

/// By the hash of the bytes, oldest first out.
struct Memo<T> {
    found: HashMap<[u8; 32], Arc<T>>,
    order: VecDeque<[u8; 32]>,
}

/// What [`check_signed`] says, which depends on the bytes alone.
pub fn check_signed_once(bytes: &[u8]) -> Result<Arc<SignedDocument>, Vec<Violation>> {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    if let Some(found) = with_memo(|memo| memo.found.get(&hash).cloned()) {
        return Ok(found);
    }
    let checked = Arc::new(check_signed(bytes)?);
    with_memo(|memo| memo.remember(hash, checked.clone()));
    Ok(checked)
}

/// No panic leaves the memo half changed, so a poisoned lock is as good as any.
fn with_memo<T>(work: impl FnOnce(&mut Memo<SignedDocument>) -> T) -> T {
    work(&mut GOOD.lock().unwrap_or_else(PoisonError::into_inner))
}

impl<T> Memo<T> {
    fn remember(&mut self, hash: [u8; 32], value: Arc<T>) {
        if self.found.insert(hash, value).is_some() {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.found.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_more_than_the_capacity_is_kept() {
        let mut memo = Memo { found: HashMap::new(), order: VecDeque::new() };
        let hash = |number: usize| <[u8; 32]>::from(Sha256::digest(number.to_be_bytes()));
        for number in 0..=CAPACITY {
            memo.remember(hash(number), Arc::new(number));
            memo.remember(hash(number), Arc::new(number));
        }
        assert_eq!((memo.found.len(), memo.order.len()), (CAPACITY, CAPACITY));
        assert!(!memo.found.contains_key(&hash(0)));
        assert_eq!(memo.found.get(&hash(1)).unwrap().as_ref(), &1);
    }
}
