//! The policies of a channel configuration, by name (`common/policies/policy.go`).

use std::{collections::BTreeMap, sync::Arc};

use fabric::proto::common::{self, policy::PolicyType};

use super::{ImplicitMetaPolicy, Policy, PolicyError, SignaturePolicy};

/// The policies of one configuration group and of the groups below it.
#[derive(Debug)]
pub struct PolicyManager {
    /// Where the group lies, without a leading slash: `Channel/Application`.
    path: String,
    /// The group's own policies by name, those of the groups below by relative path.
    policies: BTreeMap<String, Arc<Policy>>,
    children: BTreeMap<String, PolicyManager>,
}

impl PolicyManager {
    /// Compiles the policies of the group at `path`, given the managers of its child groups.
    pub(crate) fn compile<'a>(
        path: String,
        policies: impl Iterator<Item = (&'a str, Option<&'a common::Policy>)>,
        children: BTreeMap<String, PolicyManager>,
    ) -> Result<Self, PolicyError> {
        let mut manager = Self { path, policies: BTreeMap::new(), children };
        for (name, definition) in policies {
            let policy = manager.compile_policy(definition.ok_or(PolicyError::Undefined)?)?;
            manager.policies.insert(name.to_owned(), Arc::new(policy));
        }
        for (group, child) in &manager.children {
            let inherited = child.policies.iter();
            manager
                .policies
                .extend(inherited.map(|(name, policy)| (format!("{group}/{name}"), policy.clone())));
        }
        Ok(manager)
    }

    /// The policy of this name: absolute ("/Channel/Application/Writers") or relative to this group. An
    /// absolute name must begin with this group's path.
    pub fn get(&self, name: &str) -> Result<&Arc<Policy>, PolicyError> {
        let below_group = name.strip_prefix('/').map(|absolute| absolute.strip_prefix(&self.path));
        let relative = match below_group {
            Some(Some("")) => return Err(PolicyError::NamesGroup(name.to_owned())),
            // Fabric cuts one more byte than the group's path, without looking whether it is a slash.
            Some(rest) => rest.and_then(|rest| rest.get(1..)),
            None => Some(name),
        };
        relative
            .and_then(|relative| self.policies.get(relative))
            .ok_or_else(|| PolicyError::NoSuchPolicy(name.to_owned()))
    }

    /// The manager of the group at this path below this one.
    pub(crate) fn manager<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&PolicyManager> {
        path.into_iter().try_fold(self, |manager, name| manager.children.get(name))
    }

    fn compile_policy(&self, definition: &common::Policy) -> Result<Policy, PolicyError> {
        let value = definition.value.clone();
        match PolicyType::try_from(definition.r#type) {
            Ok(PolicyType::Signature) => {
                Ok(Policy::Signature(SignaturePolicy::decode(value)?.require_version_0()?))
            }
            Ok(PolicyType::ImplicitMeta) => {
                ImplicitMetaPolicy::compile(value, self.children.values()).map(Policy::ImplicitMeta)
            }
            _ => Err(PolicyError::UnknownType(definition.r#type)),
        }
    }
}
