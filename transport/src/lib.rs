//! How the gRPC connections of all our servers and clients begin: over TCP, without delay, and so that what
//! many calls write at one time leaves in one system call ([`Coalescing`], `docs/adr/0009-coalesced-writes.md`).
//!
//! TLS, where there is any, is tonic's and runs on top.
//!
//! # What holds here
//! - A server has a limit on connections and on what their calls hold in memory, for each organisation and for all
//!   strangers together ([`connections`], `docs/adr/0017-what-calls-hold.md`). Who exceeds it loses its own: the tests of
//!   `transport/src/calls.rs`, among them `an_account_that_is_full_pushes_out_its_own` and
//!   `an_answer_counts_until_it_is_read`.
//! - A connection that is silent, or takes nothing, ends (tests `one_that_falls_silent_ends`,
//!   `one_that_takes_nothing_and_is_not_read_from_ends`).
//! - Coalescing changes no byte and no order (test `bytes_arrive_in_their_order_whatever_the_pace`).
//! - Nothing here knows Fabric: the crate depends on no other of ours (its `Cargo.toml`).

mod calls;
mod coalescing;
pub mod connections;
pub mod descriptors;
mod ending;
mod guarded;

use std::{future::ready, io, net::SocketAddr, sync::Arc, time::Duration};

use futures::Stream;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tonic::transport::{Channel, Endpoint, Error};

pub use calls::{ChargeCalls, accepted};
pub use coalescing::Coalescing;
pub use connections::{CallLimits, Connections, Handle, Limits};
pub use guarded::{Accepted, Guarded, Silence};

/// The largest HTTP/2 frame that our ends accept, in bytes. With the default of 16 KiB an endorsed transaction
/// comes in two pieces, which are then put together in a buffer that has to grow.
pub const FRAME_BYTES: u32 = 64 * 1024;

/// How long a server waits after it could not accept a connection: the usual cause is that the process has run
/// out of file descriptors, and only time brings some back.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Whose a gRPC connection is: an organisation's, or a stranger's.
pub type Account = Option<Arc<str>>;

/// The connections that a server accepts. All begin as strangers'.
pub fn incoming(
    listener: TcpListener,
    connections: Arc<Connections<Account>>,
) -> impl Stream<Item = io::Result<Guarded<Coalescing<TcpStream>, Account>>> {
    futures::stream::unfold((listener, connections), |(listener, connections)| async move {
        let (stream, address) = accept(&listener).await;
        let place = connections.open(None).await;
        // Without it the connection works, only more slowly.
        let _ = stream.set_nodelay(true);
        let guarded = Guarded::new(Coalescing::new(stream), address, place, Silence::OF_SERVERS);
        Some((Ok(guarded), (listener, connections)))
    })
}

/// Accepts a connection, however long it takes.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Opens a connection. The channel reconnects by itself when it breaks later.
pub async fn connect(endpoint: Endpoint) -> Result<Channel, Error> {
    endpoint.max_frame_size(FRAME_BYTES).connect_with_connector(tower::service_fn(dial)).await
}

/// Begins HTTP/2 on a stream that stands already, such as one under a TLS of the caller's. The channel does not
/// reconnect.
pub async fn connect_over<S>(endpoint: Endpoint, stream: S) -> Result<Channel, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut stream = Some(TokioIo::new(stream));
    let take = move |_: Uri| ready(stream.take().ok_or(io::Error::from(io::ErrorKind::NotConnected)));
    endpoint.max_frame_size(FRAME_BYTES).connect_with_connector(tower::service_fn(take)).await
}

async fn dial(address: Uri) -> io::Result<TokioIo<Coalescing<TcpStream>>> {
    // An IPv6 address stands in brackets, which are the URI's and not the address's.
    let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = address.port_u16().unwrap_or(if address.scheme_str() == Some("https") { 443 } else { 80 });
    let connection = TcpStream::connect((host, port)).await?;
    connection.set_nodelay(true)?;
    Ok(TokioIo::new(Coalescing::new(connection)))
}
