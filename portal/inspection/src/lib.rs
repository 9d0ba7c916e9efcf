//! Certificates as customs and logistics meet them: one at a time, by what is on a label. The verdict is the verifier's,
//! asked by its JSON API; where the verifier is silent or says something that cannot be read, nobody can tell.
//!
//! # What holds here
//! - What was typed reaches the verifier as a checked code, a checked GTIN and encoded batch and serial numbers, and at the
//!   operator's address alone (test `nothing_else_reaches_the_verifier`).
//! - No answer, one of another ledger or one about another certificate is never "valid" (test
//!   `what_the_verifier_did_not_say_is_not_valid`).
//! - A list has an end, every line its number, and no cell of its table is a formula (tests `a_list_has_an_end`,
//!   `every_line_end_ends_a_line_and_bad_lines_have_numbers`, `a_cell_is_no_formula`).

mod answer;
mod check;
mod list;
pub mod picture;
pub mod store;
mod typed;
mod verifier;

pub use answer::{Answer, Confidential, Outcome, Reason};
pub use check::{Asking, Check, KIND, Row, cell};
pub use list::{Column, LINES, Line, Pasted, Picked};
pub use typed::{Asked, shown};
pub use verifier::Verifier;
