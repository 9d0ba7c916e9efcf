//! CommitStatus: the verdict on a transaction, waiting for it where it has not committed yet.

use fabric::{
    proto::gateway::{CommitStatusRequest, CommitStatusResponse},
    types::txid,
};
use tonic::Status;

use super::{Gateway, signed::SignedRequest};
use crate::StatusError;

impl Gateway {
    pub(super) async fn commit_status(
        &self,
        SignedRequest { request, signed }: SignedRequest<CommitStatusRequest>,
    ) -> Result<CommitStatusResponse, Status> {
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

/// INVALID_ARGUMENT for a request that no transaction can answer, before anything is asked of its signer.
pub(super) fn check(request: &CommitStatusRequest) -> Result<(), Status> {
    find_defect(request).map_or(Ok(()), |defect| Err(Status::invalid_argument(defect)))
}

fn find_defect(request: &CommitStatusRequest) -> Option<&'static str> {
    Some(match request {
        request if request.identity.is_empty() => "no identity provided",
        request if request.channel_id.is_empty() => "no channel ID provided",
        request if request.transaction_id.is_empty() => "transaction ID should not be empty",
        request if !txid::is_well_formed(&request.transaction_id) => {
            "transaction ID should be 64 hexadecimal digits"
        }
        _ => return None,
    })
}
