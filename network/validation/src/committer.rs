//! Verify, validate, commit: the one way by which a ledger grows, block after block, each under the configuration that the
//! blocks before it have left.
//!
//! | block from | verify | validate |
//! |---|---|---|
//! | others, or a recorded chain | [`verify_ordered`] | [`validate`] |
//! | this process, which orders | [`verify_written`] | with [`compose()`], before the block was written |
//!
//! Source: `gossip/state/state.go` (`commitBlock`), `core/committer/committer_impl.go`,
//! `gossip/privdata/coordinator.go` (`StoreBlock`).

use std::sync::Arc;

use bytes::Bytes;
use channel::Bundle;
use fabric::{crypto::VerifiedSignatureCache, types::HeadedBlock};
use ledger::{CommittedBlock, Ledger, LedgerError};

use super::{
    BlockRejected, Composition, Halt, NoConfig, Validation, compose, current_config, validate,
    verify_ordered, verify_origin, verify_written,
};

/// A ledger that takes blocks, and the configuration of its channel as of the last one.
pub struct Committer {
    ledger: Arc<Ledger>,
    bundle: Arc<Bundle>,
    memo: Arc<VerifiedSignatureCache>,
}

/// A block that is durable in the ledger.
pub struct Committed {
    pub block: Arc<CommittedBlock>,
    /// Why each transaction has its code; empty for a valid one.
    pub reasons: Vec<String>,
    /// The configuration after the block, if the block changed it.
    pub bundle: Option<Arc<Bundle>>,
}

/// Why a block is not committed. Nothing has changed, unless the ledger failed.
#[derive(Debug, thiserror::Error)]
pub enum NotCommitted {
    /// Another source may have the right one.
    #[error("the block is refused: {0}")]
    Rejected(BlockRejected),
    /// No peer gets past it.
    #[error("the channel halts: {0}")]
    Halt(#[from] Halt),
    #[error("the ledger failed: {0}")]
    Ledger(#[from] LedgerError),
}

impl Committer {
    /// Goes on where `ledger` ends, under the configuration that is on it.
    pub fn open(ledger: Arc<Ledger>, memo: VerifiedSignatureCache) -> Result<Self, NoConfig> {
        let (bundle, _) = current_config(&ledger)?;
        Ok(Self::new(ledger, bundle, Arc::new(memo)))
    }

    /// The same where the configuration has been read already.
    pub fn new(ledger: Arc<Ledger>, bundle: Arc<Bundle>, memo: Arc<VerifiedSignatureCache>) -> Self {
        Self { ledger, bundle, memo }
    }

    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The configuration as of the last block.
    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// Verifies, validates and commits the next block of the chain, which others ordered.
    ///
    /// ```
    /// # use fabric::types::{HeadedBlock, blockfile::BlockFile};
    /// use fabric::crypto::VerifiedSignatureCache;
    /// use ledger::Ledger;
    /// use validation::Committer;
    ///
    /// # // A chain that real peers recorded.
    /// # let file = std::fs::File::open("../../tests/golden/small/blockfile_000000")?;
    /// # let blocks = BlockFile::new(file).map(|block| HeadedBlock::try_from(block.unwrap()).unwrap());
    /// # let mut blocks = blocks.collect::<Vec<_>>().into_iter();
    /// # let genesis = blocks.next().ok_or("no block")?;
    /// # let directory = tempfile::tempdir()?;
    /// let (ledger, _) = Ledger::open(directory.path(), Some(&genesis))?;
    /// let mut committer = Committer::open(ledger, VerifiedSignatureCache::disabled())?;
    /// for block in blocks {
    ///     let committed = committer.take(block)?;
    ///     assert_eq!(committed.reasons.len(), committed.block.codes.len());
    /// }
    /// assert_eq!(committer.ledger().height(), 14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take(&mut self, block: HeadedBlock) -> Result<Committed, NotCommitted> {
        let ordered = verify_ordered(block, &self.bundle, &self.ledger, &self.memo)?;
        let validation = validate(ordered, &self.bundle, &self.ledger, &self.memo)?;
        self.commit(validation)
    }

    /// Which envelopes make the next block, and the verdicts on them.
    pub fn compose(&self, envelopes: &[Bytes]) -> Result<Composition, Halt> {
        compose(envelopes, &self.bundle, &self.ledger, &self.memo)
    }

    /// Verifies the block that this process wrote of a composition, as any peer does.
    pub fn verify_written(
        &self,
        block: HeadedBlock,
        composition: Composition,
    ) -> Result<Validation, NotCommitted> {
        let ordered = verify_written(block, &self.bundle, &self.ledger, &self.memo)?;
        Ok(composition.into_validation(ordered))
    }

    /// Commits a block with its verdicts; from then on the configuration that it leaves counts.
    pub fn commit(&mut self, validation: Validation) -> Result<Committed, NotCommitted> {
        let Validation { block, reasons, bundle } = validation;
        let block = self.ledger.commit(block)?;
        if let Some(bundle) = &bundle {
            self.bundle = Arc::clone(bundle);
        }
        Ok(Committed { block, reasons, bundle })
    }

    /// Whether `block` would be taken as the next one of the chain, as far as its origin goes.
    pub fn verify_next(&self, block: HeadedBlock) -> Result<(), BlockRejected> {
        verify_ordered(block, &self.bundle, &self.ledger, &self.memo).map(drop)
    }

    /// Whether `block`, wherever on the chain it stands, comes from the channel's orderers, by the configuration as of
    /// the last block.
    pub fn verify_origin(&self, block: &HeadedBlock) -> Result<(), BlockRejected> {
        verify_origin(block, &self.bundle, &self.memo)
    }
}

impl From<BlockRejected> for NotCommitted {
    /// A failure of our own ledger says nothing of the block.
    fn from(reason: BlockRejected) -> Self {
        match reason {
            BlockRejected::Ledger(error) => Self::Ledger(error),
            reason => Self::Rejected(reason),
        }
    }
}
