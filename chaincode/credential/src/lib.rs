//! The document of a certificate: a W3C Verifiable Credential 2.0 and its proof by eddsa-jcs-2022, and every rule that it
//! breaks or keeps by itself. `docs/certificate.md` shows it as its authors see it.
//!
//! Begin with [`document`] for the rules and [`proof`] for the signature. Whether a certificate holds is not known here:
//! that is the ledger's, and the crate `certificate`'s. Beside it stand the confidential fields that no document has
//! ([`confidential`]), and one of them opened to somebody ([`disclosure`]).
//!
//! # What holds here
//! - No clock, no randomness, no input or output (test `no_part_names_what_lies_behind_its_wall`). Decimals are compared
//!   exactly, not as floating-point numbers (test `exact_where_floating_point_is_not`).
//! - No input panics (clippy denies what could; the tests of `chaincode/certificate/tests/hostile_input.rs`).

pub mod canonical;
pub mod code;
pub mod confidential;
pub mod date_time;
pub mod decimal;
pub mod disclosure;
pub mod document;
pub mod draft;
pub mod json;
pub mod multikey;
pub mod proof;
mod violation;

pub use code::Code;
pub use date_time::DateTime;
pub use violation::Violation;
