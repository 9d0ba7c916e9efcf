//! The simulation of one transaction on one organisation's peer: reads see the committed state only, writes
//! go nowhere but into the read-write set (`core/ledger/kvledger/txmgmt/txmgr/{query_executor,tx_simulator}.go`).
//!
//! A transaction never sees its own writes. After a paginated or a private range query it may not write, and
//! after a write it may not make such a query: their results are not in the read set, so no peer could
//! validate what was derived from them.

mod private;
mod public;
mod range;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use channel::Bundle;
use fabric::{
    proto::{kvrwset::KvMetadataWrite, rwset::TxPvtReadWriteSet},
    types::decode,
};

use ::lifecycle::Collections;
pub use range::{KeyValue, PrivateRange, RangeId};

use super::{
    runnable::Runnable,
    rwset::{Metadata, RwSetBuilder},
};
use ledger::{LedgerError, PrivateStore, View};
use range::RangeQuery;

/// The metadata entry that holds a key's own endorsement policy.
pub const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";

/// One transaction's view of the ledger and what it did with it.
pub struct Simulator<'v> {
    view: &'v View<'v>,
    private_store: PrivateStore<'v>,
    /// Says which organisations have an implicit collection.
    bundle: &'v Bundle,
    txid: &'v str,
    rwset: RwSetBuilder,
    runnables: HashMap<String, Arc<Runnable>>,
    range_queries: Vec<RangeQuery<'v>>,
    collections: HashMap<String, Arc<Collections>>,
    written_policies: WrittenPolicies,
    private_reads: BTreeSet<(String, String)>,
    written: bool,
    queried_private_data: bool,
    queried_in_pages: bool,
}

/// For each namespace, collection (empty for public state) and key written: the key's own endorsement policy
/// in the committed state, if it has one.
pub type WrittenPolicies = BTreeMap<String, BTreeMap<String, BTreeMap<String, Option<Bytes>>>>;

/// What came out of a simulation.
pub struct Simulation {
    /// Encoded `TxReadWriteSet`.
    pub public: Bytes,
    /// Namespaces of the read-write set, sorted.
    pub namespaces: Vec<String>,
    /// Plain private writes, for members of the collections only.
    pub private: Option<TxPvtReadWriteSet>,
    /// Collections of the namespaces that used private data.
    pub collections: HashMap<String, Arc<Collections>>,
    pub written_policies: WrittenPolicies,
    /// Namespace and collection of private data whose plaintext was read.
    pub private_reads: BTreeSet<(String, String)>,
}

/// Why the state could not be read or written. The texts reach chaincode and clients; they are Fabric's.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    #[error(
        "txid [{0}]: unsuppored transaction. Queries on pvt data is supported only in a read-only transaction"
    )]
    PrivateQueryAfterWrite(String),
    #[error(
        "txid [{0}]: unsuppored transaction. Paginated queries are supported only in a read-only transaction"
    )]
    PaginatedQueryAfterWrite(String),
    #[error(
        "txid [{0}]: unsuppored transaction. Transaction has already performed queries on pvt data. Writes are not allowed"
    )]
    WriteAfterPrivateQuery(String),
    #[error(
        "txid [{0}]: unsuppored transaction. Transaction has already performed a paginated query. Writes are not allowed"
    )]
    WriteAfterPaginatedQuery(String),
    #[error("collection [{collection}] not defined in the collection config for chaincode [{namespace}]")]
    UndefinedCollection { namespace: String, collection: String },
    #[error("collection config not defined for chaincode [{0}]")]
    NoCollections(String),
    #[error("{0}")]
    Definition(String),
    #[error("could not unmarshal {what}: {reason}")]
    Undecodable { what: String, reason: String },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl<'v> Simulator<'v> {
    pub fn new(
        view: &'v View<'v>,
        private_store: PrivateStore<'v>,
        bundle: &'v Bundle,
        txid: &'v str,
    ) -> Self {
        Self {
            view,
            private_store,
            bundle,
            txid,
            rwset: RwSetBuilder::default(),
            runnables: HashMap::new(),
            range_queries: Vec::new(),
            collections: HashMap::new(),
            written_policies: WrittenPolicies::new(),
            private_reads: BTreeSet::new(),
            written: false,
            queried_private_data: false,
            queried_in_pages: false,
        }
    }

    /// The committed state that this simulation reads.
    pub fn view(&self) -> &'v View<'v> {
        self.view
    }

    pub fn txid(&self) -> &'v str {
        self.txid
    }

    /// A chaincode that was found in this simulation, its definition read.
    pub fn runnable(&self, name: &str) -> Option<Arc<Runnable>> {
        self.runnables.get(name).cloned()
    }

    pub fn note_runnable(&mut self, name: &str, runnable: Arc<Runnable>) {
        self.runnables.insert(name.to_owned(), runnable);
    }

    /// Ends the simulation. Range queries enter the read set in the order in which they were opened, however
    /// far each was read.
    pub fn finish(mut self) -> Simulation {
        for query in self.range_queries {
            let (namespace, info) = query.finish();
            self.rwset.add_range_query(&namespace, info);
        }
        let rwset = self.rwset.finish();
        Simulation {
            public: rwset.public,
            namespaces: rwset.namespaces,
            private: rwset.private,
            collections: self.collections,
            written_policies: self.written_policies,
            private_reads: self.private_reads,
        }
    }

    fn before_write(&mut self) -> Result<(), SimulationError> {
        if self.queried_private_data {
            return Err(SimulationError::WriteAfterPrivateQuery(self.txid.to_owned()));
        }
        if self.queried_in_pages {
            return Err(SimulationError::WriteAfterPaginatedQuery(self.txid.to_owned()));
        }
        self.written = true;
        Ok(())
    }

    fn note_written(&mut self, namespace: &str, collection: &str, key: String, metadata: &Metadata) {
        let policy = metadata.get(VALIDATION_PARAMETER).cloned();
        let collections = self.written_policies.entry(namespace.to_owned()).or_default();
        collections.entry(collection.to_owned()).or_default().insert(key, policy);
    }
}

/// Metadata as the state keeps it: a `KVMetadataWrite` without key.
fn decode_metadata(stored: Bytes) -> Result<Metadata, SimulationError> {
    let decoded: KvMetadataWrite = decode(stored).map_err(|error| SimulationError::Undecodable {
        what: "state metadata".into(),
        reason: error.to_string(),
    })?;
    Ok(decoded.entries.into_iter().map(|entry| (entry.name, entry.value)).collect())
}
