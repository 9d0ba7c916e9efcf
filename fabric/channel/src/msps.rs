//! Gathers the MSPs that the organisations of a channel define (`common/channelconfig/msp.go`).

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::proto::msp::MspConfig;
use msp::{Msp, MspManager, MspVersion};

use super::{
    ConfigError,
    elements::ConfigMap,
    values::{read_values, set},
};

/// The MSPs defined so far, by MSP id.
pub(super) struct MspSetup {
    version: MspVersion,
    defined: BTreeMap<String, (MspConfig, Msp)>,
}

impl MspSetup {
    pub fn new(version: MspVersion) -> Self {
        Self { version, defined: BTreeMap::new() }
    }

    /// Sets up the MSP of an organisation and gives its id. Two organisations may have one MSP, if both
    /// define it alike.
    pub fn define(&mut self, org: &str, config: MspConfig) -> Result<String, ConfigError> {
        let error = |error| ConfigError::Msp { org: org.to_owned(), error };
        let msp = Msp::from_config(&config, self.version).map_err(error)?;
        let msp_id = msp.name().to_owned();
        if msp_id.is_empty() {
            return Err(ConfigError::Missing("the id of an MSP"));
        }
        match self.defined.get(&msp_id) {
            Some((known, _)) if *known != config => Err(ConfigError::TwoVersionsOfMsp(org.to_owned())),
            Some(_) => Ok(msp_id),
            None => {
                self.defined.insert(msp_id.clone(), (config, msp));
                Ok(msp_id)
            }
        }
    }

    pub fn finish(self) -> MspManager {
        MspManager::new(self.defined.into_values().map(|(_, msp)| msp).collect())
    }
}

/// Reads an organisation's group: its MSP, and with `take` what else its kind of organisation has.
pub(super) fn read_org(
    elements: &ConfigMap,
    path: &str,
    name: &str,
    msps: &mut MspSetup,
    mut take: impl FnMut(&str, Bytes) -> Result<bool, ConfigError>,
) -> Result<String, ConfigError> {
    let path = format!("{path}/{name}");
    if let Some(group) = elements.groups(&path).next() {
        return Err(ConfigError::UnexpectedGroup(format!("{path}/{group}")));
    }
    let mut msp = MspConfig::default();
    read_values(elements, &path, |name, value| match name {
        "MSP" => set(&mut msp, value),
        other => take(other, value),
    })?;
    msps.define(name, msp)
}
