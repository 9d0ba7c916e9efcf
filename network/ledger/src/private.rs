//! Private data in clear, of each organisation that this node serves: kept from endorsement until commit,
//! then for as long as its hash is in the world state.
//!
//! The block log does not have these data, so the database is their only copy: what is kept before commit
//! is synced at once, and what a block moves is moved again when the block is replayed. Which collections
//! an organisation may see is the endorser's business; here lies what it handed over.

mod commit;
mod records;
pub(super) mod transient;

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::proto::rwset::TxPvtReadWriteSet;
use sha2::{Digest, Sha256};

use super::{
    Ledger, LedgerError, View,
    database::{PRIVATE, TRANSIENT},
    state::StateValue,
    updates::{StateItem, StateKey},
};
pub(super) use commit::{drop_stale, promote};
pub use transient::Waiting;

/// As many keys as Fabric lets one query return (`ledger.state.totalQueryLimit`).
pub const RANGE_LIMIT: usize = 100_000;

/// The private data of one organisation.
#[derive(Clone, Copy, Debug)]
pub struct PrivateStore<'a> {
    ledger: &'a Ledger,
    organisation: &'a str,
}

/// A private read-write set that a block brought with it, for one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateWrites {
    /// Index of the transaction in its block.
    pub tx: u64,
    pub namespace: String,
    pub collection: String,
    /// A marshalled `KVRWSet`; keys that were purged since are no longer in it.
    pub rwset: Bytes,
}

/// A hashed key of the world state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HashedKey {
    pub(super) namespace: String,
    pub(super) collection: String,
    pub(super) key_hash: Bytes,
}

impl<'a> PrivateStore<'a> {
    pub(super) fn new(ledger: &'a Ledger, organisation: &'a str) -> Self {
        Self { ledger, organisation }
    }

    /// Keeps what a simulation wrote to private collections until its transaction is committed, durably;
    /// after [`transient::RETENTION`] further blocks without the transaction it is dropped.
    pub fn keep(&self, waiting: Waiting<'_>) -> Result<(), LedgerError> {
        transient::keep(&self.ledger.view()?, self.organisation, waiting)
    }

    /// The private value of a key, with the version and the metadata its hash has in the world state.
    /// `None` if the world state has none; an error if this organisation's copy is missing or stale.
    pub fn get(
        &self,
        view: &View<'_>,
        namespace: &str,
        collection: &str,
        key: &str,
    ) -> Result<Option<StateValue>, LedgerError> {
        let record = records::value_key(self.organisation, namespace, collection, key);
        let private = view.snapshot.get_cf(view.family(PRIVATE)?, record)?.map(Bytes::from);
        let hashed = view.get_hashed(namespace, collection, &Sha256::digest(key))?;
        match (private, hashed) {
            (_, None) => Ok(None),
            (Some(value), Some(hashed)) if is_hash_of(&hashed.value, &value) => {
                Ok(Some(StateValue { value, ..hashed }))
            }
            (_, Some(hashed)) => Err(LedgerError::PrivateDataUnavailable { public: hashed.version }),
        }
    }

    /// Private keys from `start` up to, without, `end`, in the order of their bytes; an empty `end` is the
    /// end of the collection. Keys of which there is no current copy here are left out; after
    /// [`RANGE_LIMIT`] keys the range ends.
    pub fn range(
        &self,
        view: &View<'_>,
        namespace: &str,
        collection: &str,
        start: &str,
        end: &str,
    ) -> Result<BTreeMap<String, StateValue>, LedgerError> {
        let mut found = BTreeMap::new();
        let prefix = records::value_key(self.organisation, namespace, collection, "");
        let from = [&prefix[..], start.as_bytes()].concat();
        for record in view.scan_from(PRIVATE, from, prefix.clone())? {
            let (record, _) = record?;
            let key = String::from_utf8_lossy(record.get(prefix.len()..).unwrap_or_default()).into_owned();
            if !end.is_empty() && key.as_str() >= end || found.len() == RANGE_LIMIT {
                break;
            }
            match self.get(view, namespace, collection, &key) {
                Ok(Some(value)) => drop(found.insert(key, value)),
                Ok(None) | Err(LedgerError::PrivateDataUnavailable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The private read-write sets of a committed block's valid transactions, as far as they are here.
    pub fn writes_of_block(&self, view: &View<'_>, block: u64) -> Result<Vec<PrivateWrites>, LedgerError> {
        records::writes_of_block(view, self.organisation, block)
    }

    /// What was kept for a transaction that is not committed yet.
    pub fn kept(&self, view: &View<'_>, txid: &str) -> Result<Vec<TxPvtReadWriteSet>, LedgerError> {
        let kept = transient::of_transaction(view, txid)?;
        let own = kept.into_iter().filter(|kept| kept.organisation == self.organisation);
        Ok(own.map(|kept| kept.private).collect())
    }
}

impl HashedKey {
    pub(super) fn of(key: &StateKey) -> Option<Self> {
        let StateItem::Hashed { collection, key_hash } = &key.item else { return None };
        let (namespace, collection) = (key.namespace.clone(), collection.clone());
        Some(Self { namespace, collection, key_hash: key_hash.clone() })
    }

    pub(super) fn state_key(&self) -> StateKey {
        StateKey::hashed(&self.namespace, &self.collection, self.key_hash.clone())
    }
}

fn is_hash_of(hash: &[u8], value: &[u8]) -> bool {
    Sha256::digest(value).as_slice() == hash
}
