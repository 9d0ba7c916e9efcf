//! The second step: a transaction with its endorsements, to be signed by the caller and ordered.

use std::time::SystemTime;

use bytes::Bytes;
use fabric::{
    proto::{
        common::Envelope,
        gateway::{PreparedTransaction, SubmitRequest},
    },
    types::{
        DecodedEnvelope,
        envelope::{DecodedResponse, Unreadable},
    },
};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::{Commit, Error, Gateway, GatewayError, Step, error::decode};

/// An endorsed transaction.
///
/// It is signed if the gateway holds a private key; see [`Transaction::digest`] otherwise.
#[derive(Clone, Debug)]
pub struct Transaction {
    gateway: Gateway,
    transaction_id: String,
    channel: String,
    /// What the gateway prepared, passed on as it came: the endorsers' hashes are in it.
    payload: Bytes,
    signature: Option<Bytes>,
    result: Bytes,
    gateway_time: Option<SystemTime>,
}

impl Transaction {
    pub(crate) fn new(gateway: Gateway, transaction_id: String, envelope: Envelope) -> Result<Self, Error> {
        let decoded = DecodedEnvelope::strict(envelope.clone());
        let channel = decoded.channel_header().map_err(Unreadable::from)?.channel_id.clone();
        let action = decoded.response().and_then(DecodedResponse::action).map_err(Unreadable::from)?;
        let result = action.response.as_ref().map_or_else(Bytes::new, |response| response.payload.clone());
        let signature = match Some(envelope.signature).filter(|signature| !signature.is_empty()) {
            None => gateway.try_sign(&envelope.payload)?,
            signed => signed,
        };
        let payload = envelope.payload;
        Ok(Self { gateway, transaction_id, channel, payload, signature, result, gateway_time: None })
    }

    pub(crate) fn from_bytes(gateway: Gateway, bytes: Bytes) -> Result<Self, Error> {
        let what = "a prepared transaction";
        let prepared: PreparedTransaction = decode(what, bytes)?;
        let envelope = prepared.envelope.ok_or(Error::Missing { what, part: "its envelope" })?;
        Self::new(gateway, prepared.transaction_id, envelope)
    }

    pub(crate) fn answered_at(self, gateway_time: Option<SystemTime>) -> Self {
        Self { gateway_time, ..self }
    }

    pub fn transaction_id(&self) -> &str {
        &self.transaction_id
    }

    /// What time it was at the gateway when it answered, to the second, where its answer said so. This project's
    /// node says so, Fabric's peers do not.
    pub fn gateway_time(&self) -> Option<SystemTime> {
        self.gateway_time
    }

    /// What the chaincode returned on the endorsing peers. It holds only once the transaction is committed.
    pub fn result(&self) -> &Bytes {
        &self.result
    }

    /// What the caller signs.
    pub fn message(&self) -> &Bytes {
        &self.payload
    }

    /// SHA-256 of it.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.payload).into()
    }

    /// Adds a signature made elsewhere: DER, low S, over [`Transaction::digest`].
    pub fn with_signature(self, signature: impl Into<Bytes>) -> Self {
        Self { signature: Some(signature.into()), ..self }
    }

    /// A `gateway.PreparedTransaction`, which other Gateway clients read too.
    pub fn to_bytes(&self) -> Bytes {
        let envelope =
            Envelope { payload: self.payload.clone(), signature: self.signature.clone().unwrap_or_default() };
        let prepared =
            PreparedTransaction { transaction_id: self.transaction_id.clone(), envelope: Some(envelope) };
        prepared.encode_to_vec().into()
    }

    /// The signed envelope as the orderer receives it.
    pub fn envelope(&self) -> Result<Envelope, Error> {
        let signature = self.signature.clone().ok_or(Error::NotSigned("the transaction"))?;
        Ok(Envelope { payload: self.payload.clone(), signature })
    }

    /// Hands the transaction to the orderer. It is accepted then, not yet committed: ask the returned [`Commit`].
    pub async fn submit(&self) -> Result<Commit, Error> {
        let request = SubmitRequest {
            transaction_id: self.transaction_id.clone(),
            channel_id: self.channel.clone(),
            prepared_transaction: Some(self.envelope()?),
        };
        let request = self.gateway.request(request, self.gateway.timeouts().submit);
        let response = self.gateway.client().submit(request).await;
        response.map_err(GatewayError::at(Step::Submit, &self.transaction_id))?;
        self.gateway.commit(&self.channel, &self.transaction_id)
    }
}
