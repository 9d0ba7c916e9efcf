//! Endorse: collect byte-equal endorsements that satisfy every policy in play, and hand back the
//! envelope for the client to sign.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use fabric::{
    proto::{
        common::{Envelope, Payload},
        gateway::{EndorseResponse, ErrorDetail},
        protos::{
            ChaincodeActionPayload, ChaincodeCall, ChaincodeEndorsedAction, ChaincodeInterest,
            ChaincodeProposalPayload, Endorsement, ProposalResponse, Transaction, TransactionAction,
        },
    },
    types::DecodedProposal,
};
use futures::future::join_all;
use prost::Message;
use tonic::{Code, Status};

use super::{ENDORSEMENT_TIMEOUT, Gateway, call::Call, errors};
use crate::Peer;
use endorsement::Rejected;

/// Endorsements of one and the same payload.
struct Endorsements {
    payload: Bytes,
    collected: Vec<Endorsement>,
}

impl Gateway {
    pub(super) async fn endorse(
        &self,
        proposal: &DecodedProposal,
        endorsing_organizations: &[String],
    ) -> Result<EndorseResponse, Status> {
        if proposal.signed.proposal_bytes.is_empty() {
            return Err(Status::invalid_argument("the proposed transaction must contain a signed proposal"));
        }
        let call = Call::of(proposal).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let endorsements = if endorsing_organizations.is_empty() {
            self.endorse_by_plan(&call).await?
        } else {
            self.endorse_by(endorsing_organizations, &call).await?
        };
        let prepared = prepare_transaction(&call, endorsements);
        Ok(EndorseResponse { prepared_transaction: Some(prepared) })
    }

    /// The client named the organisations and answers for meeting the policy.
    async fn endorse_by(&self, organizations: &[String], call: &Call<'_>) -> Result<Endorsements, Status> {
        let peers = self.peers_of(call.channel, organizations).map_err(Status::unavailable)?;
        let mut endorsements = None;
        self.collect(&peers, call.proposal, &mut endorsements).await?;
        endorsements.ok_or_else(|| failed_to_collect(&[]))
    }

    /// The organisation's own peer endorses first; its interest says which policies are in play, and
    /// the plan which further peers are needed.
    async fn endorse_by_plan(&self, call: &Call<'_>) -> Result<Endorsements, Status> {
        let first = self.first_endorser(call)?;
        let response = errors::accept(self.process(&first, call.proposal).await?).map_err(|failure| {
            let message = "failed to endorse transaction, see attached details for more info";
            errors::with_details(Code::Aborted, message, &[errors::detail(&first, failure.message)])
        })?;
        let mut interest = response.interest.clone().unwrap_or_default();
        if interest.chaincodes.is_empty() {
            interest = interest_in(call.chaincode);
        }
        let peers = self.plan(&interest, call.has_transient_data(), &first)?;
        let others: Vec<_> = peers.iter().filter(|peer| peer.msp_id != first.msp_id).cloned().collect();
        let keep_first = others.len() < peers.len();

        let mut endorsements =
            Some(Endorsements { payload: response.payload, collected: Vec::with_capacity(peers.len()) });
        if let (true, Some(collection), Some(endorsement)) =
            (keep_first, endorsements.as_mut(), response.endorsement)
        {
            collection.collected.push(endorsement);
        }
        self.collect(&others, call.proposal, &mut endorsements).await?;
        endorsements.ok_or_else(|| failed_to_collect(&[]))
    }

    /// Asks `peers` at the same time; all must endorse the same payload.
    async fn collect(
        &self,
        peers: &[Arc<Peer>],
        proposal: &DecodedProposal,
        endorsements: &mut Option<Endorsements>,
    ) -> Result<(), Status> {
        let answers = join_all(peers.iter().map(|peer| self.process(peer, proposal))).await;
        let mut details = Vec::new();
        for (peer, answer) in peers.iter().zip(answers) {
            match errors::accept(answer?) {
                Ok(response) => add(endorsements, response)
                    .unwrap_or_else(|mismatch| details.push(errors::detail(peer, mismatch))),
                Err(failure) => details.push(errors::detail(peer, failure.message)),
            }
        }
        if details.is_empty() { Ok(()) } else { Err(failed_to_collect(&details)) }
    }

    /// Lets one peer process the proposal, within the endorsement timeout.
    pub(super) async fn process(
        &self,
        peer: &Peer,
        proposal: &DecodedProposal,
    ) -> Result<Result<ProposalResponse, Rejected>, Status> {
        let bundle = self.channel.bundle();
        let processing = peer.endorser.process(proposal, &bundle, SystemTime::now());
        tokio::time::timeout(ENDORSEMENT_TIMEOUT, processing).await.map_err(|_| {
            Status::deadline_exceeded("endorsement timeout expired while collecting endorsements")
        })
    }
}

fn interest_in(chaincode: &str) -> ChaincodeInterest {
    let call = ChaincodeCall { name: chaincode.to_owned(), ..Default::default() };
    ChaincodeInterest { chaincodes: vec![call] }
}

fn add(endorsements: &mut Option<Endorsements>, response: ProposalResponse) -> Result<(), &'static str> {
    let all = endorsements
        .get_or_insert_with(|| Endorsements { payload: response.payload.clone(), collected: Vec::new() });
    if all.payload != response.payload {
        return Err("ProposalResponsePayloads do not match");
    }
    all.collected.extend(response.endorsement);
    Ok(())
}

fn failed_to_collect(details: &[ErrorDetail]) -> Status {
    let message = "failed to collect enough transaction endorsements, see attached details for more info";
    errors::with_details(Code::Aborted, message, details)
}

/// The envelope that the client signs: the proposal's header as it came, the proposal without its
/// transient data, and the endorsements (`protoutil/txutils.go`).
fn prepare_transaction(call: &Call<'_>, endorsements: Endorsements) -> Envelope {
    let header = call.header.clone();
    let visible =
        ChaincodeProposalPayload { input: call.payload.input.clone(), transient_map: Default::default() };
    let action = ChaincodeEndorsedAction {
        proposal_response_payload: endorsements.payload,
        endorsements: endorsements.collected,
    };
    let payload = ChaincodeActionPayload {
        chaincode_proposal_payload: visible.encode_to_vec().into(),
        action: Some(action),
    };
    let action = TransactionAction {
        header: header.signature_header.clone(),
        payload: payload.encode_to_vec().into(),
    };
    let transaction = Transaction { actions: vec![action] };
    let payload = Payload { header: Some(header), data: transaction.encode_to_vec().into() };
    Envelope { payload: payload.encode_to_vec().into(), signature: Bytes::new() }
}
