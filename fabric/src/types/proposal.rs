//! A signed proposal, decoded and hashed once for all that look at it: a gateway, its admission, the endorsers of a
//! process, a chaincode, a client.

use std::sync::OnceLock;

use bytes::Bytes;
use prost::{
    Message, Name,
    encoding::{WireType, encode_key, encode_varint},
};
use sha2::{Digest, Sha256};

use super::decode::{DecodeError, decode};
use crate::{
    crypto::Hashed,
    proto::{
        common::{ChannelHeader, Header, SignatureHeader},
        protos::{ChaincodeInvocationSpec, ChaincodeProposalPayload, Proposal, SignedProposal},
    },
};

/// A part of a proposal that is no message of its kind. The text is Fabric's (`protoutil/unmarshalers.go`).
#[derive(Clone, Debug, thiserror::Error)]
#[error("error unmarshalling {part}: {error}")]
pub struct Undecodable {
    pub part: &'static str,
    error: DecodeError,
}

/// A part, or the first one on the way to it that cannot be decoded.
pub type Part<M> = Result<M, Undecodable>;

/// A proposal with its parts. Who reads them decides in which order their failures count.
pub struct DecodedProposal {
    pub signed: SignedProposal,
    pub header: Part<Header>,
    pub channel: Part<ChannelHeader>,
    pub signature: Part<SignatureHeader>,
    pub payload: Part<ChaincodeProposalPayload>,
    pub invocation: Part<ChaincodeInvocationSpec>,
    message: Hashed<Bytes>,
    hash: OnceLock<[u8; 32]>,
}

impl DecodedProposal {
    pub fn new(signed: SignedProposal) -> Self {
        let proposal: Part<Proposal> = part(&signed.proposal_bytes);
        let header: Part<Header> = within(&proposal, |proposal| &proposal.header);
        let payload: Part<ChaincodeProposalPayload> = within(&proposal, |proposal| &proposal.payload);
        Self {
            channel: within(&header, |header| &header.channel_header),
            signature: within(&header, |header| &header.signature_header),
            invocation: within(&payload, |payload| &payload.input),
            message: Hashed::of(signed.proposal_bytes.clone()),
            hash: OnceLock::new(),
            header,
            payload,
            signed,
        }
    }

    /// The bytes that the creator signs.
    pub fn message(&self) -> &Hashed<Bytes> {
        &self.message
    }

    /// SHA-256 over both headers and the payload without its transient data; it binds a response to its proposal
    /// (`protoutil.GetProposalHash1`). Computed once; the first of the two parts that cannot be decoded is the error.
    pub fn hash(&self) -> Result<[u8; 32], &Undecodable> {
        let (header, payload) = (self.header.as_ref()?, self.payload.as_ref()?);
        Ok(*self.hash.get_or_init(|| hash(header, &payload.input)))
    }
}

fn hash(header: &Header, input: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(&header.channel_header)
        .chain_update(&header.signature_header)
        .chain_update(visible_prefix(input.len()))
        .chain_update(input)
        .finalize()
        .into()
}

/// What precedes the input in a `ChaincodeProposalPayload` without transient data.
fn visible_prefix(length: usize) -> Vec<u8> {
    let mut prefix = Vec::new();
    if length > 0 {
        encode_key(1, WireType::LengthDelimited, &mut prefix);
        encode_varint(length as u64, &mut prefix);
    }
    prefix
}

fn within<O, M: Message + Default + Name>(outer: &Part<O>, bytes: impl FnOnce(&O) -> &Bytes) -> Part<M> {
    outer.as_ref().map_err(Clone::clone).and_then(|outer| part(bytes(outer)))
}

/// Decodes a part of a proposal.
pub fn part<M: Message + Default + Name>(bytes: &Bytes) -> Part<M> {
    decode(bytes.clone()).map_err(|error| Undecodable { part: M::NAME, error })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_visible_payload_is_its_prefix_and_the_input() {
        for length in [0, 1, 127, 128, 16_383, 16_384] {
            let payload = ChaincodeProposalPayload { input: vec![7; length].into(), ..Default::default() };
            assert_eq!([visible_prefix(length), payload.input.to_vec()].concat(), payload.encode_to_vec());
        }
    }

    #[test]
    fn a_part_that_cannot_be_decoded_hides_those_within_it_alone() {
        let proposal = |header: Bytes, payload: Bytes| {
            let proposal = Proposal { header, payload, ..Proposal::default() };
            let proposal_bytes = proposal.encode_to_vec().into();
            DecodedProposal::new(SignedProposal { proposal_bytes, ..SignedProposal::default() })
        };
        let garbage = Bytes::from_static(b"\xff");
        let DecodedProposal { channel, invocation, .. } = proposal(garbage.clone(), Bytes::new());
        assert_eq!((channel.unwrap_err().part, invocation.is_ok()), ("Header", true));
        let DecodedProposal { channel, invocation, .. } = proposal(Bytes::new(), garbage.clone());
        assert_eq!((channel.is_ok(), invocation.unwrap_err().part), (true, "ChaincodeProposalPayload"));
        let none =
            DecodedProposal::new(SignedProposal { proposal_bytes: garbage, ..SignedProposal::default() });
        assert_eq!(
            (none.channel.unwrap_err().part, none.invocation.unwrap_err().part),
            ("Proposal", "Proposal")
        );
    }
}
