//! The certificate contract: who may do what with certificates, and whether one holds at a given time. Which documents are
//! certificates says the crate `credential`, what stands in the ledger and what it means the crate `records`; their parts are parts
//! of this one too. `docs/contract.md` shows it as its callers see it.
//!
//! Begin with [`contract`] for the functions, [`document`] for the rules of a document, [`verdict()`](verdict::verdict)
//! for whether a certificate holds. [`proof`] verifies one off the ledger.
//!
//! # What holds here
//! Every endorsing peer must reach the same bytes from the same transaction, and the public verifier reaches its
//! verdict with the same functions. Therefore:
//!
//! - No clock, no randomness, no input or output except through [`State`] (test
//!   `no_part_names_what_lies_behind_its_wall`).
//! - What one body must be able to do alone reads and writes its own keys and write-once records, no other (tests
//!   `a_stop_reads_its_own_keys_and_the_certificate_alone`, `a_stop_writes_one_key`,
//!   `no_record_of_one_body_hinders_the_others_stop`).
//! - Every key is written with its policy (test `every_key_has_a_policy`).
//! - Who evaluated neither reviews nor decides, and no step is taken out of its turn: one table says so, and every
//!   combination of state, role and organisation is tested against it (test `each_step_in_each_state_by_each_caller`).
//! - No input panics (clippy denies what could; the tests of `chaincode/certificate/tests/hostile_input.rs`).

pub mod chaincode;
pub mod contract;
pub mod demo;
pub mod memory;
pub mod parties;
pub mod refusal;
pub mod state;
pub mod transition;

pub use chaincode::{Chaincode, Part};
pub use contract::{Response, dispatch};
pub use credential::{
    Code, DateTime, canonical, code, confidential, date_time, decimal, disclosure, document, draft, json,
    multikey, proof,
};
pub use records::{
    Duty, EventLog, LedgerTime, Moment, Verdict, adoption, duty, event_log, keys, ledger_time, record,
    verdict,
};
pub use refusal::Refusal;
pub use state::{Creator, KeyPolicy, Modification, Role, State, StateError};
