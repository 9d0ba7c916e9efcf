//! Private data of transactions that were endorsed and are not committed yet
//! (`core/transientstore/store.go`).
//!
//! | key                                       | value                                              |
//! |-------------------------------------------|----------------------------------------------------|
//! | `t` transaction id, organisation, SHA-256 | height at simulation, then the `TxPvtReadWriteSet` |
//! | `r` height at simulation, the key above   | how many bytes the set has, then the creator       |
//! | `c` creator, the key above                | how many bytes the set has                         |
//!
//! The creator is the organisation whose client proposed the transaction. What it makes wait counts against its
//! own share, whosever store it lies in, so that no organisation can fill the others'.

use fabric::proto::rwset::TxPvtReadWriteSet;
use prost::Message;
use rocksdb::{ColumnFamily, WriteBatch};
use sha2::{Digest, Sha256};

use super::{
    super::{LedgerError, View, database, keys, view::Record},
    TRANSIENT,
};

/// How many blocks private data wait for their transaction (`peer.gossip.pvtData.transientstoreMaxBlockRetention`).
pub(crate) const RETENTION: u64 = 1000;

/// How much may wait at once for the transactions of one organisation's clients.
const SHARE_SETS: u64 = 10_000;
pub(crate) const SHARE_BYTES: u64 = 128 << 20;

const SET: &[u8] = b"t";
const RECEIVED: &[u8] = b"r";
const CREATED: &[u8] = b"c";

/// A private read-write set that comes to wait, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a> {
    pub txid: &'a str,
    /// MSP id of the organisation whose client proposed the transaction.
    pub creator: &'a str,
    /// The ledger's height at simulation.
    pub height: u64,
    pub private: &'a TxPvtReadWriteSet,
}

/// What an organisation kept for a transaction.
pub(super) struct Kept {
    pub(super) organisation: String,
    pub(super) private: TxPvtReadWriteSet,
}

pub(super) fn keep(view: &View<'_>, organisation: &str, waiting: Waiting<'_>) -> Result<(), LedgerError> {
    let Waiting { txid, creator, height, private } = waiting;
    check_room(view, creator)?;
    let family = view.family(TRANSIENT)?;
    let (height, set) = (height.to_be_bytes(), private.encode_to_vec());
    let length = (set.len() as u64).to_be_bytes();
    // One transaction may be simulated more than once; the commit finds the right result by its hash.
    let key = [&set_key(txid)[..], &keys::join(&[organisation.as_bytes()]), &Sha256::digest(&set)].concat();
    let mut batch = WriteBatch::default();
    batch.put_cf(family, received_key(&height, &key), [&length[..], creator.as_bytes()].concat());
    batch.put_cf(family, [created_prefix(creator.as_bytes()), key.clone()].concat(), length);
    batch.put_cf(family, key, [&height[..], &set].concat());
    Ok(view.database.write_opt(batch, &database::durable())?)
}

pub(super) fn of_transaction(view: &View<'_>, txid: &str) -> Result<Vec<Kept>, LedgerError> {
    let prefix = set_key(txid);
    let records = view.scan(TRANSIENT, prefix.clone())?;
    let read = |(key, value): Record| {
        let ([organisation], _) = keys::split(key.get(prefix.len()..)?)?;
        let organisation = String::from_utf8(organisation.to_vec()).ok()?;
        Some(Kept { organisation, private: TxPvtReadWriteSet::decode(value.get(8..)?).ok()? })
    };
    let bad = || LedgerError::BadRecord("transient private data".to_owned());
    records.map(|record| read(record?).ok_or_else(bad)).collect()
}

/// Deletes what was kept for a transaction.
pub(super) fn drop_transaction(
    view: &View<'_>,
    txid: &str,
    batch: &mut WriteBatch,
) -> Result<(), LedgerError> {
    let family = view.family(TRANSIENT)?;
    for record in view.scan(TRANSIENT, set_key(txid))? {
        let (key, value) = record?;
        let received = received_key(value.get(..8).unwrap_or_default(), &key);
        let about = view.snapshot.get_cf(family, &received)?.unwrap_or_default();
        drop_set(family, &key, &received, &about, batch);
    }
    Ok(())
}

/// Deletes what waited too long when block `number` is committed.
pub(crate) fn drop_old(view: &View<'_>, number: u64, batch: &mut WriteBatch) -> Result<(), LedgerError> {
    let Some(oldest) = number.checked_sub(RETENTION) else { return Ok(()) };
    let family = view.family(TRANSIENT)?;
    for record in view.scan(TRANSIENT, RECEIVED.to_vec())? {
        let (record, about) = record?;
        let (height, key) = record.get(1..).and_then(<[u8]>::split_first_chunk).unwrap_or((&[0; 8], &[]));
        if u64::from_be_bytes(*height) >= oldest {
            break;
        }
        drop_set(family, key, &record, &about, batch);
    }
    Ok(())
}

/// Deletes a set and both records about it; `about` is the value of the one named `received`.
fn drop_set(family: &ColumnFamily, key: &[u8], received: &[u8], about: &[u8], batch: &mut WriteBatch) {
    let creator = about.get(8..).unwrap_or_default();
    batch.delete_cf(family, [&created_prefix(creator)[..], key].concat());
    batch.delete_cf(family, received);
    batch.delete_cf(family, key);
}

fn check_room(view: &View<'_>, creator: &str) -> Result<(), LedgerError> {
    let (mut sets, mut bytes) = (0, 0);
    for record in view.scan(TRANSIENT, created_prefix(creator.as_bytes()))? {
        let (_, length) = record?;
        sets += 1;
        bytes += length.try_into().map_or(0, u64::from_be_bytes);
    }
    if sets < SHARE_SETS && bytes < SHARE_BYTES {
        return Ok(());
    }
    Err(LedgerError::TooMuchWaits { creator: creator.to_owned(), sets, bytes })
}

fn created_prefix(creator: &[u8]) -> Vec<u8> {
    [CREATED, &keys::join(&[creator])].concat()
}

fn received_key(height: &[u8], key: &[u8]) -> Vec<u8> {
    [RECEIVED, height, key].concat()
}

fn set_key(txid: &str) -> Vec<u8> {
    [SET, &keys::join(&[txid.as_bytes()])].concat()
}
