//! Is a transaction on the ledger already, or twice in its block?
//!
//! Source: `core/committer/txvalidator/v20/validator.go`, `checkTxIdDupsLedger` and `markTXIdDuplicates`.

use fabric::proto::{common::ChannelHeader, protos::TxValidationCode};

use super::verdict::{Failure, Verdict};
use ledger::Ledger;

/// An id counts as taken whatever the verdict was on the transaction that has it.
pub(crate) fn check_ledger(header: &ChannelHeader, ledger: &Ledger) -> Result<(), Failure> {
    let txid = header.tx_id.as_str();
    if ledger.contains_txid(txid)? {
        return Err(duplicate(format!("transaction {txid} is on the ledger")).into());
    }
    Ok(())
}

/// The verdict on a transaction that repeats another one of its block. Only one that met its policies shadows
/// later ones with its id; what it may fail afterwards does not matter.
pub(crate) fn in_block(txid: &str) -> Verdict {
    duplicate(format!("transaction {txid} stands earlier in this block"))
}

fn duplicate(reason: String) -> Verdict {
    Verdict::invalid(TxValidationCode::DuplicateTxid, reason)
}
