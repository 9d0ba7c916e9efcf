//! Where a gateway listens, and whom to trust that it is the right one.

use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint as Connection};

use crate::Error;

/// How long to try to open the connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Time between HTTP/2 pings; Fabric's servers close a connection pinged more often than once a minute.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(120);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Flow-control windows, so that many calls in flight do not wait for one another's updates.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// The address of a gateway, `host:port`, with or without TLS.
#[derive(Clone, Debug)]
pub struct Endpoint {
    address: String,
    tls_root_pem: Option<Vec<u8>>,
    server_name: Option<String>,
}

impl Endpoint {
    /// An endpoint under TLS whose certificate was issued by the given root (PEM).
    pub fn tls(address: impl Into<String>, root_pem: impl Into<Vec<u8>>) -> Self {
        Self { address: address.into(), tls_root_pem: Some(root_pem.into()), server_name: None }
    }

    /// An endpoint without TLS, for tests and for a peer on the same machine.
    pub fn plain(address: impl Into<String>) -> Self {
        Self { address: address.into(), tls_root_pem: None, server_name: None }
    }

    /// The name to expect in the server's certificate, where it is not the address's host.
    pub fn with_server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Opens a connection. The channel reconnects by itself when it breaks later.
    pub async fn connect(&self) -> Result<Channel, Error> {
        let failed = |source| Error::Connect { address: self.address.clone(), source };
        transport::connect(self.connection().map_err(failed)?).await.map_err(failed)
    }

    fn connection(&self) -> Result<Connection, tonic::transport::Error> {
        let scheme = if self.tls_root_pem.is_some() { "https" } else { "http" };
        let connection = Connection::from_shared(format!("{scheme}://{}", self.address))?
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        match &self.tls_root_pem {
            Some(root) => connection.tls_config(self.tls_config(root)),
            None => Ok(connection),
        }
    }

    fn tls_config(&self, root_pem: &[u8]) -> ClientTlsConfig {
        let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(root_pem));
        match &self.server_name {
            Some(name) => config.domain_name(name),
            None => config,
        }
    }
}
