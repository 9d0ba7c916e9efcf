//! Who somebody is to a channel: identities, and the membership definition of each organisation (`msp/*.go`).
//!
//! An MSP is built from the channel's configuration. It turns the bytes of a `SerializedIdentity` into an
//! [`Identity`] validated once and for all: every certificate chain is verified at the time at which its first
//! certificate began to be valid, one second later, so that a verdict never depends on a clock.
//!
//! Begin with [`MspManager`], the MSPs of a channel, and [`Msp`], that of one organisation.
//!
//! # What holds here
//! - No clock, no randomness of its own, no network and no database. Files are read in one place: keys and MSP folders
//!   in `directory` (test `no_part_names_what_lies_behind_its_wall`).
//! - Whose signature a real peer took, ours takes, and no other (the tests of `fabric/msp/tests/golden_identities.rs`,
//!   on recorded chains).
//! - An identity is cached only after a signature by its key has been verified (test
//!   `an_identity_is_cached_once_its_signature_holds`).
//! - No input panics (clippy denies `unwrap`, `expect`, `panic!` and indexing; the target `identity` of
//!   `fabric/channel/tests/fuzz_targets.rs`).

mod alternative_names;
mod asn1;
mod attributes;
mod certificate;
mod chain;
mod claims;
mod directory;
mod error;
mod extensions;
mod identity;
mod manager;
mod membership;
mod name;
mod name_constraints;
mod organizational_units;
mod pem;
mod principal;
mod revocation;
mod setup;
mod signature;
mod signing_identity;
mod validity;

pub use self::{
    claims::Claims,
    directory::config_from_dir,
    error::MspError,
    identity::{Identity, IdentityId, OrganizationalUnit},
    manager::{IDENTITY_BYTES, MspManager},
    membership::Msp,
    signing_identity::SigningIdentity,
};

/// The rule set, chosen by the channel's capability (`common/capabilities/channel.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MspVersion {
    V1_0,
    V1_1,
    V1_3,
    /// Channel capabilities V1_4_3 and V2_0.
    V1_4_3,
    /// Channel capability V3_0: Ed25519 identities are accepted too.
    V3_0,
}
