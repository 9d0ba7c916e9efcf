//! The Endorser service (`protos.Endorser`) of one peer, for gateways of other nodes and for the peer's
//! administrators.

use std::{sync::Arc, time::SystemTime};

use fabric::{
    proto::protos::{ProposalResponse, SignedProposal},
    types::DecodedProposal,
};
use services::protos::endorser_server;
use tonic::{Request, Response, Status};

use super::{
    Channel,
    admission::{Admission, claim},
};
use crate::limits;
use endorsement::Endorser;

pub struct EndorserService {
    channel: Arc<Channel>,
    endorser: Arc<Endorser>,
    admission: Admission,
}

impl EndorserService {
    pub fn new(channel: Arc<Channel>, endorser: Arc<Endorser>) -> Self {
        let admission = Admission::new(channel.clone(), limits::ENDORSER_CALLS, limits::ENDORSER_BYTES);
        Self { channel, endorser, admission }
    }
}

#[tonic::async_trait]
impl endorser_server::Endorser for EndorserService {
    async fn process_proposal(
        &self,
        request: Request<SignedProposal>,
    ) -> Result<Response<ProposalResponse>, Status> {
        let (_, extensions, signed) = request.into_parts();
        let proposal = DecodedProposal::new(signed);
        let Some(_admitted) = self.admission.admit(&extensions, claim(&proposal).as_ref()) else {
            let most = limits::ENDORSER_CALLS.of_organisation;
            return Err(Status::unknown(format!(
                "too many requests for /protos.Endorser, exceeding concurrency limit ({most})"
            )));
        };
        let bundle = self.channel.bundle();
        let processed = self.endorser.process(&proposal, &bundle, SystemTime::now()).await;
        // Go's server turns an error without a code into UNKNOWN.
        processed.map(Response::new).map_err(|rejected| Status::unknown(rejected.to_string()))
    }
}
