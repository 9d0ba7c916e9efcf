//! Where a server listens, and behind which proxies, as the command line says it.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use http::HeaderName;

/// How a public server learns whose requests a reverse proxy passes on.
#[derive(clap::Args)]
pub struct ProxyArgs {
    /// The address of a reverse proxy in front of the verifier. Connections are limited for each client's address;
    /// on connections of this one, the header named by --proxy-header says who the client is. Can be given several
    /// times. The header is not looked at on any other connection.
    #[arg(long, value_name = "IP")]
    proxy: Vec<IpAddr>,
    /// The header in which the proxy names its client; the last address in it counts.
    #[arg(long, value_name = "NAME", default_value = "X-Forwarded-For", requires = "proxy")]
    proxy_header: HeaderName,
}

impl ProxyArgs {
    pub fn proxies(&self) -> Option<verifier::Proxies> {
        let (addresses, header) = (self.proxy.clone(), self.proxy_header.clone());
        (!addresses.is_empty()).then_some(verifier::Proxies { addresses, header })
    }
}

/// Clap's reader of a host, by name or number, and a port.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |reason: String| format!("{reason}; expected HOST:PORT, such as localhost:8080");
    let found = text.to_socket_addrs().map_err(|error| wrong(error.to_string()))?;
    // A name such as localhost stands for an address of each family, and not every machine has IPv6.
    let address = found.min_by_key(SocketAddr::is_ipv6);
    address.ok_or_else(|| wrong("no address belongs to this host".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(listen_address("127.0.0.1:0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(listen_address("[::1]:8080").unwrap().to_string(), "[::1]:8080");
        assert!(listen_address("localhost:8080").unwrap().ip().is_loopback());
        for wrong in ["", "localhost", "127.0.0.1", "localhost:99999", ":x"] {
            assert!(listen_address(wrong).unwrap_err().contains("HOST:PORT"), "{wrong}");
        }
    }
}
