//! What can go wrong in the ledger, and what the node's operator does about it.

use std::{io, path::PathBuf};

use fabric::types::Height;

use super::Damage;

/// An error of the ledger. None of them is a verdict on a transaction.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the ledger in {} is in use by another process; stop that process, or choose another directory", .directory.display())]
    InUse { directory: PathBuf },
    #[error(
        "{} holds channel '{found}' with genesis block {found_genesis}, not the channel asked for \
         (genesis block {asked_genesis}); choose another directory",
        .directory.display()
    )]
    OtherChannel { directory: PathBuf, found: String, found_genesis: String, asked_genesis: String },
    #[error("{} holds no ledger yet, and no genesis block was given to begin one", .directory.display())]
    NoGenesis { directory: PathBuf },
    #[error("the genesis block cannot begin a ledger: {reason}")]
    BadGenesis { reason: String },
    #[error(
        "{} is in format {found}, this program writes format {expected}; use the program that wrote it, or \
         {ASIDE}",
        .directory.display()
    )]
    Format { directory: PathBuf, found: u64, expected: u64 },
    #[error("{0}. {advice}", advice = restore(.0.block))]
    LogDamaged(Box<Damage>),
    #[error(
        "the block log ends before block {logged}, but blocks up to {} were confirmed here: they are gone. {}",
        .confirmed.saturating_sub(1), restore(*.logged)
    )]
    Shorter { confirmed: u64, logged: u64 },
    #[error(
        "block {number} of the block log is not the one that was confirmed here: the chain took another \
         course. Nothing was changed. Put the right `blocks` directory back, or begin in a new directory; keep \
         this one"
    )]
    OtherCourse { number: u64 },
    #[error(
        "the index and the block log are of different chains (block {number} differs). Put the right \
         directories together again; or, if the log is right, {ASIDE}"
    )]
    IndexDiffers { number: u64 },
    #[error("the database in {} cannot be opened: {source}. Check the disk, then {ASIDE}", .directory.display())]
    IndexUnusable { directory: PathBuf, source: rocksdb::Error },
    #[error(
        "the database is not what the block log gives: '{family}' differs at key {key}. Stop the node, then {ASIDE}"
    )]
    IndexWrong { family: &'static str, key: String },
    #[error("block {number} was committed with commit hash {recorded}, replaying it gives {derived}")]
    ReplayDiffers { number: u64, recorded: String, derived: String },
    #[error("block {number} of the log cannot be replayed: {reason}")]
    Unreadable { number: u64, reason: String },
    #[error("block {got} cannot be committed: the ledger expects block {expected}")]
    WrongNumber { expected: u64, got: u64 },
    #[error("block {number} does not name block {} as its previous one", .number.saturating_sub(1))]
    WrongPrevious { number: u64 },
    #[error("block {number} has {transactions} transactions, but {codes} verdicts")]
    WrongVerdicts { number: u64, transactions: usize, codes: usize },
    #[error("block {number} has {size} bytes; the limit is {limit}")]
    TooLarge { number: u64, size: usize, limit: usize },
    #[error(
        "an earlier write to disk failed ({cause}); the ledger takes no more blocks, restart the process"
    )]
    Poisoned { cause: String },
    #[error("cannot {action} {}: {source}", .path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("database: {0}")]
    Database(#[from] rocksdb::Error),
    #[error("the database holds a record this program cannot read: {0}")]
    BadRecord(String),
    #[error(
        "too much private data waits for transactions of {creator} to be committed: {sets} sets with {bytes} \
         bytes; submit them, or wait: what is not committed is dropped after some blocks"
    )]
    TooMuchWaits { creator: String, sets: u64, bytes: u64 },
    #[error(transparent)]
    Defect(#[from] Defect),
    /// Fabric's own words, because the chaincode gets to see them (`txmgr/query_executor.go`).
    #[error(
        "private data matching public hash version is not available. Public hash version = \
         {{BlockNum: {}, TxNum: {}}}, Private data version = <nil>",
        .public.block, .public.tx
    )]
    PrivateDataUnavailable { public: Height },
}

/// What to do about a database that does not serve.
const ASIDE: &str = "move the `index` directory aside and start again: it is rebuilt from the block log. Keep it as \
                     long as private data are needed that no other member of their collections has";

/// What to do where blocks are lost here, the first of them `first`.
fn restore(first: u64) -> String {
    format!(
        "Nothing was changed, and nothing is served. Check the disk, move the `blocks` directory aside and keep it, \
         and put the one of a backup or of another node of this channel in its place (docs/recovery.md). Only if \
         there is no copy anywhere, start with --accept-loss-from {first}: block {first} and all after it are set \
         aside, what they recorded no longer holds, and nodes that have them do not follow"
    )
}

impl LedgerError {
    /// Whether blocks of the log are not what they were.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::LogDamaged(_)
                | Self::Unreadable { .. }
                | Self::WrongNumber { .. }
                | Self::WrongPrevious { .. }
        )
    }

    /// The first block that is lost here, where that is what is wrong.
    pub fn first_lost(&self) -> Option<u64> {
        match self {
            Self::LogDamaged(damage) => Some(damage.block),
            Self::Shorter { logged, .. } => Some(*logged),
            _ => None,
        }
    }
}

/// A transaction that stops a Fabric peer: the channel halts at this block, here as there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block {} stops the channel: transaction {}: {kind}", .at.block, .at.tx)]
pub struct Defect {
    /// The block and the transaction in it.
    pub at: Height,
    pub kind: DefectKind,
}

/// Why Fabric cannot commit the transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefectKind {
    /// Fabric panics: "Nil value not allowed" (`statedb.UpdateBatch.PutValAndMetadata`).
    #[error(
        "{key} was deleted earlier in this block, and is now written without a value \
         (metadata alone, or the same key put twice)"
    )]
    WriteWithoutValue { key: String },
    /// Fabric panics while it schedules the expiry of a hashed write (`pvtdatapolicy.GetBTL`).
    #[error("hashed write to collection '{collection}' of '{namespace}', which is not defined: {reason}")]
    UndefinedCollection { namespace: String, collection: String, reason: String },
    /// Fabric answers the block with an error (`validation.preprocessProtoBlock`).
    #[error("marked valid, but its content cannot be read: {reason}")]
    Unreadable { reason: String },
}
