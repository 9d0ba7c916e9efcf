//! Endorsement policies, sensible ones and odd ones.

use channel::policy::{PolicyError, SignaturePolicy, parse};
use fabric::proto::{
    common::{
        self, CombinedPrincipal, MspIdentityAnonymity, MspPrincipal, OrganizationUnit,
        SignaturePolicyEnvelope, msp_principal::Classification, signature_policy::Type,
    },
    protos::{ApplicationPolicy, application_policy},
};
use fastrand::Rng;
use prost::Message;

use super::{identities::Identities, wire};

/// An encoded `SignaturePolicyEnvelope` that peers can decode, whatever it says.
pub fn some_key_policy(rng: &mut Rng, identities: &Identities) -> Vec<u8> {
    let sensible =
        ["OR('AMSP.peer')", "AND('AMSP.peer','BMSP.peer')", "OR('AMSP.member','BMSP.member','CMSP.member')"];
    let policy = parse(rng.choice(&sensible).unwrap()).unwrap();
    match rng.u8(..10) {
        0 => some_odd_policy(rng, identities).encode_to_vec(),
        1 => {
            let mutant = wire::mutate(rng, &policy.encode_to_vec()).0;
            if is_decodable(&mutant) { mutant } else { policy.encode_to_vec() }
        }
        _ => policy.encode_to_vec(),
    }
}

/// Of a chaincode; it may be garbage.
pub fn some_application_policy(rng: &mut Rng, identities: &Identities) -> Vec<u8> {
    let references = [
        "Endorsement",
        "/Channel/Application",
        "/Channel/Nothing",
        "Channel",
        "",
        "/",
        "/Channel/Orderer/Writers",
    ];
    let policy = match rng.u8(..3) {
        0 => {
            let name = (*rng.choice(&references).unwrap()).to_owned();
            application_policy::Type::ChannelConfigPolicyReference(name)
        }
        _ => application_policy::Type::SignaturePolicy(some_odd_policy(rng, identities)),
    };
    let policy = ApplicationPolicy { r#type: Some(policy) }.encode_to_vec();
    if rng.u8(..4) == 0 { wire::mutate(rng, &policy).0 } else { policy }
}

fn is_decodable(policy: &[u8]) -> bool {
    let result = SignaturePolicy::decode(policy.to_vec().into());
    !matches!(result, Err(PolicyError::Wire(_) | PolicyError::Decode(_)))
}

fn some_odd_policy(rng: &mut Rng, identities: &Identities) -> SignaturePolicyEnvelope {
    let mut policy = parse("OutOf(1,'AMSP.member','BMSP.member','CMSP.member')").unwrap();
    match rng.u8(..9) {
        0 => policy.version = rng.i32(..),
        1 => policy.rule = None,
        2 => policy.rule = Some(common::SignaturePolicy { r#type: Some(Type::SignedBy(rng.i32(-2..5))) }),
        3 => policy.identities.clear(),
        4 => policy.identities.rotate_left(1),
        5 | 6 => {
            if let Some(Type::NOutOf(gate)) = policy.rule.as_mut().and_then(|rule| rule.r#type.as_mut()) {
                gate.n = rng.i32(-2..5);
            }
        }
        _ => policy.identities[0] = some_principal(rng, identities, 0),
    }
    policy
}

fn some_principal(rng: &mut Rng, identities: &Identities, depth: u8) -> MspPrincipal {
    let principal = |kind: Classification, content: Vec<u8>| MspPrincipal {
        principal_classification: kind as i32,
        principal: content.into(),
    };
    let org = rng.choice(&identities.orgs).unwrap();
    match rng.u8(..8) {
        0 => principal(Classification::Identity, org.peer.serialized().to_vec()),
        1 => principal(Classification::Identity, b"nobody".to_vec()),
        2 => {
            let unit = OrganizationUnit {
                msp_identifier: org.mspid.to_owned(),
                organizational_unit_identifier: (*rng.choice(&["peer", "guest", ""]).unwrap()).to_owned(),
                ..Default::default()
            };
            principal(Classification::OrganizationUnit, unit.encode_to_vec())
        }
        3 => {
            let anonymity = MspIdentityAnonymity { anonymity_type: rng.i32(..3) };
            principal(Classification::Anonymity, anonymity.encode_to_vec())
        }
        4 | 5 if depth < 3 => {
            let principals =
                (0..rng.usize(..3)).map(|_| some_principal(rng, identities, depth + 1)).collect();
            principal(Classification::Combined, CombinedPrincipal { principals }.encode_to_vec())
        }
        6 => MspPrincipal { principal_classification: rng.i32(-1..9), principal: b"what".to_vec().into() },
        _ => {
            let role = common::MspRole { msp_identifier: org.mspid.to_owned(), role: rng.i32(-1..7) };
            principal(Classification::Role, role.encode_to_vec())
        }
    }
}
