//! Is a transaction on the ledger already, or twice in its block?
//!
//! Source: `core/committer/txvalidator/v20/validator.go`, `checkTxIdDupsLedger` and `markTXIdDuplicates`.

use fabric::proto::protos::TxValidationCode;

use super::{
    unpack::Unpacked,
    verdict::{Failure, Verdict},
};
use ledger::Ledger;

/// An id counts as taken whatever the verdict was on the transaction that has it.
pub(crate) fn check_ledger(unpacked: &Unpacked, ledger: &Ledger) -> Result<(), Failure> {
    let txid = unpacked.txid();
    if ledger.contains_txid(txid)? {
        return Err(duplicate(format!("transaction {txid} is on the ledger")).into());
    }
    Ok(())
}

/// The verdict on a transaction that repeats another one of its block. Only one that met its policies shadows
/// later ones with its id; what it may fail afterwards does not matter.
pub(crate) fn in_block(unpacked: &Unpacked) -> Verdict {
    duplicate(format!("transaction {} stands earlier in this block", unpacked.txid()))
}

fn duplicate(reason: String) -> Verdict {
    Verdict::invalid(TxValidationCode::DuplicateTxid, reason)
}
