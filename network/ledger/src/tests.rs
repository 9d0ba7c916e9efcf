#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod chain;
mod crash;
mod faults;
mod golden;
mod log;
mod loss;
mod private;
mod semantics;
mod snapshot;
