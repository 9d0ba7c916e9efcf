//! A thin client of the Fabric Gateway service. Its types are the steps of a transaction:
//! [`Proposal`] → [`Transaction`] → [`Commit`]; each is made by the one before, so none can be left out.
//!
//! It works with this project's node and with a Fabric peer of version 2.4 or later alike. Arguments and results are
//! bytes. The calls of the certificate contract stand in [`certificate`], over these steps.
//!
//! ```no_run
//! use std::sync::Arc;
//! use msp::SigningIdentity;
//! use peer_client::{Endpoint, Gateway, Invocation};
//!
//! # async fn example(
//! #     identity: Arc<SigningIdentity>,
//! #     tls_ca: Vec<u8>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::tls("localhost:7051", tls_ca).with_server_name("peer0.certbody.example");
//! let gateway = Gateway::connect(&endpoint, identity).await?;
//!
//! // Reading takes one step, on one peer.
//! let read = Invocation::new("mychannel", "basic", "ReadAsset").argument("asset1");
//! println!("{:?}", gateway.proposal(read)?.evaluate().await?);
//!
//! // Writing takes three: peers endorse, the orderer takes the transaction, the peer says what became of it.
//! let transfer = Invocation::new("mychannel", "basic", "TransferAsset").argument("asset1").argument("Tom");
//! let transaction = gateway.proposal(transfer)?.endorse().await?;
//! let commit = transaction.submit().await?;
//! let status = commit.status().await?.successful()?;
//! println!("in block {}", status.block_number);
//! # Ok(())
//! # }
//! ```
//!
//! # What holds here
//! - What is signed is what Fabric reads (test `a_proposal_is_what_fabric_reads`), and each step can be signed elsewhere,
//!   by a key that this process does not hold (test `each_step_can_be_signed_elsewhere`).
//! - A call of the certificate contract is made anew only where the transaction before it wrote nothing (test
//!   `a_conflict_is_submitted_again_and_nothing_else_is`).
//! - A transaction that is not valid is an error with its validation code (test `an_invalid_transaction_says_why`); a
//!   refusal carries what each peer said (test `a_failure_carries_what_each_peer_said`).
//! - What was called by a transaction of the past is read from the ledger (test `what_was_called_is_read_from_a_transaction`).
//! - A call ends after a time: a server that does not answer is given up (test
//!   `a_gateway_that_does_not_answer_is_given_up`).
//!
//! Why this client is our own is in `docs/adr/0020-an-own-gateway-client.md`.

pub mod certificate;
mod commit;
mod endpoint;
mod error;
mod events;
mod gateway;
mod invocation;
pub mod lifecycle;
pub mod ordering;
mod past;
pub mod profile;
mod proposal;
mod transaction;

pub use commit::{Commit, CommitStatus, NotCommitted};
pub use endpoint::Endpoint;
pub use error::{Detail, Error, GatewayError, Step, json_fault};
pub use events::{ChaincodeEvent, EventStream, StartAt};
pub use gateway::{Gateway, Timeouts};
pub use invocation::Invocation;
pub use past::PastCall;
pub use profile::ConnectionProfile;
pub use proposal::Proposal;
pub use transaction::Transaction;
