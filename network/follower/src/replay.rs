//! Judges a recorded chain again, from its blocks alone, and compares the result with what was recorded.
//!
//! The auditor's tool: a peer's block files, or single blocks, go in; for each block come out our verdicts
//! and commit hash, and the first place where they are not the recorded ones. A block is separated from
//! the verdicts in its metadata before anything else is done with it, so they cannot influence ours.

mod files;
mod report;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use channel::{Bundle, ConfigError};
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::common::Block,
    types::{
        HeadedBlock,
        block::{NotABlock, data_hash},
        decode::DecodeError,
    },
};

use self::report::Recorded;
pub use self::{
    files::{FileError, read},
    report::{BlockReport, Difference, Outcome, Summary},
};
use ledger::{Ledger, LedgerError};
use validation::{BlockRejected, Committer, Halt, NoConfig, NotCommitted};

/// Why a chain cannot be replayed further.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("a chain begins with its genesis block, this one with block {0}; give the files in order")]
    NoGenesis(u64),
    #[error("block {number} is missing; block {next} comes after block {last}", number = .last + 1)]
    Gap { last: u64, next: u64 },
    #[error("block {0} is another one than the block of that number in the ledger: two chains are mixed")]
    OtherChain(u64),
    #[error(transparent)]
    NotABlock(#[from] NotABlock),
    #[error("the commit hash in the metadata of the next block cannot be read: {0}")]
    CommitHash(#[from] DecodeError),
    #[error("the genesis block's data hash is not that of its data")]
    GenesisDataHash,
    #[error("block {number} is refused: {reason}")]
    Rejected { number: u64, reason: BlockRejected },
    #[error("the chain halts: {0}")]
    Halt(#[from] Halt),
    #[error("the configuration of the channel cannot be used: {0}")]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A chain on its way into a ledger of its own.
pub struct Replay {
    directory: PathBuf,
    /// None before the first block.
    committer: Option<Committer>,
}

impl Replay {
    /// A replay whose ledger lies in `directory`. If one lies there already, the replay goes on with it.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, committer: None }
    }

    /// The ledger; none before the first block.
    pub fn ledger(&self) -> Option<&Arc<Ledger>> {
        self.committer.as_ref().map(Committer::ledger)
    }

    /// Judges the next block and commits it. A block that is in the ledger already is only compared.
    pub fn block(&mut self, mut block: Block) -> Result<BlockReport, ReplayError> {
        let recorded = Recorded::take(&mut block)?;
        let block = HeadedBlock::try_from(block)?;
        let number = block.number();
        let committer = match &mut self.committer {
            Some(committer) => committer,
            none => none.insert(open(&self.directory, &block)?),
        };
        let height = committer.ledger().height();
        if number > height {
            return Err(ReplayError::Gap { last: height.saturating_sub(1), next: number });
        }
        let (block, reasons) = if number < height {
            (known(committer.ledger(), &block)?, Vec::new())
        } else {
            let committed = committer.take(block).map_err(|failure| not_committed(number, failure))?;
            (committed.block.block.clone(), committed.reasons)
        };
        Ok(BlockReport::new(recorded, &block, reasons)?)
    }
}

fn open(directory: &Path, first: &HeadedBlock) -> Result<Committer, ReplayError> {
    let genesis = (first.number() == 0).then_some(first);
    if let Some(block) = genesis {
        check_genesis(block)?;
    }
    let (ledger, _) = match Ledger::open(directory, genesis) {
        Err(LedgerError::NoGenesis { .. }) => return Err(ReplayError::NoGenesis(first.number())),
        opened => opened?,
    };
    Committer::open(ledger, VerifiedSignatureCache::disabled()).map_err(|error| match error {
        NoConfig::Ledger(error) => ReplayError::Ledger(error),
        NoConfig::Unusable(error) => ReplayError::Config(error),
        NoConfig::Absent => ReplayError::NoGenesis(0),
    })
}

/// The block of this number as we committed it, which must be the same block.
fn known(ledger: &Ledger, block: &HeadedBlock) -> Result<HeadedBlock, ReplayError> {
    let known = ledger.block(block.number())?.filter(|known| known.hash() == block.hash());
    known.ok_or(ReplayError::OtherChain(block.number()))
}

fn not_committed(number: u64, failure: NotCommitted) -> ReplayError {
    match failure {
        NotCommitted::Rejected(reason) => ReplayError::Rejected { number, reason },
        NotCommitted::Halt(halt) => ReplayError::Halt(halt),
        NotCommitted::Ledger(error) => ReplayError::Ledger(error),
    }
}

fn check_genesis(block: &HeadedBlock) -> Result<(), ReplayError> {
    if data_hash(block.envelopes()).as_slice() != block.header().data_hash {
        return Err(ReplayError::GenesisDataHash);
    }
    Bundle::from_block(block.message())?;
    Ok(())
}
