//! The certificate contract as a chaincode service: the server that peers dial, Fabric's chaincode protocol,
//! and the package by which a peer finds the server.
//!
//! Nothing here knows what a certificate is; [`certificate::dispatch`] does. Each organisation's peer keeps one
//! stream, on which many transactions run side by side.

mod creator;
mod exchange;
mod key_policy;
pub mod limits;
pub mod package;
mod server;
mod stream;
mod stub;
mod transaction;

pub use server::{Server, ServerError, ServerTls};
