//! Is a transaction on the ledger already, or twice in its block?
//!
//! Source: `core/committer/txvalidator/v20/validator.go`, `checkTxIdDupsLedger` and `markTXIdDuplicates`.

use std::collections::HashSet;

use fabric::proto::protos::TxValidationCode;

use super::{
    examine::{Examined, Kind},
    unpack::Unpacked,
    verdict::{Failure, Verdict},
};
use crate::ledger::Ledger;

/// An id counts as taken whatever the verdict was on the transaction that has it.
pub(crate) fn check_ledger(unpacked: &Unpacked, ledger: &Ledger) -> Result<(), Failure> {
    let txid = unpacked.txid();
    if ledger.contains_txid(txid)? {
        return Err(duplicate(format!("transaction {txid} is on the ledger")).into());
    }
    Ok(())
}

/// In the block, only a transaction that passed all checks so far shadows later ones with its id; what it
/// may fail afterwards does not matter.
pub(crate) fn mark(examined: &[Examined], verdicts: &mut [Verdict]) {
    let mut seen = HashSet::new();
    for (examined, verdict) in examined.iter().zip(verdicts) {
        let is_endorser = matches!(examined.result, Ok(Kind::Endorser { .. }));
        let txid = examined.unpacked.txid();
        if is_endorser && verdict.is_valid() && !seen.insert(txid) {
            *verdict = duplicate(format!("transaction {txid} stands earlier in this block"));
        }
    }
}

fn duplicate(reason: String) -> Verdict {
    Verdict::invalid(TxValidationCode::DuplicateTxid, reason)
}
