//! Stage 3: the verdict on every transaction of a block, the one that every Fabric peer reaches.
//!
//! A block goes through these steps. Its verdicts follow from the chain alone: no clock, no chance and
//! nothing of the machine has a say.
//!
//! | step | question | if not |
//! |---|---|---|
//! | [`source`] | is it from the orderers, and the next one? | [`BlockRejected`] |
//! | [`structure`], [`duplicates`], [`dispatch`] | each transaction by itself: consistent, signed, new? | its code |
//! | [`config`] | does a new configuration follow from the old one? | [`Halt`] |
//! | [`endorsement`] | in the order of the block: endorsed as policies demand? | its code |
//! | [`duplicates`] | is it in the block once? | its code |
//! | [`collections`] | do the collections of private writes exist? | [`Halt`] |
//! | [`mvcc`] | in the order of the block: is what it read unchanged? | its code |
//! | [`redefined`] | can the chaincode definitions that it leaves be read? | [`Halt`] |
//!
//! All signatures are verified in the second step, which is where the time goes; it runs on all cores but for
//! small blocks. Where Fabric's peers panic, hang or stop, validation ends in a [`Halt`].

mod collections;
mod config;
mod defect;
mod definitions;
mod dispatch;
mod duplicates;
mod endorsement;
mod endorsers;
mod examine;
mod key_policies;
mod merkle;
mod mvcc;
mod policies;
mod range;
mod redefined;
mod source;
mod structure;
mod unpack;
mod verdict;

use std::sync::Arc;

use fabric::{
    channel::Bundle,
    crypto::SignatureMemo,
    types::{Height, rwset::TxRwSet},
};

pub use self::{
    defect::{Defect, Halt},
    endorsers::is_endorsed,
    source::{BlockRejected, OrderedBlock, verify_ordered, verify_origin, verify_written},
    verdict::Verdict,
};
use self::{
    definitions::Definitions,
    endorsement::{Candidate, Endorsement},
    examine::{Examined, Examiner, Kind},
    key_policies::KeyPolicies,
    mvcc::State,
    policies::Policies,
    verdict::Failure,
};
use crate::ledger::{Ledger, Transaction, UpdateBatch, ValidatedBlock, View};

/// A block with the verdicts on its transactions, ready to be committed.
#[derive(Debug)]
pub struct Validation {
    pub block: ValidatedBlock,
    /// Why each transaction has its code; empty for a valid one.
    pub reasons: Vec<String>,
    /// The configuration after the block, if the block changes it.
    pub bundle: Option<Arc<Bundle>>,
}

/// Judges the transactions of the block that follows the last one in `ledger`.
pub fn validate(
    block: OrderedBlock,
    bundle: &Bundle,
    ledger: &Ledger,
    memo: &SignatureMemo,
) -> Result<Validation, Halt> {
    let number = block.number();
    let halt = |(transaction, defect)| Halt { block: number, transaction, defect };
    let view = ledger.view().map_err(|error| halt((0, error.into())))?;
    let examined = Examiner { bundle, ledger, memo }.examine_all(block.envelopes()).map_err(halt)?;
    Validator { number, bundle, view: &view, definitions: &Definitions::committed(&view) }
        .run(block, examined)
        .map_err(halt)
}

/// Whether the collections that a transaction writes to are defined, and the chaincode definitions that it
/// writes fit to act on: what the orderer asks before it lets a transaction in that would stop the peers.
pub fn check_writes(rwset: &TxRwSet, bundle: &Bundle, ledger: &Ledger) -> Result<(), Defect> {
    let view = ledger.view()?;
    collections::check_written(rwset, &Definitions::committed(&view))?;
    redefined::check_written(rwset, bundle, &view)
}

/// A defect, and the transaction that it is found at.
type Stop = (usize, Defect);

/// The steps that take the transactions in their order.
struct Validator<'a> {
    number: u64,
    bundle: &'a Bundle,
    view: &'a View<'a>,
    definitions: &'a Definitions<'a>,
}

