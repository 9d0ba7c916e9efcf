//! Requests that read or write single keys, public or private.

use bytes::Bytes;
use fabric::proto::protos::{
    DelState, GetState, GetStateMetadata, GetStateMultiple, GetStateMultipleResult, PutState,
    PutStateMetadata, StateMetadata, StateMetadataResult, WriteBatchState, WriteRecord, write_record,
};

use super::{Call, RequestError, marshal, unmarshal};
use crate::rwset::Metadata;

impl Call<'_, '_> {
    /// The value; nothing for a missing key.
    pub(super) fn get_state(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let GetState { key, collection } = unmarshal(payload)?;
        let value = if collection.is_empty() {
            self.simulator.get_state(self.namespace, &key)?
        } else {
            self.require_read(&collection)?;
            self.simulator.get_private_data(self.namespace, &collection, &key)?
        };
        Ok(value.unwrap_or_default())
    }

    /// The values in the order of the keys.
    pub(super) fn get_state_multiple(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let GetStateMultiple { keys, collection } = unmarshal(payload)?;
        let values = if collection.is_empty() {
            let read = |key: &String| self.simulator.get_state(self.namespace, key);
            keys.iter()
                .map(read)
                .map(|value| Ok(value?.unwrap_or_default()))
                .collect::<Result<_, RequestError>>()?
        } else {
            self.require_read(&collection)?;
            let read = |key: &String| self.simulator.get_private_data(self.namespace, &collection, key);
            keys.iter()
                .map(read)
                .map(|value| Ok(value?.unwrap_or_default()))
                .collect::<Result<_, RequestError>>()?
        };
        Ok(marshal(&GetStateMultipleResult { values }))
    }

    pub(super) fn get_private_data_hash(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let GetState { key, collection } = unmarshal(payload)?;
        self.refuse_in_init()?;
        let hash = self.simulator.get_private_data_hash(self.namespace, &collection, &key)?;
        Ok(hash.unwrap_or_default())
    }

    pub(super) fn get_state_metadata(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        self.require_key_level_endorsement()?;
        let GetStateMetadata { key, collection } = unmarshal(payload)?;
        let metadata = if collection.is_empty() {
            self.simulator.get_state_metadata(self.namespace, &key)?
        } else {
            self.require_read(&collection)?;
            self.simulator.get_private_data_metadata(self.namespace, &collection, &key)?
        };
        let entries = metadata.into_iter().map(|(metakey, value)| StateMetadata { metakey, value });
        Ok(marshal(&StateMetadataResult { entries: entries.collect() }))
    }

    pub(super) fn put_state(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let PutState { key, value, collection } = unmarshal(payload)?;
        self.put(&collection, key, value)
    }

    pub(super) fn delete_state(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let DelState { key, collection } = unmarshal(payload)?;
        self.put(&collection, key, Bytes::new())
    }

    pub(super) fn purge_private_data(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let DelState { key, collection } = unmarshal(payload)?;
        self.purge(&collection, key)
    }

    pub(super) fn put_state_metadata(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let PutStateMetadata { key, collection, metadata } = unmarshal(payload)?;
        self.put_metadata(&collection, key, metadata.unwrap_or_default())
    }

    /// Applies writes in their order; the first that fails ends the batch, those before it stand.
    pub(super) fn write_batch(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let WriteBatchState { rec } = unmarshal(payload)?;
        for record in rec {
            let kind = record.r#type();
            let WriteRecord { key, value, collection, metadata, .. } = record;
            match kind {
                write_record::Type::PutState => self.put(&collection, key, value)?,
                write_record::Type::DelState => self.put(&collection, key, Bytes::new())?,
                write_record::Type::PurgePrivateData => self.purge(&collection, key)?,
                write_record::Type::PutStateMetadata => {
                    self.put_metadata(&collection, key, metadata.unwrap_or_default())?
                }
                write_record::Type::Undefined => return Err(RequestError::new("unknown operation type")),
            };
        }
        Ok(Bytes::new())
    }

    fn put(&mut self, collection: &str, key: String, value: Bytes) -> Result<Bytes, RequestError> {
        if collection.is_empty() {
            self.simulator.set_state(self.namespace, key, value)?;
        } else {
            self.require_write(collection)?;
            self.simulator.set_private_data(self.namespace, collection, key, value)?;
        }
        Ok(Bytes::new())
    }

    fn purge(&mut self, collection: &str, key: String) -> Result<Bytes, RequestError> {
        self.require_purge()?;
        if collection.is_empty() {
            return Err(RequestError::new("only applicable for private data"));
        }
        self.require_write(collection)?;
        self.simulator.purge_private_data(self.namespace, collection, key)?;
        Ok(Bytes::new())
    }

    fn put_metadata(
        &mut self,
        collection: &str,
        key: String,
        metadata: StateMetadata,
    ) -> Result<Bytes, RequestError> {
        self.require_key_level_endorsement()?;
        let metadata = Metadata::from([(metadata.metakey, metadata.value)]);
        if collection.is_empty() {
            self.simulator.set_state_metadata(self.namespace, key, metadata)?;
        } else {
            self.require_write(collection)?;
            self.simulator.set_private_data_metadata(self.namespace, collection, key, metadata)?;
        }
        Ok(Bytes::new())
    }
}
