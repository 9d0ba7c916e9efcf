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
