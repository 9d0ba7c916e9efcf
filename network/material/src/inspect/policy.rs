//! Shows policies: as text where the policy language can say them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{identity, message, scalar::opaque};
use channel::policy::{Rule, SignaturePolicy, to_text};
use fabric::proto::common::{
    CombinedPrincipal, ImplicitMetaPolicy, MspIdentityAnonymity, MspPrincipal, MspRole, OrganizationUnit,
    Policy, msp_principal::Classification, policy::PolicyType,
};

/// A policy of the channel configuration.
pub(super) fn policy(policy: &Policy) -> Value {
    match PolicyType::try_from(policy.r#type) {
        Ok(PolicyType::Signature) => signature_policy(policy.value.clone()),
        Ok(PolicyType::ImplicitMeta) => message(policy.value.clone(), |meta: &ImplicitMetaPolicy| {
            json!(format!("{} {}", meta.rule().as_str_name(), meta.sub_policy))
        }),
        _ => json!({ "type": policy.r#type, "value": opaque(&policy.value) }),
    }
}

/// An encoded `SignaturePolicyEnvelope`.
pub(super) fn signature_policy(envelope: Bytes) -> Value {
    match SignaturePolicy::decode(envelope.clone()) {
        Ok(policy) => to_text(&policy).map_or_else(|| rules(&policy), Value::String),
        Err(error) => json!({ "malformed": error.to_string(), "bytes": opaque(&envelope) }),
    }
}

/// The rules as a flat list, because they may nest deeper than JSON readers like.
fn rules(policy: &SignaturePolicy) -> Value {
    let rule = |(index, rule): (usize, &Rule)| match rule {
        Rule::SignedBy(principal) => format!("rule {index}: signed by identity {principal}"),
        Rule::NOutOf { n, rules } => format!("rule {index}: {n} of the rules {rules:?}"),
    };
    json!({
        "rules": policy.rules().iter().enumerate().map(rule).collect::<Vec<_>>(),
        "identities": policy.principals().iter().map(principal).collect::<Vec<_>>(),
    })
}

fn principal(principal: &MspPrincipal) -> Value {
    let bytes = principal.principal.clone();
    match Classification::try_from(principal.principal_classification) {
        Ok(Classification::Role) => message(
            bytes,
            |role: &MspRole| json!({ "msp_identifier": role.msp_identifier, "role": role.role().as_str_name() }),
        ),
        Ok(Classification::OrganizationUnit) => message(bytes, |unit: &OrganizationUnit| {
            json!({
                "msp_identifier": unit.msp_identifier,
                "organizational_unit_identifier": unit.organizational_unit_identifier,
                "certifiers_identifier": ::hex::encode(&unit.certifiers_identifier),
            })
        }),
        Ok(Classification::Identity) => identity::serialized(&bytes),
        Ok(Classification::Anonymity) => message(
            bytes,
            |anonymity: &MspIdentityAnonymity| json!({ "anonymity_type": anonymity.anonymity_type().as_str_name() }),
        ),
        // Combined principals may nest; one level is shown.
        Ok(Classification::Combined) => message(bytes, |combined: &CombinedPrincipal| {
            json!({ "all_of": combined.principals.iter().map(|part| json!({
                "principal_classification": part.principal_classification().as_str_name(),
                "principal": opaque(&part.principal),
            })).collect::<Vec<_>>() })
        }),
        Err(_) => json!({
            "principal_classification": principal.principal_classification,
            "principal": opaque(&bytes),
        }),
    }
}
