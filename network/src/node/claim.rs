//! Who a request says it comes from, and the signature that is to prove it.

use fabric::{
    policy::SignedData,
    proto::{
        common::{Header, SignatureHeader},
        gateway::{
            ChaincodeEventsRequest, CommitStatusRequest, SignedChaincodeEventsRequest,
            SignedCommitStatusRequest,
        },
        protos::{Proposal, SignedProposal},
    },
    types::decode,
};

pub fn of_proposal(signed: &SignedProposal) -> Option<SignedData> {
    let proposal: Proposal = decode(signed.proposal_bytes.clone()).ok()?;
    let header: Header = decode(proposal.header).ok()?;
    let (data, signature) = (signed.proposal_bytes.clone(), signed.signature.clone());
    Some(SignedData { data, identity: creator(header)?, signature })
}

pub fn of_commit_status(signed: &SignedCommitStatusRequest) -> Option<SignedData> {
    let request: CommitStatusRequest = decode(signed.request.clone()).ok()?;
    let (data, signature) = (signed.request.clone(), signed.signature.clone());
    Some(SignedData { data, identity: request.identity, signature })
}

pub fn of_events_request(signed: &SignedChaincodeEventsRequest) -> Option<SignedData> {
    let request: ChaincodeEventsRequest = decode(signed.request.clone()).ok()?;
    let (data, signature) = (signed.request.clone(), signed.signature.clone());
    Some(SignedData { data, identity: request.identity, signature })
}

fn creator(header: Header) -> Option<bytes::Bytes> {
    decode(header.signature_header).ok().map(|header: SignatureHeader| header.creator)
}
