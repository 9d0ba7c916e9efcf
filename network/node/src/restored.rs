//! A ledger that came from a backup: its orderer waits until the operator has said what became of later blocks.

use std::path::Path;

use ledger::{LedgerError, Loss, Restored};

use super::metrics;

/// Why the orderer of the ledger in `directory` may take nothing; `None` where it may.
pub fn held(directory: &Path) -> Result<Option<String>, LedgerError> {
    let restored = Restored::read(directory)?;
    Ok(restored.map(|Restored { block, .. }| {
        format!(
            "the ledger was restored from a backup as of block {block}, and may lack blocks that were acknowledged later; \
             so the orderer takes no transactions. Bring the later blocks in from a follower (nanotrace ledger \
             import), or say that there are none or that they are given up (nanotrace ledger resume): docs/recovery.md, \
             \"After a restore\""
        )
    }))
}

/// Tells operators, in log and metrics.
pub fn report(held: Option<&str>, losses: &[Loss]) {
    metrics::restored(held.is_some(), losses.len());
    if let Some(reason) = held {
        tracing::warn!("{reason}");
    }
    for Loss { after, at, .. } in losses {
        tracing::warn!(after, at, "blocks that may have followed this one were given up by the operator");
    }
}
