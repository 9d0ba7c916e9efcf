//! Private data of transactions that were endorsed and are not committed yet
//! (`core/transientstore/store.go`).
//!
//! | key                                       | value                                |
//! |-------------------------------------------|--------------------------------------|
//! | `t` transaction id, organisation, SHA-256 | the `TxPvtReadWriteSet`              |
//! | `r` height at simulation, the key above   | nothing: when to drop it at the latest |

use fabric::proto::rwset::TxPvtReadWriteSet;
use prost::Message;
use rocksdb::{DB, WriteBatch};
use sha2::{Digest, Sha256};

use super::{
    super::{
        LedgerError, View,
        database::{self, durable},
        keys,
    },
    TRANSIENT,
};

/// How many blocks private data wait for their transaction (`peer.gossip.pvtData.transientstoreMaxBlockRetention`).
pub(in crate::ledger) const RETENTION: u64 = 1000;

const SET: &[u8] = b"t";
const RECEIVED: &[u8] = b"r";

/// What an organisation kept for a transaction.
pub(super) struct Kept {
    pub(super) organisation: String,
    pub(super) private: TxPvtReadWriteSet,
}

pub(super) fn keep(
    database: &DB,
    organisation: &str,
    txid: &str,
    height: u64,
    private: &TxPvtReadWriteSet,
) -> Result<(), LedgerError> {
    let family = database::family(database, TRANSIENT)?;
    let value = private.encode_to_vec();
    // One transaction may be simulated more than once; the commit finds the right result by its hash.
    let key = [&set_key(txid)[..], &keys::join(&[organisation.as_bytes()]), &Sha256::digest(&value)].concat();
    let mut batch = WriteBatch::default();
    batch.put_cf(family, [RECEIVED, &height.to_be_bytes(), &key].concat(), []);
    batch.put_cf(family, key, value);
    Ok(database.write_opt(batch, &durable())?)
}

pub(super) fn of_transaction(view: &View<'_>, txid: &str) -> Result<Vec<Kept>, LedgerError> {
    let prefix = set_key(txid);
    let records = view.scan(TRANSIENT, prefix.clone())?;
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let ([organisation], _) = keys::split(key.get(prefix.len()..)?)?;
        let organisation = String::from_utf8(organisation.to_vec()).ok()?;
        Some(Kept { organisation, private: TxPvtReadWriteSet::decode(&value[..]).ok()? })
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
    for record in view.scan(TRANSIENT, set_key(txid))? {
        batch.delete_cf(view.family(TRANSIENT)?, record?.0);
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

fn set_key(txid: &str) -> Vec<u8> {
    [SET, &keys::join(&[txid.as_bytes()])].concat()
}
