//! What a call holds in memory, charged to its connection from the request's first byte until the answer's last has
//! been written.
//!
//! A server must keep an unfinished message in memory before it can see whose it is, and an answer until its client
//! reads it, however long that takes. What becomes of a complete request is the service's business.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http::{Extensions, HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tonic::{Code, Status, transport::server::TlsConnectInfo};
use tower::{Layer, Service};

use crate::{
    Account,
    connections::{Call, Charge, Kind},
    ending::Ending,
    guarded::Accepted,
};

/// What precedes a message in a body: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// No more of an answer is asked for while more bytes of it than these are unread; its end may follow what is less.
const AHEAD: usize = 64 << 10;

/// Charges calls to their connections, and lets [`accepted`] find these.
#[derive(Clone, Copy, Debug)]
pub struct ChargeCalls {
    /// What the paths of those methods begin with whose clients send a stream of messages. The others' send one:
    /// nothing is waited for after it. The service would keep it all the time, and on no account.
    pub client_streams: &'static [&'static str],
    /// How long a message of a stranger's may take to arrive. It is not known yet whether an honest client sends it.
    pub patience: Duration,
}

#[derive(Clone, Debug)]
pub struct ChargingCalls<S> {
    inner: S,
    limits: ChargeCalls,
}

impl<S> Layer<S> for ChargeCalls {
    type Service = ChargingCalls<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ChargingCalls { inner, limits: *self }
    }
}

impl<S> Service<Request<tonic::body::Body>> for ChargingCalls<S>
where
    S: Service<Request<tonic::body::Body>, Response = Response<tonic::body::Body>>,
{
    type Response = Response<Answer>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<tonic::body::Body>) -> Self::Future {
        let Some(accepted) = accepted_by_transport(request.extensions()) else {
            return Answering { answer: self.inner.call(request), call: None };
        };
        let call = accepted.handle.call();
        request.extensions_mut().insert(accepted);
        let ChargeCalls { client_streams, patience } = self.limits;
        let is_stream = client_streams.iter().any(|path| request.uri().path().starts_with(path));
        let asked = |body| tonic::body::Body::new(Asked::new(body, call.clone(), is_stream, patience));
        let request = request.map(asked);
        Answering { answer: self.inner.call(request), call: Some(call) }
    }
}

pin_project! {
    /// The service's work on a call.
    pub struct Answering<F> {
        #[pin]
        answer: F,
        call: Option<Arc<Call<Account>>>,
    }
}

impl<F, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<tonic::body::Body>, E>>,
{
    type Output = Result<Response<Answer>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.answer.poll(context))?;
        as_other_servers_say(response.headers_mut());
        let call = this.call.take().map(|call| (call, Arc::default()));
        Poll::Ready(Ok(response.map(|body| Answer { body, call, next: None })))
    }
}

/// The connection that a request came on.
pub fn accepted(extensions: &Extensions) -> Option<&Accepted<Account>> {
    extensions.get()
}

fn accepted_by_transport(extensions: &Extensions) -> Option<Accepted<Account>> {
    let under_tls = || extensions.get::<TlsConnectInfo<Accepted<Account>>>().map(TlsConnectInfo::get_ref);
    accepted(extensions).or_else(under_tls).cloned()
}

/// An answer's body. Each part of it counts until HTTP/2 has written it, which is when the client has made room for
/// it; the call counts until all of them are written.
pub struct Answer {
    body: tonic::body::Body,
    call: Option<(Arc<Call<Account>>, Arc<Unread>)>,
    /// Waits until the part before it is written: a task that waits here can be ended, not so where HTTP/2 waits for
    /// room.
    next: Option<Bytes>,
}

/// What there is of an answer and is not written yet.
#[derive(Debug, Default)]
struct Unread {
    bytes: AtomicUsize,
    ending: Arc<Ending>,
}

