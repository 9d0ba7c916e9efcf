//! What a block does to private data: the sets of its valid transactions move in, what their hashes say is
//! gone goes.
//!
//! Afterwards every value kept is the one whose hash is in the world state: all others, overwritten,
//! deleted, expired or purged, are deleted with the block that made them so.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::{
    proto::{kvrwset::KvrwSet, rwset::CollectionPvtReadWriteSet},
    types::{Height, rwset::TxRwSet},
};
use prost::Message;
use rocksdb::WriteBatch;
use sha2::{Digest, Sha256};

use super::{
    super::{
        CommittedBlock, LedgerError, View, database::PRIVATE, lifetime::Lifetimes, transaction::Transaction,
        updates,
    },
    HashedKey, is_hash_of, records, transient,
};

/// The private data that a block brings, before they are written.
#[derive(Default)]
struct IncomingPrivateData {
    /// The last value of a key, by organisation; `None` if deleted.
    values: BTreeMap<(String, HashedKey), (String, Option<Bytes>)>,
    sets: Vec<IncomingSet>,
    /// Sets of earlier blocks from which keys were purged, by their place in the database.
    rewritten: BTreeMap<Vec<u8>, Bytes>,
}

struct IncomingSet {
    at: Height,
    organisation: String,
    namespace: String,
    collection: String,
    rwset: Bytes,
}

/// Moves the private data of the block's valid transactions from the transient store to where they are
/// read, and forgets what the block deletes or purges.
pub(in super::super) fn promote(
    block: &CommittedBlock,
    lifetimes: &mut Lifetimes<'_>,
    committed: &View<'_>,
    batch: &mut WriteBatch,
) -> Result<(), LedgerError> {
    for (key, update) in block.updates.iter() {
        if let Some(key) = HashedKey::of(key) {
            drop_stale(update.value.as_ref(), &key, committed, batch)?;
        }
    }
    let mut incoming = IncomingPrivateData::default();
    for (index, transaction) in block.transactions.iter().enumerate() {
        let at = Height::new(block.number, index as u64);
        if let Some(rwset) = transaction.rwset.as_ref().filter(|rwset| has_private_data(rwset)) {
            incoming.purge(rwset, at, committed, batch)?;
            incoming.take(rwset, &transaction.txid, at, committed)?;
        }
        if may_have_private_data(transaction) {
            transient::drop_transaction(committed, &transaction.txid, batch)?;
        }
    }
    transient::drop_old(committed, block.number, batch)?;
    incoming.write(block, lifetimes, committed, batch)?;
    drop_expired(block.number, committed, batch)
}

/// Forgets the private values of a hashed key, but for one that has this hash.
pub(in super::super) fn drop_stale(
    hash: Option<&Bytes>,
    key: &HashedKey,
    committed: &View<'_>,
    batch: &mut WriteBatch,
) -> Result<(), LedgerError> {
    let family = committed.family(PRIVATE)?;
    for (organisation, clear) in records::keys_of_hash(committed, key)? {
        let record = records::value_key(&organisation, &key.namespace, &key.collection, &clear);
        let value = committed.snapshot.get_cf(family, &record)?.unwrap_or_default();
        if !hash.is_some_and(|hash| is_hash_of(hash, &value)) {
            batch.delete_cf(family, record);
            batch.delete_cf(family, records::key_of_hash(key, &organisation));
        }
    }
    Ok(())
}

/// Deletes the sets whose collection lets them live no longer than to this block; values go with their
/// hashes.
fn drop_expired(number: u64, committed: &View<'_>, batch: &mut WriteBatch) -> Result<(), LedgerError> {
    let family = committed.family(PRIVATE)?;
    for expiring in records::expiring(committed, number)? {
        batch.delete_cf(family, expiring.mark);
        batch.delete_cf(family, expiring.record);
    }
    Ok(())
}

