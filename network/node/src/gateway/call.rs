//! What the gateway reads from a proposal before it asks a peer.

use fabric::{
    proto::{common::Header, protos::ChaincodeProposalPayload},
    types::proposal::{DecodedProposal, Undecodable},
};

/// The call that a proposal asks for.
pub struct Call<'p> {
    pub proposal: &'p DecodedProposal,
    pub header: &'p Header,
    pub payload: &'p ChaincodeProposalPayload,
    pub channel: &'p str,
    pub chaincode: &'p str,
}

impl<'p> Call<'p> {
    /// The error text is what follows "failed to unpack …" in Fabric.
    pub fn of(proposal: &'p DecodedProposal) -> Result<Self, &'p Undecodable> {
        let header = proposal.header.as_ref()?;
        let channel = proposal.channel.as_ref()?;
        let payload = proposal.payload.as_ref()?;
        let invocation = proposal.invocation.as_ref()?;
        let id = invocation.chaincode_spec.as_ref().and_then(|spec| spec.chaincode_id.as_ref());
        let chaincode = id.map_or("", |id| &id.name);
        Ok(Self { proposal, header, payload, channel: &channel.channel_id, chaincode })
    }

    /// Whether the client sent data for the endorsers' eyes only.
    pub fn has_transient_data(&self) -> bool {
        !self.payload.transient_map.is_empty()
    }
}
