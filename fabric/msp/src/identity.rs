//! An identity: a certificate of an organisation, validated by its MSP (`msp/identities.go`).

use bytes::Bytes;
use fabric::crypto::{PublicKey, SignatureError};

use super::MspError;

/// What makes two identities the same: the organisation and the certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityId {
    pub mspid: String,
    /// SHA-256 of the certificate after its signature was brought to a low S.
    pub certificate_hash: [u8; 32],
}

/// A certificate that an MSP could deserialise. Whether it is also *valid* (chained to the MSP's roots, not
/// revoked, of one known role) was found out at the same time and is told by [`Self::validate`].
#[derive(Clone, Debug)]
pub struct Identity {
    pub(super) id: IdentityId,
    pub(super) certificate: Bytes,
    pub(super) public_key: PublicKey,
    pub(super) not_after: i64,
    pub(super) serialized: Bytes,
    pub(super) units: Vec<OrganizationalUnit>,
    pub(super) validity: Result<(), MspError>,
}

/// An organisational unit of an identity, and who certified it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrganizationalUnit {
    pub name: String,
    /// SHA-256 over the certificates above the identity's own, as their MSP keeps them.
    pub certifiers_identifier: [u8; 32],
}

impl Identity {
    pub fn mspid(&self) -> &str {
        &self.id.mspid
    }

    pub fn id(&self) -> &IdentityId {
        &self.id
    }

    /// The certificate in DER, its signature brought to a low S.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The last second, in Unix time, at which the certificate is valid. Validation never looks at it.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// The `SerializedIdentity` that was deserialised, byte for byte.
    pub fn serialized(&self) -> &Bytes {
        &self.serialized
    }

    /// The organisational units in the order of the certificate; none if it has no chain.
    pub fn organizational_units(&self) -> &[OrganizationalUnit] {
        &self.units
    }

    /// Whether the identity is a valid member of its organisation.
    pub fn validate(&self) -> Result<(), MspError> {
        self.validity.clone()
    }

    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        self.public_key.verify(message, signature)
    }
}
