//! The ledger node: the stages joined into a running channel, and the services that it offers.
//!
//! [`pipeline`] is the place to begin: it shows all stages in order.
//!
//! # What holds here
//! - A transaction is acknowledged after its block is durable (tests
//!   `nothing_is_named_or_acknowledged_before_it_is_synced`,
//!   `nothing_acknowledged_is_lost_however_often_the_process_is_killed`), and a node whose disk fails ends (test
//!   `a_full_disk_ends_the_node_and_everybody_hears_of_it`).
//! - What one client takes has a limit, counted for its identity and its organisation ([`limits`]; the tests of
//!   `tests/tests/flood.rs`).
//! - Each client hears what became of its envelope (tests `every_policy_setting_client_settles`,
//!   `all_who_wait_hear_that_the_pipeline_has_ended`).

pub(crate) mod admission;
pub mod channel;
mod commits;
pub mod deliver;
mod ending;
mod endorser_service;
pub mod gateway;
pub mod limits;
pub mod metrics;
mod peer;
pub mod pipeline;
mod restored;
pub(crate) mod shares;
mod start;
mod submission;

pub use channel::{Channel, Ended, Orderer, StatusError};
pub use commits::TransactionStatus;
pub(crate) use ending::until_ended;
pub use peer::{Listener, Peer, ServeError};
pub use pipeline::{Pipeline, PipelineError};
pub use start::{Config, Node, ServerConfig, StartError};
pub use submission::{Answer, Submission};
