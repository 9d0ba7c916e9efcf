//! From a simulation to a proposal response: the payload that every endorser must produce byte for byte, the
//! signature over it, and the policies that the transaction will have to meet (`core/endorser/endorser.go`).

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::{
    crypto::{SigningError, VerifiedSignatureCache},
    proto::{
        common::SignaturePolicyEnvelope,
        protos::{
            ChaincodeAction, ChaincodeCall, ChaincodeId, ChaincodeInterest, Endorsement, ProposalResponse,
            ProposalResponsePayload,
        },
    },
    types::decode::{DecodeError, decode},
};
use msp::SigningIdentity;
use prost::Message;

use super::{
    Endorser,
    invoke::Transaction,
    run::Outcome,
    simulate::{Simulation, WrittenPolicies},
    system,
};

impl Endorser {
    /// Puts the outcome into a response, endorsed if its status allows it. A proposal without a channel cannot
    /// become a transaction, so there is nothing to endorse.
    pub(super) fn respond(
        &self,
        transaction: &Transaction<'_>,
        outcome: Outcome,
        proposal_hash: [u8; 32],
    ) -> Result<ProposalResponse, SigningError> {
        let failed = outcome.response.status >= system::ERROR;
        let refused = outcome.response.status >= system::ERROR_THRESHOLD;
        if !failed && (refused || transaction.channel_id.is_empty()) {
            return Ok(ProposalResponse { response: Some(outcome.response), ..ProposalResponse::default() });
        }
        let payload = payload(proposal_hash, &outcome, transaction.invoked);
        let endorsement =
            (!failed).then(|| endorse(&payload, &self.setup.signer, &self.setup.memo)).transpose()?;
        Ok(ProposalResponse {
            version: i32::from(endorsement.is_some()),
            response: Some(outcome.response),
            payload,
            endorsement,
            interest: outcome.interest,
            ..ProposalResponse::default()
        })
    }
}

/// What the chaincode did, as the transaction will carry it: an encoded `ProposalResponsePayload`.
fn payload(proposal_hash: [u8; 32], outcome: &Outcome, chaincode: &str) -> Bytes {
    let version = outcome.version.clone();
    let action = ChaincodeAction {
        results: outcome.results.clone(),
        events: outcome.event.as_ref().map(|event| event.encode_to_vec().into()).unwrap_or_default(),
        response: Some(outcome.response.clone()),
        chaincode_id: Some(ChaincodeId { name: chaincode.to_owned(), version, ..ChaincodeId::default() }),
    };
    let payload = ProposalResponsePayload {
        proposal_hash: Bytes::copy_from_slice(&proposal_hash),
        extension: action.encode_to_vec().into(),
    };
    payload.encode_to_vec().into()
}

/// Signs the payload. The memo knows the signature, since this process may come to validate it.
fn endorse(
    payload: &Bytes,
    signer: &SigningIdentity,
    memo: &VerifiedSignatureCache,
) -> Result<Endorsement, SigningError> {
    let endorser = signer.serialized();
    let signed = [&payload[..], &endorser[..]].concat();
    let signature = memo.sign(signer.key(), &signed)?.into();
    Ok(Endorsement { endorser, signature })
}

/// Which chaincodes and collections the transaction touched and which keys have policies of their own: what
/// the gateway plans further endorsers from. Sorted by chaincode and collection.
pub fn interest(simulation: &Simulation) -> Result<ChaincodeInterest, DecodeError> {
    let mut required = required_policies(&simulation.written_policies);
    for namespace in &simulation.namespaces {
        required.entry(namespace).or_insert_with(|| BTreeMap::from([("", true)]));
    }
    for (namespace, collection) in &simulation.private_reads {
        required.entry(namespace).or_default().insert(collection, true);
    }
    let mut chaincodes = Vec::new();
    for (namespace, collections) in required {
        if system::is_system(namespace) {
            continue;
        }
        let own = key_policies(simulation.written_policies.get(namespace))?;
        let chaincode_policy = collections.get("").copied().unwrap_or_default();
        for collection in collections.into_keys() {
            let call = if collection.is_empty() {
                public_call(namespace, own.clone(), chaincode_policy)
            } else {
                let read = (namespace.to_owned(), collection.to_owned());
                let no_private_reads = !simulation.private_reads.contains(&read);
                Some(private_call(namespace, collection, no_private_reads))
            };
            chaincodes.extend(call);
        }
    }
    Ok(ChaincodeInterest { chaincodes })
}

/// For each namespace and collection written (empty for public state): whether some key without a policy of
/// its own was, so that the chaincode's or the collection's policy counts.
fn required_policies(written: &WrittenPolicies) -> BTreeMap<&str, BTreeMap<&str, bool>> {
    let mut required = BTreeMap::new();
    for (namespace, collections) in written {
        let entry: &mut BTreeMap<&str, bool> = required.entry(namespace.as_str()).or_default();
        entry.insert("", false);
        for (collection, keys) in collections {
            if keys.values().any(Option::is_none) {
                entry.insert(collection, true);
            }
        }
    }
    required
}

fn key_policies(
    collections: Option<&BTreeMap<String, BTreeMap<String, Option<Bytes>>>>,
) -> Result<Vec<SignaturePolicyEnvelope>, DecodeError> {
    let keys = collections.into_iter().flatten().flat_map(|(_, keys)| keys.values());
    keys.flatten().map(|policy| decode(policy.clone())).collect()
}

fn public_call(
    namespace: &str,
    key_policies: Vec<SignaturePolicyEnvelope>,
    chaincode_policy: bool,
) -> Option<ChaincodeCall> {
    let disregard_namespace_policy = !key_policies.is_empty() && !chaincode_policy;
    (chaincode_policy || disregard_namespace_policy).then(|| ChaincodeCall {
        name: namespace.to_owned(),
        key_policies,
        disregard_namespace_policy,
        ..ChaincodeCall::default()
    })
}

fn private_call(namespace: &str, collection: &str, no_private_reads: bool) -> ChaincodeCall {
    ChaincodeCall {
        name: namespace.to_owned(),
        collection_names: vec![collection.to_owned()],
        no_private_reads,
        ..ChaincodeCall::default()
    }
}
