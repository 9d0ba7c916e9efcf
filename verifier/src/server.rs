//! The HTTP/1.1 server: accepts connections within limits, answers requests, drains at shutdown.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use transport::Connections;

use crate::limits;
use crate::origin::{Answering, Held, Origin};
use crate::site::Site;

/// Serves until `shutdown` completes, then lets open connections finish within [`limits::DRAIN_TIME`].
pub(crate) async fn run(listener: TcpListener, site: Arc<Site>, shutdown: impl Future<Output = ()>) {
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::select! {
        () = accept(&listener, &site, &stopping, &mut connections) => {}
        () = shutdown => {}
    }
    drop(listener);
    let _ = stop.send(true);
    if timeout(limits::DRAIN_TIME, async { while connections.join_next().await.is_some() {} }).await.is_err()
    {
        tracing::warn!(open = connections.len(), "connections did not finish in time and are closed");
    }
}

async fn accept(
    listener: &TcpListener,
    site: &Arc<Site>,
    stopping: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let open = Connections::new(limits::connections());
    let answering = Arc::new(Answering::default());
    loop {
        let (stream, peer) = transport::accept(listener).await;
        while connections.try_join_next().is_some() {}
        let origin = Origin::of(peer, site.proxies());
        let place = open.open(origin).await;
        let client = Client { peer, origin, answering: answering.clone() };
        let (site, stopping) = (site.clone(), stopping.clone());
        connections.spawn(async move {
            let closed = place.handle().closed();
            tokio::select! {
                () = serve_connection(stream, client, site, stopping) => {}
                () = closed => tracing::debug!(%peer, "a connection was closed to make room for others"),
            }
        });
    }
}

/// Who is at the other end of a connection.
struct Client {
    peer: SocketAddr,
    origin: Origin,
    answering: Arc<Answering>,
}

impl Client {
    fn answer(&self, site: &Site, request: &Parts) -> Response<Held> {
        let turn = match self.origin {
            Origin::Client(_) => None,
            Origin::Proxy(_) => {
                match self.answering.begin(self.origin.client(&request.headers, site.proxies())) {
                    Some(turn) => Some(turn),
                    None => return too_many(),
                }
            }
        };
        site.answer(request).map(|body| Held { body, _turn: turn })
    }
}

fn too_many() -> Response<Held> {
    let text = "Too many requests from this address are being answered. Try again in a moment.\n";
    let mut response = Response::new(Held { body: Full::from(text), _turn: None });
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

async fn serve_connection(
    stream: TcpStream,
    client: Client,
    site: Arc<Site>,
    mut stopping: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let peer = client.peer;
    let client = Arc::new(client);
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let (site, client) = (site.clone(), client.clone());
        // Answering takes microseconds and never waits, so it is done right here, without a blocking pool.
        async move { Ok::<_, Infallible>(client.answer(&site, &request.into_parts().0)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIME)
        .max_buf_size(limits::HEAD_BYTES)
        .max_headers(limits::HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);

    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = sleep(limits::CONNECTION_TIME) => None,
        _ = stopping.wait_for(|stop| *stop) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(limits::DRAIN_TIME, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

/// Binds the listening socket, with an error that says which address and what to do.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "another process listens there: stop it or choose another port",
            io::ErrorKind::PermissionDenied => "choose a port above 1023 or grant the right to bind it",
            io::ErrorKind::AddrNotAvailable => "this machine has no such address",
            _ => "see the cause",
        };
        io::Error::new(error.kind(), format!("the verifier cannot listen on {address}: {error} ({hint})"))
    })
}
