//! The membership definition of one organisation.

use std::sync::Arc;

use crate::proto::{common::MspPrincipal, msp::MspConfig};

use super::{Identity, MspError, MspVersion};

/// One organisation's MSP.
#[derive(Debug)]
pub struct Msp {
    name: String,
}

impl Msp {
    pub fn from_config(_config: &MspConfig, _version: MspVersion) -> Result<Self, MspError> {
        Err(MspError::Config("in the making".to_owned()))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn deserialize(&self, _serialized: &[u8]) -> Result<Arc<Identity>, MspError> {
        Err(MspError::Config("in the making".to_owned()))
    }

    pub fn validate(&self, identity: &Identity) -> Result<(), MspError> {
        identity.validity.clone()
    }

    pub fn satisfies_principal(
        &self,
        _identity: &Identity,
        _principal: &MspPrincipal,
    ) -> Result<(), MspError> {
        Err(MspError::Config("in the making".to_owned()))
    }
}
