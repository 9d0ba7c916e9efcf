//! Purging the hashes of private data whose collection lets them live for a number of blocks only
//! (`txmgmt/pvtstatepurgemgmt`).
//!
//! A key written in block N with n blocks to live is deleted with block N + n + 1, unless it was written
//! again meanwhile. Such deletions are no updates of the block: they are not in its commit hash, and its
//! own transactions still see the key.

use rocksdb::WriteBatch;

use super::{
    CommittedBlock, LedgerError, View,
    database::{EXPIRY, STATE},
    keys,
    lifetime::Lifetimes,
    private::{self, HashedKey},
    state,
};

/// Notes for each hashed key the block writes with which block it goes away.
pub(super) fn schedule(
    block: &CommittedBlock,
    lifetimes: &mut Lifetimes<'_>,
    committed: &View<'_>,
    batch: &mut WriteBatch,
) -> Result<(), LedgerError> {
    for (key, update) in block.updates.iter() {
        let Some(key) = HashedKey::of(key) else { continue };
        // Asked for deletions too: an undefined collection stops Fabric's peers there as well.
        let expiry = lifetimes.expiry(&key.namespace, &key.collection, update.version)?;
        if let (Some(expiry), true) = (expiry, update.value.is_some()) {
            let entry = Entry { expiry, written: block.number, key };
            batch.put_cf(committed.family(EXPIRY)?, entry.encode(), []);
        }
    }
    Ok(())
}

/// Deletes what expires with the block.
pub(super) fn purge(
    block: &CommittedBlock,
    committed: &View<'_>,
    batch: &mut WriteBatch,
) -> Result<(), LedgerError> {
    for record in committed.scan(EXPIRY, block.number.to_be_bytes().to_vec())? {
        let (record, _) = record?;
        let bad = || LedgerError::BadRecord("expiry entry".to_owned());
        let entry = Entry::decode(&record).ok_or_else(bad)?;
        let key = entry.key.state_key();
        let unchanged = committed.state(&key)?.is_some_and(|state| state.version.block == entry.written);
        if unchanged && block.updates.get(&key).is_none() {
            batch.delete_cf(committed.family(STATE)?, state::encode_key(&key));
            private::drop_stale(None, &entry.key, committed, batch)?;
        }
        batch.delete_cf(committed.family(EXPIRY)?, record);
    }
    Ok(())
}

/// One hashed key that expires; the encoding sorts by the block it expires with.
struct Entry {
    expiry: u64,
    /// The block that wrote the key.
    written: u64,
    key: HashedKey,
}

impl Entry {
    fn encode(&self) -> Vec<u8> {
        let Self { expiry, written, key } = self;
        let name = keys::join(&[key.namespace.as_bytes(), key.collection.as_bytes(), &key.key_hash]);
        [&expiry.to_be_bytes()[..], &written.to_be_bytes(), &name].concat()
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let (expiry, rest) = record.split_first_chunk()?;
        let (written, rest) = rest.split_first_chunk()?;
        let ([namespace, collection, key_hash], _) = keys::split(rest)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let (namespace, collection) = (text(namespace)?, text(collection)?);
        let key = HashedKey { namespace, collection, key_hash: key_hash.to_vec().into() };
        Some(Self { expiry: u64::from_be_bytes(*expiry), written: u64::from_be_bytes(*written), key })
    }
}
