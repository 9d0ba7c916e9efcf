//! What a serialized identity says of itself.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::{proto::msp::SerializedIdentity, types::decode};

use super::{MspError, attributes, membership::parse_pem};

/// MSP id, organisational units and attributes as an identity claims them. Whether it may is for the MSP to say ([`super::Msp`]): a
/// chaincode reads them of a creator whom its peer has authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub mspid: String,
    /// In the order of the certificate, repetitions included.
    pub organizational_units: Vec<String>,
    /// By their names; as Fabric CA writes them.
    pub attributes: BTreeMap<String, String>,
}

impl Claims {
    /// Reads a `SerializedIdentity` as an MSP does.
    pub fn read(serialized: Bytes) -> Result<Self, MspError> {
        let identity: SerializedIdentity = decode(serialized)?;
        let certificate = parse_pem(&identity.id_bytes)?;
        Ok(Self {
            mspid: identity.mspid,
            organizational_units: certificate.subject_name.organizational_units,
            attributes: certificate
                .extensions
                .attributes
                .as_deref()
                .map(attributes::parse)
                .unwrap_or_default(),
        })
    }
}
