//! Every limit of the chaincode's server, in one place.

use std::time::Duration;

/// The largest message either way; Fabric's own limit.
pub const MESSAGE_BYTES: usize = 100 << 20;

/// Streams open at once. Each peer keeps one.
pub const STREAMS: usize = 64;

/// Connections open at once; of_account says how many there may be on which no peer has opened a stream. When there
/// are more, the oldest of these is closed. calls says what all peers together may take, and all others.
pub const CONNECTIONS: transport::Limits =
    transport::Limits { all: 2 * STREAMS, of_account: STREAMS / 2, calls: CALLS };
const CALLS: transport::CallLimits =
    transport::CallLimits { open: 16 * STREAMS, unfinished: 4 * MESSAGE_BYTES, unread: 4 * MESSAGE_BYTES };

/// Transactions of one peer that run at once; what a peer itself admits
/// (`peer.limits.concurrency.endorserService`).
pub const ACCEPTED: usize = 2500;

/// Checked documents that are kept, in bytes and about how many of the usual size that is: about as many as proposals are
/// in progress at one time.
pub const DOCUMENT_CACHE_BYTES: u64 = 8 << 20;
pub const DOCUMENT_CACHE_ENTRIES: usize = 1024;

/// How long a peer may take to answer one request; its own time limit for a whole transaction.
pub const ANSWER: Duration = Duration::from_secs(30);

/// How far a transaction's timestamp may be from this machine's clock, either way.
pub const CLOCK: Duration = Duration::from_secs(15 * 60);

/// How long running transactions may go on after the server was told to stop.
pub const GRACE: Duration = Duration::from_secs(5);

/// Keys or writes in one request where the peer names no larger number; Fabric's shim does the same.
pub const LEAST_BATCH: usize = 100;

/// Bytes of writes gathered into one request, well under [`MESSAGE_BYTES`].
pub const BATCH_BYTES: usize = 4 << 20;

/// Results a contract may take from one range or history query.
pub const QUERY_RESULTS: usize = 100_000;

/// Time between HTTP/2 pings. Servers of Node's gRPC close a connection pinged more often.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(120);
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// HTTP/2 flow-control window of a stream: a whole issue and more, so that none waits for an update.
pub const WINDOW_BYTES: u32 = 1 << 20;

/// Messages on their way to a peer. An accepted transaction has at most one at a time.
pub const OUTGOING: usize = ACCEPTED + 64;
