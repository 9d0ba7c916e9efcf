//! What one client, one organisation, or all strangers together may take of a node, in one place.
//!
//! A *stranger* is a caller whose signature has not been verified. An organisation makes as many identities as it
//! likes, so a limit on identities protects the members of an organisation from each other, and a limit on
//! organisations protects the others. Limits that Fabric's configuration knows have Fabric's values.

use std::time::Duration;

pub use fabric::msp::IDENTITY_BYTES;

pub use crate::node::shares::Limits;

/// Calls of one gateway that are being answered, waiting CommitStatus and ChaincodeEvents calls included
/// (`peer.limits.concurrency.gatewayService` of Fabric's core.yaml, 500, is for all callers together).
pub const GATEWAY_CALLS: Limits = Limits { of_identity: 500, of_organisation: 1000 };
/// Bytes of the requests that are being answered by one gateway, or by one endorser.
pub const CALLS_BYTES: Limits = Limits { of_identity: 64 << 20, of_organisation: 128 << 20 };
/// Calls of strangers, who get a reason why they are refused, at one gateway or endorser.
pub const STRANGERS_CALLS: usize = 100;
/// Proposals that one peer processes at once (`peer.limits.concurrency.endorserService`).
pub const ENDORSER_CALLS: Limits = Limits { of_identity: 1000, of_organisation: 2500 };
/// Envelopes that wait to be ordered, and their bytes. All callers together have 10,000 places.
pub const QUEUED_ENVELOPES: Limits = Limits { of_identity: 2_500, of_organisation: 5_000 };
pub const QUEUED_BYTES: Limits = Limits { of_identity: 32 << 20, of_organisation: 64 << 20 };
/// Deliver streams of one server that are sending blocks (`peer.limits.concurrency.deliverService` is 2500 for all).
pub const DELIVER_STREAMS: Limits = Limits { of_identity: 100, of_organisation: 500 };
/// Bytes of blocks on their way to readers, over the Deliver streams of one server. A reader that has none on its
/// way gets its next block however large it is.
pub const DELIVER_BYTES: Limits = Limits { of_identity: 16 << 20, of_organisation: 64 << 20 };
/// How long a Deliver client may take to accept a block; then its connection is closed. Also how long a stream waits
/// for bytes that others of its organisation hold; then it ends with SERVICE_UNAVAILABLE.
pub const UNREAD: Duration = Duration::from_secs(120);

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

/// Connections of all servers of a node together, where the process may open files enough; strangers get a quarter.
/// For a newcomer the account with the most connections gives up its oldest.
pub const CONNECTIONS: usize = 4096;
/// Calls that are open on one connection.
pub const STREAMS: u32 = 512;
/// Bytes of unfinished requests over all connections of strangers, and over those of each organisation. When there
/// are more, the connection that holds most of them is closed.
pub const UNFINISHED_BYTES: usize = 128 << 20;
/// What a request counts besides its content, for its headers and its state.
pub const CALL_BYTES: usize = 8 << 10;
/// Bytes of the headers of a request.
pub const HEADER_BYTES: u32 = 16 << 10;
/// How long a TLS handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// A connection on which nothing arrives for so long is pinged, and closed unless it answers in time.
pub const PING_AFTER: Duration = Duration::from_secs(60);
pub const PING_ANSWER: Duration = Duration::from_secs(20);

/// File descriptors that no client's connection gets: for the databases (at most 256 and 128 open tables), the block
/// files, and connections of our own. Half of the others is a node's, the rest is for the servers beside it in the
/// process: the chaincode's and the public verifier's.
pub const RESERVED_DESCRIPTORS: usize = 512;

pub(crate) fn connections() -> transport::Limits {
    let all = CONNECTIONS.min(transport::descriptors::left_for_connections(RESERVED_DESCRIPTORS) / 2);
    transport::Limits { all, of_account: all / 4, bytes_of_account: UNFINISHED_BYTES }
}
