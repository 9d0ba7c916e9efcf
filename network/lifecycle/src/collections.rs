//! The collections of a chaincode: those its definition names, and one implicit collection for each
//! organisation of the channel (`core/chaincode/lifecycle/deployedcc_infoprovider.go`).

use std::collections::BTreeSet;

use channel::Bundle;
use fabric::{
    proto::{
        common::{MspPrincipal, MspRole, OrganizationUnit, msp_principal::Classification},
        protos::{
            CollectionConfigPackage, StaticCollectionConfig, collection_config, collection_policy_config,
        },
    },
    types::decode,
};
use msp::MspManager;

use super::{implicit_collection, implicit_owner};

/// The collections that a transaction may use in one namespace.
#[derive(Debug)]
pub struct Collections {
    explicit: Vec<StaticCollectionConfig>,
    implicit: Vec<String>,
}

impl Collections {
    /// The collections of a defined chaincode.
    pub fn new(package: CollectionConfigPackage, bundle: &Bundle) -> Self {
        Self { explicit: static_configs(package), ..Self::implicit(bundle) }
    }

    /// Implicit collections alone, as `_lifecycle` has them.
    pub fn implicit(bundle: &Bundle) -> Self {
        let organisations =
            bundle.application().into_iter().flat_map(|application| application.orgs.values());
        let implicit = organisations.map(|organisation| implicit_collection(&organisation.msp_id)).collect();
        Self { explicit: Vec::new(), implicit }
    }

    pub fn contains(&self, collection: &str) -> bool {
        self.explicit(collection).is_some() || self.implicit.iter().any(|name| name == collection)
    }

    /// The configuration of a collection that the definition names.
    pub fn explicit(&self, collection: &str) -> Option<&StaticCollectionConfig> {
        self.explicit.iter().find(|config| config.name == collection)
    }

    /// The MSP ids of the organisations that may have the collection's plaintext.
    pub fn members(&self, collection: &str, msps: &MspManager) -> BTreeSet<String> {
        if let Some(owner) = implicit_owner(collection) {
            return BTreeSet::from([owner.to_owned()]);
        }
        let policy = self.explicit(collection).and_then(|config| config.member_orgs_policy.as_ref());
        let Some(collection_policy_config::Payload::SignaturePolicy(policy)) =
            policy.and_then(|policy| policy.payload.as_ref())
        else {
            return BTreeSet::new();
        };
        policy.identities.iter().filter_map(|principal| organisation_of(principal, msps)).collect()
    }
}

fn organisation_of(principal: &MspPrincipal, msps: &MspManager) -> Option<String> {
    let content = principal.principal.clone();
    match Classification::try_from(principal.principal_classification).ok()? {
        Classification::Role => decode::<MspRole>(content).ok().map(|role| role.msp_identifier),
        Classification::OrganizationUnit => {
            decode::<OrganizationUnit>(content).ok().map(|unit| unit.msp_identifier)
        }
        Classification::Identity => {
            msps.deserialize(&content).ok().map(|identity| identity.mspid().to_owned())
        }
        Classification::Anonymity | Classification::Combined => None,
    }
}

fn static_configs(package: CollectionConfigPackage) -> Vec<StaticCollectionConfig> {
    let configs = package.config.into_iter().filter_map(|config| config.payload);
    configs.map(|collection_config::Payload::StaticCollectionConfig(config)| config).collect()
}
