//! Where a chaincode listens and how to reach it: `connection.json` of its package
//! (`core/container/externalbuilder/instance.go`).

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

const DEFAULT_DIAL_TIMEOUT: Duration = Duration::from_secs(3);
/// fabric-shim for Node tolerates one ping in 110 seconds, the Go server one in 60.
const PING_INTERVAL: Duration = Duration::from_secs(120);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Many transactions share a stream; the default window of 64 KiB would make them wait for each other.
const WINDOW_BYTES: u32 = 4 << 20;

/// The content of `connection.json`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Connection {
    /// `host:port` of the chaincode server.
    pub address: String,
    /// Server name to expect in its certificate instead of the host. Fabric heeds it only together with
    /// `client_auth_required`.
    pub domain: String,
    /// Zero is the default of 3 seconds. In JSON a text such as `10s`, or nanoseconds.
    #[serde(deserialize_with = "duration")]
    pub dial_timeout: Duration,
    pub tls_required: bool,
    pub client_auth_required: bool,
    /// PEM text, as are the next two.
    pub client_key: String,
    pub client_cert: String,
    pub root_cert: String,
}

/// A `connection.json` that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    #[error("malformed chaincode info: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("chaincode address not provided")]
    NoAddress,
    #[error("chaincode tls key not provided")]
    NoClientKey,
    #[error("chaincode tls cert not provided")]
    NoClientCertificate,
    #[error("chaincode tls root cert not provided")]
    NoRootCertificate,
    #[error("error creating grpc connection to {address}: {reason}")]
    Transport { address: String, reason: String },
}

impl Connection {
    /// Reads and checks `connection.json`.
    pub fn from_json(json: &[u8]) -> Result<Self, ConnectionError> {
        let connection: Self = serde_json::from_slice(json)?;
        connection.check()?;
        Ok(connection)
    }

    fn check(&self) -> Result<(), ConnectionError> {
        if self.address.is_empty() {
            return Err(ConnectionError::NoAddress);
        }
        if !self.tls_required {
            return Ok(());
        }
        if self.client_auth_required && self.client_key.is_empty() {
            return Err(ConnectionError::NoClientKey);
        }
        if self.client_auth_required && self.client_cert.is_empty() {
            return Err(ConnectionError::NoClientCertificate);
        }
        if self.root_cert.is_empty() {
            return Err(ConnectionError::NoRootCertificate);
        }
        Ok(())
    }

    /// Connects to the chaincode server.
    pub async fn dial(&self) -> Result<Channel, ConnectionError> {
        self.check()?;
        let timeout = if self.dial_timeout.is_zero() { DEFAULT_DIAL_TIMEOUT } else { self.dial_timeout };
        let endpoint = self.endpoint().map_err(|error| self.transport_error(&error))?;
        match tokio::time::timeout(timeout, transport::connect(endpoint)).await {
            Ok(connected) => connected.map_err(|error| self.transport_error(&error)),
            Err(_) => Err(ConnectionError::Transport {
                address: self.address.clone(),
                reason: "context deadline exceeded".into(),
            }),
        }
    }

    fn endpoint(&self) -> Result<Endpoint, tonic::transport::Error> {
        let scheme = if self.tls_required { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{}", self.address))?
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES);
        if self.tls_required { endpoint.tls_config(self.tls()) } else { Ok(endpoint) }
    }

    fn tls(&self) -> ClientTlsConfig {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.root_cert));
        if !self.client_auth_required {
            return tls;
        }
        let tls = tls.identity(Identity::from_pem(&self.client_cert, &self.client_key));
        if self.domain.is_empty() { tls } else { tls.domain_name(&self.domain) }
    }

    fn transport_error(&self, error: &dyn std::error::Error) -> ConnectionError {
        // The outermost text is only "transport error".
        let reason = std::iter::successors(Some(error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ");
        ConnectionError::Transport { address: self.address.clone(), reason }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum GoDuration {
        Nanoseconds(f64),
        Text(String),
    }
    let parsed = match GoDuration::deserialize(deserializer)? {
        GoDuration::Nanoseconds(count) => Duration::try_from_secs_f64(count / 1e9).ok(),
        GoDuration::Text(text) => parse_go_duration(&text),
    };
    parsed.ok_or_else(|| D::Error::custom("invalid duration"))
}

/// Go's `time.ParseDuration` for durations that are not negative: `1m30s`, `1.5h`, `300ms`, `0`.
fn parse_go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let unit_at = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at_checked(unit_at)?;
        let end = after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(end)?;
        seconds += number.parse::<f64>().ok()? * seconds_in(unit)?;
        rest = next;
    }
    if text.is_empty() { None } else { Duration::try_from_secs_f64(seconds).ok() }
}

fn seconds_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn reads_what_the_builder_of_fabric_reads() {
        let json = br#"{"address":"cc:9999","dial_timeout":"1m30.5s","tls_required":false,"more":1}"#;
        let connection = Connection::from_json(json).unwrap();
        assert_eq!(connection.address, "cc:9999");
        assert_eq!(connection.dial_timeout, Duration::from_millis(90_500));
        let json = br#"{"address":"cc:9999","dial_timeout":2500000000}"#;
        assert_eq!(Connection::from_json(json).unwrap().dial_timeout, Duration::from_millis(2500));
    }

    #[test]
    fn refuses_what_cannot_be_dialled() {
        let refused = |json: &str| Connection::from_json(json.as_bytes()).unwrap_err().to_string();
        assert_eq!(refused("{}"), "chaincode address not provided");
        assert_eq!(
            refused(r#"{"address":"a:1","tls_required":true}"#),
            "chaincode tls root cert not provided"
        );
        let both = r#"{"address":"a:1","tls_required":true,"client_auth_required":true}"#;
        assert_eq!(refused(both), "chaincode tls key not provided");
        for duration in [r#""""#, r#""10""#, r#""s""#, r#""1y""#, r#""-1s""#, "-5", "true"] {
            let json = format!(r#"{{"address":"a:1","dial_timeout":{duration}}}"#);
            assert!(Connection::from_json(json.as_bytes()).is_err(), "{duration}");
        }
    }
}
