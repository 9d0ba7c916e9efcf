//! Stability studies of companies: a file of theirs is read and evaluated by ICH Q1E (`stability`) beside the pages, and what comes
//! of it is kept as `nanotrace q1e` prints it.
//!
//! # What holds here
//! - A computation is a row that waits until it has ended: killed at any moment, it is done again at the next start (tests
//!   `a_computation_that_was_killed_is_done_again`, `what_ends_the_process_is_not_tried_for_ever`).
//! - One is under way at a time in a process, outside of its asynchronous tasks, and companies take turns (tests
//!   `companies_take_turns`, `a_million_rows_are_computed_while_pages_are_served` of `portal`).
//! - What was uploaded is what is computed: its SHA-256 is compared each time (test `a_file_that_was_changed_is_not_computed`).
//! - What people of a company read and change goes through [`Scope`], which knows one party alone (test
//!   `a_companys_studies_are_not_there_for_others` of `portal`).

mod computing;
pub mod report;
mod stated;
mod store;

pub use computing::{compute_next, run};
pub use stated::{Stated, stated};
pub use store::{
    Added, Asked, Check, MAXIMUM_STUDIES, MAXIMUM_WAITING, New, Scope, State, Study, ask_again, check,
    is_used, named, result,
};
