//! Can the chaincode definitions that a block leaves be read?
//!
//! Source: `core/ledger/confighistory/mgr.go`, `core/ledger/kvledger/coll_elg_notifier.go`,
//! `core/chaincode/lifecycle/cache.go`. Peers read each definition that a block changes before they commit
//! it, and stop at one that they cannot read. It takes the endorsement of `_lifecycle` to write one.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use channel::Bundle;
use fabric::types::rwset::TxRwSet;

use super::{Defect, definitions::Definitions};
use ledger::{DefinitionState, StateKey, UpdateBatch, View};
use lifecycle::{
    ChaincodeDefinition, NAMESPACE, ReadState, check_peer_safe, described_chaincode, redefined_chaincode,
};

/// Checks the definitions that `updates` change; names the transaction that left a bad one.
pub(crate) fn check(updates: &UpdateBatch, view: &View<'_>) -> Result<(), (usize, Defect)> {
    let before = Definitions::committed(view);
    let after = Definitions::new(Box::new(|key| match updates.get(&StateKey::public(NAMESPACE, key)) {
        Some(update) => Ok(update.value.clone()),
        None => DefinitionState(view).get(key),
    }));
    for (key, update) in updates.range(NAMESPACE, "", "") {
        if let Some(chaincode) = redefined_chaincode(key) {
            check_change(chaincode, &before, &after)
                .map_err(|defect| (update.version.tx as usize, defect))?;
        }
    }
    Ok(())
}

/// Refuses writes to `_lifecycle` after which a definition could not be read, or would stop peers at its
/// chaincode's next transaction. Stricter than peers: each write is checked by itself, and a definition is
/// never taken away, so that no order of good writes makes a bad one.
pub(crate) fn check_written(rwset: &TxRwSet, bundle: &Bundle, view: &View<'_>) -> Result<(), Defect> {
    let namespace = rwset.namespaces.iter().filter(|namespace| namespace.namespace == NAMESPACE);
    let writes = namespace.flat_map(|namespace| &namespace.public.writes);
    let written: BTreeMap<&str, Option<Bytes>> = writes
        .map(|write| (write.key.as_str(), Some(write.value.clone()).filter(|_| !write.is_delete)))
        .collect();
    let chaincodes: BTreeSet<&str> = written.keys().filter_map(|key| described_chaincode(key)).collect();
    let before = Definitions::committed(view);
    let after = Definitions::new(Box::new(|key| match written.get(key) {
        Some(value) => Ok(value.clone().filter(|value| !value.is_empty())),
        None => DefinitionState(view).get(key),
    }));
    for chaincode in chaincodes {
        check_change(chaincode, &before, &after)?;
        if let Some(definition) = after.get(chaincode)? {
            check_peer_safe(&definition.parameters, bundle.policies()).map_err(|reason| {
                Defect::Definition(format!("the new definition of '{chaincode}': {reason}"))
            })?;
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

fn has_empty_collection(definition: &ChaincodeDefinition) -> bool {
    definition.parameters.collections.config.iter().any(|collection| collection.payload.is_none())
}
