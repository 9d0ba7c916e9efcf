//! The certificate contract as a chaincode service: the server that peers dial, Fabric's chaincode protocol,
//! and the package by which a peer finds the server.
//!
//! Nothing here knows what a certificate is; [`certificate::dispatch`] does. Each organisation's peer keeps one
//! stream, on which many transactions run side by side.
//!
//! # What holds here
//! - Transactions of one stream do not wait for each other (test `transactions_run_side_by_side`), and each peer has a
//!   stream of its own (test `each_organisations_peer_has_a_stream_of_its_own`).
//! - A transaction whose timestamp is more than 15 minutes off this server's clock is refused (tests
//!   `a_transaction_from_another_time_is_refused`, `the_clock_refuses_beyond_a_quarter_of_an_hour_either_way`): ledger
//!   time rests on it.
//! - What a peer or its client sends has a limit ([`limits`]); what is no message of the protocol ends the stream, and
//!   the server goes on (test `a_message_out_of_turn_ends_the_stream`).

mod contract;
mod creator;
mod documents;
mod exchange;
mod key_policy;
pub mod limits;
pub mod package;
mod server;
mod stream;
mod stub;
mod transaction;

pub use server::{Server, ServerError, ServerTls};
