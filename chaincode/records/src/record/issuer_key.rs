//! A public key with which a certification body signs certificates, and the two consents behind it.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, RecordError, decode, encode};
use super::event::Event;

const VERSION: u8 = 2;

/// Proposed by the certification body, approved by a person of the accreditation body in a second
/// transaction, revoked by either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuerKey {
    /// MSP id of the certification body.
    pub body: String,
    /// The Ed25519 public key as Multikey text (`z6Mk…`).
    pub public_key: String,
    /// The `did:web:` identifier that documents name as their issuer.
    pub issuer_id: String,
    /// The issuer's name as documents must state it.
    pub issuer_name: String,
    /// Status lists of this issuer stand at `<status_lists>/<list number>`.
    pub status_lists: String,
    pub proposed: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Event>,
}

impl IssuerKey {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.body.write(out);
            self.public_key.write(out);
            self.issuer_id.write(out);
            self.issuer_name.write(out);
            self.status_lists.write(out);
            self.proposed.write(out);
            self.approved.write(out);
            self.revoked.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<IssuerKey, RecordError> {
        decode(record, VERSION, |input| {
            Ok(IssuerKey {
                body: Field::read(input)?,
                public_key: Field::read(input)?,
                issuer_id: Field::read(input)?,
                issuer_name: Field::read(input)?,
                status_lists: Field::read(input)?,
                proposed: Field::read(input)?,
                approved: Field::read(input)?,
                revoked: Field::read(input)?,
            })
        })
    }
}
