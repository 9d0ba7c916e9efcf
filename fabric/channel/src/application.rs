//! The Application group: the organisations that endorse, and who may use which resource
//! (`common/channelconfig/application.go`, `acls.go`).

use std::collections::BTreeMap;

use fabric::proto::protos::{AcLs, AnchorPeer, AnchorPeers};

use super::{
    Capabilities, ConfigError,
    elements::{ConfigMap, Kind},
    msps::{MspSetup, read_org},
    values::{invalid, read_values, set},
};

const PATH: &str = "/Channel/Application";

/// The application section of a channel's configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApplicationConfig {
    /// By their names in the configuration, which need not be their MSP ids.
    pub orgs: BTreeMap<String, ApplicationOrg>,
    /// The absolute name of the policy that guards a resource, where it is not the default.
    pub acls: BTreeMap<String, String>,
}

/// An organisation whose peers endorse.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApplicationOrg {
    pub msp_id: String,
    pub anchor_peers: Vec<AnchorPeer>,
}

impl ApplicationConfig {
    pub(super) fn read(
        elements: &ConfigMap,
        msps: &mut MspSetup,
        capabilities: &Capabilities,
    ) -> Result<Self, ConfigError> {
        let mut acls = AcLs::default();
        read_values(elements, PATH, |name, value| match name {
            "ACLs" => set(&mut acls, value),
            "Capabilities" => Ok(true),
            _ => Ok(false),
        })?;
        if !capabilities.acls() && elements.contains(Kind::Value, "/Channel/Application/ACLs") {
            return Err(invalid("/Channel/Application/ACLs", "not allowed without the capability"));
        }
        let mut orgs = BTreeMap::new();
        for name in elements.groups(PATH) {
            orgs.insert(name.to_owned(), read_application_org(elements, name, msps)?);
        }
        let acls = acls.acls.into_iter().filter(|(_, resource)| !resource.policy_ref.is_empty());
        Ok(Self { orgs, acls: acls.map(|(name, resource)| (name, absolute(resource.policy_ref))).collect() })
    }

    /// The organisation with this MSP id, and its name.
    pub fn org_of_msp(&self, msp_id: &str) -> Option<(&str, &ApplicationOrg)> {
        self.orgs.iter().find(|(_, org)| org.msp_id == msp_id).map(|(name, org)| (name.as_str(), org))
    }
}

fn read_application_org(
    elements: &ConfigMap,
    name: &str,
    msps: &mut MspSetup,
) -> Result<ApplicationOrg, ConfigError> {
    let mut anchors = AnchorPeers::default();
    let msp_id = read_org(elements, PATH, name, msps, |name, value| match name {
        "AnchorPeers" => set(&mut anchors, value),
        _ => Ok(false),
    })?;
    Ok(ApplicationOrg { msp_id, anchor_peers: anchors.anchor_peers })
}

fn absolute(policy: String) -> String {
    if policy.starts_with('/') { policy } else { format!("{PATH}/{policy}") }
}
