//! What a block changes in the world state, built up transaction by transaction.
//!
//! MVCC validation and recovery both build it with [`UpdateBatch::apply`], so that a replayed block
//! gives the state it gave at first.

mod operations;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    ops::Bound::{Excluded, Included, Unbounded},
};

use bytes::Bytes;
use fabric::types::{
    Height,
    rwset::{NamespaceRwSet, TxRwSet},
};

use super::{Defect, LedgerError, StateValue, View, error::DefectKind};
use operations::Operation;
pub(super) use operations::is_delete;

/// A key of the world state. The order is that of the commit hash: by namespace, in it first the
/// public keys, then collection by collection the hashes of private keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey {
    pub namespace: String,
    pub item: StateItem,
}

/// The key inside its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateItem {
    Public(String),
    Hashed { collection: String, key_hash: Bytes },
}

/// What a block leaves of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// `None`: the key is deleted. For a hashed key the value is the hash of the private value.
    pub value: Option<Bytes>,
    /// A marshalled `KVMetadataWrite` without its key; empty if there is none.
    pub metadata: Bytes,
    pub version: Height,
}

/// The state that a block is applied to. The ledger's own is a [`View`]; a cache of some keys applies
/// the same writes to it with the same outcome.
pub trait CommittedState {
    fn state(&self, key: &StateKey) -> Result<Option<StateValue>, LedgerError>;
}

impl CommittedState for View<'_> {
    fn state(&self, key: &StateKey) -> Result<Option<StateValue>, LedgerError> {
        View::state(self, key)
    }
}

/// All changes of the valid transactions of one block so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateBatch {
    updates: BTreeMap<StateKey, Update>,
    /// What later transactions of the block have replaced.
    replaced: Vec<(StateKey, Update)>,
}

impl UpdateBatch {
    /// Adds the writes of one valid transaction (`validation/types.go`, `applyWriteSet`). On an error
    /// nothing was added; the block cannot be committed, by Fabric neither.
    pub fn apply(
        &mut self,
        rwset: &TxRwSet,
        version: Height,
        committed: &impl CommittedState,
    ) -> Result<(), LedgerError> {
        self.apply_namespaces(rwset.namespaces.iter(), version, committed)
    }

    /// The same for some namespaces of the read-write set, in their order.
    pub fn apply_namespaces<'a>(
        &mut self,
        namespaces: impl Iterator<Item = &'a NamespaceRwSet>,
        version: Height,
        committed: &impl CommittedState,
    ) -> Result<(), LedgerError> {
        let mut updates = Vec::new();
        for (key, operation) in operations::collect(namespaces) {
            if let Some(update) = self.merge(&key, operation, version, committed)? {
                updates.push((key, update));
            }
        }
        for (key, update) in updates {
            match self.updates.entry(key) {
                Entry::Vacant(new) => {
                    new.insert(update);
                }
                Entry::Occupied(mut known) => {
                    let before = known.insert(update);
                    self.replaced.push((known.key().clone(), before));
                }
            }
        }
        Ok(())
    }

    pub fn get(&self, key: &StateKey) -> Option<&Update> {
        self.updates.get(key)
    }

    pub fn public(&self, namespace: &str, key: &str) -> Option<&Update> {
        self.get(&StateKey::public(namespace, key))
    }

    pub fn hashed(&self, namespace: &str, collection: &str, key_hash: &Bytes) -> Option<&Update> {
        self.get(&StateKey::hashed(namespace, collection, key_hash.clone()))
    }

    /// Public keys of a namespace from `start` up to, without, `end`; an empty `end` is the end of the
    /// namespace. Deleted keys are among them.
    pub fn range<'a>(
        &'a self,
        namespace: &'a str,
        start: &str,
        end: &str,
    ) -> impl Iterator<Item = (&'a str, &'a Update)> + use<'a> {
        let from = StateKey::public(namespace, start);
        let to = StateKey::public(namespace, end);
        let bounds = match end.is_empty() {
            true => Some((Included(from), Unbounded)),
            // BTreeMap panics on a range that ends before it starts; such a range is empty in Fabric.
            false => (from <= to).then_some((Included(from), Excluded(to))),
        };
        let range = bounds.map(|bounds| self.updates.range(bounds));
        range.into_iter().flatten().map_while(move |(key, update)| match &key.item {
            StateItem::Public(name) if key.namespace == namespace => Some((name.as_str(), update)),
            _ => None,
        })
    }

    /// What each transaction made of the public keys of a namespace, also where a later one of the block changed it
    /// again: by transaction, and by key.
    pub fn steps<'a>(&'a self, namespace: &'a str) -> Vec<(&'a str, &'a Update)> {
        let replaced = self.replaced.iter().filter_map(|(key, update)| match &key.item {
            StateItem::Public(name) if key.namespace == namespace => Some((name.as_str(), update)),
            _ => None,
        });
        let mut steps: Vec<_> = self.range(namespace, "", "").chain(replaced).collect();
        steps.sort_unstable_by_key(|(key, update)| (update.version, *key));
        steps
    }

    /// All updates in the order of the commit hash.
    pub fn iter(&self) -> impl Iterator<Item = (&StateKey, &Update)> {
        self.updates.iter()
    }

    pub fn len(&self) -> usize {
        self.updates.len()
    }

    pub fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    /// Completes what a transaction does to one key with what was there before: the half of value and
    /// metadata that it leaves alone stays. `None`: nothing happens to the key.
    fn merge(
        &self,
        key: &StateKey,
        operation: Operation,
        version: Height,
        committed: &impl CommittedState,
    ) -> Result<Option<Update>, LedgerError> {
        if operation.is_delete() {
            return Ok(Some(Update { value: None, metadata: Bytes::new(), version }));
        }
        let (value, metadata) = if operation.is_complete() {
            (operation.value, operation.metadata)
        } else if operation.is_value_only() {
            let metadata = self.latest(key, committed)?.map(|latest| latest.metadata);
            (operation.value, metadata.unwrap_or_default())
        } else {
            match self.latest(key, committed)? {
                Some(latest) => (latest.value, operation.metadata),
                None => return Ok(None),
            }
        };
        if value.is_none() {
            return Err(write_without_value(key, version).into());
        }
        Ok(Some(Update { value, metadata, version }))
    }

    /// The key as earlier transactions of the block left it, else as committed.
    fn latest(&self, key: &StateKey, committed: &impl CommittedState) -> Result<Option<Update>, LedgerError> {
        if let Some(update) = self.updates.get(key) {
            return Ok(Some(update.clone()));
        }
        let state = committed.state(key)?;
        Ok(state.map(|state| Update {
            value: Some(state.value),
            metadata: state.metadata,
            version: state.version,
        }))
    }
}

impl StateKey {
    pub fn public(namespace: impl Into<String>, key: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), item: StateItem::Public(key.into()) }
    }

    pub fn hashed(namespace: impl Into<String>, collection: impl Into<String>, key_hash: Bytes) -> Self {
        let item = StateItem::Hashed { collection: collection.into(), key_hash };
        Self { namespace: namespace.into(), item }
    }
}

impl fmt::Display for StateKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = &self.namespace;
        match &self.item {
            StateItem::Public(key) => write!(out, "key {key:?} of '{namespace}'"),
            StateItem::Hashed { collection, key_hash } => {
                write!(
                    out,
                    "key hash {} of collection '{collection}' of '{namespace}'",
                    hex::encode(key_hash)
                )
            }
        }
    }
}

fn write_without_value(key: &StateKey, at: Height) -> Defect {
    Defect { at, kind: DefectKind::WriteWithoutValue { key: key.to_string() } }
}
