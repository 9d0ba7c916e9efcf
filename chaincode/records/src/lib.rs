//! What the certificate contract keeps in the world state, and what follows from it: the form of each record, the keys under
//! which they stand, and whether a certificate holds.
//!
//! Begin with [`record`] for the records, [`keys`] for their keys, [`verdict()`](verdict::verdict) for what they mean. Who may
//! write which says the crate `certificate`, whose parts are parts of this one too.
//!
//! # What holds here
//! The contract and the public verifier read the same bytes with the same functions, and reach the same verdict by them:
//!
//! - No clock, no randomness, no input or output (test `no_part_names_what_lies_behind_its_wall`).
//! - A record that was written keeps its bytes: the form of each record is versioned and frozen (test
//!   `the_form_is_frozen`), and the document lies in it byte for byte.
//! - No input panics (clippy denies what could; the tests of `chaincode/certificate/tests/hostile_input.rs`).

pub mod adoption;
pub mod duty;
pub mod event_log;
pub mod keys;
pub mod ledger_time;
pub mod record;
pub mod verdict;

use credential::{code, confidential, date_time, document};

pub use credential::{Code, DateTime};
pub use duty::Duty;
pub use event_log::{EventLog, Moment};
pub use ledger_time::LedgerTime;
pub use verdict::{Verdict, verdict};