impl Unread {
    /// Waits until at most so many bytes are unread.
    fn poll_read(&self, most: usize, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        if self.ending.has_ended(context) {
            return Poll::Ready(Err(unread()));
        }
        if self.bytes.load(Ordering::Acquire) > most { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl Answer {
    fn poll_charged(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { body, call, next } = self;
        let Some((call, unread)) = call else { return Pin::new(body).poll_frame(context) };
        if next.is_none() {
            if let Err(ended) = ready!(unread.poll_read(AHEAD, context)) {
                return Poll::Ready(Some(Err(ended)));
            }
            match ready!(Pin::new(body).poll_frame(context)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => *next = Some(Part::charge(data, call, unread)),
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let this = next.as_ref().map_or(0, Bytes::len);
        if let Err(ended) = ready!(unread.poll_read(this, context)) {
            return Poll::Ready(Some(Err(ended)));
        }
        Poll::Ready(next.take().map(|part| Ok(Frame::data(part))))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut frame = self.poll_charged(context);
        if let Poll::Ready(Some(Ok(frame))) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            as_other_servers_say(trailers);
        }
        match &self.call {
            // It may have been ended after it was asked.
            Some((_, unread_here)) if frame.is_ready() && unread_here.ending.goes_on() => {
                Poll::Ready(Some(Err(unread())))
            }
            _ => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Part of an answer, until it is written.
struct Part {
    data: Bytes,
    unread: Arc<Unread>,
    _charge: Charge<Account>,
}

impl Part {
    fn charge(data: Bytes, call: &Arc<Call<Account>>, unread: &Arc<Unread>) -> Bytes {
        unread.bytes.fetch_add(data.len(), Ordering::AcqRel);
        let charge = call.charge(Kind::Unread, data.len(), unread.ending.clone());
        Bytes::from_owner(Self { data, unread: unread.clone(), _charge: charge })
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.unread.bytes.fetch_sub(self.data.len(), Ordering::AcqRel);
        self.unread.ending.wake();
    }
}

/// A request's body. Its message under way is charged until it is complete, or until the service drops the body.
struct Asked {
    body: tonic::body::Body,
    call: Arc<Call<Account>>,
    /// Whether there may be further messages after the first.
    is_stream: bool,
    framing: Framing,
    unfinished: Option<(Charge<Account>, Arc<Ending>)>,
    patience: Duration,
    /// When the message that is waited for must be there, if its sender is a stranger.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Asked {
    fn new(body: tonic::body::Body, call: Arc<Call<Account>>, is_stream: bool, patience: Duration) -> Self {
        let framing = Framing::default();
        Self { body, call, is_stream, framing, unfinished: None, patience, deadline: None }
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) {
        let before = self.framing.messages;
        let bytes = self.framing.advance(data);
        if self.framing.messages > before {
            (self.unfinished, self.deadline) = (None, None);
        }
        match &self.unfinished {
            Some((charge, _)) => charge.set(bytes),
            None if bytes > 0 => {
                let ending = Arc::new(Ending::default());
                ending.has_ended(context);
                let charge = self.call.charge(Kind::Unfinished, bytes, ending.clone());
                self.unfinished = Some((charge, ending));
            }
            None => {}
        }
    }

    /// Whether the client has said all that it may.
    fn is_over(&self) -> bool {
        !self.is_stream && self.framing.messages > 0
    }

    /// Whether the message under way must go. The service comes back for the rest of it, and then hears so.
    fn has_ended(&self, context: &mut Context<'_>) -> bool {
        self.unfinished.as_ref().is_some_and(|(_, ending)| ending.has_ended(context))
    }

    /// Ready once a stranger has taken too long over a message. One that has opened a stream must bring a first.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        let is_awaited = self.framing.messages == 0 || self.unfinished.is_some();
        if !is_awaited || self.call.handle().account() != Some(None) {
            self.deadline = None;
            return Poll::Pending;
        }
        let patience = self.patience;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(patience)));
        deadline.as_mut().poll(context).map(|()| {
            Status::deadline_exceeded(format!("the request did not arrive within {} s", patience.as_secs()))
        })
    }
}

impl Body for Asked {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.has_ended(context) {
            return Poll::Ready(Some(Err(unfinished())));
        }
        if self.is_over() {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            return self.poll_deadline(context).map(|late| Some(Err(late)));
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.receive(data, context);
        }
        if self.has_ended(context) {
            return Poll::Ready(Some(Err(unfinished())));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A message over a service's limit is OUT_OF_RANGE with tonic, and with no service of ours is anything else; clients
/// know it as RESOURCE_EXHAUSTED (`rpc_util.go` of grpc-go).
fn as_other_servers_say(status: &mut HeaderMap) {
    let from_tonic = HeaderValue::from(Code::OutOfRange as i32);
    if let Some(code) = status.get_mut(Status::GRPC_STATUS).filter(|code| **code == from_tonic) {
        *code = HeaderValue::from(Code::ResourceExhausted as i32);
    }
}

fn unfinished() -> Status {
    Status::resource_exhausted("too many bytes of unfinished requests; this one was the oldest")
}

/// Resets the stream, which drops what it has queued; the client takes that for RESOURCE_EXHAUSTED.
fn unread() -> Status {
    let mut status =
        Status::resource_exhausted("too many bytes of answers are unread; these were the oldest");
    status.set_source(Arc::new(h2::Error::from(h2::Reason::ENHANCE_YOUR_CALM)));
    status
}

/// Where in a sequence of messages a body is.
#[derive(Debug, Default)]
struct Framing {
    /// Of the prefix under way.
    prefix: Vec<u8>,
    /// Bytes that are missing of the message under way, once its prefix is complete.
    missing: usize,
    /// Bytes that are there of the message under way.
    unfinished: usize,
    /// Messages that are complete.
    messages: usize,
}

impl Framing {
    /// Takes the next bytes; gives how many there are now of a message that is not complete.
    fn advance(&mut self, mut data: &[u8]) -> usize {
        while !data.is_empty() {
            if self.missing == 0 {
                let taken = data.len().min(PREFIX - self.prefix.len());
                let (prefix, rest) = data.split_at(taken);
                self.prefix.extend_from_slice(prefix);
                data = rest;
                self.unfinished += taken;
                if let Some(mut length) = self.prefix.get(1..PREFIX) {
                    self.missing = length.get_u32() as usize;
                    self.prefix.clear();
                }
            } else {
                let taken = data.len().min(self.missing);
                data = data.split_at(taken).1;
                self.missing -= taken;
                self.unfinished += taken;
            }
            if self.missing == 0 && self.prefix.is_empty() {
                self.unfinished = 0;
                self.messages += 1;
            }
        }
        self.unfinished
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::{convert::Infallible, future::poll_fn, net::SocketAddr};

    use tokio::{
        net::TcpListener,
        task::yield_now,
        time::{Instant, timeout},
    };
    use tonic::transport::{Channel, Endpoint};
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::connections::{CallLimits, Connections, Limits};

    fn message(length: u32) -> Vec<u8> {
        [&[0][..], &length.to_be_bytes(), &vec![7; length as usize]].concat()
    }

    #[test]
    fn what_is_unfinished_is_counted_however_it_is_cut() {
        let bytes = [message(10), message(0), message(300), message(1)].concat();
        let ends = [15, 20, 325, 331];
        for size in 1..40 {
            let (mut framing, mut position) = (Framing::default(), 0);
            for part in bytes.chunks(size) {
                let unfinished = framing.advance(part);
                position += part.len();
                let begun = ends.iter().rev().find(|end| **end <= position).unwrap_or(&0);
                assert_eq!(unfinished, position - begun, "{size} {position}");
            }
        }
    }

    #[test]
    fn a_length_that_is_a_lie_costs_what_has_come() {
        let mut framing = Framing::default();
        assert_eq!(framing.advance(&[0, 0xff, 0xff, 0xff, 0xff]), 5);
        assert_eq!(framing.advance(&[1; 1000]), 1005);
    }

    const MIB: usize = 1 << 20;
    const SMALL: usize = 10_000;
    const PATIENCE: Duration = Duration::from_secs(60);
    const UNLIMITED: CallLimits = CallLimits { open: 1000, unfinished: 1000 * MIB, unread: 1000 * MIB };

    struct Parts {
        left: usize,
        /// Bytes of each.
        size: usize,
        /// What comes after the parts: the end, or nothing ever.
        ends: bool,
    }

    impl Body for Parts {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            match self.left.checked_sub(1) {
                Some(left) => {
                    self.left = left;
                    // The beginning of a message that is far longer.
                    Poll::Ready(Some(Ok(Frame::data(vec![1; self.size].into()))))
                }
                None if self.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    /// A whole message, and no end after it.
    struct Endless(Option<Bytes>);

    impl Body for Endless {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            self.0.take().map_or(Poll::Pending, |message| Poll::Ready(Some(Ok(Frame::data(message)))))
        }
    }

    struct Server {
        address: SocketAddr,
        connections: Arc<Connections<Account>>,
    }

    impl Server {
        async fn start(calls: CallLimits, patience: Duration) -> Self {
            let connections = Connections::new(Limits { all: 100, of_account: 100, calls });
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let incoming = crate::incoming(listener, connections.clone());
            let server = tonic::transport::Server::builder()
                .layer(ChargeCalls { client_streams: &["/read", "/member"], patience })
                .serve_with_incoming(service_fn(serve), incoming);
            tokio::spawn(server);
            Self { address, connections }
        }

        async fn connect(&self, window: u32) -> Channel {
            let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
            crate::connect(endpoint.initial_stream_window_size(window)).await.unwrap()
        }

        /// Calls for further answers of 1 MiB each, which are left unread.
        async fn fill(&self, connection: &Channel, answers: usize) -> Vec<Response<tonic::body::Body>> {
            let (calls, bytes) = self.connections.held(&None, Kind::Unread);
            let mut unread = Vec::new();
            for number in 1..=answers {
                unread.push(get(connection, "1").await);
                self.holds(calls + number, Kind::Unread, bytes + number * MIB).await;
            }
            unread
        }

        /// Waits until the calls of strangers hold this.
        async fn holds(&self, calls: usize, kind: Kind, bytes: usize) {
            let held = || self.connections.held(&None, kind);
            let is = async {
                while held() != (calls, bytes) {
                    yield_now().await;
                }
            };
            assert!(timeout(PATIENCE, is).await.is_ok(), "{:?}, not {:?}", held(), (calls, bytes));
        }
    }

    /// /N answers with N parts of 1 MiB, /0 not at all after the head; /small with many small parts.
    /// /read takes in the request, /member as a member's, /whole where it is one message.
    async fn serve(request: Request<tonic::body::Body>) -> Result<Response<tonic::body::Body>, Infallible> {
        let path = request.uri().path()[1..].to_owned();
        let answer = |parts| Ok(Response::new(tonic::body::Body::new(parts)));
        if let Ok(left) = path.parse() {
            return answer(Parts { left, size: MIB, ends: left > 0 });
        }
        if path == "small" {
            return answer(Parts { left: 100, size: SMALL, ends: true });
        }
        if path == "member" {
            accepted(request.extensions()).unwrap().handle.settle(Some("member".into()));
        }
        let mut body = request.into_body();
        loop {
            match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                Some(Ok(_)) => {}
                Some(Err(status)) => return Ok(status.into_http()),
                None => return Ok(Status::ok("complete").into_http()),
            }
        }
    }

    async fn call<B>(connection: &Channel, path: &str, body: B) -> Response<tonic::body::Body>
    where
        B: Body<Data = Bytes, Error = Status> + Send + 'static,
    {
        let request =
            Request::post(format!("http://server/{path}")).body(tonic::body::Body::new(body)).unwrap();
        connection.clone().ready().await.unwrap().call(request).await.unwrap()
    }

    async fn get(connection: &Channel, path: &str) -> Response<tonic::body::Body> {
        call(connection, path, Parts { left: 0, size: MIB, ends: true }).await
    }

    async fn read(response: Response<tonic::body::Body>) -> Result<usize, Code> {
        let (mut body, mut bytes) = (response.into_body(), 0);
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            bytes += frame.map_err(|error| error.code())?.into_data().map_or(0, |data| data.len());
        }
        Ok(bytes)
    }

    async fn read_whole(answers: Vec<Response<tonic::body::Body>>) {
        for answer in answers {
            assert_eq!(read(answer).await, Ok(MIB));
        }
    }

    fn code(response: &Response<tonic::body::Body>) -> Code {
        Status::from_header_map(response.headers()).unwrap().code()
    }

    #[tokio::test]
    async fn an_answer_counts_until_it_is_read() {
        let server = Server::start(UNLIMITED, PATIENCE).await;
        let connection = server.connect(0xffff).await;
        let mut unread = Vec::new();
        for number in 1..=4 {
            unread.push(get(&connection, "3").await);
            // No more of it is made before that has been read.
            server.holds(number, Kind::Unread, number * MIB).await;
        }
        for answer in unread {
            assert_eq!(read(answer).await, Ok(3 * MIB));
        }
        server.holds(0, Kind::Unread, 0).await;
    }

    #[tokio::test]
    async fn the_answer_that_is_unread_longest_is_reset_and_no_other_of_its_connection() {
        let server = Server::start(CallLimits { unread: 3 * MIB, ..UNLIMITED }, PATIENCE).await;
        let connection = server.connect(0xffff).await;
        let oldest = get(&connection, "3").await;
        server.holds(1, Kind::Unread, MIB).await;
        let watch = get(&connection, "0").await;
        let mut others = server.fill(&connection, 2).await;
        others.push(get(&connection, "1").await);
        assert_eq!(read(oldest).await, Err(Code::ResourceExhausted));
        server.holds(4, Kind::Unread, 3 * MIB).await;
        read_whole(others).await;
        server.holds(1, Kind::Unread, 0).await;
        drop(watch);
        server.holds(0, Kind::Unread, 0).await;
    }

    /// What HTTP/2 has of it is less than what it would take in at once.
    #[tokio::test]
    async fn a_paused_listener_of_small_parts_is_reset_alone_too() {
        let server = Server::start(CallLimits { unread: 2 * MIB, ..UNLIMITED }, PATIENCE).await;
        let connection = server.connect(0xffff).await;
        let listener = get(&connection, "small").await;
        // One part has begun, and the next waits.
        server.holds(1, Kind::Unread, 2 * SMALL).await;
        let mut others = server.fill(&connection, 1).await;
        others.push(get(&connection, "1").await);
        assert_eq!(read(listener).await, Err(Code::ResourceExhausted));
        read_whole(others).await;
        let listener = get(&connection, "small").await;
        assert_eq!(read(listener).await, Ok(100 * SMALL));
    }

    #[tokio::test]
    async fn a_client_that_makes_room_for_nothing_loses_its_connection() {
        let server = Server::start(CallLimits { unread: 2 * MIB, ..UNLIMITED }, PATIENCE).await;
        let (closed, other) = (server.connect(0).await, server.connect(0xffff).await);
        let unread = get(&closed, "2").await;
        server.holds(1, Kind::Unread, MIB).await;
        let mut others = server.fill(&other, 1).await;
        others.push(get(&other, "1").await);
        assert!(read(unread).await.is_err());
        server.holds(2, Kind::Unread, 2 * MIB).await;
        read_whole(others).await;
    }

    #[tokio::test]
    async fn a_call_counts_as_long_as_its_answer_is_open() {
        let server = Server::start(CallLimits { open: 5, ..UNLIMITED }, PATIENCE).await;
        let (busy, other) = (server.connect(0xffff).await, server.connect(0xffff).await);
        let mut watches = Vec::new();
        for connection in [&busy, &busy, &busy, &busy, &other] {
            watches.push(get(connection, "0").await);
        }
        server.holds(5, Kind::Unread, 0).await;
        watches.push(get(&other, "0").await);
        // The connection with the most has been closed.
        server.holds(2, Kind::Unread, 0).await;
        drop(watches);
        server.holds(0, Kind::Unread, 0).await;
    }

    #[tokio::test]
    async fn the_oldest_unfinished_request_is_refused_not_the_largest() {
        let server = Server::start(CallLimits { unfinished: 10 * MIB, ..UNLIMITED }, PATIENCE).await;
        let connection = server.connect(0xffff).await;
        let unfinished = |left| {
            let connection = connection.clone();
            tokio::spawn(async move {
                code(&call(&connection, "read", Parts { left, size: MIB, ends: false }).await)
            })
        };
        let oldest = unfinished(2);
        server.holds(1, Kind::Unfinished, 2 * MIB).await;
        let largest = unfinished(8);
        server.holds(2, Kind::Unfinished, 10 * MIB).await;
        let newest = unfinished(1);
        assert_eq!(timeout(PATIENCE, oldest).await.unwrap().unwrap(), Code::ResourceExhausted);
        server.holds(2, Kind::Unfinished, 9 * MIB).await;
        assert!(!largest.is_finished() && !newest.is_finished());
    }

    /// The service would keep it, and wait for what follows.
    #[tokio::test]
    async fn a_request_is_complete_with_its_message_whatever_the_client_leaves_open() {
        let server = Server::start(UNLIMITED, PATIENCE).await;
        let connection = server.connect(0xffff).await;
        let whole = || Endless(Some(message(MIB as u32).into()));
        let answer = timeout(PATIENCE, call(&connection, "whole", whole())).await.unwrap();
        assert_eq!(code(&answer), Code::Ok);
        assert!(timeout(Duration::from_millis(200), call(&connection, "read", whole())).await.is_err());
    }

    #[tokio::test]
    async fn a_strangers_request_arrives_in_time_or_not_at_all() {
        let patience = Duration::from_millis(200);
        let server = Server::start(UNLIMITED, patience).await;
        let (stranger, member) = (server.connect(0xffff).await, server.connect(0xffff).await);
        let begun = Instant::now();
        for left in [0, 1] {
            let late = call(&stranger, "read", Parts { left, size: MIB, ends: false }).await;
            assert_eq!(code(&late), Code::DeadlineExceeded);
        }
        assert!(begun.elapsed() >= 2 * patience);
        let waits = timeout(2 * patience, call(&member, "member", Parts { left: 1, size: MIB, ends: false }));
        assert!(waits.await.is_err());
    }
}
