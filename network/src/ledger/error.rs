//! What can go wrong in the ledger, and what whoever runs the node does about it.

use std::{io, path::PathBuf};

use fabric::types::Height;

/// An error of the ledger. None of them is a verdict on a transaction.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the ledger in {} is in use by another process; stop that process, or choose another directory", .directory.display())]
    InUse { directory: PathBuf },
    #[error(
        "{} holds channel '{found}' with genesis block {found_genesis}, not the channel asked for \
         (genesis block {asked_genesis}); choose another directory, or remove this one",
        .directory.display()
    )]
    OtherChannel { directory: PathBuf, found: String, found_genesis: String, asked_genesis: String },
    #[error("{} holds no ledger yet, and no genesis block was given to begin one", .directory.display())]
    NoGenesis { directory: PathBuf },
    #[error("the genesis block cannot begin a ledger: {reason}")]
    BadGenesis { reason: String },
    #[error(
        "{} is in format {found}, this program writes format {expected}; use the program that wrote it, or \
         remove that directory: it is rebuilt from the block log (private data kept there is lost)",
        .directory.display()
    )]
    Format { directory: PathBuf, found: u64, expected: u64 },
    #[error(
        "the block log is damaged: {} at byte {offset}: {reason}. Blocks behind this place are intact, so this \
         is no interrupted write: check the disk, then restore the `blocks` directory from a copy, or \
         remove the whole ledger directory and let the node fetch the chain anew",
        .segment.display()
    )]
    LogDamaged { segment: PathBuf, offset: u64, reason: String },
    #[error(
        "the index knows {indexed} blocks, but the block log holds only {logged}: blocks that were durable \
         are gone. Restore the `blocks` directory from a copy, or remove the `index` directory to go on from \
         block {logged} (private data kept there is lost)"
    )]
    LogBehindIndex { indexed: u64, logged: u64 },
    #[error(
        "the index and the block log are of different chains (block {number} differs). Put the right \
         directories together again, or remove the `index` directory (private data kept there is lost)"
    )]
    IndexDiffers { number: u64 },
    #[error(
        "the database is not what the block log gives: '{family}' differs at key {key}. Remove the `index` \
         directory, it is rebuilt from the log (private data kept there is lost)"
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
        "too much private data waits for transactions to be committed: {sets} sets with {bytes} bytes; what is \
         not committed is dropped after some blocks"
    )]
    TooMuchWaits { sets: u64, bytes: u64 },
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
