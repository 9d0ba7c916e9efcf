//! How long the private data of a collection lives, from the chaincode definitions in the world state
//! (`core/chaincode/lifecycle/deployedcc_infoprovider.go`, `core/scc/lscc/deployedcc_infoprovider.go`,
//! `core/ledger/pvtdatapolicy/btlpolicy.go`).

use std::collections::HashMap;

use bytes::Bytes;
use fabric::{
    proto::{
        lifecycle::{StateData, StateMetadata, state_data},
        protos::{CollectionConfigPackage, StaticCollectionConfig, collection_config::Payload},
    },
    types::{Height, decode},
};
use prost::{Message, Name};

use super::{Defect, LedgerError, View, error::DefectKind};

const LIFECYCLE: &str = "_lifecycle";
const LEGACY_LIFECYCLE: &str = "lscc";
const IMPLICIT_PREFIX: &str = "_implicit_org_";
const NEVER: u64 = u64::MAX;

/// Looks lifetimes up in the state before a block; asks for each collection once.
pub(super) struct Lifetimes<'a> {
    committed: &'a View<'a>,
    known: HashMap<(String, String), u64>,
}

impl<'a> Lifetimes<'a> {
    pub(super) fn new(committed: &'a View<'a>) -> Self {
        Self { committed, known: HashMap::new() }
    }

    /// With which block a hashed write of `at` is purged, `None` if never. A collection nobody defined
    /// stops the channel, even if the key is deleted.
    pub(super) fn expiry(
        &mut self,
        namespace: &str,
        collection: &str,
        at: Height,
    ) -> Result<Option<u64>, LedgerError> {
        let blocks_to_live = self.blocks_to_live(namespace, collection, at)?;
        let expiry = at.block.saturating_add(blocks_to_live).saturating_add(1);
        Ok((expiry != NEVER).then_some(expiry))
    }

    fn blocks_to_live(&mut self, namespace: &str, collection: &str, at: Height) -> Result<u64, LedgerError> {
        let key = (namespace.to_owned(), collection.to_owned());
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let definition = self.definition(namespace, collection)?.map_err(|reason| {
            let (namespace, collection) = key.clone();
            Defect { at, kind: DefectKind::UndefinedCollection { namespace, collection, reason } }
        })?;
        let blocks_to_live = if definition == 0 { NEVER } else { definition };
        self.known.insert(key, blocks_to_live);
        Ok(blocks_to_live)
    }

    /// `BlockToLive` as the collection's definition has it, or why there is none.
    fn definition(&self, namespace: &str, collection: &str) -> Result<Result<u64, String>, LedgerError> {
        let implicit = collection.starts_with(IMPLICIT_PREFIX);
        let collections = if namespace == LIFECYCLE {
            Ok(CollectionConfigPackage::default())
        } else if let Some(metadata) = self.read(LIFECYCLE, &format!("namespaces/metadata/{namespace}"))? {
            let record = self.read(LIFECYCLE, &format!("namespaces/fields/{namespace}/Collections"))?;
            defined_collections(metadata, record.unwrap_or_default())
        } else {
            let record = self.read(LEGACY_LIFECYCLE, &format!("{namespace}~collection"))?;
            return Ok(parse(record.unwrap_or_default()).and_then(|found| find(found, collection)));
        };
        Ok(collections.and_then(|found| if implicit { Ok(0) } else { find(found, collection) }))
    }

    fn read(&self, namespace: &str, key: &str) -> Result<Option<Bytes>, LedgerError> {
        Ok(self.committed.get(namespace, key)?.map(|state| state.value))
    }
}

fn defined_collections(metadata: Bytes, record: Bytes) -> Result<CollectionConfigPackage, String> {
    let metadata: StateMetadata = parse(metadata)?;
    if metadata.datatype != "ChaincodeDefinition" {
        return Err(format!("its namespace is no chaincode but a '{}'", metadata.datatype));
    }
    let data: StateData = parse(record)?;
    match data.r#type {
        Some(state_data::Type::Bytes(bytes)) => parse(bytes),
        None => Ok(CollectionConfigPackage::default()),
        Some(_) => Err("the definition of its collections is no bytes".to_owned()),
    }
}

fn find(package: CollectionConfigPackage, name: &str) -> Result<u64, String> {
    let configs = package.config.into_iter().filter_map(|config| config.payload);
    let mut collections = configs.map(|Payload::StaticCollectionConfig(config)| config);
    let found = collections.find(|config: &StaticCollectionConfig| config.name == name);
    found.map(|config| config.block_to_live).ok_or_else(|| "no such collection".to_owned())
}

fn parse<M: Message + Default + Name>(bytes: Bytes) -> Result<M, String> {
    decode(bytes).map_err(|error| error.to_string())
}
