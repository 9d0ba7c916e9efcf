//! Submit: hand the signed envelope to the orderer.

use fabric::proto::gateway::{ErrorDetail, SubmitRequest, SubmitResponse};
use tonic::{Code, Extensions, Status};

use super::{BROADCAST_TIMEOUT, Gateway, errors};
use crate::admission::introduce;
use ordering::Refusal;

impl Gateway {
    pub(super) async fn submit(
        &self,
        extensions: &Extensions,
        request: SubmitRequest,
    ) -> Result<SubmitResponse, Status> {
        let Some(envelope) = request.prepared_transaction else {
            return Err(Status::invalid_argument("a prepared transaction is required"));
        };
        if envelope.signature.is_empty() {
            return Err(Status::invalid_argument("prepared transaction must be signed"));
        }
        let answer = self.channel.enqueue(envelope);
        introduce(extensions, answer.caller.as_ref());
        let answer = tokio::time::timeout(BROADCAST_TIMEOUT, answer.wait()).await.map_err(|_| {
            Status::deadline_exceeded("submit timeout expired while broadcasting to ordering service")
        })?;
        answer.map(|()| SubmitResponse {}).map_err(|refusal| self.failed_to_submit(&refusal))
    }

    /// Codes and messages are those of `submitNonBFT` in `internal/pkg/gateway/submit.go`, which keeps the orderer's reason from
    /// the client.
    fn failed_to_submit(&self, refusal: &Refusal) -> Status {
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
            return errors::with_details(Code::Aborted, info, &[detail]);
        }
        let message = "no orderers could successfully process transaction";
        errors::with_details(Code::Unavailable, message, &[detail])
    }
}
