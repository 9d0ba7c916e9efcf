//! What the arguments of a definition must look like, above all its collections
//! (`core/chaincode/lifecycle/scc.go`, `validateInput`).

use std::collections::BTreeMap;

use channel::{Bundle, policy::SignaturePolicy};
use fabric::{
    proto::{
        common::{
            MspPrincipal, MspRole, OrganizationUnit, SignaturePolicy as Rule, msp_principal::Classification,
            signature_policy,
        },
        protos::{
            CollectionConfigPackage, StaticCollectionConfig, collection_config,
            collection_policy_config::Payload::SignaturePolicy as MemberPolicy,
        },
    },
    types::decode,
};
use msp::MspManager;

use super::{LifecycleError, state::PublicState};
use crate::simulate::Simulator;
use lifecycle::read_definition;

/// Names that a chaincode cannot have, besides those the pattern excludes.
const SYSTEM_NAMES: &[&str] = &["cscc", "escc", "lscc", "qscc", "vscc"];
/// Where chaincodes of Fabric 1 were defined; a definition of today may not contradict one of those.
const LEGACY_NAMESPACE: &str = "lscc";

/// Checks a definition's arguments, and its collections against the channel and against the definition in
/// force.
pub(super) fn check_arguments(
    name: &str,
    version: &str,
    collections: Option<&CollectionConfigPackage>,
    bundle: &Bundle,
    simulator: &mut Simulator<'_>,
) -> Result<(), LifecycleError> {
    check_names(name, version).map_err(LifecycleError::Failed)?;
    let collections = static_configs(collections).map_err(LifecycleError::Failed)?;
    check_collections(&collections, bundle.msps()).map_err(LifecycleError::Failed)?;

    let committed = read_definition(name, &mut PublicState(simulator)).map_err(|error| {
        error.context(format!(
            "could not retrieve committed definition for chaincode '{name}': could not get info about chaincode"
        ))
    })?;
    let Some(committed) = committed else {
        PublicState(simulator).0.get_state(LEGACY_NAMESPACE, name).map_err(|error| {
            LifecycleError::failed(format!(
                "could not retrieve committed definition for chaincode '{name}': {error}"
            ))
        })?;
        return Ok(());
    };
    check_kept(&collections, &committed.parameters.collections).map_err(LifecycleError::Failed)
}

fn check_names(name: &str, version: &str) -> Result<(), String> {
    if !is_chaincode_name(name) {
        return Err(format!(
            "invalid chaincode name '{name}'. Names can only consist of alphanumerics, '_', and '-' and can only begin \
             with alphanumerics"
        ));
    }
    if SYSTEM_NAMES.contains(&name) {
        return Err(format!("chaincode name '{name}' is the name of a system chaincode"));
    }
    let is_version = |letter: char| letter.is_ascii_alphanumeric() || "_.+-".contains(letter);
    if version.is_empty() || !version.chars().all(is_version) {
        return Err(format!(
            "invalid chaincode version '{version}'. Versions can only consist of alphanumerics, '_', '-', '+', and '.'"
        ));
    }
    Ok(())
}

/// `^[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*$`
fn is_chaincode_name(name: &str) -> bool {
    name.split(['-', '_'])
        .all(|part| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric()))
}

/// `^[A-Za-z0-9-]+([A-Za-z0-9_-]+)*$`
fn is_collection_name(name: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    !name.is_empty() && !name.starts_with('_') && name.chars().all(allowed)
}

fn static_configs(package: Option<&CollectionConfigPackage>) -> Result<Vec<&StaticCollectionConfig>, String> {
    let configs = package.into_iter().flat_map(|package| &package.config);
    configs
        .map(|config| match &config.payload {
            Some(collection_config::Payload::StaticCollectionConfig(config)) => Ok(config),
            None => Err("collection config contains unexpected payload type: <nil>".to_owned()),
        })
        .collect()
}

fn check_collections(collections: &[&StaticCollectionConfig], msps: &MspManager) -> Result<(), String> {
    let mut names = BTreeMap::new();
    for config in collections {
        let name = &config.name;
        if !is_collection_name(name) {
            return Err(format!(
                "invalid collection name '{name}'. Names can only consist of alphanumerics, '_', and '-' and cannot begin \
                 with '_'"
            ));
        }
        if names.insert(name, ()).is_some() {
            return Err(format!("collection-name: {name} -- found duplicate in collection configuration"));
        }
        check_peer_counts(config)?;
        check_members(config, msps)?;
    }
    Ok(())
}

