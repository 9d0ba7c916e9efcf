//! Every limit that the verifier sets on what comes from outside, in one place.

use std::time::Duration;

/// Connections served at once, where the process may open files enough. For a new one the address with the most
/// gives up its oldest.
pub const CONNECTIONS: usize = 1024;
/// Connections of one IPv4 address, or of one IPv6 network of 64 bits; for a new one the oldest is closed. Behind a
/// proxy: requests of one client that are being answered; a further one is answered 429.
pub const CONNECTIONS_OF_ADDRESS: usize = 64;
/// Bytes of a request's head; a longer one is answered 431 and closed. Also the most that is read ahead.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Header fields in a request.
pub const HEADERS: usize = 64;
/// Bytes of path and query. A GS1 Digital Link with every value at its longest takes under 200.
pub const TARGET_BYTES: usize = 2048;
/// Time for a whole request head to arrive; also how long an idle kept-alive connection stays open.
pub const HEAD_TIME: Duration = Duration::from_secs(15);
/// Life of a connection: a reader that takes its answer a byte at a time is let go after this.
pub const CONNECTION_TIME: Duration = Duration::from_secs(120);
/// Time that open connections get to finish when the server stops, and an aged connection to end.
pub const DRAIN_TIME: Duration = Duration::from_secs(5);
/// Bytes of rendered answers kept in memory.
pub const CACHED_BYTES: usize = 8 * 1024 * 1024;
/// Certificates listed for one product number.
pub const LISTED: usize = 50;
/// Bytes of a state value that the read model takes in; the contract refuses documents over 64 KiB.
pub const VALUE_BYTES: usize = 1024 * 1024;

pub(crate) fn connections() -> transport::Limits {
    // What is left is shared with a node in the same process: a quarter is the verifier's, half of that for the public
    // and half for the operator's address.
    let left = transport::descriptors::left_for_connections();
    transport::Limits {
        all: CONNECTIONS.min(left / 8),
        of_account: CONNECTIONS_OF_ADDRESS.min(left / 16),
        // Only gRPC servers have any.
        calls: transport::CallLimits::default(),
    }
}
