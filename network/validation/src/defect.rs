//! What stops a channel: every case in which Fabric's peers stop, instead of giving a verdict.

use channel::ConfigError;

use ledger::{DefinitionError, LedgerError};

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

/// Why Fabric's peers panic, hang or stop at a transaction.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    #[error("its payload has no header (Fabric peers panic)")]
    NoHeader,
    #[error("its action has no content (Fabric peers panic)")]
    ActionWithoutContent,
    #[error(
        "before its policies are evaluated transaction {offending_transaction} is read, in which {flaw} (Fabric peers panic)"
    )]
    FollowsActionless { offending_transaction: usize, flaw: String },
    #[error(
        "it waits for transaction {offending_transaction}, which cannot be read: {flaw} (Fabric peers hang)"
    )]
    AwaitsUnreadable { offending_transaction: usize, flaw: String },
    #[error(
        "it writes {key}, and waits for transaction {offending_transaction}, which writes that key's policy but is never \
         evaluated against policies itself (Fabric peers hang)"
    )]
    AwaitsUnchecked { offending_transaction: usize, key: String },
    #[error(
        "it writes to collection '{collection}' of '{chaincode}', which is not defined: {reason} (Fabric \
         peers panic)"
    )]
    Collection { chaincode: String, collection: String, reason: String },
    #[error("the policy of a key that it writes cannot be read: {0} (Fabric peers stop)")]
    KeyPolicy(String),
    /// Found only where the orderer limits what a transaction may cost.
    #[error(
        "the policies of the keys that it writes cost more comparisons than a transaction of its size may"
    )]
    KeyPolicyCost,
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
    /// Found only where the orderer limits what a block may cost.
    #[error("its range queries read more keys than the orderer looks up for one block")]
    RangeCost,
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

impl Defect {
    /// Whether peers may stop for what stands earlier in the block: at its beginning the transaction may do no
    /// harm.
    pub(crate) fn is_for_earlier(&self) -> bool {
        matches!(
            self,
            Self::FollowsActionless { .. }
                | Self::AwaitsUnreadable { .. }
                | Self::AwaitsUnchecked { .. }
                | Self::RangeCost
                | Self::SummaryOutgrown
                | Self::ReadWithoutVersion(_)
                | Self::Commit(_)
        )
    }
}

impl From<LedgerError> for Defect {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Defect(defect) => Self::Commit(defect),
            error => Self::Ledger(error),
        }
    }
}

impl From<DefinitionError> for Defect {
    fn from(error: DefinitionError) -> Self {
        match error {
            DefinitionError::State(error) => error.into(),
            DefinitionError::Failed(reason) => Self::Definition(reason),
        }
    }
}
