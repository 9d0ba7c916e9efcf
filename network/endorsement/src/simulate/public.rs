//! Public state in a simulation.

use bytes::Bytes;

use super::{SimulationError, Simulator, decode_metadata};
use crate::rwset::Metadata;
use ledger::StateValue;

impl Simulator<'_> {
    pub fn get_state(&mut self, namespace: &str, key: &str) -> Result<Option<Bytes>, SimulationError> {
        Ok(self.read(namespace, key)?.map(|state| state.value))
    }

    /// The key's metadata; a missing key has none. Counts as a read of the key.
    pub fn get_state_metadata(&mut self, namespace: &str, key: &str) -> Result<Metadata, SimulationError> {
        let state = self.read(namespace, key)?;
        state.map_or_else(|| Ok(Metadata::new()), |state| decode_metadata(state.metadata))
    }

    /// An empty value deletes the key.
    pub fn set_state(&mut self, namespace: &str, key: String, value: Bytes) -> Result<(), SimulationError> {
        self.before_write()?;
        self.rwset.add_write(namespace, key.clone(), value);
        self.note_public_write(namespace, key)
    }

    pub fn set_state_metadata(
        &mut self,
        namespace: &str,
        key: String,
        metadata: Metadata,
    ) -> Result<(), SimulationError> {
        self.before_write()?;
        self.rwset.add_metadata_write(namespace, key.clone(), metadata);
        self.note_public_write(namespace, key)
    }

    fn read(&mut self, namespace: &str, key: &str) -> Result<Option<StateValue>, SimulationError> {
        let state = self.view.get(namespace, key)?;
        self.rwset.add_read(namespace, key, state.as_ref().map(|state| state.version));
        Ok(state)
    }

    /// Looks up the key's own policy without reading the key: a blind write must not conflict. One look is
    /// enough, since a simulation sees one state, and none for a key that was read and is not there.
    fn note_public_write(&mut self, namespace: &str, key: String) -> Result<(), SimulationError> {
        if self.is_noted(namespace, &key) {
            return Ok(());
        }
        let state = match self.rwset.version_read(namespace, &key) {
            Some(None) => None,
            _ => self.view.get(namespace, &key)?,
        };
        let metadata = state.map(|state| decode_metadata(state.metadata)).transpose()?.unwrap_or_default();
        self.note_written(namespace, "", key, &metadata);
        Ok(())
    }

    fn is_noted(&self, namespace: &str, key: &str) -> bool {
        let public = self.written_policies.get(namespace).and_then(|collections| collections.get(""));
        public.is_some_and(|keys| keys.contains_key(key))
    }
}
