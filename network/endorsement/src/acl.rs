//! Whether a proposal's creator may use a resource (`core/aclmgmt`, `core/policy`).
//!
//! A resource of the channel is guarded by a policy of the channel configuration. A resource of the peer is
//! guarded by membership or administration of the peer's own organisation, and the channel has no say.

use std::sync::Arc;

use channel::{Bundle, LocalPolicy, local_policy};
use fabric::proto::common::{MspPrincipal, MspRole, msp_principal::Classification, msp_role::MspRoleType};
use msp::{Identity, MspManager};
use prost::Message;

pub const PROPOSE: &str = "peer/Propose";
pub const CHAINCODE_TO_CHAINCODE: &str = "peer/ChaincodeToChaincode";

/// Access is denied; the text is Fabric's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Denied(String);

/// Who asks: a creator whose signature over the proposal has been verified, so that no policy has to verify
/// it again.
pub struct Access<'a> {
    pub creator: &'a Arc<Identity>,
    /// The peer's own organisation, alone.
    pub local: &'a MspManager,
    pub local_msp_id: &'a str,
}

impl Access<'_> {
    /// Checks access to `resource`. `channel` is `None` if the proposal means no channel of this peer;
    /// `channel_id` is the name it gives.
    pub fn check(&self, resource: &str, channel: Option<&Bundle>, channel_id: &str) -> Result<(), Denied> {
        if let Some(policy) = local_policy(resource) {
            return self.check_local(policy);
        }
        let Some(channel) = channel else {
            return Err(Denied(format!("Failed to get policy manager for channel [{channel_id}]")));
        };
        let policy = channel
            .policy_for_acl(resource)
            .map_err(|_| Denied(format!("Unmapped policy for {resource}")))?;
        // Of a proposal that names no channel the creator is known by the peer's own folder alone. What the channel thinks of it,
        // which may have revoked its certificate, is another question.
        let creator = channel.msps().deserialize(self.creator.serialized()).ok();
        policy.evaluate(creator.as_slice(), channel.msps()).map_err(|error| {
            Denied(match channel.default_acl(resource) {
                Some(policy) => format!(
                    "Failed evaluating policy on signed data during check policy on channel [{channel_id}] with policy \
                     [{policy}]: [{error}]"
                ),
                None => format!(
                    "failed evaluating policy on signed data during check policy [{resource}]: [{error}]"
                ),
            })
        })
    }

    fn check_local(&self, policy: LocalPolicy) -> Result<(), Denied> {
        let (name, role) = match policy {
            LocalPolicy::Admins => ("Admins", MspRoleType::Admin),
            LocalPolicy::Members => ("Members", MspRoleType::Member),
        };
        let creator = self.local.deserialize(self.creator.serialized()).map_err(|error| {
            Denied(format!(
                "Failed deserializing proposal creator during channelless check policy with policy [{name}]: \
                 [{error}]"
            ))
        })?;
        self.local.satisfies_principal(&creator, &self.principal(role)).map_err(|error| {
            Denied(format!(
                "Failed verifying that proposal's creator satisfies local MSP principal during channelless check \
                 policy with policy [{name}]: [{error}]"
            ))
        })
    }

    fn principal(&self, role: MspRoleType) -> MspPrincipal {
        let role = MspRole { msp_identifier: self.local_msp_id.to_owned(), role: role.into() };
        MspPrincipal {
            principal_classification: Classification::Role.into(),
            principal: role.encode_to_vec().into(),
        }
    }
}
