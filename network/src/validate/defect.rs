//! What stops a channel: every case in which Fabric's peers stop, instead of giving a verdict.

use fabric::channel::ConfigError;

use crate::{
    ledger::{self, LedgerError},
    lifecycle::StateError,
};

/// A block that no peer gets past. It stays on the chain, so the channel goes no further; what is
/// committed remains.
#[derive(Debug, thiserror::Error)]
#[error("block {block}, transaction {transaction}: {defect}")]
pub struct Halt {
    pub block: u64,
    /// Index in the block.
    pub transaction: usize,
    #[source]
    pub defect: Defect,
}

impl Halt {
    /// The transaction without which the block would do no harm, if it is for a transaction that peers stop.
    pub fn culprit(&self) -> Option<usize> {
        match self.defect {
            Defect::Ledger(_) => None,
            Defect::FollowsActionless { culprit, .. }
            | Defect::AwaitsUnreadable { culprit, .. }
            | Defect::AwaitsUnchecked { culprit, .. } => Some(culprit),
            _ => Some(self.transaction),
        }
    }
}

/// Why Fabric's peers panic, hang or stop at a transaction.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    #[error("its payload has no header (Fabric peers panic)")]
    NoHeader,
    #[error("its action has no content (Fabric peers panic)")]
    ActionWithoutContent,
    #[error(
        "before it is held against policies transaction {culprit} is read, in which {flaw} (Fabric peers panic)"
    )]
    FollowsActionless { culprit: usize, flaw: String },
    #[error("it waits for transaction {culprit}, which cannot be read: {flaw} (Fabric peers hang)")]
    AwaitsUnreadable { culprit: usize, flaw: String },
    #[error(
        "it writes {key}, and waits for transaction {culprit}, which writes that key's policy but is never \
         held against policies itself (Fabric peers hang)"
    )]
    AwaitsUnchecked { culprit: usize, key: String },
    #[error(
        "it writes to collection '{collection}' of '{chaincode}', which is not defined: {reason} (Fabric \
         peers panic)"
    )]
    Collection { chaincode: String, collection: String, reason: String },
    #[error("the policy of a key that it writes cannot be read: {0} (Fabric peers stop)")]
    KeyPolicy(String),
    #[error("chaincode '{chaincode}' asks for validation plugin '{plugin}', which is not there")]
    UnknownPlugin { chaincode: String, plugin: String },
    #[error("the policy of {of} refers to '{name}', a group of policies (Fabric peers panic)")]
    PolicyNamesGroup { of: String, name: String },
    #[error(
        "{0}; chaincode transactions of this level are validated by rules of Fabric 1, which are not here"
    )]
    OldCapability(ConfigError),
    #[error("{0} (Fabric peers stop)")]
    Definition(String),
    #[error("a range query states a Merkle summary of degree {0} (Fabric peers panic)")]
    SummaryDegree(u32),
    #[error(
        "so many keys joined a queried range that its Merkle tree grew by a level beyond the summary \
         (Fabric peers panic)"
    )]
    SummaryOutgrown,
    #[error("a range query states a read of {0:?} without a version (Fabric peers panic)")]
    ReadWithoutVersion(String),
    #[error("the configuration does not follow from the channel's: {0} (Fabric peers stop)")]
    Config(String),
    #[error("a config transaction is not alone in its block (Fabric peers disagree)")]
    ConfigAmongOthers,
    #[error(transparent)]
    Commit(#[from] ledger::Defect),
    #[error(transparent)]
    Ledger(LedgerError),
}

impl From<LedgerError> for Defect {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Defect(defect) => Self::Commit(defect),
            error => Self::Ledger(error),
        }
    }
}

impl From<StateError> for Defect {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Ledger(error) => error.into(),
            StateError::Failed(reason) => Self::Definition(reason),
        }
    }
}
