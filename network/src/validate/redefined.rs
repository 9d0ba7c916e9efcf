//! Can the chaincode definitions that a block leaves be read?
//!
//! Source: `core/ledger/confighistory/mgr.go`, `core/ledger/kvledger/coll_elg_notifier.go`,
//! `core/chaincode/lifecycle/cache.go`. Peers read each definition that a block changes before they commit
//! it, and stop at one that they cannot read. It takes the endorsement of `_lifecycle` to write one.

use super::{
    Defect,
    lifecycle::{Definition, Definitions, LIFECYCLE, redefined_chaincode},
};
use crate::ledger::{StateKey, UpdateBatch, View};

/// Checks the definitions that `updates` change; names the transaction that left a bad one.
pub(crate) fn check(updates: &UpdateBatch, view: &View<'_>) -> Result<(), (usize, Defect)> {
    let before = Definitions::committed(view);
    let after = Definitions::new(Box::new(|key| match updates.get(&StateKey::public(LIFECYCLE, key)) {
        Some(update) => Ok(update.value.clone()),
        None => Ok(view.get(LIFECYCLE, key)?.map(|state| state.value)),
    }));
    for (key, update) in updates.range(LIFECYCLE, "", "") {
        if let Some(chaincode) = redefined_chaincode(key) {
            check_change(chaincode, &before, &after)
                .map_err(|defect| (update.version.tx as usize, defect))?;
        }
    }
    Ok(())
}

fn check_change(chaincode: &str, before: &Definitions<'_>, after: &Definitions<'_>) -> Result<(), Defect> {
    let bad =
        |reason: &str| Defect::Definition(format!("the new definition of chaincode '{chaincode}' {reason}"));
    let after = after.get(chaincode)?.ok_or_else(|| bad("has no metadata record"))?;
    let Some(before) = before.get(chaincode)? else { return Ok(()) };
    if has_empty_collection(&before) || has_empty_collection(&after) {
        return Err(bad("or the old one has a collection without content"));
    }
    Ok(())
}

fn has_empty_collection(definition: &Definition) -> bool {
    definition.collections.config.iter().any(|collection| collection.payload.is_none())
}
