//! Evaluate: ask one peer, order nothing.

use bytes::Bytes;
use fabric::{
    proto::{
        gateway::EvaluateResponse,
        protos::{ProposalResponse, Response},
    },
    types::{DecodedProposal, envelope::DecodedResponse},
};
use tonic::{Code, Status};

use super::{Gateway, call::Call, errors};

impl Gateway {
    pub(super) async fn evaluate(
        &self,
        proposal: &DecodedProposal,
        target_organizations: &[String],
    ) -> Result<EvaluateResponse, Status> {
        let call = call(proposal).map_err(|error| {
            Status::invalid_argument(format!("failed to unpack transaction proposal: {error}"))
        })?;
        self.require_channel(call.channel)?;

        let mut details = Vec::new();
        for peer in self.evaluators(&call, target_organizations)? {
            match errors::accept(self.process(&peer, proposal).await?) {
                Ok(response) => return Ok(EvaluateResponse { result: Some(result(response)) }),
                Err(failure) if failure.retry => details.push(errors::detail(&peer, failure.message)),
                Err(failure) => {
                    let message = format!("evaluate call to endorser returned error: {}", failure.message);
                    details.push(errors::detail(&peer, failure.message));
                    return Err(errors::with_details(failure.code, message, &details));
                }
            }
        }
        let message = "failed to evaluate transaction, see attached details for more info";
        Err(errors::with_details(Code::Aborted, message, &details))
    }

    fn require_channel(&self, channel: &str) -> Result<(), Status> {
        if channel == self.channel.id() {
            return Ok(());
        }
        Err(Status::unavailable(format!(
            "failed to get config for channel [{channel}]: channel [{channel}] does not exist on this node"
        )))
    }
}

fn call(proposal: &DecodedProposal) -> Result<Call<'_>, String> {
    if proposal.signed.proposal_bytes.is_empty() {
        return Err("a signed proposal is required".into());
    }
    let call = Call::of(proposal).map_err(ToString::to_string)?;
    let channel = call.channel;
    if channel.is_empty() {
        return Err("no channel id provided".into());
    }
    if call.chaincode.is_empty() {
        return Err(format!("no chaincode name is provided, channel id [{channel}]"));
    }
    Ok(call)
}

/// The chaincode's response; its payload is taken from the endorsed action where there is one, since a
/// peer need not repeat it outside.
fn result(endorsed: ProposalResponse) -> Response {
    let mut response = endorsed.response.unwrap_or_default();
    if let Ok(decoded) = DecodedResponse::new(endorsed.payload)
        && let Ok(action) = decoded.action()
    {
        response.payload = action.response.as_ref().map_or_else(Bytes::new, |it| it.payload.clone());
    }
    response
}
