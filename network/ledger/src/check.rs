//! A full check of a ledger: the chain of blocks, the commit hashes, and that the database is what the log
//! gives.

use std::{fmt, path::Path};

use fabric::types::{HeadedBlock, block::data_hash};
use rocksdb::{DB, IteratorMode};

use super::{
    Ledger, LedgerError, database,
    log::{LogReader, LoggedBlock},
    recovery,
};

/// What a check went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Check {
    pub blocks: u64,
    pub transactions: u64,
    /// Records of the database that were compared.
    pub records: u64,
}

/// Checks the whole ledger; takes as long as replaying all its blocks. `scratch` is an empty directory for a
/// second database, which is built anew from the log and compared with the ledger's own. No block may be committed
/// meanwhile. Private data are not checked: the log does not have them.
pub fn check_ledger(ledger: &Ledger, scratch: &Path) -> Result<Check, LedgerError> {
    let mut check = Check::default();
    check_chain(ledger.reader.blocks(0)?, &mut check)?;
    let rebuilt = recovery::open_database(scratch)?;
    recovery::replay(&rebuilt, &ledger.reader)?;
    for family in database::DERIVED {
        check.records += compare(family, &ledger.database, &rebuilt)?;
    }
    Ok(check)
}

/// Checks the block log in a folder and nothing that is derived from it: that every block is whole, has the
/// hash of its data, and follows from the one before. No process needs to have the ledger open; one may be writing to
/// it, or have died of that: what it had not finished behind the confirmed blocks is no part of the chain.
pub fn check_log(folder: &Path) -> Result<Option<Check>, LedgerError> {
    let Some(reader) = LogReader::find(folder)? else { return Ok(None) };
    let mut check = Check::default();
    check_chain(reader.settled_blocks()?, &mut check)?;
    Ok(Some(check))
}

fn check_chain(
    blocks: impl Iterator<Item = Result<LoggedBlock, LedgerError>>,
    check: &mut Check,
) -> Result<(), LedgerError> {
    let mut chain = ChainCheck::default();
    for block in blocks {
        let LoggedBlock { number, bytes, .. } = block?;
        let unreadable = |reason: String| LedgerError::Unreadable { number, reason };
        let block = HeadedBlock::decode(bytes).map_err(|error| unreadable(error.to_string()))?;
        if number != block.number() {
            return Err(LedgerError::WrongNumber { expected: number, got: block.number() });
        }
        chain.take(&block)?;
    }
    (check.blocks, check.transactions) = (chain.blocks, chain.transactions);
    Ok(())
}

/// Checks a chain, one block after the other from block 0 on: that each has the hash of its data, and follows from the one
/// before. Signatures and verdicts are not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainCheck {
    pub blocks: u64,
    pub transactions: u64,
    /// The header hashes of block 0 and of the last block.
    pub genesis_hash: [u8; 32],
    pub last_hash: [u8; 32],
}

impl ChainCheck {
    pub fn take(&mut self, block: &HeadedBlock) -> Result<(), LedgerError> {
        let (header, number) = (block.header(), block.number());
        if number != self.blocks {
            return Err(LedgerError::WrongNumber { expected: self.blocks, got: number });
        }
        if number > 0 && header.previous_hash != self.last_hash.as_slice() {
            return Err(LedgerError::WrongPrevious { number });
        }
        if header.data_hash != data_hash(block.envelopes()).as_slice() {
            let reason = "its transactions do not have the hash its header says".to_owned();
            return Err(LedgerError::Unreadable { number, reason });
        }
        self.last_hash = block.hash();
        if number == 0 {
            self.genesis_hash = self.last_hash;
        }
        self.blocks += 1;
        self.transactions += block.envelopes().len() as u64;
        Ok(())
    }
}

/// Compares a column family, record by record; returns how many there are.
fn compare(name: &'static str, ours: &DB, rebuilt: &DB) -> Result<u64, LedgerError> {
    let records = |database| -> Result<_, LedgerError> {
        let family = database::family(database, name)?;
        Ok(DB::iterator_cf(database, family, IteratorMode::Start))
    };
    let (mut ours, mut rebuilt) = (records(ours)?, records(rebuilt)?);
    let mut count = 0;
    loop {
        let (mine, other) = (ours.next().transpose()?, rebuilt.next().transpose()?);
        if mine != other {
            let key = mine.or(other).map(|(key, _)| key.to_vec()).unwrap_or_default();
            return Err(LedgerError::IndexWrong { family: name, key: hex::encode(key) });
        }
        if mine.is_none() {
            return Ok(count);
        }
        count += 1;
    }
}

impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { blocks, transactions, records } = self;
        write!(
            out,
            "{blocks} blocks with {transactions} transactions, {records} records of the database: all right"
        )
    }
}