impl IncomingPrivateData {
    /// Takes over the collections whose sets hash to what the transaction says; of several simulations
    /// only one does.
    fn take(
        &mut self,
        rwset: &TxRwSet,
        txid: &str,
        at: Height,
        committed: &View<'_>,
    ) -> Result<(), LedgerError> {
        for kept in transient::of_transaction(committed, txid)? {
            for namespace in kept.private.ns_pvt_rwset {
                for set in namespace.collection_pvt_rwset {
                    if is_announced(rwset, &namespace.namespace, &set) {
                        self.take_set(&kept.organisation, &namespace.namespace, set, at)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn take_set(
        &mut self,
        organisation: &str,
        namespace: &str,
        set: CollectionPvtReadWriteSet,
        at: Height,
    ) -> Result<(), LedgerError> {
        for write in parse(&set.rwset)?.writes {
            let key = hashed_key(namespace, &set.collection_name, &write.key);
            let value = (!updates::is_delete(&write)).then_some(write.value);
            self.values.insert((organisation.to_owned(), key), (write.key, value));
        }
        self.sets.push(IncomingSet {
            at,
            organisation: organisation.to_owned(),
            namespace: namespace.to_owned(),
            collection: set.collection_name,
            rwset: set.rwset,
        });
        Ok(())
    }

    /// Takes purged keys out of the sets of earlier transactions, in this block and before.
    fn purge(
        &mut self,
        rwset: &TxRwSet,
        at: Height,
        committed: &View<'_>,
        batch: &mut WriteBatch,
    ) -> Result<(), LedgerError> {
        let family = committed.family(PRIVATE)?;
        for key in purged_keys(rwset) {
            for set in self.sets.iter_mut().filter(|set| set.at < at && set.may_hold(&key)) {
                set.rwset = without(&set.rwset, &key)?;
            }
            for (mark, organisation, written) in records::sets_with(committed, &key)? {
                let record = records::set_key(written, &organisation, &key.namespace, &key.collection);
                let set = match self.rewritten.get(&record) {
                    Some(rewritten) => Some(rewritten.clone()),
                    None => committed.snapshot.get_cf(family, &record)?.map(Bytes::from),
                };
                if let Some(set) = set {
                    self.rewritten.insert(record, without(&set, &key)?);
                }
                batch.delete_cf(family, mark);
            }
        }
        Ok(())
    }

    fn write(
        self,
        block: &CommittedBlock,
        lifetimes: &mut Lifetimes<'_>,
        committed: &View<'_>,
        batch: &mut WriteBatch,
    ) -> Result<(), LedgerError> {
        let family = committed.family(PRIVATE)?;
        for (record, set) in self.rewritten {
            batch.put_cf(family, record, set);
        }
        for ((organisation, key), (clear, value)) in self.values {
            let hash = block.updates.get(&key.state_key()).and_then(|update| update.value.as_ref());
            if let Some((value, _)) = value.zip(hash).filter(|(value, hash)| is_hash_of(hash, value)) {
                let record = records::value_key(&organisation, &key.namespace, &key.collection, &clear);
                batch.put_cf(family, record, value);
                batch.put_cf(family, records::key_of_hash(&key, &organisation), clear);
            }
        }
        for set in self.sets {
            set.write(lifetimes, committed, batch)?;
        }
        Ok(())
    }
}

impl IncomingSet {
    fn may_hold(&self, key: &HashedKey) -> bool {
        self.namespace == key.namespace && self.collection == key.collection
    }

    fn write(
        self,
        lifetimes: &mut Lifetimes<'_>,
        committed: &View<'_>,
        batch: &mut WriteBatch,
    ) -> Result<(), LedgerError> {
        let family = committed.family(PRIVATE)?;
        let expiry = lifetimes.expiry(&self.namespace, &self.collection, self.at)?;
        let record = records::set_key(self.at, &self.organisation, &self.namespace, &self.collection);
        let marks = parse(&self.rwset)?.writes.into_iter().map(|write| {
            let key = hashed_key(&self.namespace, &self.collection, &write.key);
            (records::written_in(&key, &self.organisation, self.at), Bytes::new())
        });
        for (record, value) in marks.chain([(record, self.rwset.clone())]) {
            if let Some(expiry) = expiry {
                batch.put_cf(family, records::expiry_key(expiry, &record), []);
            }
            batch.put_cf(family, record, value);
        }
        Ok(())
    }
}

/// Whether the transaction's hash for the collection is that of the set.
fn is_announced(rwset: &TxRwSet, namespace: &str, set: &CollectionPvtReadWriteSet) -> bool {
    let hash = Sha256::digest(&set.rwset);
    let namespaces = rwset.namespaces.iter().filter(|candidate| candidate.namespace == namespace);
    let mut collections = namespaces.flat_map(|namespace| &namespace.collections);
    collections.any(|collection| {
        collection.collection == set.collection_name && collection.pvt_rwset_hash.as_ref() == hash.as_slice()
    })
}

fn hashed_key(namespace: &str, collection: &str, key: &str) -> HashedKey {
    let key_hash = Bytes::copy_from_slice(&Sha256::digest(key));
    HashedKey { namespace: namespace.to_owned(), collection: collection.to_owned(), key_hash }
}

fn without(rwset: &Bytes, key: &HashedKey) -> Result<Bytes, LedgerError> {
    let mut set = parse(rwset)?;
    let is_key = |name: &str| Sha256::digest(name).as_slice() == key.key_hash;
    set.writes.retain(|write| !is_key(&write.key));
    set.metadata_writes.retain(|write| !is_key(&write.key));
    Ok(set.encode_to_vec().into())
}

fn parse(rwset: &Bytes) -> Result<KvrwSet, LedgerError> {
    let bad = |error| LedgerError::BadRecord(format!("private read-write set: {error}"));
    KvrwSet::decode(rwset.clone()).map_err(bad)
}

fn purged_keys(rwset: &TxRwSet) -> impl Iterator<Item = HashedKey> {
    rwset.namespaces.iter().flat_map(|namespace| {
        namespace.collections.iter().flat_map(|collection| {
            let purges = collection.hashed.hashed_writes.iter().filter(|write| write.is_purge);
            purges.map(|write| HashedKey {
                namespace: namespace.namespace.clone(),
                collection: collection.collection.clone(),
                key_hash: write.key_hash.clone(),
            })
        })
    })
}

/// Valid transactions say so; of invalid ones nothing is known here.
fn may_have_private_data(transaction: &Transaction) -> bool {
    transaction.rwset.as_ref().is_none_or(has_private_data)
}

fn has_private_data(rwset: &TxRwSet) -> bool {
    rwset.namespaces.iter().any(|namespace| !namespace.collections.is_empty())
}
