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

use fabric::{
    channel::{Bundle, ConfigError},
    crypto::SignatureMemo,
    proto::common::Block,
    types::block::{data_hash, header_hash},
};

use self::report::Recorded;
pub use self::{
    files::{FileError, read},
    report::{BlockReport, Difference, Outcome, Summary},
};
use crate::{
    ledger::{
        Ledger, LedgerError,
        transaction::{CONFIG_KEY, CONFIG_NAMESPACE},
    },
    validate::{self, BlockRejected, Halt},
};

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
    #[error("a block has no header")]
    NoHeader,
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
    channel: Option<Channel>,
    memo: SignatureMemo,
}

struct Channel {
    ledger: Arc<Ledger>,
    bundle: Arc<Bundle>,
}

impl Replay {
    /// A replay whose ledger lies in `directory`. If one lies there already, the replay goes on with it.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, channel: None, memo: SignatureMemo::disabled() }
    }

    /// The ledger; none before the first block.
    pub fn ledger(&self) -> Option<&Arc<Ledger>> {
        self.channel.as_ref().map(|channel| &channel.ledger)
    }

    /// Judges the next block and commits it. A block that is in the ledger already is only compared.
    pub fn block(&mut self, mut block: Block) -> Result<BlockReport, ReplayError> {
        let recorded = Recorded::take(&mut block);
        let header = block.header.clone().ok_or(ReplayError::NoHeader)?;
        let channel = match &mut self.channel {
            Some(channel) => channel,
            none => none.insert(Channel::open(&self.directory, &block, header.number)?),
        };
        let height = channel.ledger.height();
        if header.number > height {
            return Err(ReplayError::Gap { last: height.saturating_sub(1), next: header.number });
        }
        let (block, reasons) = if header.number < height {
            (channel.known(&block, header.number)?, Vec::new())
        } else {
            channel.commit(block, header.number, &self.memo)?
        };
        Ok(BlockReport::new(header.number, Outcome::of(&block), recorded, &block, reasons))
    }
}

impl Channel {
    fn open(directory: &Path, first: &Block, number: u64) -> Result<Self, ReplayError> {
        let genesis = (number == 0).then_some(first);
        if let Some(block) = genesis {
            check_genesis(block)?;
        }
        let (ledger, _) = match Ledger::open(directory, genesis) {
            Err(LedgerError::NoGenesis { .. }) => return Err(ReplayError::NoGenesis(number)),
            opened => opened?,
        };
        let bundle = current_bundle(&ledger)?;
        Ok(Self { ledger, bundle })
    }

    /// The block of this number as we committed it, which must be the same block.
    fn known(&self, block: &Block, number: u64) -> Result<Block, ReplayError> {
        let known = self.ledger.block(number)?.filter(|known| hash(known) == hash(block));
        known.ok_or(ReplayError::OtherChain(number))
    }

    fn commit(
        &mut self,
        block: Block,
        number: u64,
        memo: &SignatureMemo,
    ) -> Result<(Block, Vec<String>), ReplayError> {
        let ordered = validate::verify_ordered(block, &self.bundle, &self.ledger, memo)
            .map_err(|reason| ReplayError::Rejected { number, reason })?;
        let validation = validate::validate(ordered, &self.bundle, &self.ledger, memo)?;
        let committed = self.ledger.commit(validation.block)?;
        if let Some(bundle) = validation.bundle {
            self.bundle = bundle;
        }
        Ok((committed.block.clone(), validation.reasons))
    }
}

fn check_genesis(block: &Block) -> Result<(), ReplayError> {
    let stated = block.header.as_ref().map(|header| header.data_hash.as_ref()).unwrap_or_default();
    let envelopes = block.data.as_ref().map(|data| data.data.as_slice()).unwrap_or_default();
    if data_hash(envelopes).as_slice() != stated {
        return Err(ReplayError::GenesisDataHash);
    }
    Bundle::from_block(block)?;
    Ok(())
}

/// The configuration as of the ledger's last block.
fn current_bundle(ledger: &Ledger) -> Result<Arc<Bundle>, ReplayError> {
    let config = ledger.view()?.get(CONFIG_NAMESPACE, CONFIG_KEY)?;
    let number = config.map_or(0, |config| config.version.block);
    let block = ledger.block(number)?.unwrap_or_default();
    Ok(Bundle::from_block(&block)?)
}

fn hash(block: &Block) -> Option<[u8; 32]> {
    block.header.as_ref().map(header_hash)
}
