//! Shows endorser transactions: what was asked, what it did, who endorsed it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    header_type, identity, layer, message,
    rwset::rwset,
    scalar::{hex, opaque},
};
use fabric::{
    proto::{
        common::{ChannelHeader, HeaderType},
        protos::{
            ChaincodeAction, ChaincodeEndorsedAction, ChaincodeEvent, ChaincodeHeaderExtension, ChaincodeId,
            ChaincodeInvocationSpec, ChaincodeProposalPayload, Endorsement, Response, Transaction,
        },
    },
    types::{
        DecodedEnvelope,
        envelope::{DecodedAction, DecodedResponse},
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

/// Every action, though peers look at the first alone.
pub(super) fn transaction(decoded: &DecodedEnvelope, transaction: &Transaction) -> Value {
    let actions = transaction.actions.iter().zip(decoded.actions());
    let actions = actions.map(|(encoded, decoded)| layer(&encoded.payload, decoded.as_ref(), action));
    json!({ "actions": actions.collect::<Vec<_>>() })
}

fn action(action: &DecodedAction) -> Value {
    let payload = &action.payload;
    json!({
        "proposal": message(payload.chaincode_proposal_payload.clone(), proposal),
        "action": payload.action.as_ref().map(|endorsed| endorsed_action(action, endorsed)),
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

fn endorsed_action(action: &DecodedAction, endorsed: &ChaincodeEndorsedAction) -> Value {
    json!({
        "response": layer(&endorsed.proposal_response_payload, action.response(), response_payload),
        "endorsements": endorsed.endorsements.iter().map(endorsement).collect::<Vec<_>>(),
    })
}

fn response_payload(response: &DecodedResponse) -> Value {
    json!({
        "proposal_hash": hex(&response.payload.proposal_hash),
        "chaincode_action": layer(&response.payload.extension, response.action(), chaincode_action),
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
