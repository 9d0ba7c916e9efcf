//! Where lifecycle records are read from and written to.

use bytes::Bytes;

use super::NAMESPACE;
use crate::ledger::{LedgerError, View};

/// State that lifecycle records are read from.
pub trait ReadState {
    fn get(&mut self, key: &str) -> Result<Option<Bytes>, StateError>;
}

/// State that lifecycle records are written to.
pub trait WriteState: ReadState {
    fn put(&mut self, key: String, value: Bytes) -> Result<(), StateError>;
    fn delete(&mut self, key: String) -> Result<(), StateError>;
}

/// Why records cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// For what they are, in the words that reach the client.
    #[error("{0}")]
    Failed(String),
    /// For what the disk is.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl StateError {
    /// Says what was being done when the error came up.
    pub fn context(self, doing: impl std::fmt::Display) -> Self {
        match self {
            Self::Failed(text) => Self::Failed(format!("{doing}: {text}")),
            Self::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// Committed state outside any simulation: reads leave no trace.
pub struct CommittedState<'s, 'v>(pub &'s View<'v>);

impl ReadState for CommittedState<'_, '_> {
    fn get(&mut self, key: &str) -> Result<Option<Bytes>, StateError> {
        let state = self.0.get(NAMESPACE, key)?;
        Ok(state.map(|state| state.value))
    }
}
