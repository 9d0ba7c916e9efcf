//! How blocks go into the read model: as they are committed, and for what it missed from the ledger's log.

use ledger::{CommittedBlock, Ledger, LedgerError};

use super::block::IncomingBlock;
use super::{ModelError, ReadModel};

/// What [`ReadModel::catch_up`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaughtUp {
    /// Number of blocks that were there before.
    pub from: u64,
    /// Number of blocks now.
    pub to: u64,
    /// What was there belonged to another course of the chain and was thrown away.
    pub rebuilt: bool,
}

impl ReadModel {
    /// Applies the next block. It must be one that this process validated itself. On an error nothing was applied.
    pub fn apply(&self, block: &CommittedBlock) -> Result<(), ModelError> {
        self.apply_block(&IncomingBlock::committed(block))
    }

    /// Goes on without blocks that the ledger has lost: throws the model away where it answered from block `from`
    /// or a later one.
    pub fn accept_loss(&self, from: u64) -> Result<(), ModelError> {
        if self.height() > from { self.clear() } else { Ok(()) }
    }

    /// Applies every block of the ledger that is not in the model yet. The ledger must be of the model's channel. One
    /// that has fewer blocks than the model has lost some: nothing may be answered from it.
    pub fn catch_up(&self, ledger: &Ledger) -> Result<CaughtUp, ModelError> {
        let from = self.height();
        let rebuilt = self.fit(ledger)?;
        while self.apply_next(ledger)? {}
        Ok(CaughtUp { from: if rebuilt { 0 } else { from }, to: self.height(), rebuilt })
    }

    /// Refuses a ledger that has fewer blocks than answers were given from.
    pub(crate) fn check(&self, ledger: &Ledger) -> Result<(), ModelError> {
        let (confirmed, logged) = (self.height(), ledger.height());
        if confirmed > logged { Err(ModelError::LedgerShorter { confirmed, logged }) } else { Ok(()) }
    }

    /// Throws everything away where the blocks in the model are not the ledger's first ones; says whether it did.
    pub(crate) fn fit(&self, ledger: &Ledger) -> Result<bool, ModelError> {
        self.check(ledger)?;
        let fits = self.is_beginning_of(ledger)?;
        if !fits {
            tracing::warn!(
                height = self.height(),
                "the read model does not fit the ledger and is built anew"
            );
            self.clear()?;
        }
        Ok(!fits)
    }

    /// Applies the next block of a ledger that the model fits; says whether there was one.
    pub(crate) fn apply_next(&self, ledger: &Ledger) -> Result<bool, ModelError> {
        let number = self.height();
        if number >= ledger.height() {
            return Ok(false);
        }
        let block = ledger.block(number).map_err(unreadable)?;
        let block = block.ok_or_else(|| ModelError::Ledger(format!("block {number} is missing")))?;
        let stored = self.stored();
        let block = IncomingBlock::logged(&block, &stored).map_err(unreadable)?;
        self.apply_block(&block)?;
        Ok(true)
    }

    /// Whether the blocks in the model are the ledger's first ones.
    fn is_beginning_of(&self, ledger: &Ledger) -> Result<bool, ModelError> {
        let Some(newest) = self.height().checked_sub(1) else { return Ok(true) };
        let block = ledger.block(newest).map_err(unreadable)?;
        Ok(block.is_some_and(|block| block.hash() == self.block_hash()))
    }
}

fn unreadable(error: LedgerError) -> ModelError {
    ModelError::Ledger(error.to_string())
}
