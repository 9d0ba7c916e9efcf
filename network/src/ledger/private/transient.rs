//! Private data of transactions that were endorsed and are not committed yet
//! (`core/transientstore/store.go`).
//!
//! | key                                       | value                                              |
//! |-------------------------------------------|----------------------------------------------------|
//! | `t` transaction id, organisation, SHA-256 | height at simulation, then the `TxPvtReadWriteSet` |
//! | `r` height at simulation, the key above   | how many bytes the set has                         |

use fabric::proto::rwset::TxPvtReadWriteSet;
use prost::Message;
use rocksdb::WriteBatch;
use sha2::{Digest, Sha256};

use super::{
    super::{LedgerError, View, database, keys, view::Record},
    TRANSIENT,
};

/// How many blocks private data wait for their transaction (`peer.gossip.pvtData.transientstoreMaxBlockRetention`).
pub(in crate::ledger) const RETENTION: u64 = 1000;

/// How much may wait at once, for all organisations.
const MAX_WAITING_SETS: u64 = 20_000;
const MAX_WAITING_BYTES: u64 = 1 << 30;

const SET: &[u8] = b"t";
const RECEIVED: &[u8] = b"r";

/// What an organisation kept for a transaction.
pub(super) struct Kept {
    pub(super) organisation: String,
    pub(super) private: TxPvtReadWriteSet,
}

pub(super) fn keep(
    view: &View<'_>,
    organisation: &str,
    txid: &str,
    height: u64,
    private: &TxPvtReadWriteSet,
) -> Result<(), LedgerError> {
    check_room(view)?;
    let family = view.family(TRANSIENT)?;
    let (height, set) = (height.to_be_bytes(), private.encode_to_vec());
    // One transaction may be simulated more than once; the commit finds the right result by its hash.
    let key = [&set_key(txid)[..], &keys::join(&[organisation.as_bytes()]), &Sha256::digest(&set)].concat();
    let mut batch = WriteBatch::default();
    batch.put_cf(family, received_key(&height, &key), (set.len() as u64).to_be_bytes());
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
        batch.delete_cf(family, received_key(value.get(..8).unwrap_or_default(), &key));
        batch.delete_cf(family, key);
    }
    Ok(())
}

/// Deletes what waited too long when block `number` is committed.
pub(in crate::ledger) fn drop_old(
    view: &View<'_>,
    number: u64,
    batch: &mut WriteBatch,
) -> Result<(), LedgerError> {
    let Some(oldest) = number.checked_sub(RETENTION) else { return Ok(()) };
    let family = view.family(TRANSIENT)?;
    for record in view.scan(TRANSIENT, RECEIVED.to_vec())? {
        let (record, _) = record?;
        let (height, key) = record.get(1..).and_then(<[u8]>::split_first_chunk).unwrap_or((&[0; 8], &[]));
        if u64::from_be_bytes(*height) >= oldest {
            break;
        }
        batch.delete_cf(family, key);
        batch.delete_cf(family, &record);
    }
    Ok(())
}

fn check_room(view: &View<'_>) -> Result<(), LedgerError> {
    let (mut sets, mut bytes) = (0, 0);
    for record in view.scan(TRANSIENT, RECEIVED.to_vec())? {
        let (_, length) = record?;
        sets += 1;
        bytes += length.try_into().map_or(0, u64::from_be_bytes);
    }
    if sets < MAX_WAITING_SETS && bytes < MAX_WAITING_BYTES {
        return Ok(());
    }
    Err(LedgerError::TooMuchWaits { sets, bytes })
}

fn received_key(height: &[u8], key: &[u8]) -> Vec<u8> {
    [RECEIVED, height, key].concat()
}

fn set_key(txid: &str) -> Vec<u8> {
    [SET, &keys::join(&[txid.as_bytes()])].concat()
}
