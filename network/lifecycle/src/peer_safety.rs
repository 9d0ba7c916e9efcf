//! Which definitions stop the peers that act on them, though they can be read.

use bytes::Bytes;
use channel::policy::{ApplicationPolicy, PolicyError, PolicyManager};
use fabric::proto::protos::collection_config::Payload;
use prost::Message;

use super::ChaincodeParameters;

/// The only validation plugin that peers come with.
pub const BUILT_IN_PLUGIN: &str = "vscc";

/// Why a definition that can be read stops peers at the first transaction of its chaincode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeForPeers {
    #[error("its validation plugin '{0}' is not there")]
    Plugin(String),
    #[error("its endorsement policy refers to '{0}', which names a group where a policy should be")]
    PolicyNamesGroup(String),
    #[error("collection '{collection}' refers to '{name}', which names a group where a policy should be")]
    CollectionPolicyNamesGroup { collection: String, name: String },
}

/// Refuses a definition that stops peers under these policies of the channel.
pub fn check_peer_safe(
    parameters: &ChaincodeParameters,
    policies: &PolicyManager,
) -> Result<(), UnsafeForPeers> {
    let ChaincodeParameters { validation, collections, .. } = parameters;
    let plugin = &validation.validation_plugin;
    if !plugin.is_empty() && plugin != BUILT_IN_PLUGIN {
        return Err(UnsafeForPeers::Plugin(plugin.clone()));
    }
    if let Some(name) = group_referred_to(validation.validation_parameter.clone(), policies) {
        return Err(UnsafeForPeers::PolicyNamesGroup(name));
    }
    for config in &collections.config {
        let Some(Payload::StaticCollectionConfig(collection)) = &config.payload else { continue };
        let policy = collection.endorsement_policy.as_ref().map(Message::encode_to_vec).unwrap_or_default();
        if let Some(name) = group_referred_to(policy.into(), policies) {
            return Err(UnsafeForPeers::CollectionPolicyNamesGroup {
                collection: collection.name.clone(),
                name,
            });
        }
    }
    Ok(())
}

/// The name in an encoded `ApplicationPolicy` whose look-up makes peers panic.
fn group_referred_to(policy: Bytes, policies: &PolicyManager) -> Option<String> {
    let Ok(ApplicationPolicy::Reference(name)) = ApplicationPolicy::decode(policy) else { return None };
    matches!(policies.get(&name), Err(PolicyError::NamesGroup(_))).then_some(name)
}
