//! CommitStatus: the verdict on a transaction, waiting for it where it has not committed yet.

use fabric::{
    policy::SignedData,
    proto::gateway::{CommitStatusRequest, CommitStatusResponse, SignedCommitStatusRequest},
    types::{decode, txid},
};
use tonic::Status;

use super::{Gateway, check_size};
use crate::node::StatusError;

impl Gateway {
    pub(super) async fn commit_status(
        &self,
        signed: SignedCommitStatusRequest,
    ) -> Result<CommitStatusResponse, Status> {
        let request = unpack(&signed)?;
        let signed =
            SignedData { data: signed.request, identity: request.identity, signature: signed.signature };
        self.channel
            .check_acl("gateway/CommitStatus", &request.channel_id, &signed)
            .map_err(Status::permission_denied)?;
        let status = self.channel.transaction_status(&request.transaction_id).await;
        let status = status.map_err(|error| match error {
            StatusError::Ledger(error) => Status::aborted(error.to_string()),
            StatusError::Ended { .. } => Status::unavailable(error.to_string()),
        })?;
        Ok(CommitStatusResponse { result: status.code as i32, block_number: status.block })
    }
}

fn unpack(signed: &SignedCommitStatusRequest) -> Result<CommitStatusRequest, Status> {
    if signed.request.is_empty() {
        return Err(Status::invalid_argument("a commit status request is required"));
    }
    check_size(&signed.request)?;
    let request: CommitStatusRequest = decode(signed.request.clone())
        .map_err(|error| Status::invalid_argument(format!("invalid status request: {error}")))?;
    let missing = match &request {
        request if request.identity.is_empty() => "no identity provided",
        request if request.channel_id.is_empty() => "no channel ID provided",
        request if request.transaction_id.is_empty() => "transaction ID should not be empty",
        request if !txid::is_well_formed(&request.transaction_id) => {
            "transaction ID should be 64 hexadecimal digits"
        }
        _ => return Ok(request),
    };
    Err(Status::invalid_argument(missing))
}
