//! Identities with their private keys, and MSP folders on disk.

use std::path::Path;

use bytes::Bytes;

use crate::{crypto::PrivateKey, proto::msp::MspConfig};

use super::MspError;

/// An identity that can sign.
#[derive(Debug)]
pub struct SigningIdentity {
    mspid: String,
    key: PrivateKey,
    serialized: Bytes,
}

impl SigningIdentity {
    /// Reads `signcerts` and `keystore` of an MSP folder.
    pub fn from_msp_dir(_dir: &Path, _mspid: &str) -> Result<Self, MspError> {
        Err(MspError::Config("in the making".to_owned()))
    }

    pub fn from_pem(mspid: &str, _certificate: &[u8], key: &[u8]) -> Result<Self, MspError> {
        let key = PrivateKey::from_pem(key).map_err(|error| MspError::Config(error.to_string()))?;
        Ok(Self { mspid: mspid.to_owned(), key, serialized: Bytes::new() })
    }

    pub fn mspid(&self) -> &str {
        &self.mspid
    }

    /// The `SerializedIdentity`: what proposals name as creator and endorsements as endorser.
    pub fn serialized(&self) -> Bytes {
        self.serialized.clone()
    }

    pub fn private_key(&self) -> &PrivateKey {
        &self.key
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(message)
    }
}

/// Reads an MSP folder as a membership definition for a genesis block.
pub fn config_from_dir(_dir: &Path, _mspid: &str) -> Result<MspConfig, MspError> {
    Err(MspError::Config("in the making".to_owned()))
}
