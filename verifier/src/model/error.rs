//! What can go wrong in the read model, and what the verifier's operator does about it.

use std::path::PathBuf;

use certificate::Code;
use certificate::record::RecordError;

/// An error of the read model. None of them is a verdict on a certificate: the public sees "cannot tell".
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("the read model in {} is in use by another process; stop it, or choose another directory", .directory.display())]
    InUse { directory: PathBuf },
    #[error(
        "{} holds the read model of channel '{found}' ({found_genesis}), not of '{asked}' ({asked_genesis}); \
         choose another directory",
        .directory.display()
    )]
    OtherChannel {
        directory: PathBuf,
        found: String,
        found_genesis: String,
        asked: String,
        asked_genesis: String,
    },
    #[error(
        "{} has read model format {found}, which a newer program wrote; this one writes format {expected}. Use the \
         newer program, or choose another directory: the read model is rebuilt from the ledger",
        .directory.display()
    )]
    Format { directory: PathBuf, found: u8, expected: u8 },
    #[error(
        "answers were given up to block {}, but the ledger ends before block {logged}: blocks that were confirmed \
         are gone. Put the ledger of a backup or of another node of the channel in its place (docs/recovery.md). \
         Only if there is no copy anywhere, start with --accept-loss-from {logged}",
        .confirmed.saturating_sub(1)
    )]
    LedgerShorter { confirmed: u64, logged: u64 },
    #[error("block {got} does not follow: the read model expects block {expected}")]
    WrongNumber { expected: u64, got: u64 },
    #[error("block {number} does not follow from block {} as the read model knows it: another chain", .number.saturating_sub(1))]
    OtherChain { number: u64 },
    #[error("the configuration in block {number} cannot be read: {reason}")]
    Config { number: u64, reason: String },
    #[error("certificate {code} was written again past the contract, or cannot be read")]
    Certificate { code: Code },
    #[error("record {key:?} cannot be read: {source}")]
    Record { key: String, source: RecordError },
    #[error("the damaged read model in {} cannot be moved aside: {source}", .directory.display())]
    Directory { directory: PathBuf, source: std::io::Error },
    #[error("the read model's record of its own place is damaged")]
    Savepoint,
    #[error("the policy of both bodies cannot be built: {0}")]
    Policy(String),
    #[error("the read model's database failed: {0}")]
    Database(#[from] rocksdb::Error),
    #[error("the ledger could not be read: {0}")]
    Ledger(String),
}
