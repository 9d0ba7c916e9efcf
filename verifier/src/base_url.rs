//! The address under which the public reaches this verifier.

use std::cell::Cell;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::str::FromStr;

use url::{Host, ParseError, Url};

/// A public base address: scheme, host and perhaps a port; no path, no query, no trailing slash.
///
/// It stands on printed labels, so anything that could make two spellings of one address is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: &'static str,
    authority: String,
    is_loopback: bool,
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
        let host = match host {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        };
        Self::new("http", &host, Some(address.port()))
    }

    /// The port only where it is not the scheme's own.
    fn new(scheme: &'static str, host: &Host<String>, port: Option<u16>) -> Self {
        let authority = port.map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
        let is_loopback = match host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        Self { scheme, authority, is_loopback }
    }

    /// Host and port, as printed beside a QR code.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether it leads nowhere but to the machine that asks.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
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
        let odd = Cell::new(false);
        // What the WHATWG's rules mend (a backslash, a tab, credentials) is another spelling of the same.
        let note = |_| odd.set(true);
        let parsed = Url::options().syntax_violation_callback(Some(&note)).parse(text);
        let url = parsed.map_err(|error| match error {
            ParseError::RelativeUrlWithoutBase => BaseUrlError::Scheme(text.into()),
            _ => BaseUrlError::Host(text.into()),
        })?;
        let scheme = match url.scheme() {
            "http" => "http",
            "https" => "https",
            _ => return Err(BaseUrlError::Scheme(text.into())),
        };
        let host = url.host().ok_or_else(|| BaseUrlError::Host(text.into()))?.to_owned();
        let more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        if more || odd.get() || !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::MoreThanAuthority(text.into()));
        }
        Ok(Self::new(scheme, &host, url.port()))
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
        assert_eq!(
            "https://check.example:443".parse::<BaseUrl>().unwrap().to_string(),
            "https://check.example"
        );
        assert_eq!("http://127.0.0.1:8080".parse::<BaseUrl>().unwrap().authority(), "127.0.0.1:8080");
        assert_eq!("http://[::1]:8080".parse::<BaseUrl>().unwrap().authority(), "[::1]:8080");
    }

    #[test]
    fn anything_but_scheme_and_authority_is_refused() {
        for text in ["", "check.example", "ftp://check.example", "https://", "https://:80", "https://a/b"] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
        for text in
            ["https://user@check.example", "https://a/?q", "https://a/#x", "https://a/?", "https://a/#"]
        {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
        for text in [
            "https:check.example",
            "https:/check.example",
            r"https:\\check.example",
            " https://a",
            "https://a\t",
        ] {
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
