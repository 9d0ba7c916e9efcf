//! Certificates as customs and logistics meet them: one at a time, by what is on a label. The verdict is the verifier's,
//! asked by its JSON API; where the verifier is silent or says something that cannot be read, nobody can tell.
//!
//! # What holds here
//! - What was typed reaches the verifier as a checked code, a checked GTIN and encoded batch and serial numbers, and at the
//!   operator's address alone (test `nothing_else_reaches_the_verifier`).
//! - No answer, one of another ledger or one about another certificate is never "valid" (test
//!   `what_the_verifier_did_not_say_is_not_valid`).

mod answer;
pub mod picture;
mod typed;
mod verifier;

pub use answer::{Answer, Outcome, Reason};
pub use typed::{Asked, shown};
pub use verifier::Verifier;
