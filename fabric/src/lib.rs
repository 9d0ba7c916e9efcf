//! Fabric's messages as code without a machine under it: what a block and a transaction are, how their bytes are
//! decoded and hashed, and when a signature over them verifies.
//!
//! Begin with [`types`] for what a transaction is. Who signed it says the crate `msp`; whether that suffices, by the
//! policies and the configuration of a channel, the crate `channel`. Both lie in this folder and build on this crate,
//! which knows neither.
//!
//! # What holds here
//! - No clock, no input and output, no network and no database (test `no_part_names_what_lies_behind_its_wall`).
//!   Random numbers are drawn for new keys and signatures alone, by the cryptographic libraries ([`crypto`]).
//! - Bytes that were hashed or signed are slices of the buffer that they came in ([`proto`]).
//! - Messages, enumerations and services have Fabric's names and numbers (tests `messages_enums_and_services_are_fabrics`
//!   and `no_message_is_forgotten`, against Fabric's own files).
//! - No input panics (clippy denies `unwrap`, `expect`, `panic!` and indexing; `fabric/channel/tests/fuzz_targets.rs`).

pub mod cache;
pub mod crypto;
pub mod proto;
pub mod types;
pub mod wire;
