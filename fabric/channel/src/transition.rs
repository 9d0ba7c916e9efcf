//! What may not change from one configuration to the next, even by those who may change everything
//! (`ValidateNew` in `common/channelconfig/bundle.go`).

use std::collections::BTreeMap;

use fabric::{
    proto::{common::Policy, etcdraft},
    types::decode::decode,
};

use super::{
    Bundle, ConfigError, OrdererConfig,
    elements::ConfigMap,
    msps::{MspSetup, read_org},
    values::{read_values, set},
};

const CONSORTIUMS: &str = "/Channel/Consortiums";

/// MSP ids by the path of their organisation.
pub(super) type MspIds = BTreeMap<String, String>;

impl Bundle {
    /// Whether `next` may follow this configuration.
    pub(super) fn validate_new(&self, next: &Self) -> Result<(), ConfigError> {
        let (old, new) = (&self.orderer, &next.orderer);
        if !self.capabilities.consensus_type_migration() && old.consensus_type != new.consensus_type {
            let change = format!("{} to {}", old.consensus_type, new.consensus_type);
            return Err(ConfigError::Transition(format!("the consensus type may not change from {change}")));
        }
        // Without old endpoints, V3_0 itself has refused the new configuration already.
        check_msp_ids("orderer", &old.msp_ids(), &new.msp_ids())?;
        match (&self.application, &next.application) {
            (Some(old), Some(new)) => check_msp_ids("application", &old.msp_ids(), &new.msp_ids())?,
            (Some(_), None) => return Err(removed("application")),
            (None, _) => {}
        }
        match (&self.consortiums, &next.consortiums) {
            (Some(old), Some(new)) => check_msp_ids("consortium", old, new),
            (Some(_), None) => Err(removed("consortiums")),
            (None, Some(_)) => Err(ConfigError::Transition("consortiums may not be added".to_owned())),
            (None, None) => Ok(()),
        }
    }
}

impl OrdererConfig {
    fn msp_ids(&self) -> MspIds {
        self.orgs.iter().map(|(name, org)| (name.clone(), org.msp_id.clone())).collect()
    }
}

impl super::ApplicationConfig {
    fn msp_ids(&self) -> MspIds {
        self.orgs.iter().map(|(name, org)| (name.clone(), org.msp_id.clone())).collect()
    }
}

/// Reads the consortiums of what was a system channel of Fabric 1 or 2.
pub(super) fn read_consortiums(elements: &ConfigMap, msps: &mut MspSetup) -> Result<MspIds, ConfigError> {
    let mut ids = MspIds::new();
    for consortium in elements.groups(CONSORTIUMS) {
        let path = format!("{CONSORTIUMS}/{consortium}");
        read_values(elements, &path, |name, value| match name {
            "ChannelCreationPolicy" => set(&mut Policy::default(), value),
            _ => Ok(false),
        })?;
        for org in elements.groups(&path) {
            let id = read_org(elements, &path, org, msps, |_, _| Ok(false))?;
            ids.insert(format!("{consortium}/{org}"), id);
        }
    }
    Ok(ids)
}

/// Our orderer does one kind of consensus and migrates to no other: it refuses updates that ask for that,
/// and consenters that a raft orderer could not use.
pub(super) fn check_consensus_unchanged(old: &OrdererConfig, new: &OrdererConfig) -> Result<(), ConfigError> {
    let refuse = |reason: &str| Err(ConfigError::Transition(reason.to_owned()));
    if old.consensus_type != new.consensus_type || old.consensus_state != new.consensus_state {
        return refuse("this orderer does not migrate to another consensus type");
    }
    if old.consensus_metadata == new.consensus_metadata {
        return Ok(());
    }
    let metadata: etcdraft::ConfigMetadata = decode(new.consensus_metadata.clone())?;
    if metadata.consenters.is_empty() || metadata.options.is_none() {
        return refuse("the consensus metadata has no consenters or no options");
    }
    let complete = |consenter: &etcdraft::Consenter| {
        let certificates = [&consenter.client_tls_cert, &consenter.server_tls_cert];
        certificates.iter().all(|certificate| pem::parse(certificate).is_ok())
            && !consenter.host.is_empty()
            && consenter.port != 0
    };
    if metadata.consenters.iter().all(complete) {
        return Ok(());
    }
    refuse("a consenter lacks its host, its port or a TLS certificate")
}

fn check_msp_ids(section: &str, old: &MspIds, new: &MspIds) -> Result<(), ConfigError> {
    for (org, old) in old {
        if let Some(new) = new.get(org).filter(|new| *new != old) {
            let message =
                format!("the MSP id of {section} organisation {org} may not change from {old} to {new}");
            return Err(ConfigError::Transition(message));
        }
    }
    Ok(())
}

fn removed(section: &str) -> ConfigError {
    ConfigError::Transition(format!("the {section} section may not be removed"))
}
