//! The address under which the public reaches this verifier.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::str::FromStr;

use http::Uri;

/// A public base address: scheme, host and perhaps a port; no path, no query, no trailing slash.
///
/// It stands on printed labels, so anything that could make two spellings of one address is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: String,
    authority: String,
}

/// Why a text is not a base address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BaseUrlError {
    #[error("the public base URL must begin with http:// or https:// (got {0:?})")]
    Scheme(String),
    #[error("the public base URL names no host (got {0:?})")]
    Host(String),
    #[error(
        "the public base URL must be scheme, host and port alone, such as https://check.example (got {0:?})"
    )]
    MoreThanAuthority(String),
}

impl BaseUrl {
    /// The address of a listener as somebody on the same network would type it. A listener on every
    /// interface has no address of its own: the one that this machine would send from stands for it.
    pub fn of_listener(address: SocketAddr) -> Self {
        let host = if address.ip().is_unspecified() { outward_address() } else { address.ip() };
        Self { scheme: "http".into(), authority: SocketAddr::new(host, address.port()).to_string() }
    }

    /// Host and port, as printed beside a QR code.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether it leads nowhere but to the machine that asks.
    pub fn is_loopback(&self) -> bool {
        let port = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
        let host = self.authority.rsplit_once(':').filter(|(_, rest)| port(rest));
        let host = host.map_or(self.authority.as_str(), |(host, _)| host).trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// Scheme and authority in upper case: the same address (RFC 3986 §6.2.2.1), in fewer QR modules.
    pub(crate) fn upper_case(&self) -> String {
        self.to_string().to_ascii_uppercase()
    }
}

/// Connecting a UDP socket sends nothing; it only asks the routing table. The target is TEST-NET-1.
fn outward_address() -> IpAddr {
    let routed = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).and_then(|()| socket.local_addr())
    });
    routed.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| BaseUrlError::Scheme(text.into()))?;
        let scheme = match uri.scheme_str() {
            Some(scheme @ ("http" | "https")) => scheme.to_string(),
            _ => return Err(BaseUrlError::Scheme(text.into())),
        };
        let authority = uri.authority().ok_or_else(|| BaseUrlError::Host(text.into()))?.as_str();
        if authority.is_empty() || authority.starts_with(':') {
            return Err(BaseUrlError::Host(text.into()));
        }
        if authority.contains('@') || uri.path() != "/" || uri.query().is_some() || text.contains('#') {
            return Err(BaseUrlError::MoreThanAuthority(text.into()));
        }
        Ok(Self { scheme, authority: authority.to_ascii_lowercase() })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_address_has_one_spelling() {
        for text in ["https://Check.Example", "https://check.example/", "HTTPS://CHECK.EXAMPLE"] {
            let parsed: Result<BaseUrl, _> = text.parse();
            assert_eq!(parsed.unwrap().to_string(), "https://check.example", "{text}");
        }
        assert_eq!("http://127.0.0.1:8080".parse::<BaseUrl>().unwrap().authority(), "127.0.0.1:8080");
    }

    #[test]
    fn anything_but_scheme_and_authority_is_refused() {
        for text in ["", "check.example", "ftp://check.example", "https://", "https://:80", "https://a/b"] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
        for text in ["https://user@check.example", "https://a/?q", "https://a/#x"] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_told() {
        for local in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80", "http://[::1]"] {
            assert!(local.parse::<BaseUrl>().unwrap().is_loopback(), "{local}");
        }
        for public in ["https://check.example", "http://192.0.2.1:8080", "https://localhost.example:1"] {
            assert!(!public.parse::<BaseUrl>().unwrap().is_loopback(), "{public}");
        }
    }

    #[test]
    fn a_listener_has_a_reachable_address() {
        let own = BaseUrl::of_listener("127.0.0.1:8080".parse().unwrap());
        assert_eq!(own.to_string(), "http://127.0.0.1:8080");
        let every = BaseUrl::of_listener("0.0.0.0:8080".parse().unwrap());
        assert!(!every.to_string().contains("0.0.0.0"), "{every}");
    }
}
