//! All MSPs of a channel.

use std::{collections::BTreeMap, sync::Arc};

use crate::proto::common::MspPrincipal;

use super::{Identity, Msp, MspError};

/// The MSPs of a channel by their id.
#[derive(Debug, Default)]
pub struct MspManager {
    msps: BTreeMap<String, Msp>,
}

impl MspManager {
    pub fn new(msps: Vec<Msp>) -> Self {
        Self { msps: msps.into_iter().map(|msp| (msp.name().to_owned(), msp)).collect() }
    }

    pub fn get(&self, mspid: &str) -> Option<&Msp> {
        self.msps.get(mspid)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Msp> {
        self.msps.values()
    }

    pub fn deserialize(&self, _serialized: &[u8]) -> Result<Arc<Identity>, MspError> {
        Err(MspError::Config("in the making".to_owned()))
    }

    pub fn validate(&self, identity: &Identity) -> Result<(), MspError> {
        self.of(identity)?.validate(identity)
    }

    pub fn satisfies_principal(&self, identity: &Identity, principal: &MspPrincipal) -> Result<(), MspError> {
        self.of(identity)?.satisfies_principal(identity, principal)
    }

    fn of(&self, identity: &Identity) -> Result<&Msp, MspError> {
        self.get(identity.mspid()).ok_or_else(|| MspError::UnknownMsp(identity.mspid().to_owned()))
    }
}
