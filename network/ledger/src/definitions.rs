//! Chaincode definitions in the committed state.

use bytes::Bytes;
use lifecycle::{NAMESPACE, ReadState, StateError};

use super::{LedgerError, View};

/// Why definitions cannot be read.
pub type DefinitionError = StateError<LedgerError>;

/// The committed state that definitions lie in, outside any simulation: reads leave no trace.
pub struct DefinitionState<'s, 'v>(pub &'s View<'v>);

impl ReadState for DefinitionState<'_, '_> {
    type Error = LedgerError;

    fn get(&mut self, key: &str) -> Result<Option<Bytes>, DefinitionError> {
        let state = self.0.get(NAMESPACE, key)?;
        Ok(state.map(|state| state.value))
    }
}
