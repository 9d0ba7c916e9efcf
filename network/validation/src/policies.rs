//! The endorsement policies a block meets, each compiled once.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use channel::{
    ApplicationConfig, Bundle,
    policy::{ApplicationPolicy, PolicyError, SignaturePolicy},
};
use fabric::proto::common::{
    self, MspPrincipal, MspRole, SignaturePolicyEnvelope, application_policy, msp_principal::Classification,
    msp_role::MspRoleType, signature_policy,
};
use msp::Identity;
use prost::Message;

use super::Defect;

const LIFECYCLE_POLICY: &str = "/Channel/Application/LifecycleEndorsement";

/// Compiled policies under one channel configuration.
pub(crate) struct Policies<'a> {
    bundle: &'a Bundle,
    compiled: HashMap<Bytes, Result<ApplicationPolicy, PolicyError>>,
    /// How many comparisons of an endorser with a rule the policies of keys may still cost, where the orderer
    /// limits it.
    key_policy_budget: Option<usize>,
}

impl<'a> Policies<'a> {
    pub fn new(bundle: &'a Bundle) -> Self {
        Self { bundle, compiled: HashMap::new(), key_policy_budget: None }
    }

    pub fn bundle(&self) -> &'a Bundle {
        self.bundle
    }

    /// The policies of keys may cost so many comparisons of an endorser with a rule from now on.
    pub fn limit_key_policies(&mut self, comparisons: usize) {
        self.key_policy_budget = Some(comparisons);
    }

    /// Whether these identities satisfy an encoded `ApplicationPolicy`. One that cannot be decoded
    /// is never satisfied.
    pub fn evaluate(&mut self, policy: &Bytes, endorsers: &[Arc<Identity>]) -> Result<(), PolicyError> {
        let compile = || ApplicationPolicy::decode(policy.clone());
        match self.compiled.entry(policy.clone()).or_insert_with(compile) {
            Ok(policy) => policy.evaluate(endorsers, self.bundle.policies(), self.bundle.msps()),
            Err(error) => Err(error.clone()),
        }
    }

    /// Whether these identities satisfy a key's policy, an encoded `SignaturePolicyEnvelope`. One that
    /// cannot be decoded stops every peer.
    pub fn evaluate_key_policy(
        &mut self,
        policy: &Bytes,
        endorsers: &[Arc<Identity>],
    ) -> Result<Result<(), PolicyError>, Defect> {
        match SignaturePolicy::decode(policy.clone()) {
            Ok(policy) => {
                self.spend(policy.rules().len().saturating_mul(endorsers.len()))?;
                Ok(policy.evaluate(endorsers, self.bundle.msps()))
            }
            Err(error @ (PolicyError::Wire(_) | PolicyError::Decode(_))) => {
                Err(Defect::KeyPolicy(error.to_string()))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    fn spend(&mut self, comparisons: usize) -> Result<(), Defect> {
        if let Some(budget) = &mut self.key_policy_budget {
            *budget = budget.checked_sub(comparisons).ok_or(Defect::KeyPolicyCost)?;
        }
        Ok(())
    }

    /// The policy for writes to `_lifecycle`: the channel's, or else members of a majority of the
    /// application's organisations (`lifecycle.go`, `LifecycleEndorsementPolicyAsBytes`).
    pub fn lifecycle(&self) -> Bytes {
        match (self.bundle.policies().get(LIFECYCLE_POLICY), self.bundle.application()) {
            (Err(_), Some(application)) => majority_of_members(application),
            _ => reference(LIFECYCLE_POLICY),
        }
    }
}

/// An encoded `ApplicationPolicy` that names a policy of the channel configuration.
pub(crate) fn reference(name: &str) -> Bytes {
    encode(application_policy::Type::ChannelConfigPolicyReference(name.to_owned()))
}

/// An encoded `ApplicationPolicy` that `needed` of these organisations meet, each by one of its members.
pub(crate) fn members(needed: usize, msp_ids: &[&str]) -> Bytes {
    let signed_by = |index| common::SignaturePolicy { r#type: Some(signature_policy::Type::SignedBy(index)) };
    let rules = (0..msp_ids.len() as i32).map(signed_by).collect();
    let gate = signature_policy::NOutOf { n: needed as i32, rules };
    let rule = common::SignaturePolicy { r#type: Some(signature_policy::Type::NOutOf(gate)) };
    let identities = msp_ids.iter().map(|msp_id| member(msp_id)).collect();
    encode(application_policy::Type::SignaturePolicy(SignaturePolicyEnvelope {
        version: 0,
        rule: Some(rule),
        identities,
    }))
}

fn majority_of_members(application: &ApplicationConfig) -> Bytes {
    let mut msp_ids: Vec<&str> = application.orgs.values().map(|org| org.msp_id.as_str()).collect();
    msp_ids.sort_unstable();
    members(msp_ids.len() / 2 + 1, &msp_ids)
}

fn member(msp_id: &str) -> MspPrincipal {
    let role = MspRole { msp_identifier: msp_id.to_owned(), role: MspRoleType::Member as i32 };
    MspPrincipal {
        principal_classification: Classification::Role as i32,
        principal: role.encode_to_vec().into(),
    }
}

fn encode(policy: application_policy::Type) -> Bytes {
    common::ApplicationPolicy { r#type: Some(policy) }.encode_to_vec().into()
}
