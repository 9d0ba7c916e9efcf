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

/// How long a client may take to say anything at all.
const FIRST_BYTE: Duration = Duration::from_secs(10);
/// How long it may be silent afterwards. Servers ping their clients more often than that.
const SILENCE: Duration = Duration::from_secs(180);

/// A connection and its place.
pub struct Guarded<C, A: Clone + Eq + Hash> {
    connection: C,
    address: SocketAddr,
    place: Place<A>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
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
    pub fn new(connection: C, address: SocketAddr, place: Place<A>) -> Self {
        let closed = Box::pin(place.handle().closed());
        Self { connection, address, place, closed, silence: Box::pin(sleep(FIRST_BYTE)), heard: None }
    }

    /// Ready when the connection must end.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.closed.as_mut().poll(context).is_ready() {
            let reason = "closed to make room for others";
            return Poll::Ready(io::Error::new(io::ErrorKind::ConnectionAborted, reason));
        }
        while self.silence.as_mut().poll(context).is_ready() {
            match self.heard.map(|heard| heard + SILENCE) {
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
        Pin::new(&mut self.connection).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.place.handle().is_closed() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.connection).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
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

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::connections::{Connections, Limits};

    async fn guarded() -> (Guarded<DuplexStream, ()>, DuplexStream, Handle<()>) {
        let limits = Limits { all: 1, of_account: 1, bytes_of_account: 0 };
        let connections: Arc<Connections<()>> = Connections::new(limits);
        let (ours, theirs) = duplex(100);
        let place = connections.open(()).await;
        let handle = place.handle().clone();
        (Guarded::new(ours, ([127, 0, 0, 1], 1).into(), place), theirs, handle)
    }

    async fn end(connection: &mut Guarded<DuplexStream, ()>) -> (io::ErrorKind, Duration) {
        let begun = Instant::now();
        let error = connection.read_u8().await.unwrap_err();
        (error.kind(), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_ends() {
        let (mut connection, mut theirs, _) = guarded().await;
        assert_eq!(end(&mut connection).await, (io::ErrorKind::TimedOut, FIRST_BYTE));
        let (mut other, _theirs, _) = guarded().await;
        assert_eq!(end(&mut other).await, (io::ErrorKind::TimedOut, FIRST_BYTE));
        theirs.write_u8(1).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_speaks_now_and_then_stays() {
        let (mut connection, mut theirs, _) = guarded().await;
        theirs.write_u8(1).await.unwrap();
        connection.read_u8().await.unwrap();
        for _ in 0..3 {
            let (read, written) = tokio::join!(connection.read_u8(), async {
                sleep(SILENCE - Duration::from_secs(1)).await;
                theirs.write_u8(1).await
            });
            written.unwrap();
            read.unwrap();
        }
        assert_eq!(end(&mut connection).await, (io::ErrorKind::TimedOut, SILENCE));
    }

    #[tokio::test]
    async fn one_whose_place_is_taken_away_ends_at_once() {
        let (mut connection, _theirs, handle) = guarded().await;
        let (ended, ()) = tokio::join!(end(&mut connection), async { handle.close() });
        assert_eq!(ended.0, io::ErrorKind::ConnectionAborted);
        assert_eq!(connection.write(b"x").await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        connection.shutdown().await.unwrap();
    }
}
