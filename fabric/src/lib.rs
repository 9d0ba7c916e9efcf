//! Fabric's rules as pure code: messages, identities, policies and channel configuration.
//!
//! Nothing here touches a clock, a network or a database, so that every rule can be fuzzed and, one
//! day, run in a browser. The one exception is reading key files in [`msp`].

pub mod channel;
pub mod crypto;
pub mod msp;
pub mod policy;
pub mod proto;
pub mod types;
mod wire;
