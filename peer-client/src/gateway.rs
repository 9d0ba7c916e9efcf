//! A connection to a gateway, and in whose name it is used.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use fabric::proto::msp::SerializedIdentity;
use msp::SigningIdentity;
use services::gateway::gateway_client::GatewayClient;
use tonic::{Request, transport::Channel};

use crate::{
    Commit, Endpoint, Error, EventStream, Invocation, Proposal, StartAt, Transaction, error::decode,
};

/// The largest message either way; Fabric's own limit.
const MESSAGE_BYTES: usize = 100 << 20;

/// A gateway used in one identity's name. Clones share the connection.
#[derive(Clone, Debug)]
pub struct Gateway {
    client: GatewayClient<Channel>,
    creator: Bytes,
    signer: Option<Arc<SigningIdentity>>,
    timeouts: Timeouts,
}

/// How long each step may take before it fails with `DeadlineExceeded`.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub evaluate: Duration,
    pub endorse: Duration,
    pub submit: Duration,
    pub commit_status: Duration,
}

impl Default for Timeouts {
    /// What Fabric's documentation recommends, with room for a peer that endorses for the first time.
    fn default() -> Self {
        Self {
            evaluate: Duration::from_secs(10),
            endorse: Duration::from_secs(30),
            submit: Duration::from_secs(10),
            commit_status: Duration::from_secs(60),
        }
    }
}

impl Gateway {
    /// Connects in the name of an identity that signs by itself.
    pub async fn connect(endpoint: &Endpoint, identity: Arc<SigningIdentity>) -> Result<Self, Error> {
        let creator = identity.serialized();
        Ok(Self::new(endpoint.connect().await?, creator, Some(identity)))
    }

    /// Connects in the name of an identity (a marshalled `SerializedIdentity`) whose key is elsewhere: each step
    /// is then signed by hand.
    pub async fn connect_unsigned(endpoint: &Endpoint, creator: Bytes) -> Result<Self, Error> {
        Ok(Self::new(endpoint.connect().await?, creator, None))
    }

    fn new(channel: Channel, creator: Bytes, signer: Option<Arc<SigningIdentity>>) -> Self {
        let client = GatewayClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES);
        Self { client, creator, signer, timeouts: Timeouts::default() }
    }

    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// The same connection in another identity's name.
    pub fn with_identity(&self, identity: Arc<SigningIdentity>) -> Self {
        Self { creator: identity.serialized(), signer: Some(identity), ..self.clone() }
    }

    /// The same connection in the name of an identity (a marshalled `SerializedIdentity`) whose key is elsewhere: each step is
    /// then signed by hand.
    pub fn with_creator(&self, creator: Bytes) -> Self {
        Self { creator, signer: None, ..self.clone() }
    }

    /// Begins a transaction, or a query.
    pub fn proposal(&self, invocation: Invocation) -> Result<Proposal, Error> {
        Proposal::new(self.clone(), invocation)
    }

    /// Asks after a transaction known by its id alone.
    pub fn commit(&self, channel: &str, transaction_id: &str) -> Result<Commit, Error> {
        Commit::new(self.clone(), channel, transaction_id)
    }

    /// Takes up what [`Proposal::to_bytes`] wrote.
    pub fn proposal_from_bytes(&self, bytes: impl Into<Bytes>) -> Result<Proposal, Error> {
        Proposal::from_bytes(self.clone(), bytes.into())
    }

    /// Takes up what [`Transaction::to_bytes`] wrote.
    pub fn transaction_from_bytes(&self, bytes: impl Into<Bytes>) -> Result<Transaction, Error> {
        Transaction::from_bytes(self.clone(), bytes.into())
    }

    /// Takes up what [`Commit::to_bytes`] wrote.
    pub fn commit_from_bytes(&self, bytes: impl Into<Bytes>) -> Result<Commit, Error> {
        Commit::from_bytes(self.clone(), bytes.into())
    }

    /// Follows the events of one chaincode.
    pub async fn chaincode_events(
        &self,
        channel: &str,
        chaincode: &str,
        start: StartAt,
    ) -> Result<EventStream, Error> {
        EventStream::open(self, channel, chaincode, start).await
    }

    pub(crate) fn client(&self) -> GatewayClient<Channel> {
        self.client.clone()
    }

    pub(crate) fn creator(&self) -> &Bytes {
        &self.creator
    }

    /// The MSP id of the identity in whose name it is used.
    pub(crate) fn organization(&self) -> Result<String, Error> {
        let identity: SerializedIdentity = decode("the identity", self.creator.clone())?;
        Ok(identity.mspid)
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Signs if there is a key to sign with.
    pub(crate) fn try_sign(&self, message: &[u8]) -> Result<Option<Bytes>, Error> {
        let Some(signer) = &self.signer else { return Ok(None) };
        Ok(Some(signer.sign(message)?.into()))
    }

    pub(crate) fn request<M>(&self, message: M, timeout: Duration) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(timeout);
        request
    }
}
