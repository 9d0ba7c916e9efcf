//! Implicit meta policies: how many of the child groups must agree (`common/policies/implicitmeta.go`).

use std::sync::Arc;

use bytes::Bytes;
use fabric::{
    proto::common::{self, implicit_meta_policy::Rule},
    types::decode::decode,
};
use msp::{Identity, MspManager};

use super::{Policy, PolicyError, PolicyManager};

/// How many of the sub-policies must be satisfied.
pub type ImplicitMetaRule = Rule;

/// "ANY Readers": the policy `Readers` of the direct child groups, counted.
#[derive(Debug)]
pub struct ImplicitMetaPolicy {
    sub_policy: String,
    needed: usize,
    /// One for each child group; a group without the policy has one that is never satisfied.
    sub_policies: Vec<Option<Arc<Policy>>>,
}

impl ImplicitMetaPolicy {
    pub(super) fn compile<'a>(
        definition: Bytes,
        children: impl ExactSizeIterator<Item = &'a PolicyManager>,
    ) -> Result<Self, PolicyError> {
        let definition: common::ImplicitMetaPolicy = decode(definition)?;
        let count = children.len();
        let needed = match Rule::try_from(definition.rule) {
            _ if count == 0 => 0,
            Ok(Rule::Any) => 1,
            Ok(Rule::All) => count,
            Ok(Rule::Majority) => count / 2 + 1,
            Err(_) => 0,
        };
        let sub_policy = definition.sub_policy;
        let sub_policies = children.map(|child| find(child, &sub_policy)).collect::<Result<_, _>>()?;
        Ok(Self { sub_policy, needed, sub_policies })
    }

    pub(super) fn evaluate(
        &self,
        identities: &[Arc<Identity>],
        msps: &MspManager,
    ) -> Result<(), PolicyError> {
        let satisfied = |policy: &&Option<Arc<Policy>>| {
            policy.as_ref().is_some_and(|policy| policy.evaluate(identities, msps).is_ok())
        };
        // Fabric counts down from the number needed and stops at zero: a rule of an unknown kind needs
        // none, and so is satisfied only if none agrees.
        let enough = self.needed.max(1);
        let satisfied = self.sub_policies.iter().filter(satisfied).take(enough).count();
        if satisfied == self.needed {
            return Ok(());
        }
        Err(PolicyError::ImplicitMetaNotSatisfied {
            sub_policy: self.sub_policy.clone(),
            satisfied,
            needed: self.needed,
        })
    }

    /// The name looked up in each child group.
    pub fn sub_policy(&self) -> &str {
        &self.sub_policy
    }

    /// How many of [`ImplicitMetaPolicy::sub_policies`] must be satisfied.
    pub fn needed(&self) -> usize {
        self.needed
    }

    /// The policies found in the child groups.
    pub fn sub_policies(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.sub_policies.iter().flatten()
    }
}

fn find(child: &PolicyManager, name: &str) -> Result<Option<Arc<Policy>>, PolicyError> {
    match child.get(name) {
        Ok(policy) => Ok(Some(policy.clone())),
        Err(PolicyError::NamesGroup(name)) => Err(PolicyError::NamesGroup(name)),
        Err(_) => Ok(None),
    }
}
