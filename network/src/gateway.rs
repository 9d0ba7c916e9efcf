//! The Fabric Gateway service of one organisation: what clients talk to.
//!
//! Evaluate and Endorse drive endorsing peers ([`plan`] says which), Submit hands the signed envelope to
//! the orderer, CommitStatus waits for its verdict, ChaincodeEvents streams what valid transactions
//! emitted. Status codes and texts are Fabric's (`internal/pkg/gateway`): clients decide on them.

mod chaincode_events;
mod commit_status;
mod endorse;
mod errors;
mod evaluate;
mod plan;
mod submit;
mod unpack;

use std::{pin::Pin, sync::Arc, time::Duration};

use fabric::proto::gateway::{
    ChaincodeEventsResponse, CommitStatusResponse, EndorseRequest, EndorseResponse, EvaluateRequest,
    EvaluateResponse, SignedChaincodeEventsRequest, SignedCommitStatusRequest, SubmitRequest, SubmitResponse,
    gateway_server,
};
use futures::Stream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tonic::{Request, Response, Status};

use crate::{
    lifecycle::Definitions,
    node::{Channel, Peer, until_ended},
};

/// How many calls one gateway serves at once, waiting CommitStatus calls included
/// (`peer.limits.concurrency.gatewayService` of Fabric's core.yaml).
pub const CONCURRENCY_LIMIT: usize = 500;
/// How long one endorsing peer may take (`peer.gateway.endorsementTimeout` waits 30 s in core.yaml).
const ENDORSEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the orderer may take to answer (`peer.gateway.broadcastTimeout`).
const BROADCAST_TIMEOUT: Duration = Duration::from_secs(30);

/// The gateway of one organisation: its own peer comes first wherever there is a choice.
pub struct Gateway {
    channel: Arc<Channel>,
    own: Arc<Peer>,
    peers: Arc<[Arc<Peer>]>,
    definitions: Definitions,
    calls: Semaphore,
}

impl Gateway {
    /// `peers` are all endorsing peers that this gateway can reach, `own` among them.
    pub fn new(channel: Arc<Channel>, own: Arc<Peer>, peers: Arc<[Arc<Peer>]>) -> Self {
        let calls = Semaphore::new(CONCURRENCY_LIMIT);
        Self { channel, own, peers, definitions: Definitions::default(), calls }
    }

    fn admit(&self) -> Result<SemaphorePermit<'_>, Status> {
        self.calls.try_acquire().map_err(|_| {
            Status::unknown(format!(
                "too many requests for /gateway.Gateway, exceeding concurrency limit ({CONCURRENCY_LIMIT})"
            ))
        })
    }
}

#[tonic::async_trait]
impl gateway_server::Gateway for Gateway {
    async fn evaluate(
        &self,
        request: Request<EvaluateRequest>,
    ) -> Result<Response<EvaluateResponse>, Status> {
        let _permit = self.admit()?;
        self.evaluate(request.into_inner()).await.map(Response::new)
    }

    async fn endorse(&self, request: Request<EndorseRequest>) -> Result<Response<EndorseResponse>, Status> {
        let _permit = self.admit()?;
        self.endorse(request.into_inner()).await.map(Response::new)
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        let _permit = self.admit()?;
        self.submit(request.into_inner()).await.map(Response::new)
    }

    async fn commit_status(
        &self,
        request: Request<SignedCommitStatusRequest>,
    ) -> Result<Response<CommitStatusResponse>, Status> {
        let _permit = self.admit()?;
        self.commit_status(request.into_inner()).await.map(Response::new)
    }

    type ChaincodeEventsStream = Pin<Box<dyn Stream<Item = Result<ChaincodeEventsResponse, Status>> + Send>>;

    async fn chaincode_events(
        &self,
        request: Request<SignedChaincodeEventsRequest>,
    ) -> Result<Response<Self::ChaincodeEventsStream>, Status> {
        let _permit = self.admit()?;
        let events = self.chaincode_events(request.into_inner())?;
        Ok(Response::new(Box::pin(until_ended(&self.channel, events))))
    }
}
