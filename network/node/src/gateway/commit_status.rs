//! CommitStatus: the verdict on a transaction, waiting for it where it has not committed yet.

use fabric::{
    crypto::Hashed,
    policy::SignedData,
    proto::gateway::{CommitStatusRequest, CommitStatusResponse, SignedCommitStatusRequest},
    types::{decode, txid},
};
use tonic::Status;

use super::{Gateway, check_size};
use crate::StatusError;

/// A request, and who says to have signed it.
pub struct Signed {
    request: CommitStatusRequest,
    pub signed: SignedData,
}

impl Gateway {
    pub(super) async fn commit_status(
        &self,
        Signed { request, signed }: Signed,
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

impl Signed {
    pub fn decode(signed: SignedCommitStatusRequest) -> Result<Self, Status> {
        let SignedCommitStatusRequest { request: data, signature } = signed;
        if data.is_empty() {
            return Err(Status::invalid_argument("a commit status request is required"));
        }
        check_size(&data)?;
        let request: CommitStatusRequest = decode(data.clone())
            .map_err(|error| Status::invalid_argument(format!("invalid status request: {error}")))?;
        check(&request).map_err(Status::invalid_argument)?;
        let identity = request.identity.clone();
        Ok(Self { request, signed: SignedData { data: Hashed::of(data), identity, signature } })
    }
}

fn check(request: &CommitStatusRequest) -> Result<(), &'static str> {
    Err(match request {
        request if request.identity.is_empty() => "no identity provided",
        request if request.channel_id.is_empty() => "no channel ID provided",
        request if request.transaction_id.is_empty() => "transaction ID should not be empty",
        request if !txid::is_well_formed(&request.transaction_id) => {
            "transaction ID should be 64 hexadecimal digits"
        }
        _ => return Ok(()),
    })
}
