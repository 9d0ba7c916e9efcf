//! How long the private data of a collection lives, from the chaincode definitions in the world state
//! (`core/chaincode/lifecycle/deployedcc_infoprovider.go`, `core/scc/lscc/deployedcc_infoprovider.go`,
//! `core/ledger/pvtdatapolicy/btlpolicy.go`).

use std::collections::HashMap;

use fabric::{
    proto::protos::{CollectionConfigPackage, collection_config::Payload},
    types::{Height, decode},
};
use lifecycle::StateError;

use super::{Defect, LedgerError, View, definitions::DefinitionState, error::DefectKind};

const LEGACY_LIFECYCLE: &str = "lscc";
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

    /// With which block a hashed write of `at` is purged, `None` if never. A collection without a definition
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
        if namespace == lifecycle::NAMESPACE {
            return Ok(blocks_to_live_of(&CollectionConfigPackage::default(), collection));
        }
        match lifecycle::read_collections(namespace, &mut DefinitionState(self.committed)) {
            Ok(Some(collections)) => Ok(blocks_to_live_of(&collections, collection)),
            Ok(None) => self.legacy_definition(namespace, collection),
            Err(StateError::Failed(reason)) => Ok(Err(reason)),
            Err(StateError::State(error)) => Err(error),
        }
    }

    /// Chaincodes of the lifecycle before 2.0 know no implicit collections.
    fn legacy_definition(
        &self,
        namespace: &str,
        collection: &str,
    ) -> Result<Result<u64, String>, LedgerError> {
        let record = self.committed.get(LEGACY_LIFECYCLE, &format!("{namespace}~collection"))?;
        let package = decode(record.map(|state| state.value).unwrap_or_default());
        Ok(package.map_err(|error| error.to_string()).and_then(|package| find(&package, collection)))
    }
}

fn blocks_to_live_of(collections: &CollectionConfigPackage, name: &str) -> Result<u64, String> {
    if lifecycle::implicit_owner(name).is_some() { Ok(0) } else { find(collections, name) }
}

fn find(package: &CollectionConfigPackage, name: &str) -> Result<u64, String> {
    let configs = package.config.iter().filter_map(|config| config.payload.as_ref());
    let mut collections = configs.map(|Payload::StaticCollectionConfig(config)| config);
    let found = collections.find(|config| config.name == name);
    found.map(|config| config.block_to_live).ok_or_else(|| "no such collection".to_owned())
}
