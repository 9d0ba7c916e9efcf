//! All MSPs of a channel (`msp/mspmgrimpl.go`, `msp/cache`).

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use fabric::{
    proto::{common::MspPrincipal, msp::SerializedIdentity},
    types::decode,
};
use quick_cache::{Weighter, sync::Cache};

use super::{Identity, Msp, MspError};

/// Bytes of identities kept after they were validated: an identity costs two or three signature checks, and a channel
/// has few of them. Enough for two thousand of the usual size.
const CACHED_BYTES: usize = 16 << 20;

/// What an identity takes beside its serialized form: the certificate again, decoded, and its key.
const DECODED_BYTES: usize = 7 << 10;

/// The largest serialized identity, in bytes, that a client may come with and that is cached. A certificate in
/// PEM takes about 1 kB, but PEM allows any text before it. Validation knows no such limit, as Fabric does not.
pub const IDENTITY_BYTES: usize = 16 << 10;

/// The MSPs of a channel by their id. A change of the channel's configuration makes a new manager, so that
/// what an old one has validated is forgotten with it.
#[derive(Debug)]
pub struct MspManager {
    msps: BTreeMap<String, Msp>,
    identities: Cache<Bytes, Arc<Identity>, IdentityBytes>,
}

#[derive(Clone)]
struct IdentityBytes;

impl Weighter<Bytes, Arc<Identity>> for IdentityBytes {
    fn weight(&self, serialized: &Bytes, _: &Arc<Identity>) -> u64 {
        (2 * serialized.len() + DECODED_BYTES) as u64
    }
}

impl MspManager {
    /// Of MSPs with the same id the last one counts.
    pub fn new(msps: Vec<Msp>) -> Self {
        Self {
            msps: msps.into_iter().map(|msp| (msp.name().to_owned(), msp)).collect(),
            identities: Cache::with_weighter(CACHED_BYTES >> 13, CACHED_BYTES as u64, IdentityBytes),
        }
    }

    pub fn get(&self, mspid: &str) -> Option<&Msp> {
        self.msps.get(mspid)
    }

    /// All MSPs in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Msp> {
        self.msps.values()
    }

    /// Reads a `SerializedIdentity` and has it validated by the MSP it names. Anybody can send any identity, so
    /// it is not cached here: see [`Self::remember`].
    pub fn deserialize(&self, serialized: &[u8]) -> Result<Arc<Identity>, MspError> {
        if let Some(identity) = self.identities.get(serialized) {
            return Ok(identity);
        }
        let serialized = Bytes::copy_from_slice(serialized);
        let decoded: SerializedIdentity = decode(serialized.clone())?;
        let msp = self.get(&decoded.mspid).ok_or(MspError::UnknownMsp(decoded.mspid))?;
        Ok(Arc::new(msp.identity(&decoded.id_bytes, serialized)?))
    }

    /// Caches an identity. To be called once a signature by its key has been verified, so that only members of
    /// the channel's organisations take up memory.
    pub fn remember(&self, identity: &Arc<Identity>) {
        let serialized = identity.serialized();
        let may_stay = serialized.len() <= IDENTITY_BYTES && identity.validate().is_ok();
        if may_stay && self.identities.get(serialized).is_none() {
            self.identities.insert(serialized.clone(), identity.clone());
        }
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
