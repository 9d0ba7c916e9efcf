//! All that can be said of each transaction of a block by itself: the part that can run on all cores.

use std::{
    collections::BTreeSet,
    panic,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use bytes::Bytes;
use channel::Bundle;
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::common::HeaderType,
    types::{DecodedEnvelope, rwset::TxRwSet},
};
use msp::Identity;

use super::{
    Defect, Stop, dispatch, duplicates,
    endorsers::endorsers,
    structure::{self, Type},
    verdict::{Failure, Verdict},
};
use ledger::{Ledger, Transaction};

/// How many transactions are worth a thread: to start one costs as much as to examine some whose
/// signatures are known already.
const WORTH_A_THREAD: usize = 8;

/// A transaction, decoded as far as its examination came, and examined.
pub(crate) struct Examined {
    pub envelope: DecodedEnvelope,
    pub result: Result<Kind, Verdict>,
}

/// What remains to be done for a transaction that is consistent, signed and new.
pub(crate) enum Kind {
    /// Its data are an encoded `ConfigEnvelope`.
    Config(Bytes),
    /// Its policies are to be evaluated.
    Endorser { namespaces: BTreeSet<String>, endorsers: Vec<Arc<Identity>> },
}

/// A result with the transaction's index.
type Raw = (usize, DecodedEnvelope, Result<Kind, Failure>);

/// What every transaction is examined with.
#[derive(Clone, Copy)]
pub(crate) struct Examiner<'a> {
    pub bundle: &'a Bundle,
    pub ledger: &'a Ledger,
    pub memo: &'a VerifiedSignatureCache,
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
        let in_order = examined.into_iter().map(|(_, envelope, result)| match result {
            Ok(kind) => Ok(Examined { envelope, result: Ok(kind) }),
            Err(Failure::Invalid(verdict)) => Ok(Examined { envelope, result: Err(verdict) }),
            Err(Failure::Halt(defect)) => Err(defect),
        });
        in_order.collect()
    }

    fn on_all_cores(self, envelopes: &[Bytes]) -> Vec<Raw> {
        let next = AtomicUsize::new(0);
        let work = || self.examine_some(envelopes, &next);
        let workers = workers(envelopes.len());
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
            let envelope = DecodedEnvelope::new(envelope.clone());
            let result = self.examine(&envelope);
            examined.push((index, envelope, result));
        }
    }

    fn examine(self, envelope: &DecodedEnvelope) -> Result<Kind, Failure> {
        match structure::check(envelope, self.bundle, self.memo)? {
            Type::Config(data) => Ok(Kind::Config(data.clone())),
            Type::Endorser { header, endorsed, response } => {
                self.bundle.capabilities().require_v2().map_err(Defect::OldCapability)?;
                duplicates::check_ledger(header, self.ledger)?;
                let namespaces = dispatch::check(header, response)?;
                Ok(Kind::Endorser { namespaces, endorsers: endorsers(endorsed, self.bundle, self.memo) })
            }
        }
    }
}

impl Examined {
    /// The data of a config transaction; `None` for any other.
    pub fn config(&self) -> Option<&Bytes> {
        match &self.result {
            Ok(Kind::Config(data)) => Some(data),
            _ => None,
        }
    }

    pub fn is_config(&self) -> bool {
        self.config().is_some()
    }

    /// The id in the header; `None` where that cannot be read.
    pub fn txid(&self) -> Option<&str> {
        self.envelope.channel_header().ok().map(|header| header.tx_id.as_str())
    }

    /// The read-write set, if every layer around it is there and can be read.
    pub fn rwset(&self) -> Option<&TxRwSet> {
        let response = self.envelope.response().ok()?;
        response.present_action().and(response.rwset().ok())
    }

    /// The same for what its header says is an endorser transaction.
    pub fn endorser_rwset(&self) -> Option<&TxRwSet> {
        let is_endorser_transaction = self.envelope.header_type() == Some(HeaderType::EndorserTransaction);
        if is_endorser_transaction { self.rwset() } else { None }
    }

    /// The transaction as the ledger keeps it.
    pub fn into_ledger(self, verdict: &Verdict) -> Transaction {
        let txid = self.envelope.indexed_txid();
        match self.result {
            Ok(Kind::Config(data)) if verdict.is_valid() => Transaction::config(txid, data),
            Ok(Kind::Endorser { .. }) if verdict.is_valid() => {
                Transaction { txid, rwset: self.envelope.into_rwset().ok() }
            }
            _ => Transaction { txid, rwset: None },
        }
    }
}

/// How many threads examine a block. The system is asked only where there may be more than one: it reads files to answer.
fn workers(envelopes: usize) -> usize {
    match envelopes.div_ceil(WORTH_A_THREAD) {
        wanted @ 0..=1 => wanted,
        wanted => thread::available_parallelism().map_or(1, usize::from).min(wanted),
    }
}
