//! Committed definitions, decoded once.

use std::{collections::HashMap, sync::Arc};

use ledger::{DefinitionError, DefinitionState, View};
use lifecycle::{ChaincodeDefinition, read_definition, read_sequence};
use parking_lot::Mutex;

/// The definitions of one channel that were looked up. Only chaincodes that are defined are kept.
#[derive(Default)]
pub struct Definitions {
    known: Mutex<HashMap<String, Arc<ChaincodeDefinition>>>,
}

impl Definitions {
    /// The definition of a chaincode in the committed state. It never changes without its sequence number, so
    /// that alone is read each time.
    pub fn find(
        &self,
        name: &str,
        view: &View<'_>,
    ) -> Result<Option<Arc<ChaincodeDefinition>>, DefinitionError> {
        let mut state = DefinitionState(view);
        let sequence = read_sequence(name, &mut state)?;
        let known = self.known.lock().get(name).cloned();
        if let Some(known) = known.filter(|known| known.sequence == sequence) {
            return Ok(Some(known));
        }
        let Some(definition) = read_definition(name, &mut state)?.map(Arc::new) else { return Ok(None) };
        self.known.lock().insert(name.to_owned(), definition.clone());
        Ok(Some(definition))
    }
}
