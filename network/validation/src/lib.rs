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
//! small blocks. The steps after [`config`] take transaction by transaction ([`serial`]). Where Fabric's peers panic,
//! hang or stop, validation ends in a [`Halt`]; the orderer, which validates a block before it is one, leaves out what
//! would bring it there ([`compose()`]). The [`Committer`] takes a block through all of this and hands it to the ledger.
//!
//! # What holds here
//! - No clock, no randomness, no network, no disk (tests `no_part_names_what_lies_behind_its_wall`,
//!   `what_judges_reaches_no_network`, `replay_is_the_same_in_any_year`,
//!   `verdicts_do_not_depend_on_which_core_judges`).
//! - Our verdict is Fabric's: on recorded chains (`network/follower/tests/golden.rs`, `network/validation/tests/halts.rs`)
//!   and on mutants that real peers validated (tests
//!   `mutants_of_a_channel_of_fabric_2_5_are_judged_from_their_blocks_alone` and
//!   `mutants_of_a_channel_of_fabric_3_are_judged_from_their_blocks_alone`).
//! - No block makes it panic (tests `no_mutant_panics`, `no_merkle_summary_panics`).

mod collections;
mod committer;
mod compose;
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
pub mod peer_safety;
mod policies;
mod range;
mod redefined;
mod serial;
mod source;
mod structure;
mod verdict;

use std::sync::Arc;

use channel::{Bundle, ConfigError};
use fabric::crypto::VerifiedSignatureCache;

pub use self::{
    committer::{Committed, Committer, NotCommitted},
    compose::{Composition, compose},
    defect::{Defect, Halt},
    endorsers::is_endorsed,
    source::{BlockRejected, OrderedBlock, verify_ordered, verify_origin, verify_written},
    verdict::Verdict,
};
use self::{
    definitions::Definitions,
    examine::{Examined, Examiner},
    serial::{Serial, apply_config},
};
use ledger::{
    Ledger, LedgerError, UpdateBatch, ValidatedBlock,
    transaction::{CONFIG_KEY, CONFIG_NAMESPACE},
};

/// A block with the verdicts on its transactions, ready to be committed.
#[derive(Debug)]
pub struct Validation {
    pub block: ValidatedBlock,
    /// Why each transaction has its code; empty for a valid one.
    pub reasons: Vec<String>,
    /// The configuration after the block, if the block changes it.
    pub bundle: Option<Arc<Bundle>>,
}

/// Why the channel's configuration cannot be taken from a ledger.
#[derive(Debug, thiserror::Error)]
pub enum NoConfig {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the channel's configuration on the ledger cannot be used: {0}")]
    Unusable(#[from] ConfigError),
    #[error("the ledger holds no channel configuration")]
    Absent,
}

/// The newest configuration of the channel and the number of the block that holds it.
pub fn current_config(ledger: &Ledger) -> Result<(Arc<Bundle>, u64), NoConfig> {
    let state = ledger.view()?.get(CONFIG_NAMESPACE, CONFIG_KEY)?.ok_or(NoConfig::Absent)?;
    let number = state.version.block;
    let block = ledger.block(number)?.ok_or(NoConfig::Absent)?;
    Ok((Bundle::from_block(block.message())?, number))
}

/// Judges the transactions of the block that follows the last one in `ledger`.
///
/// ```
/// # use fabric::types::{HeadedBlock, blockfile::BlockFile};
/// use channel::Bundle;
/// use fabric::{crypto::VerifiedSignatureCache, proto::protos::TxValidationCode};
/// use ledger::Ledger;
///
/// # // A chain that real peers recorded.
/// # let file = std::fs::File::open("../../tests/golden/small/blockfile_000000")?;
/// # let blocks = BlockFile::new(file).map(|block| HeadedBlock::try_from(block.unwrap()).unwrap());
/// # let mut blocks = blocks.collect::<Vec<_>>().into_iter();
/// # let genesis = blocks.next().ok_or("no block")?;
/// # let directory = tempfile::tempdir()?;
/// let (ledger, _) = Ledger::open(directory.path(), Some(&genesis))?;
/// let mut bundle = Bundle::from_block(genesis.message())?;
/// let memo = VerifiedSignatureCache::disabled();
/// let mut valid = 0;
/// for block in blocks {
///     let ordered = validation::verify_ordered(block, &bundle, &ledger, &memo)?;
///     let validation = validation::validate(ordered, &bundle, &ledger, &memo)?;
///     let committed = ledger.commit(validation.block)?;
///     valid += committed.codes.iter().filter(|code| **code == TxValidationCode::Valid).count();
///     if let Some(changed) = validation.bundle {
///         bundle = changed;
///     }
/// }
/// // The genesis block's transaction is the 44th valid one.
/// assert_eq!((ledger.height(), valid), (14, 43));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn validate(
    block: OrderedBlock,
    bundle: &Bundle,
    ledger: &Ledger,
    memo: &VerifiedSignatureCache,
) -> Result<Validation, Halt> {
    let number = block.number();
    let halt = |(transaction, defect)| Halt { block: number, transaction, defect };
    let view = ledger.view().map_err(|error| halt((0, error.into())))?;
    let examined = Examiner { bundle, ledger, memo }.examine_all(block.envelopes()).map_err(halt)?;
    let new_bundle = apply_config(examined.iter(), examined.len(), bundle).map_err(halt)?;
    let definitions = Definitions::committed(&view);
    let mut serial = Serial::new(number, bundle, &view, &definitions);
    for (index, examined) in examined.iter().enumerate() {
        let validated = serial.validate(examined).and_then(|validated| serial.accept(examined, validated));
        validated.map_err(|defect| halt((index, defect)))?;
    }
    let (verdicts, updates) = serial.finish().map_err(halt)?;
    Ok(validation(block, examined, verdicts, updates, new_bundle))
}

fn validation(
    block: OrderedBlock,
    examined: Vec<Examined>,
    verdicts: Vec<Verdict>,
    updates: UpdateBatch,
    bundle: Option<Arc<Bundle>>,
) -> Validation {
    let transactions = examined.into_iter().zip(&verdicts);
    let transactions = transactions.map(|(examined, verdict)| examined.into_ledger(verdict)).collect();
    let codes = verdicts.iter().map(|verdict| verdict.code).collect();
    Validation {
        block: ValidatedBlock { block: block.into_inner(), codes, transactions, updates },
        reasons: verdicts.into_iter().map(|verdict| verdict.reason).collect(),
        bundle,
    }
}

/// A defect, and the transaction that it is found at.
type Stop = (usize, Defect);
