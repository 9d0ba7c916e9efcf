//! What was called by a transaction that stands on the ledger.

use bytes::Bytes;
use fabric::{
    proto::protos::{
        ChaincodeInvocationSpec, ChaincodeProposalPayload, ProcessedTransaction, TxValidationCode,
    },
    types::envelope::DecodedEnvelope,
};

use crate::{Error, Gateway, Invocation, error::decode};

/// A call of the past. Who asked for it signed exactly this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCall {
    pub chaincode: String,
    /// The function's name first.
    pub arguments: Vec<Bytes>,
    /// What the peers made of it.
    pub code: TxValidationCode,
}

impl Gateway {
    /// What a transaction called (`qscc`): a peer has every transaction for as long as it has its blocks.
    pub async fn past_call(&self, channel: &str, transaction_id: &str) -> Result<PastCall, Error> {
        let query = Invocation::new(channel, "qscc", "GetTransactionByID");
        let query = query.argument(channel.to_owned()).argument(transaction_id.to_owned());
        read(self.proposal(query)?.evaluate().await?)
    }
}

fn read(processed: Bytes) -> Result<PastCall, Error> {
    let what = "a transaction";
    let processed: ProcessedTransaction = decode(what, processed)?;
    let envelope = processed.transaction_envelope.ok_or(Error::Missing { what, part: "its envelope" })?;
    let envelope = DecodedEnvelope::of(envelope);
    let action = envelope.action().map_err(Clone::clone)?;
    let payload: ChaincodeProposalPayload =
        decode("a proposal", action.payload.chaincode_proposal_payload.clone())?;
    let invocation: ChaincodeInvocationSpec = decode("a call", payload.input)?;
    let spec = invocation.chaincode_spec.ok_or(Error::Missing { what, part: "a call" })?;
    Ok(PastCall {
        chaincode: spec.chaincode_id.unwrap_or_default().name,
        arguments: spec.input.unwrap_or_default().args,
        code: TxValidationCode::try_from(processed.validation_code)
            .unwrap_or(TxValidationCode::InvalidOtherReason),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use fabric::proto::{
        common::{Envelope, Payload},
        protos::{
            ChaincodeActionPayload, ChaincodeId, ChaincodeInput, ChaincodeSpec, Transaction,
            TransactionAction,
        },
    };
    use prost::Message;

    use super::*;

    fn bytes(message: &impl Message) -> Bytes {
        message.encode_to_vec().into()
    }

    #[test]
    fn what_was_called_is_read_from_a_transaction() {
        let arguments = ["application:decide", "id", "{}"].map(|text| Bytes::from_static(text.as_bytes()));
        let spec = ChaincodeSpec {
            chaincode_id: Some(ChaincodeId { name: "nanotrace".into(), ..Default::default() }),
            input: Some(ChaincodeInput { args: arguments.to_vec(), ..Default::default() }),
            ..Default::default()
        };
        let input = bytes(&ChaincodeInvocationSpec { chaincode_spec: Some(spec) });
        let proposal = bytes(&ChaincodeProposalPayload { input, ..Default::default() });
        let payload =
            bytes(&ChaincodeActionPayload { chaincode_proposal_payload: proposal, ..Default::default() });
        let data = bytes(&Transaction { actions: vec![TransactionAction { payload, ..Default::default() }] });
        let payload = bytes(&Payload { data, ..Default::default() });
        let envelope = Envelope { payload, ..Default::default() };
        let processed = ProcessedTransaction { transaction_envelope: Some(envelope), validation_code: 11 };
        let call = read(bytes(&processed)).unwrap();
        let code = TxValidationCode::MvccReadConflict;
        assert_eq!(call, PastCall { chaincode: "nanotrace".into(), arguments: arguments.to_vec(), code });
        assert!(read(Bytes::new()).is_err() && read(Bytes::from_static(b"x")).is_err());
    }
}
