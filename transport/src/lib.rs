//! How the gRPC connections of all our servers and clients begin: over TCP, without delay, and so that what
//! many calls write at one time leaves in one system call ([`Coalescing`]).
//!
//! TLS, where there is any, is tonic's and runs on top.

mod coalescing;

use std::io;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::{Channel, Endpoint, Error, server::TcpIncoming};

pub use coalescing::Coalescing;

/// The largest HTTP/2 frame that our ends accept, in bytes. With the default of 16 KiB an endorsed transaction
/// comes in two pieces, which are then put together in a buffer that has to grow.
pub const FRAME_BYTES: u32 = 64 * 1024;

/// The connections that a server accepts.
pub fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<Coalescing<TcpStream>>> {
    let accepted = TcpIncoming::from(listener).with_nodelay(Some(true));
    accepted.map(|connection| connection.map(Coalescing::new))
}

/// Opens a connection. The channel reconnects by itself when it breaks later.
pub async fn connect(endpoint: Endpoint) -> Result<Channel, Error> {
    endpoint.max_frame_size(FRAME_BYTES).connect_with_connector(tower::service_fn(dial)).await
}

async fn dial(address: Uri) -> io::Result<TokioIo<Coalescing<TcpStream>>> {
    // An IPv6 address stands in brackets, which are the URI's and not the address's.
    let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = address.port_u16().unwrap_or(if address.scheme_str() == Some("https") { 443 } else { 80 });
    let connection = TcpStream::connect((host, port)).await?;
    connection.set_nodelay(true)?;
    Ok(TokioIo::new(Coalescing::new(connection)))
}
