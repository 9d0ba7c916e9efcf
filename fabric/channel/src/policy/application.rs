//! Application policies: what a chaincode definition, a collection or a key says about its endorsement.

use std::sync::Arc;

use bytes::Bytes;
use fabric::wire::{FieldValue, Fields, string};
use msp::{Identity, MspManager};

use super::{PolicyError, PolicyManager, SignaturePolicy};

/// A compiled `ApplicationPolicy` (`core/policy/application.go`).
#[derive(Clone, Debug, PartialEq)]
pub enum ApplicationPolicy {
    Signature(SignaturePolicy),
    /// The name of a policy of the channel configuration, as of the moment of evaluation.
    Reference(String),
}

impl ApplicationPolicy {
    /// Decodes an `ApplicationPolicy`.
    pub fn decode(bytes: Bytes) -> Result<Self, PolicyError> {
        let mut policy = None;
        for field in Fields::of(bytes) {
            let field = field?;
            match (field.number, field.value) {
                (1, FieldValue::Bytes(part)) => {
                    SignaturePolicy::check_wire(part.clone(), 2)?;
                    policy = Some(Wire::merge(policy, &part));
                }
                (2, FieldValue::Bytes(name)) => policy = Some(Wire::Reference(string(&name)?)),
                _ => {}
            }
        }
        match policy.ok_or(PolicyError::EmptyRule)? {
            Wire::Signature(envelope) => {
                SignaturePolicy::decode_nested(envelope.into(), 2).map(Self::Signature)
            }
            Wire::Reference(name) => Ok(Self::Reference(name)),
        }
    }

    /// Whether these identities satisfy the policy; a reference that leads nowhere is never satisfied.
    pub fn evaluate(
        &self,
        identities: &[Arc<Identity>],
        channel: &PolicyManager,
        msps: &MspManager,
    ) -> Result<(), PolicyError> {
        match self {
            Self::Signature(policy) => policy.evaluate(identities, msps),
            Self::Reference(name) => channel.get(name)?.evaluate(identities, msps),
        }
    }
}

/// The oneof as it stands on the wire: the parts of a message that occurs twice are merged.
enum Wire {
    Signature(Vec<u8>),
    Reference(String),
}

impl Wire {
    fn merge(current: Option<Self>, part: &[u8]) -> Self {
        match current {
            Some(Self::Signature(mut bytes)) => {
                bytes.extend_from_slice(part);
                Self::Signature(bytes)
            }
            _ => Self::Signature(part.to_vec()),
        }
    }
}
