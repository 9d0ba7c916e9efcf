//! A connection that ends when its place is taken away, or when nothing arrives for too long.

use std::{
    hash::Hash,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::transport::server::Connected;

use crate::connections::{Handle, Place};

/// How long a client may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// Before it says anything at all.
    pub at_first: Duration,
    /// Afterwards; not shorter.
    pub later: Duration,
}

impl Silence {
    /// Servers ping their clients more often than the later limit.
    pub const OF_SERVERS: Self = Self { at_first: Duration::from_secs(10), later: Duration::from_secs(180) };
}

/// A connection and its place.
pub struct Guarded<C, A: Clone + Eq + Hash> {
    connection: C,
    address: SocketAddr,
    place: Place<A>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    limits: Silence,
    silence: Pin<Box<Sleep>>,
    /// When something arrived last, if anything has.
    heard: Option<Instant>,
}

/// What a service may know of the connection that a request came on.
#[derive(Clone, Debug)]
pub struct Accepted<A> {
    pub handle: Handle<A>,
    /// The client's address.
    pub address: SocketAddr,
}

impl<C, A: Clone + Eq + Hash> Guarded<C, A> {
    pub fn new(connection: C, address: SocketAddr, place: Place<A>, limits: Silence) -> Self {
        let closed = Box::pin(place.handle().closed());
        let silence = Box::pin(sleep(limits.at_first));
        Self { connection, address, place, closed, limits, silence, heard: None }
    }

    /// What a write came to, unless the connection must end: one that takes nothing more is not read from either, so
    /// nothing else would notice its silence.
    fn unless_over<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_pending()
            && let Poll::Ready(end) = self.poll_end(context)
        {
            return Poll::Ready(Err(end));
        }
        written
    }

    /// Ready when the connection must end.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.closed.as_mut().poll(context).is_ready() {
            let reason = "closed to make room for others";
            return Poll::Ready(io::Error::new(io::ErrorKind::ConnectionAborted, reason));
        }
        while self.silence.as_mut().poll(context).is_ready() {
            match self.heard.map(|heard| heard + self.limits.later) {
                Some(end) if end > Instant::now() => self.silence.as_mut().reset(end),
                _ => return Poll::Ready(io::ErrorKind::TimedOut.into()),
            }
        }
        Poll::Pending
    }
}

impl<C: AsyncRead + Unpin, A: Clone + Eq + Hash + Unpin> AsyncRead for Guarded<C, A> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(end) = self.poll_end(context) {
            return Poll::Ready(Err(end));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.connection).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.heard = Some(Instant::now());
        }
        read
    }
}

impl<C: AsyncWrite + Unpin, A: Clone + Eq + Hash + Unpin> AsyncWrite for Guarded<C, A> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.place.handle().is_closed() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = Pin::new(&mut self.connection).poll_write(context, bytes);
        self.unless_over(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.place.handle().is_closed() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = Pin::new(&mut self.connection).poll_write_vectored(context, slices);
        self.unless_over(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.connection).poll_flush(context);
        self.unless_over(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A peer that takes nothing more could hold up the end for ever.
        if self.poll_end(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

impl<C, A> Connected for Guarded<C, A>
where
    A: Clone + Eq + Hash + Send + Sync + 'static,
{
    type ConnectInfo = Accepted<A>;

    fn connect_info(&self) -> Self::ConnectInfo {
        Accepted { handle: self.place.handle().clone(), address: self.address }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        time::timeout,
    };

    use super::*;
    use crate::connections::{CallLimits, Connections, Limits};

    const SHORT: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(600);

    fn connections() -> Arc<Connections<()>> {
        Connections::new(Limits { all: 1, of_account: 1, calls: CallLimits::default() })
    }

    fn guarded(limits: Silence, place: Place<()>) -> (Guarded<DuplexStream, ()>, DuplexStream) {
        let (ours, theirs) = duplex(100);
        (Guarded::new(ours, ([127, 0, 0, 1], 1).into(), place, limits), theirs)
    }

    #[tokio::test]
    async fn a_silent_connection_ends() {
        let begun = Instant::now();
        let limits = Silence { at_first: SHORT, later: LONG };
        let (mut connection, _theirs) = guarded(limits, connections().open(()).await);
        assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= SHORT);
    }

    #[tokio::test]
    async fn one_that_has_spoken_stays() {
        let limits = Silence { at_first: SHORT, later: LONG };
        let (mut connection, mut theirs) = guarded(limits, connections().open(()).await);
        theirs.write_u8(1).await.unwrap();
        connection.read_u8().await.unwrap();
        assert!(timeout(2 * SHORT, connection.read_u8()).await.is_err(), "it has spoken");
        theirs.write_u8(1).await.unwrap();
        connection.read_u8().await.unwrap();
    }

    #[tokio::test]
    async fn one_that_falls_silent_ends() {
        let limits = Silence { at_first: SHORT, later: 2 * SHORT };
        let (mut connection, mut theirs) = guarded(limits, connections().open(()).await);
        let begun = Instant::now();
        theirs.write_u8(1).await.unwrap();
        connection.read_u8().await.unwrap();
        assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= 2 * SHORT);
    }

    #[tokio::test]
    async fn one_that_takes_nothing_and_is_not_read_from_ends() {
        let limits = Silence { at_first: SHORT, later: LONG };
        let (mut connection, _theirs) = guarded(limits, connections().open(()).await);
        let stuck = timeout(LONG, connection.write_all(&[0; 1000])).await.unwrap();
        assert_eq!(stuck.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn one_whose_place_is_taken_away_ends_at_once() {
        let connections = connections();
        let limits = Silence { at_first: LONG, later: LONG };
        let (mut connection, _theirs) = guarded(limits, connections.open(()).await);
        let newcomer = tokio::spawn(async move { drop(connections.open(()).await) });
        assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        assert_eq!(connection.write(b"x").await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        connection.shutdown().await.unwrap();
        drop(connection);
        newcomer.await.unwrap();
    }
}
