//! The collections of a chaincode: which exist, and who must endorse writes to them.
//!
//! Source: `core/chaincode/lifecycle/deployedcc_infoprovider.go`, `txmgr/collection_val.go`,
//! `gossip/privdata/{coordinator,pvtdataprovider}.go`.

use bytes::Bytes;
use channel::{Bundle, policy::SignaturePolicy};
use fabric::{
    proto::protos::{StaticCollectionConfig, collection_policy_config},
    types::rwset::TxRwSet,
};
use prost::Message;

use super::{Defect, definitions::Definitions, policies};
use lifecycle::{ChaincodeDefinition, implicit_owner};

/// Who must endorse writes to a collection.
pub(crate) enum CollectionPolicy {
    /// An encoded `ApplicationPolicy`.
    Own(Bytes),
    /// The organisations that must endorse writes of the chaincode.
    Chaincode,
    NoSuchCollection,
}

/// Whether a key of the collection can be looked up: it is defined, or the implicit one of an
/// organisation of the channel.
pub(crate) fn exists(bundle: &Bundle, definition: &ChaincodeDefinition, collection: &str) -> bool {
    let is_implicit = || implicit_owner(collection).is_some_and(|msp| organisation(bundle, msp).is_some());
    definition.parameters.collection(collection).is_some() || is_implicit()
}

pub(crate) fn policy(
    bundle: &Bundle,
    definition: &ChaincodeDefinition,
    collection: &str,
) -> CollectionPolicy {
    if let Some(msp_id) = implicit_owner(collection) {
        return match organisation(bundle, msp_id) {
            Some(organisation) => CollectionPolicy::Own(implicit_policy(bundle, organisation, msp_id)),
            None => CollectionPolicy::NoSuchCollection,
        };
    }
    let Some(collection) = definition.parameters.collection(collection) else {
        return CollectionPolicy::NoSuchCollection;
    };
    match collection.endorsement_policy.as_ref().map(Message::encode_to_vec) {
        Some(policy) if !policy.is_empty() => CollectionPolicy::Own(policy.into()),
        _ => CollectionPolicy::Chaincode,
    }
}

/// Refuses private writes of any transaction of the block, valid or not, to a collection that is not
/// defined: peers fetch private data for all of them, and stop where they find no collection.
pub(crate) fn check_written(rwset: &TxRwSet, definitions: &Definitions<'_>) -> Result<(), Defect> {
    for namespace in &rwset.namespaces {
        for set in &namespace.collections {
            if !set.hashed.hashed_writes.is_empty() || !set.hashed.metadata_writes.is_empty() {
                check_defined(&namespace.namespace, &set.collection, definitions)?;
            }
        }
    }
    Ok(())
}

fn check_defined(chaincode: &str, name: &str, definitions: &Definitions<'_>) -> Result<(), Defect> {
    let undefined = |reason: &str| Defect::Collection {
        chaincode: chaincode.to_owned(),
        collection: name.to_owned(),
        reason: reason.to_owned(),
    };
    let definition = definitions.get(chaincode)?.ok_or_else(|| undefined("no such chaincode"))?;
    if implicit_owner(name).is_some() {
        return Ok(());
    }
    let collection = definition.parameters.collection(name).ok_or_else(|| undefined("no such collection"))?;
    if has_member_policy(collection) { Ok(()) } else { Err(undefined("its members' policy cannot be read")) }
}

/// Peers ask the members' policy whether private data are for them.
fn has_member_policy(collection: &StaticCollectionConfig) -> bool {
    let policy = collection.member_orgs_policy.as_ref().and_then(|config| config.payload.as_ref());
    policy.is_some_and(|collection_policy_config::Payload::SignaturePolicy(policy)| {
        SignaturePolicy::from_proto(policy).is_ok()
    })
}

/// The name of the application organisation with this MSP.
fn organisation<'a>(bundle: &'a Bundle, msp_id: &str) -> Option<&'a str> {
    let mut organisations = bundle.application()?.orgs.iter();
    organisations.find(|(_, org)| org.msp_id == msp_id).map(|(name, _)| name.as_str())
}

fn implicit_policy(bundle: &Bundle, organisation: &str, msp_id: &str) -> Bytes {
    let name = format!("/Channel/Application/{organisation}/Endorsement");
    match bundle.policies().get(&name) {
        Ok(_) => policies::reference(&name),
        Err(_) => policies::members(1, &[msp_id]),
    }
}
