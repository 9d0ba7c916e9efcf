//! What reaches the orderer without a gateway: config updates, and what a channel is configured to.

use std::time::Duration;

use bytes::Bytes;
use fabric::proto::{
    common::{Envelope, Status},
    orderer::BroadcastResponse,
};
use services::orderer::atomic_broadcast_client::AtomicBroadcastClient;
use tonic::Request;

use crate::{Endpoint, Error, Gateway, Invocation};

/// How long the orderer may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The orderer did not take an envelope.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the orderer refused it ({}): {info}", status.as_str_name())]
pub struct NotOrdered {
    pub status: Status,
    pub info: String,
}

/// Hands a signed envelope to the orderer (`AtomicBroadcast/Broadcast`). That it took it means that it will be in a block,
/// unless the configuration changes before.
pub async fn broadcast(endpoint: &Endpoint, envelope: Envelope) -> Result<(), Error> {
    let mut orderer = AtomicBroadcastClient::new(endpoint.connect().await?);
    let mut request = Request::new(tokio_stream::iter([envelope]));
    request.set_timeout(PATIENCE);
    let unanswered = |status: tonic::Status| NotOrdered {
        status: Status::ServiceUnavailable,
        info: status.message().to_owned(),
    };
    let mut answers = orderer.broadcast(request).await.map_err(unanswered)?.into_inner();
    let answer: BroadcastResponse = answers.message().await.map_err(unanswered)?.unwrap_or_default();
    match answer.status() {
        Status::Success => Ok(()),
        status => Err(NotOrdered { status, info: answer.info }.into()),
    }
}

/// The block with the configuration in force, as the gateway's peer has it (`cscc/GetConfigBlock`).
pub async fn config_block(gateway: &Gateway, channel: &str) -> Result<Bytes, Error> {
    let query = Invocation::new(channel, "cscc", "GetConfigBlock").argument(channel.to_owned());
    gateway.proposal(query)?.evaluate().await
}
