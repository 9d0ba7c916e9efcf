//! The transactions of a block one after the other: each is validated against what those before it have changed.
//!
//! Judging a transaction leaves no trace; only an accepted one has its place in the block. So the orderer can
//! validate a transaction and leave it out, and what follows is validated as if it had never been there.

use std::{cell::Cell, collections::HashSet, sync::Arc};

use channel::Bundle;
use fabric::types::{DecodedEnvelope, Height};

use super::{
    Defect, Stop, collections, config,
    definitions::Definitions,
    duplicates,
    endorsement::{Candidate, Checked, Endorsement},
    examine::{Examined, Kind},
    key_policies::{KeyPolicies, Met, namespaces_to_settle},
    mvcc::State,
    policies::Policies,
    redefined,
    verdict::{Failure, Verdict},
};
use ledger::{Transaction, UpdateBatch, View};

/// The block so far.
pub(crate) struct Serial<'a> {
    number: u64,
    view: &'a View<'a>,
    endorsement: Endorsement<'a>,
    /// The ids of the endorser transactions that met their policies.
    txids: HashSet<&'a str>,
    updates: UpdateBatch,
    verdicts: Vec<Verdict>,
    /// How many results of range queries may be looked up, and how many still may.
    range_limit: usize,
    range_results: Cell<usize>,
}

/// A transaction's verdict at the end of the block so far.
pub(crate) struct Validated {
    pub verdict: Verdict,
    /// Peers reach this verdict or another one, as it happens.
    pub is_disputed: bool,
    /// Whether it counts as one that met its policies, whatever the verdict.
    is_endorsed: bool,
    met: Met,
    /// In how many namespaces it did not meet the policies.
    failures: usize,
}

impl<'a> Serial<'a> {
    pub fn new(
        number: u64,
        bundle: &'a Bundle,
        view: &'a View<'a>,
        definitions: &'a Definitions<'a>,
    ) -> Self {
        let endorsement = Endorsement {
            definitions,
            policies: Policies::new(bundle),
            key_policies: KeyPolicies::new(view),
        };
        let (txids, updates, verdicts) = (HashSet::new(), UpdateBatch::default(), Vec::new());
        let (range_limit, range_results) = (usize::MAX, Cell::new(usize::MAX));
        Self { number, view, endorsement, txids, updates, verdicts, range_limit, range_results }
    }

    /// Judges as the orderer must: what stops only some peers is an error too, and so many results of range
    /// queries may be looked up.
    pub fn for_ordering(mut self, range_results: usize) -> Self {
        self.endorsement.key_policies.for_ordering = true;
        (self.range_limit, self.range_results) = (range_results, Cell::new(range_results));
        self
    }

    /// Whether no transaction is in the block yet, and none has been looked up ranges for: what stops peers now,
    /// does so by itself.
    pub fn is_untouched(&self) -> bool {
        self.verdicts.is_empty() && self.range_results.get() == self.range_limit
    }

    /// What the policies of keys may cost the transactions validated from now on, together.
    pub fn limit_key_policies(&mut self, comparisons: usize) {
        self.endorsement.policies.limit_key_policies(comparisons);
    }

    /// Judges a transaction as the next one of the block.
    pub fn validate(&mut self, examined: &Examined) -> Result<Validated, Defect> {
        let mut validated = self.check_endorsement(examined)?;
        let earlier = examined.txid().filter(|txid| validated.is_endorsed && self.txids.contains(txid));
        if let Some(txid) = earlier {
            validated.verdict = duplicates::in_block(txid);
        }
        if let Some(rwset) = examined.endorser_rwset() {
            collections::check_written(rwset, self.endorsement.definitions)?;
        }
        if validated.verdict.is_valid() {
            self.check_reads(examined, &mut validated.verdict)?;
        }
        Ok(validated)
    }

    /// Makes a transaction the next one of the block. On an error it is not in the block.
    pub fn accept(&mut self, examined: &'a Examined, validated: Validated) -> Result<(), Defect> {
        let index = self.verdicts.len();
        if validated.verdict.is_valid() {
            self.apply(index, examined)?;
        }
        if validated.is_endorsed {
            self.txids.extend(examined.txid());
        }
        self.endorsement.key_policies.add(index, &examined.envelope, validated.met);
        self.verdicts.push(validated.verdict);
        Ok(())
    }

