//! Says whether a set of signatures satisfies a policy, exactly as Fabric says it.
//!
//! A policy is evaluated in two steps, as in Fabric: [`valid_identities`] turns signatures into the
//! identities that really signed, then [`Policy::evaluate`] asks whether these identities suffice.
//!
//! ```
//! # use bytes::Bytes;
//! # use channel::Bundle;
//! # use fabric::types::{DecodedEnvelope, HeadedBlock, blockfile::BlockFile};
//! use channel::policy::{self, SignaturePolicy, SignedData};
//! use fabric::crypto::{Hashed, VerifiedSignatureCache};
//!
//! # // The recorded chain of the tests: its configuration, and a transaction that a client of AmberMSP signed.
//! # let file = std::fs::File::open("../../tests/golden/small/blockfile_000000")?;
//! # let mut blocks = BlockFile::new(file);
//! # let genesis = blocks.next().ok_or("no block 0")??;
//! # let bundle = Bundle::from_block(&genesis)?;
//! # let block = HeadedBlock::try_from(blocks.next().ok_or("no block 1")??)?;
//! # let decoded = DecodedEnvelope::new(block.envelopes()[0].clone());
//! # let (envelope, header) = (decoded.envelope().unwrap().clone(), decoded.signature_header().unwrap().clone());
//! let signed = [SignedData { data: Hashed::of(envelope.payload), identity: header.creator, signature: envelope.signature }];
//! let (msps, memo) = (bundle.msps(), VerifiedSignatureCache::disabled());
//! let identities = policy::valid_identities(&signed, msps, &memo);
//! assert_eq!(identities.len(), 1);
//!
//! // The text form is that of Fabric's command line.
//! let any = SignaturePolicy::from_proto(&policy::parse("OR('AmberMSP.member', 'BirchMSP.member')")?)?;
//! assert!(any.evaluate(&identities, msps).is_ok());
//! let both = SignaturePolicy::from_proto(&policy::parse("AND('AmberMSP.member', 'BirchMSP.member')")?)?;
//! assert!(both.evaluate(&identities, msps).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod application;
mod dsl;
mod implicit_meta;
mod manager;
mod print;
mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use fabric::{
    crypto::{Hashed, VerifiedSignatureCache},
    types::decode::DecodeError,
    wire::WireError,
};
use msp::{Identity, MspManager};
use thiserror::Error;

pub use self::{
    application::ApplicationPolicy,
    dsl::{DslError, parse},
    implicit_meta::{ImplicitMetaPolicy, ImplicitMetaRule},
    manager::PolicyManager,
    print::to_text,
    signature::{Rule, SignaturePolicy},
};

/// A claim that `identity` (a `SerializedIdentity`) signed `data`.
#[derive(Clone, Debug)]
pub struct SignedData {
    pub data: Hashed<Bytes>,
    pub identity: Bytes,
    pub signature: Bytes,
}

/// A policy that is not satisfied, or that is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    #[error("signature set did not satisfy policy")]
    NotSatisfied,
    #[error(
        "implicit policy evaluation failed - {satisfied} sub-policies were satisfied, but this policy requires {needed} of the '{sub_policy}' sub-policies to be satisfied"
    )]
    ImplicitMetaNotSatisfied { sub_policy: String, satisfied: usize, needed: usize },
    #[error("no such policy: '{0}'")]
    NoSuchPolicy(String),
    /// Looking it up makes a peer of Fabric panic.
    #[error("'{0}' names a group where a policy should be")]
    NamesGroup(String),
    #[error("the policy is no protobuf message: {0}")]
    Wire(#[from] WireError),
    #[error("the policy is no protobuf message: {0}")]
    Decode(#[from] DecodeError),
    #[error("the policy has version {0}, only version 0 is known")]
    Version(i32),
    #[error("the policy has an empty rule")]
    EmptyRule,
    #[error("a rule names identity {index}, but the policy lists {count}")]
    IdentityIndex { index: i32, count: usize },
    #[error("unknown policy type {0}")]
    UnknownType(i32),
    #[error("a policy is missing its definition")]
    Undefined,
}

/// A compiled policy of a channel configuration.
#[derive(Debug)]
pub enum Policy {
    Signature(SignaturePolicy),
    ImplicitMeta(ImplicitMetaPolicy),
}

impl Policy {
    /// Whether these identities, as [`valid_identities`] returns them, satisfy the policy.
    pub fn evaluate(&self, identities: &[Arc<Identity>], msps: &MspManager) -> Result<(), PolicyError> {
        match self {
            Self::Signature(policy) => policy.evaluate(identities, msps),
            Self::ImplicitMeta(policy) => policy.evaluate(identities, msps),
        }
    }

    /// [`valid_identities`] and [`Policy::evaluate`] in one step.
    pub fn evaluate_signed_data(
        &self,
        signed: &[SignedData],
        msps: &MspManager,
        memo: &VerifiedSignatureCache,
    ) -> Result<(), PolicyError> {
        self.evaluate(&valid_identities(signed, msps, memo), msps)
    }
}

/// The identities whose signature verifies, each once, in order (`SignatureSetToValidIdentities` in
/// `common/policies/policy.go`). What cannot be deserialised or verified is passed over; an identity is
/// remembered only once it has verified, so that a bad signature does not mask a later good one.
pub fn valid_identities(
    signed: &[SignedData],
    msps: &MspManager,
    memo: &VerifiedSignatureCache,
) -> Vec<Arc<Identity>> {
    let mut identities: Vec<Arc<Identity>> = Vec::with_capacity(signed.len());
    for SignedData { data, identity, signature } in signed {
        let Ok(identity) = msps.deserialize(identity) else { continue };
        let is_known = identities.iter().any(|known| known.id() == identity.id());
        if !is_known && memo.verify(identity.public_key(), data, signature).is_ok() {
            msps.remember(&identity);
            identities.push(identity);
        }
    }
    identities
}
