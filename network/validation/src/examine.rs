//! All that can be said of each transaction of a block by itself: the part that can run on all cores.

use std::{
    collections::BTreeSet,
    panic,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use bytes::Bytes;
use fabric::{channel::Bundle, crypto::SignatureMemo, msp::Identity};

use super::{
    Defect, Stop, dispatch, duplicates,
    endorsers::endorsers,
    structure::{self, Type},
    unpack::Unpacked,
    verdict::{Failure, Verdict},
};
use ledger::{Ledger, Transaction};

/// How many transactions are worth a thread: to start one costs as much as to examine some whose
/// signatures are known already.
const WORTH_A_THREAD: usize = 8;

/// Asked once: the answer is read from files of the system each time.
static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));

/// A transaction, unpacked and examined.
pub(crate) struct Examined {
    pub unpacked: Unpacked,
    pub result: Result<Kind, Verdict>,
}

/// What remains to be done for a transaction that is consistent, signed and new.
pub(crate) enum Kind {
    Config,
    /// To be held against policies.
    Endorser {
        namespaces: BTreeSet<String>,
        endorsers: Vec<Arc<Identity>>,
    },
}

/// A result with the transaction's index.
type Raw = (usize, Unpacked, Result<Kind, Failure>);

/// What every transaction is examined with.
#[derive(Clone, Copy)]
pub(crate) struct Examiner<'a> {
    pub bundle: &'a Bundle,
    pub ledger: &'a Ledger,
    pub memo: &'a SignatureMemo,
}

impl Examiner<'_> {
    /// Examines all transactions of a block, of which none may stop the peers.
    pub fn examine_all(self, envelopes: &[Bytes]) -> Result<Vec<Examined>, Stop> {
        let examined = self.examine_each(envelopes).into_iter().enumerate();
        examined.map(|(index, result)| result.map_err(|defect| (index, defect))).collect()
    }

    /// Examines transactions, in their order; an error where peers would stop.
    pub fn examine_each(self, envelopes: &[Bytes]) -> Vec<Result<Examined, Defect>> {
        let mut examined = self.on_all_cores(envelopes);
        examined.sort_unstable_by_key(|(index, ..)| *index);
        let in_order = examined.into_iter().map(|(_, unpacked, result)| match result {
            Ok(kind) => Ok(Examined { unpacked, result: Ok(kind) }),
            Err(Failure::Invalid(verdict)) => Ok(Examined { unpacked, result: Err(verdict) }),
            Err(Failure::Halt(defect)) => Err(defect),
        });
        in_order.collect()
    }

    fn on_all_cores(self, envelopes: &[Bytes]) -> Vec<Raw> {
        let next = AtomicUsize::new(0);
        let work = || self.examine_some(envelopes, &next);
        let workers = CORES.min(envelopes.len().div_ceil(WORTH_A_THREAD));
        thread::scope(|scope| {
            let helper = |_| thread::Builder::new().name("validate".to_owned()).spawn_scoped(scope, work);
            // A thread that the system does not grant is done without.
            let helpers: Vec<_> = (1..workers).filter_map(|index| helper(index).ok()).collect();
            let mut examined = work();
            for helper in helpers {
                examined.extend(helper.join().unwrap_or_else(|bug| panic::resume_unwind(bug)));
            }
            examined
        })
    }

    fn examine_some(self, envelopes: &[Bytes], next: &AtomicUsize) -> Vec<Raw> {
        let mut examined = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(envelope) = envelopes.get(index) else { return examined };
            let unpacked = Unpacked::new(envelope.clone());
            let result = self.examine(&unpacked);
            examined.push((index, unpacked, result));
        }
    }

    fn examine(self, unpacked: &Unpacked) -> Result<Kind, Failure> {
        match structure::check(unpacked, self.bundle, self.memo)? {
            Type::Config => Ok(Kind::Config),
            Type::Endorser(endorsed) => {
                self.bundle.capabilities().require_v2().map_err(Defect::OldCapability)?;
                duplicates::check_ledger(unpacked, self.ledger)?;
                let namespaces = dispatch::check(unpacked, endorsed)?;
                Ok(Kind::Endorser { namespaces, endorsers: endorsers(endorsed, self.bundle, self.memo) })
            }
        }
    }
}

impl Examined {
    pub fn is_config(&self) -> bool {
        matches!(self.result, Ok(Kind::Config))
    }

    /// The transaction as the ledger keeps it.
    pub fn into_ledger(self, verdict: &Verdict) -> Transaction {
        let txid = self.unpacked.indexed_txid();
        match self.result {
            Ok(Kind::Config) if verdict.is_valid() => Transaction::config(txid, self.unpacked.data()),
            Ok(Kind::Endorser { .. }) if verdict.is_valid() => {
                Transaction { txid, rwset: self.unpacked.into_rwset() }
            }
            _ => Transaction { txid, rwset: None },
        }
    }
}
