//! Many small writes in one.
//!
//! HTTP/2 carries many calls on one connection, and the task that serves it writes as soon as one of them has
//! something to say: under load that is a system call, a segment, and a wake-up at the other end for each small
//! answer. Here a flush first lets the other tasks that are ready run, once; what they say goes along.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// Once so many bytes wait, they are written before more are taken.
const CAPACITY: usize = 64 << 10;

/// A connection whose writes wait for a flush, and whose flush waits for its turn.
#[derive(Debug)]
pub struct Coalescing<C> {
    connection: C,
    waiting: Vec<u8>,
    /// How many of the waiting bytes are written already.
    written: usize,
    /// Whether the other tasks have had their turn since the flush began.
    yielded: bool,
}

impl<C> Coalescing<C> {
    pub fn new(connection: C) -> Self {
        Self { connection, waiting: Vec::new(), written: 0, yielded: false }
    }
}

impl<C: AsyncWrite + Unpin> Coalescing<C> {
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.waiting.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.connection).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.waiting.clear();
        self.written = 0;
        self.yielded = false;
        Poll::Ready(Ok(()))
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Coalescing<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(context, buffer)
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Coalescing<C> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.waiting.len() >= CAPACITY {
            ready!(self.poll_drain(context))?;
        }
        let before = self.waiting.len();
        slices.iter().for_each(|slice| self.waiting.extend_from_slice(slice));
        Poll::Ready(Ok(self.waiting.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.waiting.is_empty() && !self.yielded {
            self.yielded = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

impl<C: Connected> Connected for Coalescing<C> {
    type ConnectInfo = C::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.connection.connect_info()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{cell::RefCell, future::poll_fn, rc::Rc};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        task::{LocalSet, spawn_local, yield_now},
    };

    use super::*;

    /// Notes the size of each write; takes at most `most` bytes at a time.
    struct Counting {
        most: usize,
        writes: Rc<RefCell<Vec<usize>>>,
    }

    impl AsyncWrite for Counting {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.most);
            self.writes.borrow_mut().push(taken);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn counting(most: usize) -> (Coalescing<Counting>, Rc<RefCell<Vec<usize>>>) {
        let writes = Rc::new(RefCell::new(Vec::new()));
        (Coalescing::new(Counting { most, writes: writes.clone() }), writes)
    }

    /// As HTTP/2 does: one task writes what others have queued, and flushes.
    #[tokio::test]
    async fn what_ready_tasks_say_goes_along_in_one_write() {
        let (mut connection, writes) = counting(usize::MAX);
        let queue: Rc<RefCell<Vec<u8>>> = Rc::new(RefCell::new(b"first ".to_vec()));
        let local = LocalSet::new();
        local.spawn_local({
            let queue = queue.clone();
            poll_fn(move |context| {
                let said = queue.take();
                if !said.is_empty() {
                    let taken = ready!(Pin::new(&mut connection).poll_write(context, &said))?;
                    assert_eq!(taken, said.len());
                }
                Pin::new(&mut connection).poll_flush(context)
            })
        });
        local.spawn_local(async move { queue.borrow_mut().extend_from_slice(b"second") });
        local.await;
        assert_eq!(*writes.borrow(), [12]);
    }

    #[tokio::test]
    async fn an_idle_connection_is_flushed_at_once() {
        let local = LocalSet::new();
        let (mut connection, writes) = counting(usize::MAX);
        local
            .run_until(async {
                let flushed = spawn_local(async move {
                    connection.write_all(b"alone").await.unwrap();
                    connection.flush().await.unwrap();
                });
                yield_now().await;
                yield_now().await;
                assert!(flushed.is_finished());
            })
            .await;
        assert_eq!(*writes.borrow(), [5]);
    }

    #[tokio::test]
    async fn what_waits_has_a_limit_and_short_writes_are_gone_on_with() {
        let (mut connection, writes) = counting(50_000);
        connection.write_all(&[7; CAPACITY]).await.unwrap();
        assert!(writes.borrow().is_empty(), "nothing leaves before the limit or a flush");
        connection.write_all(b"more").await.unwrap();
        assert_eq!(*writes.borrow(), [50_000, CAPACITY - 50_000]);
        connection.shutdown().await.unwrap();
        assert_eq!(writes.borrow().last(), Some(&4));
    }

    #[tokio::test]
    async fn bytes_arrive_in_their_order_whatever_the_pace() {
        let (ours, mut theirs) = duplex(1000);
        let sent: Vec<u8> = (0..300_000u32).map(|number| number as u8).collect();
        let writing = tokio::spawn({
            let sent = sent.clone();
            async move {
                let mut connection = Coalescing::new(ours);
                for part in sent.chunks(777) {
                    connection.write_all(part).await.unwrap();
                    connection.flush().await.unwrap();
                }
                connection.shutdown().await.unwrap();
            }
        });
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).await.unwrap();
        writing.await.unwrap();
        assert!(received == sent);
    }
}
