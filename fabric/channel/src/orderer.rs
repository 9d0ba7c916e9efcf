//! The Orderer group: how blocks are made and by whom (`common/channelconfig/orderer.go`).

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
pub use fabric::proto::orderer::BatchSize;
use fabric::proto::{
    common::{Consenter, OrdererAddresses, Orderers},
    orderer::{BatchTimeout, ChannelRestrictions, ConsensusType, KafkaBrokers},
};

use super::{
    Capabilities, ConfigError, duration,
    elements::{ConfigMap, Kind},
    msps::{MspSetup, read_org},
    values::{invalid, read_values, set},
};

const PATH: &str = "/Channel/Orderer";

/// The orderer section of a channel's configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct OrdererConfig {
    /// "etcdraft" or "BFT"; on old chains also "solo" and "kafka".
    pub consensus_type: String,
    /// What the consensus needs to know, in a message of its own.
    pub consensus_metadata: Bytes,
    /// `ConsensusType.State`: 0 normal, 1 maintenance.
    pub consensus_state: i32,
    pub batch_size: BatchSize,
    /// How long the first message of a batch waits for others at most.
    pub batch_timeout: Duration,
    /// How many channels the orderer serves at most; 0 is no limit.
    pub max_channels: u64,
    /// Whose signatures make up the quorum of a block, from V3_0 on.
    pub consenters: Vec<Consenter>,
    /// By their names in the configuration, which need not be their MSP ids.
    pub orgs: BTreeMap<String, OrdererOrg>,
}

/// An organisation that runs orderers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrdererOrg {
    pub msp_id: String,
    /// `host:port` of its orderers.
    pub endpoints: Vec<String>,
}

impl OrdererConfig {
    pub(super) fn read(
        elements: &ConfigMap,
        msps: &mut MspSetup,
        capabilities: &Capabilities,
    ) -> Result<Self, ConfigError> {
        let mut consensus = ConsensusType::default();
        let mut batch_size = BatchSize::default();
        let mut batch_timeout = BatchTimeout::default();
        let mut restrictions = ChannelRestrictions::default();
        let mut orderers = Orderers::default();
        read_values(elements, PATH, |name, value| match name {
            "ConsensusType" => set(&mut consensus, value),
            "BatchSize" => set(&mut batch_size, value),
            "BatchTimeout" => set(&mut batch_timeout, value),
            "KafkaBrokers" => set(&mut KafkaBrokers::default(), value),
            "ChannelRestrictions" => set(&mut restrictions, value),
            "Orderers" => set(&mut orderers, value),
            "Capabilities" => Ok(true),
            _ => Ok(false),
        })?;
        check_batch_size(&batch_size)?;
        let mut orgs = BTreeMap::new();
        for name in elements.groups(PATH) {
            orgs.insert(name.to_owned(), read_orderer_org(elements, name, msps, capabilities)?);
        }
        if capabilities.consensus_type_bft() {
            check_endpoints(&orgs)?;
        }
        Ok(Self {
            consensus_type: consensus.r#type,
            consensus_metadata: consensus.metadata,
            consensus_state: consensus.state,
            batch_size,
            batch_timeout: read_timeout(&batch_timeout.timeout)?,
            max_channels: restrictions.max_count,
            consenters: orderers.consenter_mapping,
            orgs,
        })
    }
}

fn read_orderer_org(
    elements: &ConfigMap,
    name: &str,
    msps: &mut MspSetup,
    capabilities: &Capabilities,
) -> Result<OrdererOrg, ConfigError> {
    let path = format!("{PATH}/{name}/Endpoints");
    if !capabilities.org_specific_orderer_endpoints() && elements.contains(Kind::Value, &path) {
        return Err(invalid(&path, "not allowed before the capability V1_4_2"));
    }
    let mut endpoints = OrdererAddresses::default();
    let msp_id = read_org(elements, PATH, name, msps, |name, value| match name {
        "Endpoints" => set(&mut endpoints, value),
        _ => Ok(false),
    })?;
    Ok(OrdererOrg { msp_id, endpoints: endpoints.addresses })
}

fn check_batch_size(size: &BatchSize) -> Result<(), ConfigError> {
    let reason = match size {
        BatchSize { max_message_count: 0, .. } => "max_message_count must not be 0",
        BatchSize { absolute_max_bytes: 0, .. } => "absolute_max_bytes must not be 0",
        BatchSize { preferred_max_bytes: 0, .. } => "preferred_max_bytes must not be 0",
        _ if size.preferred_max_bytes > size.absolute_max_bytes => {
            "preferred_max_bytes must not exceed absolute_max_bytes"
        }
        _ => return Ok(()),
    };
    Err(invalid("/Channel/Orderer/BatchSize", reason))
}

fn read_timeout(text: &str) -> Result<Duration, ConfigError> {
    let error = |reason: String| invalid("/Channel/Orderer/BatchTimeout", reason);
    match duration::parse(text).map_err(error)? {
        nanoseconds if nanoseconds > 0 => Ok(Duration::from_nanos(nanoseconds.unsigned_abs())),
        _ => Err(error(format!("'{text}' is not more than nothing"))),
    }
}

fn check_endpoints(orgs: &BTreeMap<String, OrdererOrg>) -> Result<(), ConfigError> {
    match orgs.iter().find(|(_, org)| org.endpoints.is_empty()) {
        Some((name, _)) => Err(invalid(&format!("{PATH}/{name}/Endpoints"), "V3_0 wants some")),
        None => Ok(()),
    }
}
