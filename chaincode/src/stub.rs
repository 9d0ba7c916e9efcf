//! The ledger as the contract sees it: reads go to the peer at once, writes wait for the contract's success.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use certificate::{
    Chaincode, Creator, DateTime, KeyPolicy, Modification, State, StateError, chaincode::REGISTRY,
    contract::registry, document::SignedDocument, refusal::Violation,
};
use fabric::proto::protos::{
    ChaincodeEvent, MetaDataKeys, StateMetadata, WriteRecord, write_record::Type as Write,
};

use crate::{
    contract::Contract,
    exchange::{Exchange, LedgerError},
    key_policy,
};

/// No collection: the world state.
const PUBLIC: &str = "";

pub(crate) struct Stub {
    exchange: Exchange,
    contract: Arc<Contract>,
    timestamp: DateTime,
    creator: Creator,
    transient: BTreeMap<String, Bytes>,
    writes: Vec<WriteRecord>,
    event: Option<ChaincodeEvent>,
}

impl Stub {
    pub fn new(
        exchange: Exchange,
        contract: Arc<Contract>,
        timestamp: DateTime,
        creator: Creator,
        transient: BTreeMap<String, Bytes>,
    ) -> Self {
        Self { exchange, contract, timestamp, creator, transient, writes: Vec::new(), event: None }
    }

    /// Hands the writes to the peer, and the event to the caller. Fabric's peer fills in the event's ids.
    pub async fn finish(mut self) -> Result<Option<ChaincodeEvent>, LedgerError> {
        self.exchange.write(self.writes).await?;
        Ok(self.event)
    }
}

impl State for Stub {
    async fn get(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, StateError> {
        self.exchange.get_multiple(PUBLIC, keys).await.map_err(state_error)
    }

    async fn registered(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, StateError> {
        let answer = self.exchange.invoke(REGISTRY, registry::READ, keys).await.map_err(state_error)?;
        registry::values(&answer)
    }

    async fn range(
        &mut self,
        start: &str,
        end: &str,
        most: usize,
    ) -> Result<Vec<(String, Bytes)>, StateError> {
        let results = self.exchange.range(start, end, most).await.map_err(state_error)?;
        Ok(results.into_iter().map(|entry| (entry.key, entry.value)).collect())
    }

    async fn history(&mut self, key: &str) -> Result<Vec<Modification>, StateError> {
        let changes = self.exchange.history(key).await.map_err(state_error)?;
        let modification = |change: fabric::proto::queryresult::KeyModification| {
            let timestamp = change.timestamp.unwrap_or_default();
            Modification {
                transaction_id: change.tx_id,
                timestamp: DateTime::from_seconds(timestamp.seconds),
                nanos: timestamp.nanos,
                value: (!change.is_delete).then_some(change.value),
            }
        };
        Ok(changes.into_iter().map(modification).collect())
    }

    fn put(&mut self, key: &str, value: Vec<u8>) {
        self.writes.push(WriteRecord {
            r#type: Write::PutState.into(),
            key: key.into(),
            value: value.into(),
            ..Default::default()
        });
    }

    fn set_policy(&mut self, key: &str, policy: &KeyPolicy) {
        let metadata = StateMetadata {
            metakey: MetaDataKeys::ValidationParameter.as_str_name().into(),
            value: key_policy::encode(policy),
        };
        self.writes.push(WriteRecord {
            r#type: Write::PutStateMetadata.into(),
            key: key.into(),
            metadata: Some(metadata),
            ..Default::default()
        });
    }

    fn transient(&self, name: &str) -> Option<Bytes> {
        self.transient.get(name).cloned()
    }

    async fn get_private(
        &mut self,
        organisation: &str,
        keys: &[&str],
    ) -> Result<Vec<Option<Bytes>>, StateError> {
        self.exchange.get_multiple(&implicit_collection(organisation), keys).await.map_err(state_error)
    }

    fn put_private(&mut self, organisation: &str, key: &str, value: Vec<u8>) {
        self.writes.push(WriteRecord {
            r#type: Write::PutState.into(),
            key: key.into(),
            value: value.into(),
            collection: implicit_collection(organisation),
            ..Default::default()
        });
    }

    fn purge_private(&mut self, organisation: &str, key: &str) {
        self.writes.push(WriteRecord {
            r#type: Write::PurgePrivateData.into(),
            key: key.into(),
            collection: implicit_collection(organisation),
            ..Default::default()
        });
    }

    fn set_event(&mut self, name: &str, payload: Vec<u8>) {
        let event = ChaincodeEvent { event_name: name.into(), payload: payload.into(), ..Default::default() };
        self.event = Some(event);
    }

    fn chaincode(&self) -> &Chaincode {
        &self.contract.chaincode
    }

    fn channel_id(&self) -> &str {
        &self.exchange.key().channel_id
    }

    fn transaction_id(&self) -> &str {
        &self.exchange.key().txid
    }

    fn timestamp(&self) -> DateTime {
        self.timestamp
    }

    fn creator(&self) -> &Creator {
        &self.creator
    }

    fn check_signed(&self, document: &[u8]) -> Result<Arc<SignedDocument>, Vec<Violation>> {
        self.contract.documents.check(document)
    }
}

/// The collection that every organisation has, and whose only member it is (`core/chaincode/implicitcollection`).
fn implicit_collection(organisation: &str) -> String {
    format!("_implicit_org_{organisation}")
}

fn state_error(error: LedgerError) -> StateError {
    StateError(error.to_string())
}
