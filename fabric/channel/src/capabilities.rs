//! Which rules a channel has agreed on, by capability level (`common/capabilities`).

use std::collections::BTreeSet;

use fabric::{proto::common, types::decode::decode};
use msp::MspVersion;

use super::{
    ConfigError,
    elements::{Body, ConfigMap, Key, Kind},
};

const CHANNEL: &[&str] = &["V1_1", "V1_3", "V1_4_2", "V1_4_3", "V2_0", "V3_0"];
const ORDERER: &[&str] = &["V1_1", "V1_4_2", "V2_0"];
const APPLICATION: &[&str] = &[
    "V1_1",
    "V1_2",
    "V1_3",
    "V1_4_2",
    "V2_0",
    "V2_5",
    "V1_1_PVTDATA_EXPERIMENTAL",
    "V1_1_RESOURCETREE_EXPERIMENTAL",
];

/// The capabilities that a channel requires, in each part of its configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capabilities {
    channel: BTreeSet<String>,
    orderer: BTreeSet<String>,
    application: BTreeSet<String>,
}

impl Capabilities {
    /// These levels, for a configuration that is yet to be made.
    pub fn of(channel: &[String], orderer: &[String], application: &[String]) -> Self {
        let set = |levels: &[String]| levels.iter().cloned().collect();
        Self { channel: set(channel), orderer: set(orderer), application: set(application) }
    }

    pub(super) fn read(elements: &ConfigMap) -> Result<Self, ConfigError> {
        Ok(Self {
            channel: read_group(elements, "/Channel/Capabilities")?,
            orderer: read_group(elements, "/Channel/Orderer/Capabilities")?,
            application: read_group(elements, "/Channel/Application/Capabilities")?,
        })
    }

    /// Refuses capabilities that Fabric does not know, as far as a peer looks at them; it halts on one.
    pub fn require_supported(&self) -> Result<(), ConfigError> {
        check_known("Channel", &self.channel, CHANNEL)?;
        check_known("Application", &self.application, APPLICATION)
    }

    /// As [`Capabilities::require_supported`], as far as an orderer looks at them.
    pub fn require_supported_by_orderer(&self) -> Result<(), ConfigError> {
        check_known("Channel", &self.channel, CHANNEL)?;
        check_known("Orderer", &self.orderer, ORDERER)
    }

    /// Refuses levels at which chaincode transactions are validated by the rules of Fabric 1, which are not
    /// here. Config transactions have the same rules at every level.
    pub fn require_v2(&self) -> Result<(), ConfigError> {
        if self.v2_0_validation() { Ok(()) } else { Err(ConfigError::OldCapability { group: "Application" }) }
    }

    /// The rules by which identities are validated.
    pub fn msp_version(&self) -> MspVersion {
        let has = |level: &str| self.channel.contains(level);
        match () {
            () if has("V3_0") => MspVersion::V3_0,
            () if has("V1_4_3") || has("V2_0") => MspVersion::V1_4_3,
            () if has("V1_3") || has("V1_4_2") => MspVersion::V1_3,
            () if has("V1_1") => MspVersion::V1_1,
            () => MspVersion::V1_0,
        }
    }

    /// Blocks are signed by a quorum of consenters, and every orderer organisation has endpoints.
    pub fn consensus_type_bft(&self) -> bool {
        self.channel.contains("V3_0")
    }

    /// The consensus type may change.
    pub fn consensus_type_migration(&self) -> bool {
        any(&self.channel, &["V1_4_2", "V1_4_3", "V2_0", "V3_0"])
    }

    /// Orderer organisations may have endpoints of their own.
    pub fn org_specific_orderer_endpoints(&self) -> bool {
        self.consensus_type_migration()
    }

    /// The application may say which policy guards which resource.
    pub fn acls(&self) -> bool {
        any(&self.application, &["V1_2", "V1_3", "V1_4_2", "V2_0", "V2_5"])
    }

    /// Chaincodes are defined by `_lifecycle`, and there are implicit collections.
    pub fn v2_0_validation(&self) -> bool {
        any(&self.application, &["V2_0", "V2_5"])
    }

    /// Private data can be purged.
    pub fn purge_private_data(&self) -> bool {
        self.application.contains("V2_5")
    }

    /// The levels that a part of the configuration requires.
    pub fn channel(&self) -> &BTreeSet<String> {
        &self.channel
    }

    pub fn orderer(&self) -> &BTreeSet<String> {
        &self.orderer
    }

    pub fn application(&self) -> &BTreeSet<String> {
        &self.application
    }
}

fn read_group(elements: &ConfigMap, path: &str) -> Result<BTreeSet<String>, ConfigError> {
    let Some(element) = elements.0.get(&Key::new(Kind::Value, path)) else { return Ok(BTreeSet::new()) };
    let Body::Value(value) = &element.body else { return Ok(BTreeSet::new()) };
    let capabilities: common::Capabilities = decode(value.clone())?;
    Ok(capabilities.capabilities.into_keys().collect())
}

fn check_known(group: &'static str, required: &BTreeSet<String>, known: &[&str]) -> Result<(), ConfigError> {
    match required.iter().find(|level| !known.contains(&level.as_str())) {
        Some(level) => Err(ConfigError::UnsupportedCapability { group, name: level.clone() }),
        None => Ok(()),
    }
}

fn any(required: &BTreeSet<String>, levels: &[&str]) -> bool {
    levels.iter().any(|level| required.contains(*level))
}
