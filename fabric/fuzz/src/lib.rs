//! What each fuzz target holds true of any input.
//!
//! The targets in `fuzz_targets` feed it what libFuzzer makes up; `fabric/tests/fuzz_targets.rs` feeds it the
//! corpora and simple mutants of them, with every run of the tests.

pub mod block;
pub mod config;
pub mod envelope;
pub mod identity;
pub mod policy;
pub mod rwset;
