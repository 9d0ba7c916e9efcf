//! How often somebody may ask in a minute.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::limits;

/// Counts by the minute of the clock: nothing is kept longer.
pub struct Rates {
    limit: u32,
    minute: Mutex<Minute>,
}

#[derive(Default)]
struct Minute {
    number: i64,
    counts: HashMap<String, u32>,
}

/// Where somebody stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub limit: u32,
    pub remaining: u32,
    /// Seconds until it begins anew.
    pub reset: i64,
    pub is_exceeded: bool,
}

impl Rates {
    pub fn new(limit: u32) -> Self {
        Self { limit, minute: Mutex::default() }
    }

    /// Counts one request of `who`.
    pub fn count(&self, who: &str, now: i64) -> Rate {
        let (number, second) = (now.div_euclid(60), now.rem_euclid(60));
        let mut minute = self.minute.lock();
        if minute.number != number {
            *minute = Minute { number, counts: HashMap::new() };
        }
        let is_full = minute.counts.len() >= limits::COUNTED && !minute.counts.contains_key(who);
        let count = if is_full {
            u32::MAX
        } else {
            let count = minute.counts.entry(who.to_owned()).or_default();
            *count = count.saturating_add(1);
            *count
        };
        Rate {
            limit: self.limit,
            remaining: self.limit.saturating_sub(count),
            reset: 60_i64.saturating_sub(second),
            is_exceeded: count > self.limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_minute() {
        let rates = Rates::new(2);
        let exceeded = |who, now| rates.count(who, now).is_exceeded;
        assert_eq!([exceeded("a", 60), exceeded("a", 61), exceeded("a", 119)], [false, false, true]);
        assert!(!exceeded("b", 119));
        assert!(!exceeded("a", 120));
        assert_eq!(rates.count("b", 150), Rate { limit: 2, remaining: 1, reset: 30, is_exceeded: false });
    }
}
