//! A block on its way into the ledger: validated, then committed.

use bytes::Bytes;
use fabric::{
    proto::{
        common::{Block, BlockHeader, BlockMetadata, Metadata},
        protos::TxValidationCode,
    },
    types::{
        Height,
        block::{COMMIT_HASH, METADATA_ENTRIES, TRANSACTIONS_FILTER, header_hash},
    },
};
use prost::Message;

use super::{
    Defect, LedgerError, MAX_BLOCK_BYTES, View, commit_hash, error::DefectKind, meta::Savepoint,
    transaction::Transaction, updates::UpdateBatch,
};

/// A block with its verdicts and their effect, as validation hands it over.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatedBlock {
    /// As the orderer made it. Whatever filter and commit hash stand in its metadata are replaced.
    pub block: Block,
    /// One for each transaction.
    pub codes: Vec<TxValidationCode>,
    /// One for each transaction; invalid ones have no read-write set.
    pub transactions: Vec<Transaction>,
    /// What the valid transactions change, applied in their order.
    pub updates: UpdateBatch,
}

/// A block that is durable and visible in the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct CommittedBlock {
    pub number: u64,
    /// With our filter and commit hash in its metadata.
    pub block: Block,
    pub header_hash: [u8; 32],
    /// Empty for block 0.
    pub commit_hash: Bytes,
    pub codes: Vec<TxValidationCode>,
    pub transactions: Vec<Transaction>,
    pub updates: UpdateBatch,
}

impl ValidatedBlock {
    /// Judges a block of the log again by the verdicts in its metadata: what recovery commits.
    pub(super) fn replay(block: Block, committed: &View<'_>) -> Result<Self, LedgerError> {
        let number = number(&block);
        let (codes, transactions) = recorded(&block)?;
        let mut updates = UpdateBatch::default();
        for (index, transaction) in transactions.iter().enumerate() {
            if let Some(rwset) = &transaction.rwset {
                updates.apply(rwset, Height::new(number, index as u64), committed)?;
            }
        }
        Ok(Self { block, codes, transactions, updates })
    }

    /// Checks that the block continues the chain, and puts filter and commit hash into its metadata.
    pub(super) fn seal(self, tip: &Savepoint) -> Result<CommittedBlock, LedgerError> {
        let Self { mut block, codes, transactions, updates } = self;
        let header = block.header.clone().unwrap_or_default();
        let number = header.number;
        check_continues(&header, tip)?;
        let count = block.data.as_ref().map_or(0, |data| data.data.len());
        if count != codes.len() || count != transactions.len() {
            return Err(LedgerError::WrongVerdicts { number, transactions: count, codes: codes.len() });
        }
        let filter: Vec<u8> = codes.iter().map(|code| *code as i32 as u8).collect();
        // Fabric begins with block 1 (`kv_ledger.go`, `commit`).
        let commit_hash = match number {
            0 => Bytes::new(),
            _ => commit_hash::derive(&filter, &updates, &tip.commit_hash),
        };
        write_metadata(&mut block, filter.into(), &commit_hash);
        let header_hash = header_hash(&header);
        Ok(CommittedBlock { number, block, header_hash, commit_hash, codes, transactions, updates })
    }
}

impl CommittedBlock {
    /// The bytes that go into the log.
    pub(super) fn encode(&self) -> Result<Vec<u8>, LedgerError> {
        let size = self.block.encoded_len();
        if size > MAX_BLOCK_BYTES {
            return Err(LedgerError::TooLarge { number: self.number, size, limit: MAX_BLOCK_BYTES });
        }
        Ok(self.block.encode_to_vec())
    }

    pub(super) fn savepoint(&self) -> Savepoint {
        Savepoint {
            height: self.number + 1,
            header_hash: self.header_hash,
            commit_hash: self.commit_hash.clone(),
        }
    }

    /// The transactions of a block that the ledger gave out, by the verdicts in its metadata.
    pub fn recorded_transactions(block: &Block) -> Result<Vec<Transaction>, LedgerError> {
        recorded(block).map(|(_, transactions)| transactions)
    }

    /// The commit hash in a block's metadata; empty if there is none.
    pub fn recorded_commit_hash(block: &Block) -> Bytes {
        let entry = metadata(block, COMMIT_HASH).unwrap_or_default();
        Metadata::decode(entry).map(|metadata| metadata.value).unwrap_or_default()
    }
}

fn number(block: &Block) -> u64 {
    block.header.as_ref().map_or(0, |header| header.number)
}

/// The transactions of a block of the log with the verdicts in its metadata.
fn recorded(block: &Block) -> Result<(Vec<TxValidationCode>, Vec<Transaction>), LedgerError> {
    let number = number(block);
    let codes = recorded_codes(block)
        .map_err(|reason| LedgerError::Unreadable { number, reason: reason.to_owned() })?;
    let envelopes = block.data.iter().flat_map(|data| &data.data);
    let transactions = envelopes.zip(&codes).enumerate().map(|(index, (envelope, code))| {
        Transaction::read(envelope, *code, Height::new(number, index as u64))
    });
    let transactions = transactions.collect::<Result<_, Defect>>()?;
    Ok((codes, transactions))
}

/// The verdicts in a block's metadata.
fn recorded_codes(block: &Block) -> Result<Vec<TxValidationCode>, &'static str> {
    let filter = metadata(block, TRANSACTIONS_FILTER).unwrap_or_default();
    if filter.len() != block.data.as_ref().map_or(0, |data| data.data.len()) {
        return Err("it has not one validation code for each transaction");
    }
    let codes = filter.iter().map(|code| TxValidationCode::try_from(i32::from(*code)));
    codes.collect::<Result<_, _>>().map_err(|_| "it has an unknown validation code")
}

fn check_continues(header: &BlockHeader, tip: &Savepoint) -> Result<(), LedgerError> {
    if header.number != tip.height {
        return Err(LedgerError::WrongNumber { expected: tip.height, got: header.number });
    }
    if header.number > 0 && header.previous_hash.as_ref() != tip.header_hash {
        return Err(LedgerError::WrongPrevious { number: header.number });
    }
    Ok(())
}

fn write_metadata(block: &mut Block, filter: Bytes, commit_hash: &Bytes) {
    let entries = &mut block.metadata.get_or_insert_with(BlockMetadata::default).metadata;
    if entries.len() < METADATA_ENTRIES {
        entries.resize(METADATA_ENTRIES, Bytes::new());
    }
    let commit_hash = match commit_hash.is_empty() {
        true => Bytes::new(),
        false => Metadata { value: commit_hash.clone(), signatures: Vec::new() }.encode_to_vec().into(),
    };
    for (index, entry) in [(TRANSACTIONS_FILTER, filter), (COMMIT_HASH, commit_hash)] {
        if let Some(place) = entries.get_mut(index) {
            *place = entry;
        }
    }
}

fn metadata(block: &Block, index: usize) -> Option<Bytes> {
    block.metadata.as_ref()?.metadata.get(index).cloned()
}

/// For callers that find, while they validate, that a block stops the channel.
impl Defect {
    pub fn unreadable(at: Height, reason: impl Into<String>) -> Self {
        Self { at, kind: DefectKind::Unreadable { reason: reason.into() } }
    }
}
