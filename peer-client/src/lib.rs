//! A thin client of the Fabric Gateway service. Its types are the steps of a transaction:
//! [`Proposal`] → [`Transaction`] → [`Commit`]; each is made by the one before, so none can be left out.
//!
//! It knows nothing of any chaincode: arguments and results are bytes. It works with this project's node and
//! with a Fabric peer of version 2.4 or later alike.
//!
//! ```no_run
//! use std::sync::Arc;
//! use fabric::msp::SigningIdentity;
//! use peer_client::{Endpoint, Gateway, Invocation};
//!
//! # async fn example(identity: Arc<SigningIdentity>, tls_ca: Vec<u8>) -> Result<(), peer_client::Error> {
//! let endpoint = Endpoint::tls("localhost:7051", tls_ca).with_server_name("peer0.certbody.example");
//! let gateway = Gateway::connect(&endpoint, identity).await?;
//!
//! let read = Invocation::new("nanotrace", "nanotrace", "GetScheme").argument("nanoMark");
//! println!("{:?}", gateway.proposal(read)?.evaluate().await?);
//!
//! let write = Invocation::new("nanotrace", "nanotrace", "RegisterScheme").argument("{}");
//! let commit = gateway.proposal(write)?.endorse().await?.submit().await?;
//! let status = commit.status().await?.successful()?;
//! println!("in block {}", status.block_number);
//! # Ok(())
//! # }
//! ```

mod commit;
mod endpoint;
mod error;
mod events;
mod gateway;
mod invocation;
pub mod lifecycle;
pub mod profile;
mod proposal;
mod transaction;

pub use commit::{Commit, CommitStatus, NotCommitted};
pub use endpoint::Endpoint;
pub use error::{Detail, Error, GatewayError, Step, json_fault};
pub use events::{ChaincodeEvent, EventStream, StartAt};
pub use gateway::{Gateway, Timeouts};
pub use invocation::Invocation;
pub use profile::ConnectionProfile;
pub use proposal::Proposal;
pub use transaction::Transaction;
