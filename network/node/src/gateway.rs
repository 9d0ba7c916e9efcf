//! The Fabric Gateway service of one organisation: what clients talk to.
//!
//! Evaluate and Endorse drive endorsing peers ([`plan`] says which), Submit hands the signed envelope to
//! the orderer, CommitStatus waits for its verdict, ChaincodeEvents streams what valid transactions
//! emitted. Status codes and texts are Fabric's (`internal/pkg/gateway`): clients decide on them.

mod call;
mod chaincode_events;
mod commit_status;
mod definitions;
mod endorse;
mod errors;
mod evaluate;
mod plan;
mod signed;
mod submit;

use std::{pin::Pin, sync::Arc, time::Duration};

use channel::policy::SignedData;
use fabric::{
    proto::gateway::{
        ChaincodeEventsResponse, CommitStatusResponse, EndorseRequest, EndorseResponse, EvaluateRequest,
        EvaluateResponse, SignedChaincodeEventsRequest, SignedCommitStatusRequest, SubmitRequest,
        SubmitResponse,
    },
    types::DecodedProposal,
};
use futures::{Stream, StreamExt};
use services::gateway::gateway_server;
use tonic::{Extensions, Request, Response, Status};

use crate::{
    Channel, Peer,
    admission::{Admission, Admitted, claim},
    limits, until_ended,
};

use definitions::Definitions;
use signed::SignedRequest;

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
    admission: Admission,
}

impl Gateway {
    /// `peers` are all endorsing peers that this gateway can reach, `own` among them.
    pub fn new(channel: Arc<Channel>, own: Arc<Peer>, peers: Arc<[Arc<Peer>]>) -> Self {
        let admission = Admission::new(channel.clone(), limits::GATEWAY_CALLS, limits::GATEWAY_BYTES);
        Self { channel, own, peers, definitions: Definitions::default(), admission }
    }

    /// Counts a call that claims to come from the signer of its data.
    fn admit(&self, extensions: &Extensions, claim: Option<&SignedData>) -> Result<Admitted, Status> {
        self.admission.admit(extensions, claim).ok_or_else(|| {
            Status::unknown(format!(
                "too many requests for /gateway.Gateway, exceeding concurrency limit ({})",
                limits::GATEWAY_CALLS.of_identity
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
        let (_, extensions, request) = request.into_parts();
        let proposal = DecodedProposal::new(request.proposed_transaction.unwrap_or_default());
        let _admitted = self.admit(&extensions, claim(&proposal).as_ref())?;
        self.evaluate(&proposal, &request.target_organizations).await.map(Response::new)
    }

    async fn endorse(&self, request: Request<EndorseRequest>) -> Result<Response<EndorseResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let proposal = DecodedProposal::new(request.proposed_transaction.unwrap_or_default());
        let _admitted = self.admit(&extensions, claim(&proposal).as_ref())?;
        self.endorse(&proposal, &request.endorsing_organizations).await.map(Response::new)
    }

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        // The orderer counts what waits for it, by the signature that it verifies itself.
        let (_, extensions, request) = request.into_parts();
        self.submit(&extensions, request).await.map(Response::new)
    }

    async fn commit_status(
        &self,
        request: Request<SignedCommitStatusRequest>,
    ) -> Result<Response<CommitStatusResponse>, Status> {
        let (_, extensions, SignedCommitStatusRequest { request, signature }) = request.into_parts();
        let request = SignedRequest::decode(request, signature)?;
        commit_status::check(&request.request)?;
        let _admitted = self.admit(&extensions, Some(&request.signed))?;
        self.commit_status(request).await.map(Response::new)
    }

    type ChaincodeEventsStream = Pin<Box<dyn Stream<Item = Result<ChaincodeEventsResponse, Status>> + Send>>;

    async fn chaincode_events(
        &self,
        request: Request<SignedChaincodeEventsRequest>,
    ) -> Result<Response<Self::ChaincodeEventsStream>, Status> {
        let (_, extensions, SignedChaincodeEventsRequest { request, signature }) = request.into_parts();
        let request = SignedRequest::decode(request, signature)?;
        let admitted = self.admit(&extensions, Some(&request.signed))?;
        let events = self.chaincode_events(request)?;
        // The call lasts as long as the stream.
        let counted = events.inspect(move |_| {
            let _ = &admitted;
        });
        Ok(Response::new(Box::pin(until_ended(&self.channel, counted))))
    }
}
