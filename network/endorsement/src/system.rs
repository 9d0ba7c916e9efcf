//! The chaincodes that are part of the peer (`core/scc`).

mod cscc;
mod qscc;

use bytes::Bytes;
use fabric::proto::protos::Response;

use super::{Endorser, invoke::Transaction, lifecycle, simulate::Simulator};

/// The version of every system chaincode, which must not differ between peers.
pub const VERSION: &str = "syscc";

/// The statuses of a chaincode's response.
pub const OK: i32 = 200;
pub const NOT_FOUND: i32 = 404;
pub const ERROR: i32 = 500;
/// From here on a response is not endorsed.
pub const ERROR_THRESHOLD: i32 = 400;

/// Names that no other chaincode can have.
pub fn is_system(name: &str) -> bool {
    matches!(name, lifecycle::NAMESPACE | "cscc" | "qscc" | "lscc")
}

/// Whether a proposal for this chaincode reads or writes the channel's state at all.
pub fn simulates(name: &str) -> bool {
    !matches!(name, "cscc" | "qscc")
}

/// Runs a system chaincode; `None` if there is none of this name. `lscc` has a name but runs no more.
pub fn run(
    name: &str,
    endorser: &Endorser,
    transaction: &Transaction<'_>,
    simulator: Option<&mut Simulator<'_>>,
    args: &[Bytes],
) -> Option<Response> {
    Some(match name {
        lifecycle::NAMESPACE => lifecycle::invoke(endorser, transaction, simulator, args),
        "cscc" => cscc::invoke(endorser, transaction, args),
        "qscc" => qscc::invoke(endorser, transaction, args),
        _ => return None,
    })
}

pub fn success(payload: impl Into<Bytes>) -> Response {
    Response { status: OK, payload: payload.into(), ..Response::default() }
}

pub fn error(message: impl Into<String>) -> Response {
    Response { status: ERROR, message: message.into(), ..Response::default() }
}

/// An argument as text; what is no text names nothing that we know.
fn text(args: &[Bytes], index: usize) -> &str {
    args.get(index).and_then(|arg| std::str::from_utf8(arg).ok()).unwrap_or_default()
}
