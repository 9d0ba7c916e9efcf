//! Shelf life from stability data by ICH Q1E, appendix B: results of batches in, tests, bounds and a shelf life out.
//!
//! Pure: no file, no clock, no network. The same results give the same digits in whatever order they come
//! (`the_order_of_rows_changes_no_digit`). What a shelf life rests on is in [`Evaluation`], all of it, so that anybody can
//! compute it again; [`table`] reads CSV, [`plot`] draws. [`Parameters`] is all that a person says beside the data: one line, of which
//! [`Answer`] comes the same wherever it is computed (`parameters_are_read_as_they_are_written`).

mod bound;
mod distribution;
mod evaluation;
mod fit;
mod options;
mod parameters;
pub mod plot;
mod report;
mod study;
mod sum;
pub mod table;
mod warnings;

pub use bound::{Leaving, Side};
pub use evaluation::{
    AtLimit, Basis, BatchSummary, Bound, Cap, Evaluation, Model, ModelLine, ModelResult, Outcome,
    POOLING_LEVEL, ShelfLife, Test, Tests, evaluate,
};
pub use fit::NotEnough;
pub use options::{CapRule, Limits, Options, OptionsError, Unit};
pub use parameters::{Answer, AnswerError, COMMAND, Parameters, ParametersError, STATEMENT};
pub use study::{Batch, MAXIMUM_BATCHES, MAXIMUM_RESULTS, Point, ResultError, Results, Study};
