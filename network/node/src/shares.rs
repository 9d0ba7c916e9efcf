//! Who takes how much of something that all share: counted for each identity and each organisation, so that
//! what one takes is missing to itself alone.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use msp::Identity;
use parking_lot::Mutex;

/// The most that one may hold at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub of_identity: usize,
    pub of_organisation: usize,
}

/// A caller whose signature has been verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    pub organisation: Arc<str>,
    certificate: [u8; 32],
}

/// What is shared, and who holds how much of it.
#[derive(Debug)]
pub struct Shares {
    limits: Limits,
    held: Mutex<Held>,
}

/// Entries leave with the last share.
#[derive(Debug, Default)]
struct Held {
    by_identity: HashMap<Caller, usize>,
    by_organisation: HashMap<Arc<str>, usize>,
}

/// What a caller holds until this is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    caller: Caller,
    amount: usize,
}

impl Caller {
    pub fn new(identity: &Identity) -> Self {
        Self { organisation: identity.mspid().into(), certificate: identity.id().certificate_hash }
    }
}

impl Shares {
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, held: Mutex::default() })
    }

    /// Takes a share if it is within both limits. One who holds nothing gets it however large it is.
    pub fn take(self: &Arc<Self>, caller: &Caller, amount: usize) -> Option<Share> {
        let mut held = self.held.lock();
        let Held { by_identity, by_organisation } = &mut *held;
        let of_identity = by_identity.get(caller).copied().unwrap_or_default();
        let of_organisation = by_organisation.get(&caller.organisation).copied().unwrap_or_default();
        let fits = |held: usize, limit: usize| held == 0 || held.saturating_add(amount) <= limit;
        if !fits(of_identity, self.limits.of_identity) || !fits(of_organisation, self.limits.of_organisation)
        {
            return None;
        }
        by_identity.insert(caller.clone(), of_identity.saturating_add(amount));
        by_organisation.insert(caller.organisation.clone(), of_organisation.saturating_add(amount));
        Some(Share { shares: self.clone(), caller: caller.clone(), amount })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held.lock();
        give_back(&mut held.by_identity, &self.caller, self.amount);
        give_back(&mut held.by_organisation, &self.caller.organisation, self.amount);
    }
}

fn give_back<K: Eq + Hash>(held: &mut HashMap<K, usize>, key: &K, amount: usize) {
    let Some(left) = held.get_mut(key) else { return };
    *left -= amount;
    if *left == 0 {
        held.remove(key);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn caller(organisation: &str, number: u8) -> Caller {
        Caller { organisation: organisation.into(), certificate: [number; 32] }
    }

    fn shares() -> Arc<Shares> {
        Shares::new(Limits { of_identity: 3, of_organisation: 5 })
    }

    fn taken(shares: &Arc<Shares>, caller: &Caller) -> Vec<Share> {
        std::iter::from_fn(|| shares.take(caller, 1)).collect()
    }

    #[test]
    fn a_limit_binds_its_own_identity_and_organisation_alone() {
        let shares = shares();
        let (first, second) = (caller("A", 1), caller("A", 2));
        let held = [taken(&shares, &first), taken(&shares, &second), taken(&shares, &caller("A", 3))];
        // The third identity holds nothing, but its organisation does.
        assert_eq!(held.each_ref().map(Vec::len), [3, 2, 0]);
        assert_eq!(taken(&shares, &caller("B", 4)).len(), 3);
    }

    #[test]
    fn entries_leave_with_the_last_share() {
        let shares = shares();
        drop((taken(&shares, &caller("A", 1)), taken(&shares, &caller("B", 2))));
        let held = shares.held.lock();
        assert!(held.by_identity.is_empty() && held.by_organisation.is_empty());
    }

    #[test]
    fn who_holds_nothing_gets_a_large_share() {
        let (shares, first) = (shares(), caller("A", 1));
        let large = shares.take(&first, 100).unwrap();
        assert!(shares.take(&first, 1).is_none() && shares.take(&caller("A", 2), 1).is_none());
        drop(large);
        assert!(shares.take(&caller("A", 2), 100).is_some());
    }
}
