#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod calls;
mod checks;
mod contract;
mod deploy;
mod golden;
mod network;
mod node_shim;
mod private;
mod recorded;
mod requests;
mod state;
