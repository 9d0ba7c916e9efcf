//! Shows endorser transactions: what was asked, what it did, who endorsed it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    header_type, identity, message,
    rwset::rwset,
    scalar::{hex, opaque},
};
use fabric::proto::{
    common::{ChannelHeader, HeaderType},
    protos::{
        ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeEvent,
        ChaincodeHeaderExtension, ChaincodeId, ChaincodeInvocationSpec, ChaincodeProposalPayload,
        Endorsement, ProposalResponsePayload, Response, Transaction, TransactionAction,
    },
};

/// The extension of a channel header: in transactions the chaincode that was asked.
pub(super) fn header_extension(header: &ChannelHeader) -> Value {
    if header_type(header.r#type) != json!(HeaderType::EndorserTransaction.as_str_name()) {
        return opaque(&header.extension);
    }
    message(
        header.extension.clone(),
        |extension: &ChaincodeHeaderExtension| json!({ "chaincode_id": extension.chaincode_id.as_ref().map(chaincode_id) }),
    )
}

pub(super) fn transaction(transaction: &Transaction) -> Value {
    json!({ "actions": transaction.actions.iter().map(action).collect::<Vec<_>>() })
}

fn action(action: &TransactionAction) -> Value {
    message(action.payload.clone(), |payload: &ChaincodeActionPayload| {
        json!({
            "proposal": message(payload.chaincode_proposal_payload.clone(), proposal),
            "action": payload.action.as_ref().map(endorsed_action),
        })
    })
}

fn proposal(payload: &ChaincodeProposalPayload) -> Value {
    message(payload.input.clone(), |invocation: &ChaincodeInvocationSpec| {
        let Some(spec) = &invocation.chaincode_spec else { return Value::Null };
        let input = spec.input.clone().unwrap_or_default();
        json!({
            "chaincode_id": spec.chaincode_id.as_ref().map(chaincode_id),
            "args": input.args.iter().map(|argument| opaque(argument)).collect::<Vec<_>>(),
            "is_init": input.is_init,
        })
    })
}

fn endorsed_action(action: &ChaincodeEndorsedAction) -> Value {
    json!({
        "response": message(action.proposal_response_payload.clone(), |payload: &ProposalResponsePayload| json!({
            "proposal_hash": hex(&payload.proposal_hash),
            "chaincode_action": message(payload.extension.clone(), chaincode_action),
        })),
        "endorsements": action.endorsements.iter().map(endorsement).collect::<Vec<_>>(),
    })
}

fn chaincode_action(action: &ChaincodeAction) -> Value {
    json!({
        "chaincode_id": action.chaincode_id.as_ref().map(chaincode_id),
        "response": action.response.as_ref().map(response),
        "event": message(action.events.clone(), event),
        "results": rwset(action.results.clone()),
    })
}

fn response(response: &Response) -> Value {
    json!({ "status": response.status, "message": response.message, "payload": opaque(&response.payload) })
}

fn event(event: &ChaincodeEvent) -> Value {
    json!({
        "chaincode_id": event.chaincode_id,
        "tx_id": event.tx_id,
        "event_name": event.event_name,
        "payload": opaque(&event.payload),
    })
}

fn endorsement(endorsement: &Endorsement) -> Value {
    let endorser: &Bytes = &endorsement.endorser;
    json!({ "endorser": identity::serialized(endorser), "signature": hex(&endorsement.signature) })
}

fn chaincode_id(id: &ChaincodeId) -> Value {
    json!({ "name": id.name, "version": id.version, "path": id.path })
}
