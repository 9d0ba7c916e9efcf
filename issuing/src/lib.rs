//! From a draft to a certificate on the ledger: what a draft takes from the ledger, how it is read and signed, and how a whole file
//! of them is issued, each once. `nanotrace cert template`, `cert sign` and `cert issue --from` are its command lines.
//!
//! A file is issued in two steps. First a [`plan`] is made of it: every row becomes a signed document, with its id and code,
//! and breaks no rule; the plan is durable before anything is submitted. Then the rows are submitted ([`submit::submit`]), and what
//! came of each is written down ([`results`]). A run that was interrupted at any moment goes on from the plan.
//!
//! # What holds here
//! - A row becomes one certificate at most. Its code is in the plan and never drawn again, and the contract issues a code once:
//!   a row that is submitted again is refused, and found to be issued (tests `a_row_is_issued_once_however_often_it_is_submitted`,
//!   `a_run_that_is_killed_goes_on_and_issues_each_row_once`).
//! - Nothing is submitted of a file in which one row is wrong (test `every_wrong_row_is_named_and_no_plan_is_left`).
//! - A plan belongs to the bytes of its file, and results to one run at a time (tests `a_changed_file_is_refused`,
//!   `a_file_is_known_by_its_ending`, `one_run_at_a_time`).
//! - Memory does not grow with the number of rows, but for the file itself and some bytes a row: plan and results are read and
//!   written line by line.

pub mod background;
pub mod input;
pub mod json;
pub mod plan;
pub mod results;
pub mod rows;
pub mod sign;
pub mod submit;
