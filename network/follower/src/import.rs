//! Takes the later blocks of a channel from a file into a ledger that ends earlier: one that was restored from a backup, from
//! what a follower has. Each block is verified and validated as if a source had delivered it.

use std::path::Path;

use fabric::{
    crypto::VerifiedSignatureCache,
    types::{HeadedBlock, block::NotABlock},
};
use ledger::{Ledger, LedgerError};
use validation::{BlockRejected, Committer, Halt, NoConfig, NotCommitted};

use crate::replay::{FileError, read};

/// What was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// How many blocks were added.
    pub taken: u64,
    /// How many blocks there are now.
    pub height: u64,
}

/// Why blocks are not taken. Those before are in the ledger.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("there is no ledger: restore the backup first")]
    NoLedger,
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the blocks are of another channel: their genesis block is {theirs}, and the one here {ours}")]
    OtherChannel { ours: String, theirs: String },
    #[error("block {0} is another one there than here: the chain took another course")]
    OtherCourse(u64),
    #[error("block {expected} is missing: after block {} comes block {got}", .expected.saturating_sub(1))]
    Gap { expected: u64, got: u64 },
    #[error(transparent)]
    NotABlock(#[from] NotABlock),
    #[error("block {number} is refused: {reason}")]
    Rejected { number: u64, reason: BlockRejected },
    #[error("the channel halts: {0}")]
    Halt(#[from] Halt),
    #[error(transparent)]
    Config(#[from] NoConfig),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Adds the blocks in `source` (as [`read`] finds them) to the ledger in `directory`. Blocks that are here are compared.
/// `progress` is told how many blocks there are, after each one that is added.
pub fn import(
    directory: &Path,
    source: &Path,
    mut progress: impl FnMut(u64),
) -> Result<Imported, ImportError> {
    if Ledger::logged_genesis(directory)?.is_none() {
        return Err(ImportError::NoLedger);
    }
    let (ledger, _) = Ledger::open(directory, None)?;
    let first = ledger.height();
    let mut committer = Committer::open(ledger, VerifiedSignatureCache::disabled())?;
    for block in read(source)? {
        let block = HeadedBlock::try_from(block?)?;
        let (number, height) = (block.number(), committer.ledger().height());
        match number {
            _ if number < height => compare(committer.ledger(), &block)?,
            _ if number > height => return Err(ImportError::Gap { expected: height, got: number }),
            _ => {
                committer.take(block).map_err(|failure| refused(number, failure))?;
                progress(height + 1);
            }
        }
    }
    let height = committer.ledger().height();
    Ok(Imported { taken: height - first, height })
}

fn compare(ledger: &Ledger, block: &HeadedBlock) -> Result<(), ImportError> {
    let number = block.number();
    let ours = ledger.block(number)?.map(|ours| ours.hash());
    match (ours == Some(block.hash()), number) {
        (true, _) => Ok(()),
        (false, 0) => Err(ImportError::OtherChannel {
            ours: hex::encode(ledger.genesis_hash()),
            theirs: hex::encode(block.hash()),
        }),
        (false, _) => Err(ImportError::OtherCourse(number)),
    }
}

fn refused(number: u64, failure: NotCommitted) -> ImportError {
    match failure {
        NotCommitted::Rejected(reason) => ImportError::Rejected { number, reason },
        NotCommitted::Halt(halt) => ImportError::Halt(halt),
        NotCommitted::Ledger(error) => ImportError::Ledger(error),
    }
}
