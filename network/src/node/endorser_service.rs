//! The Endorser service (`protos.Endorser`) of one peer, for gateways of other nodes and for the peer's
//! administrators.

use std::{sync::Arc, time::SystemTime};

use fabric::proto::protos::{ProposalResponse, SignedProposal, endorser_server};
use tonic::{Request, Response, Status};

use super::Channel;
use crate::endorse::Endorser;

pub struct EndorserService {
    channel: Arc<Channel>,
    endorser: Arc<Endorser>,
}

impl EndorserService {
    pub fn new(channel: Arc<Channel>, endorser: Arc<Endorser>) -> Self {
        Self { channel, endorser }
    }
}

#[tonic::async_trait]
impl endorser_server::Endorser for EndorserService {
    async fn process_proposal(
        &self,
        request: Request<SignedProposal>,
    ) -> Result<Response<ProposalResponse>, Status> {
        let bundle = self.channel.bundle();
        let processed = self.endorser.process(request.get_ref(), &bundle, SystemTime::now()).await;
        // Go's server turns an error without a code into UNKNOWN.
        processed.map(Response::new).map_err(|rejected| Status::unknown(rejected.to_string()))
    }
}
