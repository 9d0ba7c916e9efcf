//! What the gateway reads from a proposal before it asks a peer.

use bytes::Bytes;
use fabric::{
    proto::{
        common::{ChannelHeader, Header},
        protos::{ChaincodeInvocationSpec, ChaincodeProposalPayload, Proposal, SignedProposal},
    },
    types::decode,
};

/// A proposal's parts; the byte fields are as the client sent them.
pub struct UnpackedProposal {
    pub header: Header,
    pub payload: ChaincodeProposalPayload,
    pub channel: String,
    pub chaincode: String,
}

impl UnpackedProposal {
    /// Takes a signed proposal apart; the error text is what follows "failed to unpack …" in Fabric.
    pub fn new(proposal: &SignedProposal) -> Result<Self, String> {
        let proposal: Proposal = part("Proposal", &proposal.proposal_bytes)?;
        let header: Header = part("Header", &proposal.header)?;
        let channel_header: ChannelHeader = part("ChannelHeader", &header.channel_header)?;
        let payload: ChaincodeProposalPayload = part("ChaincodeProposalPayload", &proposal.payload)?;
        let invocation: ChaincodeInvocationSpec = part("ChaincodeInvocationSpec", &payload.input)?;
        let chaincode = invocation.chaincode_spec.and_then(|spec| spec.chaincode_id).map(|id| id.name);
        Ok(Self {
            header,
            payload,
            channel: channel_header.channel_id,
            chaincode: chaincode.unwrap_or_default(),
        })
    }

    /// Whether the client sent data for the endorsers' eyes only.
    pub fn has_transient_data(&self) -> bool {
        !self.payload.transient_map.is_empty()
    }
}

fn part<M: prost::Message + Default + prost::Name>(name: &str, bytes: &Bytes) -> Result<M, String> {
    decode(bytes.clone()).map_err(|error| format!("error unmarshalling {name}: {error}"))
}
