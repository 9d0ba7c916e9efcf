//! Submit: hand the signed envelope to the orderer.

use fabric::proto::gateway::{ErrorDetail, SubmitRequest, SubmitResponse};
use tonic::{Code, Status};

use super::{BROADCAST_TIMEOUT, Gateway, errors};

impl Gateway {
    pub(super) async fn submit(&self, request: SubmitRequest) -> Result<SubmitResponse, Status> {
        let Some(envelope) = request.prepared_transaction else {
            return Err(Status::invalid_argument("a prepared transaction is required"));
        };
        if envelope.signature.is_empty() {
            return Err(Status::invalid_argument("prepared transaction must be signed"));
        }
        let answer = tokio::time::timeout(BROADCAST_TIMEOUT, self.channel.broadcast(envelope)).await;
        let answer = answer.map_err(|_| {
            Status::deadline_exceeded("submit timeout expired while broadcasting to ordering service")
        })?;
        let Err(refusal) = answer else { return Ok(SubmitResponse {}) };
        let info = format!(
            "received unsuccessful response from orderer: status={}, info={}",
            refusal.status.as_str_name(),
            refusal.info
        );
        let orderer = self.channel.orderer();
        let detail = ErrorDetail {
            address: orderer.address.clone(),
            msp_id: orderer.msp_id.clone(),
            message: info.clone(),
        };
        // A request the orderer will never take is the client's to mend; anything else may pass.
        if (400..500).contains(&(refusal.status as i32)) {
            return Err(errors::with_details(Code::Aborted, info, &[detail]));
        }
        let message = "no orderers could successfully process transaction";
        Err(errors::with_details(Code::Unavailable, message, &[detail]))
    }
}
