//! Where a request comes from, as far as limits are concerned: one client, or one proxy in front of many.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use crate::limits;

/// The reverse proxies in front of a verifier, and the header by which they name their clients.
#[derive(Clone, Debug)]
pub struct Proxies {
    pub addresses: Vec<IpAddr>,
    /// The last address in it is the one that the proxy saw.
    pub header: HeaderName,
}

/// An IPv4 address, or the /64 network of an IPv6 address: so much a single subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Prefix(IpAddr);

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    Client(Prefix),
    /// Each connection of a proxy stands for itself: others come through it.
    Proxy(SocketAddr),
}

impl Prefix {
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(IpAddr::V6((u128::from(address) >> 64 << 64).into())),
        }
    }
}

impl Origin {
    pub fn of(peer: SocketAddr, proxies: Option<&Proxies>) -> Self {
        let address = peer.ip().to_canonical();
        let is_proxy = proxies
            .is_some_and(|proxies| proxies.addresses.iter().any(|proxy| proxy.to_canonical() == address));
        if is_proxy { Self::Proxy(peer) } else { Self::Client(Prefix::of(address)) }
    }

    /// Whose a request is: on a proxy's connection the header tells it, on any other it is not looked at.
    pub fn client(self, headers: &HeaderMap, proxies: Option<&Proxies>) -> Prefix {
        match (self, proxies) {
            (Self::Client(prefix), _) => prefix,
            (Self::Proxy(peer), Some(proxies)) => {
                named(headers, &proxies.header).unwrap_or(Prefix::of(peer.ip()))
            }
            (Self::Proxy(peer), None) => Prefix::of(peer.ip()),
        }
    }
}

/// `X-Forwarded-For` may be repeated, and a proxy adds the client that it saw at the end.
fn named(headers: &HeaderMap, header: &HeaderName) -> Option<Prefix> {
    let last = headers.get_all(header).iter().next_back()?.to_str().ok()?;
    let last = last.rsplit(',').next()?.trim();
    let address =
        last.parse::<IpAddr>().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|it| it.ip()))?;
    Some(Prefix::of(address))
}

/// Requests that came through proxies and are being answered, by client.
#[derive(Debug, Default)]
pub(crate) struct Answering(Mutex<HashMap<Prefix, usize>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    answering: Arc<Answering>,
    client: Prefix,
}

impl Answering {
    /// None if the client has as many as a client without a proxy has connections.
    pub fn begin(self: &Arc<Self>, client: Prefix) -> Option<Turn> {
        let mut answering = self.0.lock();
        let count = answering.entry(client).or_default();
        if *count == limits::CONNECTIONS_OF_ADDRESS {
            return None;
        }
        *count += 1;
        Some(Turn { answering: self.clone(), client })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut answering = self.answering.0.lock();
        let Some(count) = answering.get_mut(&self.client) else { return };
        *count -= 1;
        if *count == 0 {
            answering.remove(&self.client);
        }
    }
}

/// A reply that holds its client's turn until all of it is on its way.
pub(crate) struct Held {
    pub body: Full<Bytes>,
    /// Dropped with the body.
    pub _turn: Option<Turn>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        Prefix::of(text.parse().unwrap())
    }

    #[test]
    fn a_prefix_is_what_one_subscriber_has() {
        assert_eq!(prefix("2001:db8:1:2:3::4"), prefix("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(prefix("2001:db8:1:2::"), prefix("2001:db8:1:3::"));
        assert_ne!(prefix("192.0.2.1"), prefix("192.0.2.2"));
        assert_eq!(prefix("::ffff:192.0.2.1"), prefix("192.0.2.1"));
    }

    #[test]
    fn a_header_counts_only_on_a_proxys_connection() {
        let header = HeaderName::from_static("x-forwarded-for");
        let proxies = Proxies { addresses: vec!["192.0.2.9".parse().unwrap()], header: header.clone() };
        let client = |peer: &str, values: &[&str], proxies: Option<&Proxies>| {
            let headers: HeaderMap =
                values.iter().map(|value| (header.clone(), value.parse().unwrap())).collect();
            Origin::of(peer.parse().unwrap(), proxies).client(&headers, proxies)
        };
        let forwarded = ["203.0.113.7, 198.51.100.1"];
        assert_eq!(client("192.0.2.9:1", &forwarded, Some(&proxies)), prefix("198.51.100.1"));
        assert_eq!(
            client("192.0.2.9:1", &["203.0.113.7", "2001:db8::1"], Some(&proxies)),
            prefix("2001:db8::1")
        );
        assert_eq!(client("192.0.2.9:1", &["[2001:db8::1]:80"], Some(&proxies)), prefix("2001:db8::1"));
        assert_eq!(client("192.0.2.8:1", &forwarded, Some(&proxies)), prefix("192.0.2.8"));
        assert_eq!(client("192.0.2.9:1", &forwarded, None), prefix("192.0.2.9"));
        for nothing in [&[][..], &["unknown"], &["203.0.113.7,"]] {
            assert_eq!(client("192.0.2.9:1", nothing, Some(&proxies)), prefix("192.0.2.9"));
        }
    }

    #[test]
    fn turns_are_counted_for_each_client() {
        let answering = Arc::new(Answering::default());
        let begin = |text| answering.begin(prefix(text));
        let mut turns: Vec<Turn> = std::iter::from_fn(|| begin("192.0.2.1")).collect();
        assert_eq!(turns.len(), limits::CONNECTIONS_OF_ADDRESS);
        let other = begin("192.0.2.2");
        assert!(other.is_some());
        turns.pop();
        turns.push(begin("192.0.2.1").unwrap());
        drop((turns, other));
        assert!(answering.0.lock().is_empty());
    }
}
