//! What one client, one organisation, or all strangers together may take of a node, in one place.
//!
//! A *stranger* is a caller whose signature has not been verified. An organisation makes as many identities as it
//! likes, so a limit on identities protects the members of an organisation from each other, and a limit on
//! organisations protects the others. Limits that Fabric's configuration knows have Fabric's values.

use std::time::Duration;

pub use msp::IDENTITY_BYTES;
use transport::CallLimits;

pub use crate::shares::Limits;

/// Calls of one gateway that are being answered, waiting CommitStatus and ChaincodeEvents calls included
/// (`peer.limits.concurrency.gatewayService` of Fabric's core.yaml, 500, is for all callers together).
pub const GATEWAY_CALLS: Limits = Limits { of_identity: 500, of_organisation: 1000 };
/// Bytes of the requests that are being answered by one gateway.
pub const GATEWAY_BYTES: Limits = Limits { of_identity: 64 << 20, of_organisation: 128 << 20 };
/// Calls of strangers, who get a reason why they are refused, at one gateway or endorser.
pub const STRANGERS_CALLS: usize = 100;
/// Proposals that one peer processes at once (`peer.limits.concurrency.endorserService`).
pub const ENDORSER_CALLS: Limits = Limits { of_identity: 1000, of_organisation: 2500 };
/// Bytes of these proposals: two of the largest chaincodes are installed at once, and others are not kept waiting.
pub const ENDORSER_BYTES: Limits =
    Limits { of_identity: 2 * ENDORSER_REQUEST, of_organisation: 2 * ENDORSER_REQUEST + (64 << 20) };
/// Envelopes that wait to be ordered, and their bytes. All callers together have 10,000 places.
pub const QUEUED_ENVELOPES: Limits = Limits { of_identity: 2_500, of_organisation: 5_000 };
pub const QUEUED_BYTES: Limits = Limits { of_identity: 32 << 20, of_organisation: 64 << 20 };
/// Deliver streams of one server that are sending blocks (`peer.limits.concurrency.deliverService` is 2500 for all).
pub const DELIVER_STREAMS: Limits = Limits { of_identity: 100, of_organisation: 500 };
/// The largest request of each service, bytes. Fabric's servers take 100 MiB (`comm.MaxRecvMsgSize`); that much is
/// needed to install a chaincode, which goes to the Endorser.
pub const ENDORSER_REQUEST: usize = 100 << 20;
/// A proposal with its transient data, or a signed transaction, unless the channel takes larger ones.
const GATEWAY_REQUEST: usize = 20 << 20;
/// A signed seek request, and a signed CommitStatus or ChaincodeEvents request.
pub const SIGNED_REQUEST: usize = 64 << 10;
/// The largest answer of any service, bytes: a block.
pub const ANSWER: usize = 100 << 20;

/// An envelope of the size that the channel takes (AbsoluteMaxBytes), and a little for what is around it.
pub(crate) fn orderer_request(absolute_max_bytes: u32) -> usize {
    (absolute_max_bytes as usize).saturating_add(64 << 10).min(ENDORSER_REQUEST)
}

pub(crate) fn gateway_request(absolute_max_bytes: u32) -> usize {
    GATEWAY_REQUEST.max(orderer_request(absolute_max_bytes))
}

/// Connections of all servers of a node together, where the process may open files enough; strangers get a
/// quarter, and so does each organisation. For a newcomer the account with the most connections gives up its oldest.
pub const CONNECTIONS: usize = 4 * CONNECTIONS_OF_ONE;
const CONNECTIONS_OF_ONE: usize = 1024;
/// Bytes of requests that a client may send on one call, and on one connection, before the service has taken them: wide enough
/// that a connection with many calls is not held back. What waits there is in no account, so the connections of an
/// organisation bound it.
pub const STREAM_WINDOW: u32 = 512 << 10;
pub const CONNECTION_WINDOW: u32 = 1 << 20;
const _: () = assert!(CONNECTIONS_OF_ONE * CONNECTION_WINDOW as usize <= 1 << 30);
/// Calls that are open on one connection.
pub const STREAMS: u32 = 512;
/// Calls that are open over all connections of strangers, and over those of each organisation: until request and answer
/// have left memory. Each takes some 10 kB besides what is counted below. When there are more, the connection with the
/// most is closed.
pub const OPEN_CALLS: usize = 8192;
/// Bytes of unfinished requests of strangers, and of those of each organisation: two of the largest at once, and 16 MiB
/// of others. When there are more, the oldest is refused.
pub const UNFINISHED_BYTES: usize = 2 * ENDORSER_REQUEST + (16 << 20);
/// How long a stranger's request may take to arrive: the largest one in full at 7 Mbit a second.
pub const UNFINISHED_TIME: Duration = Duration::from_secs(120);
/// Bytes of answers that the clients of an organisation have not read so far, of all services: blocks, events, results. When
/// there are more, the stream that has been unread the longest is reset. One that nothing else ends, because its client
/// makes no room for a single byte, loses its connection. What has been reset and is still in memory may be as much again.
pub const UNREAD_BYTES: usize = 128 << 20;
/// Bytes of the headers of a request.
pub const HEADER_BYTES: u32 = 16 << 10;
/// How long a TLS handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// A connection on which nothing arrives for so long is pinged, and closed unless it answers in time.
pub const PING_AFTER: Duration = Duration::from_secs(60);
pub const PING_ANSWER: Duration = Duration::from_secs(20);

pub(crate) fn connections() -> transport::Limits {
    // Half of the descriptors is a node's, the rest is for the servers beside it in the process: the chaincode's and
    // the public verifier's.
    let all = CONNECTIONS.min(transport::descriptors::left_for_connections() / 2);
    let calls = CallLimits { open: OPEN_CALLS, unfinished: UNFINISHED_BYTES, unread: UNREAD_BYTES };
    transport::Limits { all, of_account: all / 4, calls }
}
