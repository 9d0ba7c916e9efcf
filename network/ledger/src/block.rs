//! A block on its way into the ledger: validated, then committed.

use bytes::Bytes;
use fabric::{
    proto::{
        common::{BlockHeader, Metadata},
        protos::TxValidationCode,
    },
    types::{
        HeadedBlock, Height,
        block::{COMMIT_HASH, TRANSACTIONS_FILTER},
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
    pub block: HeadedBlock,
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
    pub block: HeadedBlock,
    pub header_hash: [u8; 32],
    /// Empty for block 0.
    pub commit_hash: Bytes,
    pub codes: Vec<TxValidationCode>,
    pub transactions: Vec<Transaction>,
    pub updates: UpdateBatch,
}

impl ValidatedBlock {
    /// Judges a block of the log again by the verdicts in its metadata: what recovery commits.
    pub(super) fn replay(block: HeadedBlock, committed: &View<'_>) -> Result<Self, LedgerError> {
        let number = block.number();
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
        let number = block.number();
        check_continues(block.header(), tip)?;
        let count = block.envelopes().len();
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
        let header_hash = block.hash();
        Ok(CommittedBlock { number, block, header_hash, commit_hash, codes, transactions, updates })
    }
}

impl CommittedBlock {
    /// The bytes that go into the log.
    pub(super) fn encode(&self) -> Result<Vec<u8>, LedgerError> {
        let size = self.block.message().encoded_len();
        if size > MAX_BLOCK_BYTES {
            return Err(LedgerError::TooLarge { number: self.number, size, limit: MAX_BLOCK_BYTES });
        }
        Ok(self.block.message().encode_to_vec())
    }

    pub(super) fn savepoint(&self) -> Savepoint {
        Savepoint {
            height: self.number + 1,
            header_hash: self.header_hash,
            commit_hash: self.commit_hash.clone(),
        }
    }

    /// The verdicts in the metadata of a block that the ledger gave out, and its transactions by them.
    pub fn recorded(block: &HeadedBlock) -> Result<(Vec<TxValidationCode>, Vec<Transaction>), LedgerError> {
        recorded(block)
    }
}

/// The transactions of a block of the log with the verdicts in its metadata.
fn recorded(block: &HeadedBlock) -> Result<(Vec<TxValidationCode>, Vec<Transaction>), LedgerError> {
    let number = block.number();
    let codes = recorded_codes(block)
        .map_err(|reason| LedgerError::Unreadable { number, reason: reason.to_owned() })?;
    let transactions = block.envelopes().iter().zip(&codes).enumerate().map(|(index, (envelope, code))| {
        Transaction::read(envelope, *code, Height::new(number, index as u64))
    });
    let transactions = transactions.collect::<Result<_, Defect>>()?;
    Ok((codes, transactions))
}

/// The verdicts in a block's metadata.
fn recorded_codes(block: &HeadedBlock) -> Result<Vec<TxValidationCode>, &'static str> {
    let filter = block.metadata(TRANSACTIONS_FILTER).cloned().unwrap_or_default();
    if filter.len() != block.envelopes().len() {
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

fn write_metadata(block: &mut HeadedBlock, filter: Bytes, commit_hash: &Bytes) {
    let entries = block.metadata_mut();
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

/// For callers that find, while they validate, that a block stops the channel.
impl Defect {
    pub fn unreadable(at: Height, reason: impl Into<String>) -> Self {
        Self { at, kind: DefectKind::Unreadable { reason: reason.into() } }
    }
}
