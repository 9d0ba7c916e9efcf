//! What is derived from the block log: state, history and indexes, one atomic batch a block.
//!
//! A batch ends with the savepoint, so the database is always as of a block. It is built before the block
//! goes into the log, because whatever stops the channel must show while nothing is durable yet.

use std::collections::HashSet;

use bytes::Bytes;
use fabric::{
    proto::protos::TxValidationCode,
    types::{Height, block::envelopes_in, decode::WireError},
};
use rocksdb::{DB, WriteBatch};

use super::{
    CommittedBlock, LedgerError,
    database::{self, BLOCKS, HASHES, HISTORY, STATE, TRANSACTIONS},
    expiry, history,
    lifetime::Lifetimes,
    log::Location,
    private, state,
    transaction::CONFIG_NAMESPACE,
    view::View,
};

/// Where the first transaction with an id is, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxLocation {
    pub block: u64,
    pub index: u64,
    pub code: TxValidationCode,
}

/// Where a block lies in the log, and its envelopes in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlockRecord {
    pub(super) location: Location,
    pub(super) envelopes: Vec<EnvelopeSpan>,
}

/// An envelope inside the bytes of its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EnvelopeSpan {
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) checksum: u32,
}

/// Everything the block changes, but for its place in the log.
pub(super) fn prepare(block: &CommittedBlock, committed: &View<'_>) -> Result<WriteBatch, LedgerError> {
    let database = committed.database;
    let mut batch = WriteBatch::default();
    put_state(block, database, &mut batch)?;
    put_transactions(block, database, &mut batch)?;
    put_history(block, database, &mut batch)?;
    expiry::purge(block, committed, &mut batch)?;
    let mut lifetimes = Lifetimes::new(committed);
    expiry::schedule(block, &mut lifetimes, committed, &mut batch)?;
    private::promote(block, &mut lifetimes, committed, &mut batch)?;
    batch.put_cf(database::family(database, HASHES)?, block.header_hash, block.number.to_be_bytes());
    block.savepoint().write(database, &mut batch)?;
    Ok(batch)
}

/// Adds the block's place in the log.
pub(super) fn locate(
    number: u64,
    record: BlockRecord,
    database: &DB,
    batch: &mut WriteBatch,
) -> Result<(), LedgerError> {
    batch.put_cf(database::family(database, BLOCKS)?, number.to_be_bytes(), record.encode());
    Ok(())
}

/// Where the envelopes lie in the bytes of their block, as these go into the log.
pub(super) fn envelope_spans(number: u64, encoded: &Bytes) -> Result<Vec<EnvelopeSpan>, LedgerError> {
    let unreadable = |error: WireError| LedgerError::Unreadable { number, reason: error.to_string() };
    let span = |(offset, envelope): (usize, Bytes)| {
        let checksum = crc32c::crc32c(&envelope);
        EnvelopeSpan { offset: offset as u32, length: envelope.len() as u32, checksum }
    };
    Ok(envelopes_in(encoded).map_err(unreadable)?.into_iter().map(span).collect())
}

/// Makes the block visible.
pub(super) fn write(database: &DB, batch: WriteBatch) -> Result<(), LedgerError> {
    Ok(database.write_opt(batch, &database::replayable())?)
}

fn put_state(block: &CommittedBlock, database: &DB, batch: &mut WriteBatch) -> Result<(), LedgerError> {
    let family = database::family(database, STATE)?;
    for (key, update) in block.updates.iter() {
        let key = state::encode_key(key);
        match state::encode_update(update) {
            Some(record) => batch.put_cf(family, &key, record),
            None => batch.delete_cf(family, &key),
        }
    }
    Ok(())
}

/// The first transaction with an id keeps it, whatever its verdict: Fabric answers from the first too
/// (`blkstorage/blockindex.go`, `getTxIDVal`).
fn put_transactions(
    block: &CommittedBlock,
    database: &DB,
    batch: &mut WriteBatch,
) -> Result<(), LedgerError> {
    let family = database::family(database, TRANSACTIONS)?;
    let mut seen = HashSet::new();
    for (index, (transaction, code)) in block.transactions.iter().zip(&block.codes).enumerate() {
        let txid = transaction.txid.as_str();
        if seen.insert(txid) && database.get_pinned_cf(family, txid)?.is_none() {
            let location = TxLocation { block: block.number, index: index as u64, code: *code };
            batch.put_cf(family, txid, location.encode());
        }
    }
    Ok(())
}

/// Every public write of a valid transaction, deletions too (`history/db.go`).
fn put_history(block: &CommittedBlock, database: &DB, batch: &mut WriteBatch) -> Result<(), LedgerError> {
    let family = database::family(database, HISTORY)?;
    for (index, transaction) in block.transactions.iter().enumerate() {
        let namespaces = transaction.rwset.iter().flat_map(|rwset| &rwset.namespaces);
        for namespace in namespaces.filter(|namespace| namespace.namespace != CONFIG_NAMESPACE) {
            for write in &namespace.public.writes {
                let at = Height::new(block.number, index as u64);
                batch.put_cf(family, history::key(&namespace.namespace, &write.key, at), []);
            }
        }
    }
    Ok(())
}

impl TxLocation {
    fn encode(&self) -> [u8; 17] {
        let mut out = [0; 17];
        let (block, rest) = out.split_at_mut(8);
        let (index, code) = rest.split_at_mut(8);
        block.copy_from_slice(&self.block.to_be_bytes());
        index.copy_from_slice(&self.index.to_be_bytes());
        code.copy_from_slice(&[self.code as i32 as u8]);
        out
    }

    pub(super) fn decode(record: &[u8]) -> Result<Self, LedgerError> {
        let location = || {
            let (block, rest) = record.split_first_chunk()?;
            let (index, rest) = rest.split_first_chunk()?;
            let code = TxValidationCode::try_from(i32::from(*rest.first()?)).ok()?;
            Some(Self { block: u64::from_be_bytes(*block), index: u64::from_be_bytes(*index), code })
        };
        location().ok_or_else(|| LedgerError::BadRecord("transaction index".to_owned()))
    }
}

impl BlockRecord {
    pub(super) fn read(database: &DB, number: u64) -> Result<Option<Self>, LedgerError> {
        let record = database.get_pinned_cf(database::family(database, BLOCKS)?, number.to_be_bytes())?;
        let bad = || LedgerError::BadRecord("block index".to_owned());
        record.map(|record| Self::decode(&record).ok_or_else(bad)).transpose()
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(20 + 12 * self.envelopes.len());
        out.extend(self.location.segment.to_be_bytes());
        out.extend(self.location.offset.to_be_bytes());
        out.extend(self.location.length.to_be_bytes());
        for span in &self.envelopes {
            out.extend([span.offset, span.length, span.checksum].map(u32::to_be_bytes).as_flattened());
        }
        out
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let (segment, rest) = record.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let location = Location {
            segment: u64::from_be_bytes(*segment),
            offset: u64::from_be_bytes(*offset),
            length: u32::from_be_bytes(*length),
        };
        let (spans, rest) = rest.as_chunks::<12>();
        let envelopes = spans.iter().map(EnvelopeSpan::decode).collect();
        rest.is_empty().then_some(Self { location, envelopes })
    }
}

impl EnvelopeSpan {
    fn decode(bytes: &[u8; 12]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
        Self {
            offset: u32::from_be_bytes([a, b, c, d]),
            length: u32::from_be_bytes([e, f, g, h]),
            checksum: u32::from_be_bytes([i, j, k, l]),
        }
    }
}
