//! Envelopes and what is inside them: nothing panics; what prost reads, we read alike; what we read besides,
//! Go reads (fields of another wire type are left out).

use fabric::{
    proto::{
        common::{ChannelHeader, Envelope, Payload, SignatureHeader},
        protos::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, ChaincodeHeaderExtension,
            ChaincodeProposalPayload, ProposalResponsePayload, Transaction,
        },
    },
    types::{DecodedEnvelope, decode, txid, wellformed},
};
use prost::{Message, Name, bytes::Bytes};

pub fn run(input: &[u8]) {
    let bytes = Bytes::copy_from_slice(input);
    let Some(envelope) = read::<Envelope>(&bytes) else {
        assert!(wellformed(&bytes).is_err());
        return;
    };
    if wellformed(&bytes).is_ok() {
        // Unknown fields come last: the known ones must be the beginning of the bytes.
        assert!(input.starts_with(&envelope.encode_to_vec()));
    }
    let Some(payload) = read::<Payload>(&envelope.payload) else { return };
    let header = payload.header.unwrap_or_default();
    if let Some(channel_header) = read::<ChannelHeader>(&header.channel_header) {
        read::<ChaincodeHeaderExtension>(&channel_header.extension);
    }
    if let Some(signature_header) = read::<SignatureHeader>(&header.signature_header) {
        let id = txid::compute(&signature_header.nonce, &signature_header.creator);
        assert_eq!(id.len(), 64);
    }
    let decoded = DecodedEnvelope::new(bytes);
    let Some(transaction) = read::<Transaction>(&payload.data) else {
        assert!(decoded.transaction().is_err() && decoded.rwset().is_err());
        return;
    };
    for action in &transaction.actions {
        read_action(&action.payload);
    }
    assert_eq!(decoded.transaction(), Ok(&transaction));
    let rwset = decoded.rwset().cloned().map_err(Clone::clone);
    assert_eq!(decoded.into_rwset(), rwset);
}

fn read_action(payload: &Bytes) {
    let Some(payload) = read::<ChaincodeActionPayload>(payload) else { return };
    read::<ChaincodeProposalPayload>(&payload.chaincode_proposal_payload);
    let response = payload.action.unwrap_or_default().proposal_response_payload;
    let Some(response) = read::<ProposalResponsePayload>(&response) else { return };
    if let Some(action) = read::<ChaincodeAction>(&response.extension) {
        read::<ChaincodeEvent>(&action.events);
    }
}

fn read<M: Message + Default + Name + PartialEq>(bytes: &Bytes) -> Option<M> {
    let ours = decode::<M>(bytes.clone());
    if let Ok(message) = M::decode(bytes.clone()) {
        assert!(ours.as_ref().is_ok_and(|ours| *ours == message));
    }
    ours.ok()
}