impl Validator<'_> {
    fn run(self, block: OrderedBlock, examined: Vec<Examined>) -> Result<Validation, Stop> {
        let bundle = self.apply_config(&examined)?;
        let mut verdicts = self.check_endorsements(&examined)?;
        duplicates::mark(&examined, &mut verdicts);
        self.check_collections(&examined)?;
        let updates = self.check_reads(&examined, &mut verdicts)?;
        redefined::check(&updates, self.view)?;
        let transactions = examined.into_iter().zip(&verdicts);
        let transactions = transactions.map(|(examined, verdict)| examined.into_ledger(verdict)).collect();
        let codes = verdicts.iter().map(|verdict| verdict.code).collect();
        Ok(Validation {
            block: ValidatedBlock { block: block.into_inner(), codes, transactions, updates },
            reasons: verdicts.into_iter().map(|verdict| verdict.reason).collect(),
            bundle,
        })
    }

    fn apply_config(&self, examined: &[Examined]) -> Result<Option<Arc<Bundle>>, Stop> {
        let mut configs = examined.iter().enumerate();
        let Some((index, config)) = configs.find(|(_, examined)| matches!(examined.result, Ok(Kind::Config)))
        else {
            return Ok(None);
        };
        config::apply(&config.unpacked, self.bundle, examined.len())
            .map(Some)
            .map_err(|defect| (index, defect))
    }

    fn check_endorsements(&self, examined: &[Examined]) -> Result<Vec<Verdict>, Stop> {
        let unpacked = examined.iter().map(|examined| &examined.unpacked).collect();
        let mut endorsement = Endorsement {
            definitions: self.definitions,
            policies: Policies::new(self.bundle),
            key_policies: KeyPolicies::new(self.view, unpacked),
        };
        let verdicts = examined.iter().enumerate();
        verdicts.map(|(index, examined)| check_endorsement(index, examined, &mut endorsement)).collect()
    }

    fn check_collections(&self, examined: &[Examined]) -> Result<(), Stop> {
        for (index, examined) in examined.iter().enumerate() {
            if let Some(rwset) = examined.unpacked.endorser_rwset() {
                collections::check_written(rwset, self.definitions).map_err(|defect| (index, defect))?;
            }
        }
        Ok(())
    }

    /// Takes the valid transactions one after the other: each sees what those before it have written.
    fn check_reads(&self, examined: &[Examined], verdicts: &mut [Verdict]) -> Result<UpdateBatch, Stop> {
        let mut updates = UpdateBatch::default();
        for (index, (examined, verdict)) in examined.iter().zip(verdicts).enumerate() {
            if !verdict.is_valid() {
                continue;
            }
            match self.check_read(index, examined, &mut updates) {
                Ok(()) => {}
                Err(Failure::Invalid(conflict)) => *verdict = conflict,
                Err(Failure::Halt(defect)) => return Err((index, defect)),
            }
        }
        Ok(updates)
    }

    fn check_read(
        &self,
        index: usize,
        examined: &Examined,
        updates: &mut UpdateBatch,
    ) -> Result<(), Failure> {
        let height = Height::new(self.number, index as u64);
        if let Ok(Kind::Config) = examined.result {
            let config = Transaction::config(String::new(), examined.unpacked.data());
            if let Some(rwset) = &config.rwset {
                updates.apply(rwset, height, self.view)?;
            }
        } else if let Some(rwset) = examined.unpacked.rwset() {
            State { committed: self.view, block: updates }.check(rwset)?;
            updates.apply(rwset, height, self.view)?;
        }
        Ok(())
    }
}

fn check_endorsement(
    index: usize,
    examined: &Examined,
    endorsement: &mut Endorsement<'_>,
) -> Result<Verdict, Stop> {
    let result = match (&examined.result, examined.unpacked.rwset()) {
        (Ok(Kind::Endorser { namespaces, endorsers }), Some(rwset)) => {
            endorsement.check(Candidate { index, namespaces, rwset, endorsers })
        }
        (Err(verdict), _) => Err(verdict.clone().into()),
        (Ok(_), _) => Ok(()),
    };
    match result {
        Ok(()) => Ok(Verdict::valid()),
        Err(Failure::Invalid(verdict)) => Ok(verdict),
        Err(Failure::Halt(defect)) => Err((index, defect)),
    }
}
