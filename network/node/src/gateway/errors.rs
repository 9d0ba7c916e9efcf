//! gRPC errors that carry Fabric's details: which peer or orderer said what.

use fabric::proto::{gateway::ErrorDetail, protos::ProposalResponse};
use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};

use crate::Peer;
use endorsement::Rejected;

/// `google.rpc.Status`, which travels in the `grpc-status-details-bin` trailer.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// A gRPC error with one detail for each peer or orderer that failed.
pub fn with_details(code: Code, message: impl Into<String>, details: &[ErrorDetail]) -> Status {
    let message = message.into();
    let pack = |detail: &ErrorDetail| Any {
        type_url: "type.googleapis.com/gateway.ErrorDetail".into(),
        value: detail.encode_to_vec(),
    };
    let details: Vec<Any> = details.iter().map(pack).collect();
    let status = RpcStatus { code: code as i32, message: message.clone(), details };
    Status::with_details(code, message, status.encode_to_vec().into())
}

/// What `peer` answered, as an error detail.
pub fn detail(peer: &Peer, message: impl Into<String>) -> ErrorDetail {
    ErrorDetail { address: peer.address.clone(), msp_id: peer.msp_id.clone(), message: message.into() }
}

/// Why an endorsing peer did not endorse.
pub struct EndorserFailure {
    pub code: Code,
    pub message: String,
    /// Whether another peer may do better (a client's mistake stays one everywhere).
    pub retry: bool,
}

/// Sorts a peer's answer into an endorsement or a failure (`internal/pkg/gateway/apiutils.go`).
pub fn accept(answer: Result<ProposalResponse, Rejected>) -> Result<ProposalResponse, EndorserFailure> {
    let response = answer.map_err(|rejected| EndorserFailure {
        code: Code::FailedPrecondition,
        message: rejected.to_string(),
        retry: false,
    })?;
    let (status, message) =
        response.response.as_ref().map_or((500, ""), |response| (response.status, &response.message));
    if (200..400).contains(&status) {
        return Ok(response);
    }
    if response.payload.is_empty() && status == 500 {
        return Err(EndorserFailure { code: Code::Aborted, message: message.to_owned(), retry: true });
    }
    let message = format!("chaincode response {status}, {message}");
    Err(EndorserFailure { code: Code::Unknown, message, retry: false })
}