    /// The verdicts and what the valid transactions change, if peers can read the definitions it leaves.
    pub fn finish(self) -> Result<(Vec<Verdict>, UpdateBatch), Stop> {
        redefined::check(&self.updates, self.view)?;
        Ok((self.verdicts, self.updates))
    }

    fn check_endorsement(&mut self, examined: &Examined) -> Result<Validated, Defect> {
        let plain = |verdict: Verdict, failures| Validated {
            verdict,
            is_disputed: false,
            is_endorsed: false,
            met: Met::new(),
            failures,
        };
        let (kind, rwset) = match (&examined.result, examined.rwset()) {
            (Ok(kind), rwset) => (kind, rwset),
            (Err(verdict), _) => return Ok(plain(verdict.clone(), 1)),
        };
        let (Kind::Endorser { namespaces, endorsers }, Some(rwset)) = (kind, rwset) else {
            return Ok(plain(Verdict::valid(), 0));
        };
        let Checked { result, met, failures, is_disputed } =
            self.endorsement.check(Candidate { namespaces, rwset, endorsers })?;
        let is_endorsed = result.is_ok();
        let verdict = result.err().unwrap_or_else(Verdict::valid);
        Ok(Validated { verdict, is_disputed, is_endorsed, met, failures })
    }

    fn check_reads(&self, examined: &Examined, verdict: &mut Verdict) -> Result<(), Defect> {
        let Some(rwset) = examined.rwset().filter(|_| !examined.is_config()) else { return Ok(()) };
        let (block, range_results) = (&self.updates, &self.range_results);
        match (State { committed: self.view, block, range_results }).check(rwset) {
            Ok(()) => Ok(()),
            Err(Failure::Invalid(conflict)) => {
                *verdict = conflict;
                Ok(())
            }
            Err(Failure::Halt(defect)) => Err(defect),
        }
    }

    fn apply(&mut self, index: usize, examined: &Examined) -> Result<(), Defect> {
        let height = Height::new(self.number, index as u64);
        let config = examined.config().map(|data| Transaction::config(String::new(), data.clone()));
        let rwset = match &config {
            Some(config) => config.rwset.as_ref(),
            None => examined.rwset(),
        };
        if let Some(rwset) = rwset {
            self.updates.apply(rwset, height, self.view)?;
        }
        Ok(())
    }
}

impl Validated {
    /// Whether peers could hang or panic at a later transaction of the block: they cannot read this one, or some
    /// of them never hold a key policy that it sets against the policies of the key's namespace.
    pub fn endangers_followers(&self, envelope: &DecodedEnvelope) -> bool {
        namespaces_to_settle(envelope)
            .map_or(true, |mut namespaces| namespaces.any(|namespace| !self.is_settled(namespace)))
    }

    /// Takes the results that only some peers come to for results that none comes to.
    pub fn forget_unsettled(&mut self) {
        let failures = self.failures;
        self.met.retain(|_, met| is_settled(*met, failures));
    }

    fn is_settled(&self, namespace: &str) -> bool {
        self.met.get(namespace).is_some_and(|met| is_settled(*met, self.failures))
    }
}

/// Whether every peer comes to this result of a namespace. Peers visit the namespaces in an order of their own and
/// stop at the first that fails: where one fails, all visit that one, and some no other.
fn is_settled(met: bool, failures: usize) -> bool {
    failures == 0 || (failures == 1 && !met)
}

/// The configuration after a block of so many transactions, if it changes it.
pub(crate) fn apply_config<'e>(
    examined: impl Iterator<Item = &'e Examined>,
    count: usize,
    bundle: &Bundle,
) -> Result<Option<Arc<Bundle>>, Stop> {
    let mut configs = examined.enumerate().filter_map(|(index, examined)| Some((index, examined.config()?)));
    let Some((index, config)) = configs.next() else { return Ok(None) };
    config::apply(config, bundle, count).map(Some).map_err(|defect| (index, defect))
}
