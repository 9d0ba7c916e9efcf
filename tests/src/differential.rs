//! Chains of mutants: transactions that are wrong, odd or hostile in every way that could be thought of, so
//! that our verdicts can be compared with a real peer's.
//!
//! A test that holds every key of a channel, the orderer's too, can put anything into a block. The
//! [`generator`] does so, seeded, and commits each block to a ledger of ours, so that later transactions
//! read what is there; [`orderer`] serves the blocks to a real peer, [`peer`] runs one.

pub mod certificates;
pub mod channel;
pub mod config;
pub mod definitions;
pub mod generator;
pub mod identities;
pub mod layers;
pub mod mutation;
pub mod mutation_inputs;
pub mod orderer;
pub mod ordinary;
pub mod peer;
pub mod policies;
pub mod signatures;
pub mod wire;
