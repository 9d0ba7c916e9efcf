//! Roles and wiring: the stages joined into a running channel, and the services that it offers.
//!
//! [`pipeline`] is the place to begin: it shows all stages in order.

pub mod channel;
mod commits;
pub mod deliver;
pub mod metrics;
mod pipeline;

pub use channel::{Channel, Orderer};
pub use commits::TransactionStatus;
pub use pipeline::{Pipeline, PipelineError};
