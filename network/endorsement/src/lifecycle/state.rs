//! Where lifecycle records lie in a simulation: public state, and the implicit collection of each organisation.

use bytes::Bytes;

use crate::simulate::{KeyValue, SimulationError, Simulator};
use ledger::{DefinitionError, LedgerError};
use lifecycle::{NAMESPACE, ReadState, WriteState};

impl From<SimulationError> for DefinitionError {
    fn from(error: SimulationError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Public state in a simulation: reads are recorded.
pub struct PublicState<'s, 'v>(pub &'s mut Simulator<'v>);

impl ReadState for PublicState<'_, '_> {
    type Error = LedgerError;

    fn get(&mut self, key: &str) -> Result<Option<Bytes>, DefinitionError> {
        Ok(self.0.get_state(NAMESPACE, key)?)
    }
}

impl WriteState for PublicState<'_, '_> {
    fn put(&mut self, key: String, value: Bytes) -> Result<(), DefinitionError> {
        Ok(self.0.set_state(NAMESPACE, key, value)?)
    }

    fn delete(&mut self, key: String) -> Result<(), DefinitionError> {
        Ok(self.0.set_state(NAMESPACE, key, Bytes::new())?)
    }
}

impl PublicState<'_, '_> {
    /// All keys that begin with `prefix`, which must be ASCII.
    pub fn range(&mut self, prefix: &str) -> Result<Vec<KeyValue>, DefinitionError> {
        let range = self.0.open_range(NAMESPACE, prefix, &format!("{prefix}\x7f"), None)?;
        let mut found = Vec::new();
        while let Some(entry) = self.0.next_in_range(range)? {
            found.push(entry);
        }
        Ok(found)
    }
}

/// An organisation's implicit collection in a simulation.
pub struct OrgState<'s, 'v> {
    pub simulator: &'s mut Simulator<'v>,
    pub collection: String,
}

impl ReadState for OrgState<'_, '_> {
    type Error = LedgerError;

    fn get(&mut self, key: &str) -> Result<Option<Bytes>, DefinitionError> {
        let read = self.simulator.get_private_data(NAMESPACE, &self.collection, key);
        read.map_err(|error| self.refused("GET_STATE", error))
    }
}

impl WriteState for OrgState<'_, '_> {
    fn put(&mut self, key: String, value: Bytes) -> Result<(), DefinitionError> {
        let written = self.simulator.set_private_data(NAMESPACE, &self.collection, key, value);
        written.map_err(|error| self.refused("PUT_STATE", error))
    }

    fn delete(&mut self, key: String) -> Result<(), DefinitionError> {
        let written = self.simulator.set_private_data(NAMESPACE, &self.collection, key, Bytes::new());
        written.map_err(|error| self.refused("DEL_STATE", error))
    }
}

impl OrgState<'_, '_> {
    /// SHA-256 of the value, which other organisations may see too.
    pub fn hash(&mut self, key: &str) -> Result<Option<Bytes>, DefinitionError> {
        let read = self.simulator.get_private_data_hash(NAMESPACE, &self.collection, key);
        read.map_err(|error| self.refused("GET_PRIVATE_DATA_HASH", error))
    }

    /// All keys that begin with `prefix`, which must be ASCII.
    pub fn range(&mut self, prefix: &str) -> Result<Vec<KeyValue>, DefinitionError> {
        let end = format!("{prefix}\x7f");
        let opened = self.simulator.private_range(NAMESPACE, &self.collection, prefix, &end);
        let range = opened.map_err(|error| self.refused("GET_STATE_BY_RANGE", error))?;
        Ok(range.collect())
    }

    fn refused(&self, request: &str, error: SimulationError) -> DefinitionError {
        // As the shim of a system chaincode tells of a refused request.
        let txid = self.simulator.txid();
        DefinitionError::Failed(format!("{request} failed: transaction ID: {txid}: {error}"))
    }
}
