//! Fabric's rules as code without a machine under it: messages, signatures, identities, policies and the
//! configuration of channels.
//!
//! Begin with [`types`] for what a transaction is, [`msp`] for who signed it, [`policy`] for whether that suffices,
//! [`channel`] for the configuration that says so.
//!
//! # What holds here
//! - No clock, no randomness, no network and no database. Files are read in one place: keys and MSP folders in
//!   [`msp`] (test `no_part_names_what_lies_behind_its_wall`).
//! - Bytes that were hashed or signed are slices of the buffer that they came in ([`proto`]).
//! - Messages, enumerations and services have Fabric's names and numbers (tests `messages_enums_and_services_are_fabrics`
//!   and `no_message_is_forgotten`, against Fabric's own files).
//! - Whose signature a real peer took, ours takes, and no other (the tests of `fabric/tests/golden_identities.rs`, on
//!   recorded chains).
//! - An identity is cached only after a signature by its key has been verified (test
//!   `an_identity_is_cached_once_its_signature_holds`).
//! - No input panics (clippy denies `unwrap`, `expect`, `panic!` and indexing; `fabric/tests/fuzz_targets.rs`).

pub mod channel;
pub mod crypto;
pub mod msp;
pub mod policy;
pub mod proto;
pub mod types;
mod wire;
