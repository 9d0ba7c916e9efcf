//! All MSPs of a channel (`msp/mspmgrimpl.go`, `msp/cache`).

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use recent::Recent;

use crate::{
    proto::{common::MspPrincipal, msp::SerializedIdentity},
    types::decode,
};

use super::{Identity, Msp, MspError};

/// Identities kept after they were judged: an identity costs two or three signature checks, and a channel
/// has few of them. An entry is some kilobytes.
const CACHED_IDENTITIES: usize = 2_000;

/// The MSPs of a channel by their id. A change of the channel's configuration makes a new manager, so that
/// what an old one has judged is forgotten with it.
#[derive(Debug)]
pub struct MspManager {
    msps: BTreeMap<String, Msp>,
    identities: Recent<Bytes, Arc<Identity>>,
}

impl MspManager {
    /// Of MSPs with the same id the last one counts.
    pub fn new(msps: Vec<Msp>) -> Self {
        Self {
            msps: msps.into_iter().map(|msp| (msp.name().to_owned(), msp)).collect(),
            identities: Recent::new(CACHED_IDENTITIES),
        }
    }

    pub fn get(&self, mspid: &str) -> Option<&Msp> {
        self.msps.get(mspid)
    }

    /// All MSPs in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Msp> {
        self.msps.values()
    }

    /// Reads a `SerializedIdentity` and has it judged by the MSP it names.
    pub fn deserialize(&self, serialized: &[u8]) -> Result<Arc<Identity>, MspError> {
        if let Some(identity) = self.identities.get(serialized) {
            return Ok(identity);
        }
        let serialized = Bytes::copy_from_slice(serialized);
        let decoded: SerializedIdentity = decode(serialized.clone())?;
        let msp = self.get(&decoded.mspid).ok_or(MspError::UnknownMsp(decoded.mspid))?;
        let identity = Arc::new(msp.judge(&decoded.id_bytes, serialized.clone())?);
        self.identities.insert(serialized, identity.clone());
        Ok(identity)
    }

    /// Whether the identity is a valid member of its organisation.
    pub fn validate(&self, identity: &Identity) -> Result<(), MspError> {
        self.of(identity)?.validate(identity)
    }

    /// Judges an identity by a principal; see [`Msp::satisfies_principal`].
    pub fn satisfies_principal(&self, identity: &Identity, principal: &MspPrincipal) -> Result<(), MspError> {
        self.of(identity)?.satisfies_principal(identity, principal)
    }

    fn of(&self, identity: &Identity) -> Result<&Msp, MspError> {
        self.get(identity.mspid()).ok_or_else(|| MspError::UnknownMsp(identity.mspid().to_owned()))
    }
}
