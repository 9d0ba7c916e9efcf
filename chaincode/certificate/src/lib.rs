//! The certificate contract: which documents are certificates, who may do what with them, and whether
//! one holds at a given time.
//!
//! Pure: no clock, no randomness, no floating point, no input or output except through [`State`]. Every
//! responsible peer must reach the same bytes from the same transaction, and the public verifier reaches
//! its verdict with the same functions (see `docs/contract.md` for the contract as its callers see it).

pub mod canonical;
pub mod code;
pub mod contract;
pub mod date_time;
pub mod decimal;
pub mod demo;
pub mod document;
pub mod draft;
pub mod event_log;
pub mod json;
pub mod keys;
pub mod ledger_time;
pub mod memory;
pub mod multikey;
pub mod parties;
pub mod proof;
pub mod record;
pub mod refusal;
pub mod state;
pub mod verdict;

pub use code::Code;
pub use contract::{Response, dispatch};
pub use date_time::DateTime;
pub use event_log::{EventLog, Moment};
pub use ledger_time::LedgerTime;
pub use refusal::Refusal;
pub use state::{Creator, KeyPolicy, Modification, Role, State, StateError};
pub use verdict::{Verdict, verdict};
