//! Key-level endorsement policies in the form that Fabric's shim stores and its validator reads: the bytes of
//! a `SignaturePolicyEnvelope` (`fabric-chaincode-go/pkg/statebased/statebasedimpl.go`).

use bytes::Bytes;
use certificate::KeyPolicy;
use fabric::proto::common::{
    MspPrincipal, MspRole, SignaturePolicy, SignaturePolicyEnvelope, msp_principal, msp_role,
    signature_policy::{NOutOf, Type},
};
use prost::Message;

/// The same policy gives the same bytes whatever the order of its organisations: endorsements must agree.
pub(crate) fn encode(policy: &KeyPolicy) -> Bytes {
    let envelope = match policy {
        KeyPolicy::All(msp_ids) => {
            let mut msp_ids = msp_ids.clone();
            msp_ids.sort();
            msp_ids.dedup();
            out_of(msp_ids.len() as i32, &msp_ids)
        }
        KeyPolicy::Nobody => out_of(1, &[]),
    };
    envelope.encode_to_vec().into()
}

/// `n` signatures of peers, one of each organisation.
fn out_of(n: i32, msp_ids: &[String]) -> SignaturePolicyEnvelope {
    let rule = |index| SignaturePolicy { r#type: Some(Type::SignedBy(index)) };
    let rules = (0..).map(rule).take(msp_ids.len()).collect();
    SignaturePolicyEnvelope {
        version: 0,
        rule: Some(SignaturePolicy { r#type: Some(Type::NOutOf(NOutOf { n, rules })) }),
        identities: msp_ids.iter().map(|msp_id| peer_of(msp_id)).collect(),
    }
}

fn peer_of(msp_id: &str) -> MspPrincipal {
    let role = MspRole { msp_identifier: msp_id.into(), role: msp_role::MspRoleType::Peer.into() };
    MspPrincipal {
        principal_classification: msp_principal::Classification::Role.into(),
        principal: role.encode_to_vec().into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use fabric::{
        proto::{
            common::{Block, Envelope, Payload},
            protos::{ChaincodeAction, ChaincodeActionPayload, ProposalResponsePayload, Transaction},
        },
        types::rwset::TxRwSet,
    };

    use super::*;

    /// The key-level policies of a chain that real peers recorded.
    fn policies(blocks: Vec<Block>) -> BTreeSet<Bytes> {
        let mut policies = BTreeSet::new();
        for block in blocks {
            let data = block.data.unwrap().data;
            for set in data.into_iter().filter_map(|envelope| rwset(envelope).ok()) {
                let writes =
                    set.namespaces.into_iter().flat_map(|namespace| namespace.public.metadata_writes);
                let entries = writes.flat_map(|write| write.entries);
                policies.extend(entries.map(|entry| entry.value).filter(|value| !value.is_empty()));
            }
        }
        policies
    }

    fn rwset(envelope: Bytes) -> Result<TxRwSet, Box<dyn std::error::Error>> {
        let payload = Payload::decode(Envelope::decode(envelope)?.payload)?;
        let actions = Transaction::decode(payload.data)?.actions;
        let action = actions.into_iter().next().unwrap_or_default();
        let action = ChaincodeActionPayload::decode(action.payload)?.action.unwrap_or_default();
        let response = ProposalResponsePayload::decode(action.proposal_response_payload)?;
        Ok(TxRwSet::decode(ChaincodeAction::decode(response.extension)?.results)?)
    }

    #[test]
    fn a_recorded_chain_holds_the_same_bytes() {
        let policies = policies(recorded::blocks("small").unwrap());
        assert!(!policies.is_empty());
        for policy in policies {
            let envelope = SignaturePolicyEnvelope::decode(policy.clone()).unwrap();
            let msp_ids = envelope.identities.iter();
            let msp_ids = msp_ids.map(|peer| MspRole::decode(peer.principal.clone()).unwrap().msp_identifier);
            // Given in another order, to see that it does not matter.
            let msp_ids = msp_ids.rev().collect();
            assert_eq!(encode(&KeyPolicy::All(msp_ids)), policy);
        }
    }

    #[test]
    fn nobody_is_one_signature_out_of_none() {
        let envelope = SignaturePolicyEnvelope::decode(encode(&KeyPolicy::Nobody)).unwrap();
        let Some(Type::NOutOf(rule)) = envelope.rule.unwrap().r#type else {
            unreachable!("not a rule of n out of")
        };
        assert_eq!((rule.n, rule.rules.len(), envelope.identities.len()), (1, 0, 0));
    }
}
