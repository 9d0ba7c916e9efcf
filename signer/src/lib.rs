//! Keeps a certification body's Ed25519 key apart from the programs that serve people: `nanotrace signer`. It signs a document only where the
//! body's own peer says that an application on the ledger is decided on exactly that document. An attacker who takes over the portal, or any
//! other program that may connect, gets nothing signed that no decision-maker decided.
//!
//! # What holds here
//! - The key leaves neither file nor process; what comes in is a document and the application's id, what goes out a document with
//!   its proof or a refusal (test `nothing_but_the_decided_document_is_signed`).
//! - The ledger is asked each time, over the connection profile and identity that the signer was started with; nothing that a request says of
//!   the decision counts.
//! - A request has limits in bytes and time, and so have requests at once (tests `an_oversize_request_is_refused`,
//!   `a_silent_client_is_given_up`).
//!
//! The protocol is one JSON object each way over a Unix socket; see [`protocol`].

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod client;
pub mod command;
pub mod ledger;
pub mod protocol;
pub mod server;
pub mod socket;
