//! What a client has sent of requests that are not complete yet, charged to its connection.
//!
//! A server must keep an unfinished message in memory before it can see whose it is. The charge ends with the
//! message: what becomes of a complete one is the service's business.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{Extensions, Request};
use http_body::{Body, Frame, SizeHint};
use tonic::{Status, transport::server::TlsConnectInfo};
use tower::{Layer, Service};

use crate::{Account, connections::Charge, guarded::Accepted};

/// What precedes a message in a body: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Charges requests to their connections, and lets [`accepted`] find these.
#[derive(Clone, Copy, Debug)]
pub struct ChargeRequests {
    /// What a request counts without any content.
    pub each: usize,
}

#[derive(Clone, Debug)]
pub struct ChargingRequests<S> {
    inner: S,
    each: usize,
}

impl<S> Layer<S> for ChargeRequests {
    type Service = ChargingRequests<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ChargingRequests { inner, each: self.each }
    }
}

impl<S> Service<Request<tonic::body::Body>> for ChargingRequests<S>
where
    S: Service<Request<tonic::body::Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<tonic::body::Body>) -> Self::Future {
        let Some(accepted) = accepted_by_transport(request.extensions()) else {
            return self.inner.call(request);
        };
        let mut charge = accepted.handle.charge();
        charge.set(self.each);
        request.extensions_mut().insert(accepted);
        let each = self.each;
        let charged =
            |body| tonic::body::Body::new(Charged { body, charge, each, framing: Framing::default() });
        self.inner.call(request.map(charged))
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

/// A request's body. The charge ends when the service drops it.
struct Charged {
    body: tonic::body::Body,
    charge: Charge<Account>,
    each: usize,
    framing: Framing,
}

impl Body for Charged {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let bytes = self.each + self.framing.advance(data);
            self.charge.set(bytes);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
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
            }
        }
        self.unfinished
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
}
