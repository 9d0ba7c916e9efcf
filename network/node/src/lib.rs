//! The ledger node: the stages joined into a running channel, and the services that it offers.
//!
//! [`pipeline`] is the place to begin: it shows all stages in order.

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
