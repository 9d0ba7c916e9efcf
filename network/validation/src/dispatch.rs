//! Which chaincodes have a say in a transaction, and is it consistent enough to ask them?
//!
//! Source: `core/committer/txvalidator/v20/plugindispatcher/dispatcher.go`. The order of the checks
//! decides the code.

use std::collections::BTreeSet;

use fabric::{
    proto::{
        common::ChannelHeader,
        protos::{ChaincodeAction, ChaincodeEvent, ChaincodeHeaderExtension, TxValidationCode},
    },
    types::{
        decode,
        envelope::DecodedResponse,
        rwset::{NamespaceRwSet, TxRwSet},
    },
};

use super::verdict::Verdict;

/// The namespaces whose policies the transaction must meet: the invoked chaincode's, and each one it
/// writes to.
///
/// Fabric walks them in the random order of a Go map. Where a transaction fails in two of them with
/// different codes, Fabric's peers themselves disagree; we take them by name.
pub(crate) fn check(header: &ChannelHeader, response: &DecodedResponse) -> Result<BTreeSet<String>, Verdict> {
    let extension: ChaincodeHeaderExtension = decode(header.extension.clone())
        .map_err(|error| Verdict::invalid(TxValidationCode::BadHeaderExtension, error.to_string()))?;
    let action = response.present_action().ok_or_else(|| {
        Verdict::invalid(TxValidationCode::BadResponsePayload, "missing or unreadable chaincode action")
    })?;
    let rwset =
        response.rwset().map_err(|error| Verdict::invalid(TxValidationCode::BadRwset, error.to_string()))?;
    let invoked = invoked_chaincode(extension, action)?;
    event(action, &invoked)?;
    namespaces(invoked, rwset)
}

fn invoked_chaincode(
    extension: ChaincodeHeaderExtension,
    action: &ChaincodeAction,
) -> Result<String, Verdict> {
    let other = |reason: &str| Verdict::invalid(TxValidationCode::InvalidOtherReason, reason);
    let wrong = |reason: String| Verdict::invalid(TxValidationCode::InvalidChaincode, reason);
    let named = extension.chaincode_id.ok_or_else(|| other("the header names no chaincode"))?;
    let run = action.chaincode_id.as_ref().ok_or_else(|| other("the action names no chaincode"))?;
    if named.name.is_empty() {
        return Err(wrong("the chaincode's name is empty".to_owned()));
    }
    if named.name != run.name {
        return Err(wrong(format!("the header names chaincode '{}', the action '{}'", named.name, run.name)));
    }
    // Only emptiness counts: the version is not compared with the definition's.
    if run.version.is_empty() {
        return Err(wrong("the chaincode's version is empty".to_owned()));
    }
    Ok(named.name)
}

fn event(action: &ChaincodeAction, invoked: &str) -> Result<(), Verdict> {
    if action.events.is_empty() {
        return Ok(());
    }
    let other = |reason: String| Verdict::invalid(TxValidationCode::InvalidOtherReason, reason);
    let event: ChaincodeEvent =
        decode(action.events.clone()).map_err(|error| other(format!("unreadable event: {error}")))?;
    if event.chaincode_id != invoked {
        return Err(other(format!("event of chaincode '{}', invoked '{invoked}'", event.chaincode_id)));
    }
    Ok(())
}

fn namespaces(invoked: String, rwset: &TxRwSet) -> Result<BTreeSet<String>, Verdict> {
    let mut seen = BTreeSet::new();
    let mut concerned = BTreeSet::from([invoked]);
    for namespace in &rwset.namespaces {
        if !seen.insert(&namespace.namespace) {
            let reason = format!("namespace '{}' occurs twice", namespace.namespace);
            return Err(Verdict::invalid(TxValidationCode::IllegalWriteset, reason));
        }
        if writes_to(namespace) {
            concerned.insert(namespace.namespace.clone());
        }
    }
    Ok(concerned)
}

fn writes_to(namespace: &NamespaceRwSet) -> bool {
    let public = &namespace.public;
    let writes_hashes = |collection: &fabric::types::rwset::CollectionRwSet| {
        !collection.hashed.hashed_writes.is_empty() || !collection.hashed.metadata_writes.is_empty()
    };
    !public.writes.is_empty()
        || !public.metadata_writes.is_empty()
        || namespace.collections.iter().any(writes_hashes)
}
