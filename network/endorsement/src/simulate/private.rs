//! Private data in a simulation: plaintext from the organisation's own store, versions from the hashes that
//! every peer has.

use std::sync::Arc;

use bytes::Bytes;

use super::{PrivateRange, SimulationError, Simulator, decode_metadata};
use crate::{
    lifecycle::{self, PublicState},
    rwset::{Metadata, sha256},
};
use ::lifecycle::{Collections, read_definition};
use ledger::StateValue;

impl Simulator<'_> {
    /// The plaintext, if this organisation has it in the version that the channel agreed on.
    pub fn get_private_data(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
    ) -> Result<Option<Bytes>, SimulationError> {
        self.require_collection(namespace, collection)?;
        let private = self.private_store.get(self.view, namespace, collection, key)?;
        let version = private.as_ref().map(|private| private.version);
        self.rwset.add_hashed_read(namespace, collection, key, version);
        self.private_reads.insert((namespace.to_owned(), collection.to_owned()));
        Ok(private.map(|private| private.value))
    }

    /// SHA-256 of the value, which any organisation may ask for.
    pub fn get_private_data_hash(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
    ) -> Result<Option<Bytes>, SimulationError> {
        Ok(self.read_hashed(namespace, collection, key)?.map(|state| state.value))
    }

    pub fn get_private_data_metadata(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
    ) -> Result<Metadata, SimulationError> {
        let state = self.read_hashed(namespace, collection, key)?;
        state.map_or_else(|| Ok(Metadata::new()), |state| decode_metadata(state.metadata))
    }

    /// Keys and plaintext from `start` up to `end`; nothing of it enters the read set.
    pub fn private_range(
        &mut self,
        namespace: &str,
        collection: &str,
        start: &str,
        end: &str,
    ) -> Result<PrivateRange, SimulationError> {
        if self.written {
            return Err(SimulationError::PrivateQueryAfterWrite(self.txid.to_owned()));
        }
        self.queried_private_data = true;
        self.require_collection(namespace, collection)?;
        Ok(PrivateRange::new(
            namespace,
            self.private_store.range(self.view, namespace, collection, start, end)?,
        ))
    }

    /// An empty value deletes the key.
    pub fn set_private_data(
        &mut self,
        namespace: &str,
        collection: &str,
        key: String,
        value: Bytes,
    ) -> Result<(), SimulationError> {
        self.write_private(namespace, collection, key, value, false)
    }

    /// Deletes the key, its history on members' disks included.
    pub fn purge_private_data(
        &mut self,
        namespace: &str,
        collection: &str,
        key: String,
    ) -> Result<(), SimulationError> {
        self.write_private(namespace, collection, key, Bytes::new(), true)
    }

    pub fn set_private_data_metadata(
        &mut self,
        namespace: &str,
        collection: &str,
        key: String,
        metadata: Metadata,
    ) -> Result<(), SimulationError> {
        self.require_collection(namespace, collection)?;
        self.before_write()?;
        self.rwset.add_private_metadata_write(namespace, collection, key.clone(), metadata);
        self.note_private_write(namespace, collection, key)
    }

    /// The collections of a chaincode. Its definition is read through the simulation, so that a change of
    /// the definition conflicts with a transaction that relied on it.
    pub fn collections(&mut self, namespace: &str) -> Result<Arc<Collections>, SimulationError> {
        if let Some(known) = self.collections.get(namespace) {
            return Ok(known.clone());
        }
        let bundle = self.bundle;
        let collections = if namespace == lifecycle::NAMESPACE {
            Collections::implicit(bundle)
        } else {
            let definition = read_definition(namespace, &mut PublicState(self))
                .map_err(|error| SimulationError::Definition(error.to_string()))?
                .ok_or_else(|| SimulationError::NoCollections(namespace.to_owned()))?;
            Collections::new(definition.parameters.collections, bundle)
        };
        let collections = Arc::new(collections);
        self.collections.insert(namespace.to_owned(), collections.clone());
        Ok(collections)
    }

    fn require_collection(&mut self, namespace: &str, collection: &str) -> Result<(), SimulationError> {
        if self.collections(namespace)?.contains(collection) {
            return Ok(());
        }
        Err(SimulationError::UndefinedCollection {
            namespace: namespace.to_owned(),
            collection: collection.to_owned(),
        })
    }

    fn write_private(
        &mut self,
        namespace: &str,
        collection: &str,
        key: String,
        value: Bytes,
        purge: bool,
    ) -> Result<(), SimulationError> {
        self.require_collection(namespace, collection)?;
        self.before_write()?;
        self.rwset.add_private_write(namespace, collection, key.clone(), value, purge);
        self.note_private_write(namespace, collection, key)
    }

    fn note_private_write(
        &mut self,
        namespace: &str,
        collection: &str,
        key: String,
    ) -> Result<(), SimulationError> {
        let state = self.hashed(namespace, collection, &key)?;
        let metadata = state.map(|state| decode_metadata(state.metadata)).transpose()?.unwrap_or_default();
        self.note_written(namespace, collection, key, &metadata);
        Ok(())
    }

    fn read_hashed(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
    ) -> Result<Option<StateValue>, SimulationError> {
        self.require_collection(namespace, collection)?;
        let state = self.hashed(namespace, collection, key)?;
        let version = state.as_ref().map(|state| state.version);
        self.rwset.add_hashed_read(namespace, collection, key, version);
        Ok(state)
    }

    fn hashed(
        &self,
        namespace: &str,
        collection: &str,
        key: &str,
    ) -> Result<Option<StateValue>, SimulationError> {
        Ok(self.view.get_hashed(namespace, collection, &sha256(key.as_bytes()))?)
    }
}
