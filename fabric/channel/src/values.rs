//! Decodes the values of a configuration group: known names only, absent ones have protobuf's defaults
//! (`common/channelconfig/standardvalues.go`, `channel.go`).

use bytes::Bytes;
use fabric::{
    proto::common::{BlockDataHashingStructure, Consortium, HashingAlgorithm, OrdererAddresses, Orderers},
    types::decode::decode,
};
use prost::{Message, Name};

use super::{
    Capabilities, ConfigError,
    elements::{ConfigMap, ROOT},
};

/// Calls `take` for each value of the group at `path`; it says whether it knows the name.
pub(super) fn read_values(
    elements: &ConfigMap,
    path: &str,
    mut take: impl FnMut(&str, Bytes) -> Result<bool, ConfigError>,
) -> Result<(), ConfigError> {
    for (name, value) in elements.values(path) {
        if !take(name, value.clone())? {
            return Err(ConfigError::UnexpectedValue(format!("{path}/{name}")));
        }
    }
    Ok(())
}

/// Decodes a value into its place and says that its name is known.
pub(super) fn set<M: Message + Default + Name>(place: &mut M, value: Bytes) -> Result<bool, ConfigError> {
    *place = decode(value)?;
    Ok(true)
}

/// A value that decodes but is not allowed.
pub(super) fn invalid(path: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Value { path: path.to_owned(), reason: reason.into() }
}

/// The values of the root group that anybody looks at, apart from the capabilities.
pub(super) struct ChannelValues {
    hashing_algorithm: String,
    hashing_width: u32,
    pub orderer_addresses: Vec<String>,
}

impl ChannelValues {
    pub fn read(elements: &ConfigMap) -> Result<Self, ConfigError> {
        let mut algorithm = HashingAlgorithm::default();
        let mut structure = BlockDataHashingStructure::default();
        let mut addresses = OrdererAddresses::default();
        read_values(elements, ROOT, |name, value| match name {
            "HashingAlgorithm" => set(&mut algorithm, value),
            "BlockDataHashingStructure" => set(&mut structure, value),
            "OrdererAddresses" => set(&mut addresses, value),
            "Orderers" => set(&mut Orderers::default(), value),
            "Consortium" => set(&mut Consortium::default(), value),
            "Capabilities" => Ok(true),
            _ => Ok(false),
        })?;
        Ok(Self {
            hashing_algorithm: algorithm.name,
            hashing_width: structure.width,
            orderer_addresses: addresses.addresses,
        })
    }

    pub fn check(&self, capabilities: &Capabilities) -> Result<(), ConfigError> {
        if self.hashing_algorithm != "SHA256" && self.hashing_algorithm != "SHA3_256" {
            let reason = format!("'{}' is no known algorithm", self.hashing_algorithm);
            return Err(invalid("/Channel/HashingAlgorithm", reason));
        }
        if self.hashing_width != u32::MAX {
            return Err(invalid("/Channel/BlockDataHashingStructure", "the width must be 4294967295"));
        }
        if !capabilities.org_specific_orderer_endpoints() && self.orderer_addresses.is_empty() {
            return Err(invalid("/Channel/OrdererAddresses", "some addresses must be set"));
        }
        if capabilities.consensus_type_bft() && !self.orderer_addresses.is_empty() {
            let reason = "not allowed with V3_0: use the Endpoints of each orderer organisation";
            return Err(invalid("/Channel/OrdererAddresses", reason));
        }
        Ok(())
    }
}