fn check_peer_counts(config: &StaticCollectionConfig) -> Result<(), String> {
    let (name, required, maximum) = (&config.name, config.required_peer_count, config.maximum_peer_count);
    if maximum < required {
        return Err(format!(
            "collection-name: {name} -- maximum peer count ({maximum}) cannot be less than the required peer count \
             ({required})"
        ));
    }
    if required < 0 {
        return Err(format!(
            "collection-name: {name} -- requiredPeerCount ({required}) cannot be less than zero"
        ));
    }
    Ok(())
}

/// Members are listed: the policy may only be an OR over organisations of the channel.
fn check_members(config: &StaticCollectionConfig, msps: &MspManager) -> Result<(), String> {
    let name = &config.name;
    let policy = config
        .member_orgs_policy
        .as_ref()
        .ok_or_else(|| format!("collection member policy is not set for collection '{name}'"))?;
    let Some(MemberPolicy(policy)) = &policy.payload else {
        return Err(format!("collection member org policy is empty for collection '{name}'"));
    };
    SignaturePolicy::from_proto(policy)
        .and_then(SignaturePolicy::require_version_0)
        .map_err(|error| format!("invalid member org policy for collection '{name}': {error}"))?;
    check_is_or(policy.rule.as_ref())
        .map_err(|error| format!("collection-name: {name} -- error in member org policy: {error}"))?;
    policy.identities.iter().try_for_each(|principal| check_member(name, principal, msps))
}

/// The nesting is bounded: the policy has been decoded.
fn check_is_or(rule: Option<&Rule>) -> Result<(), String> {
    let Some(signature_policy::Type::NOutOf(rule)) = rule.and_then(|rule| rule.r#type.as_ref()) else {
        return Ok(());
    };
    if rule.n != 1 {
        return Err(format!("signature policy is not an OR concatenation, NOutOf {}", rule.n));
    }
    rule.rules.iter().try_for_each(|rule| check_is_or(Some(rule)))
}

fn check_member(collection: &str, principal: &MspPrincipal, msps: &MspManager) -> Result<(), String> {
    let content = principal.principal.clone();
    let unreadable =
        |kind: &str| format!("collection-name: {collection} -- cannot unmarshal identity bytes into {kind}");
    let organisation = match Classification::try_from(principal.principal_classification) {
        Ok(Classification::Role) => {
            decode::<MspRole>(content).map_err(|_| unreadable("MSPRole"))?.msp_identifier
        }
        Ok(Classification::OrganizationUnit) => {
            decode::<OrganizationUnit>(content).map_err(|_| unreadable("OrganizationUnit"))?.msp_identifier
        }
        Ok(Classification::Identity) => {
            return msps.deserialize(&content).map(drop).map_err(|_| {
                format!(
                    "collection-name: {collection} -- contains an identity that is not part of the channel"
                )
            });
        }
        _ => {
            let kind = principal.principal_classification;
            return Err(format!("collection-name: {collection} -- principal type {kind} is not supported"));
        }
    };
    if msps.get(&organisation).is_none() {
        return Err(format!(
            "collection-name: {collection} -- collection member '{organisation}' is not part of the channel"
        ));
    }
    Ok(())
}

/// A collection once defined stays, with the lifetime it has.
fn check_kept(
    proposed: &[&StaticCollectionConfig],
    committed: &CollectionConfigPackage,
) -> Result<(), String> {
    if committed.config.is_empty() {
        return Ok(());
    }
    if proposed.is_empty() {
        return Err("the proposed collection config does not contain previously defined collections".into());
    }
    for committed in static_configs(Some(committed))? {
        let name = &committed.name;
        let kept = proposed.iter().rev().find(|config| config.name == *name).ok_or_else(|| {
            format!("existing collection [{name}] missing in the proposed collection configuration")
        })?;
        if kept.block_to_live != committed.block_to_live {
            return Err(format!(
                "the BlockToLive in an existing collection [{name}] modified. Existing value [{}]",
                committed.block_to_live
            ));
        }
    }
    Ok(())
}
