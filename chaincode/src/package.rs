//! The chaincode package: what an administrator installs on a real peer so that it finds our server.
//!
//! A package is `metadata.json` beside `code.tar.gz`, which for a chaincode that runs as a service holds
//! only `connection.json` (`fabric/core/container/externalbuilder/instance.go`, the `ccaas` builder).

use std::io;

use flate2::{Compression, GzBuilder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// `connection.json`: how a peer reaches the chaincode's server. Keys and certificates are PEM text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// `host:port` as the peer dials it.
    pub address: String,
    /// A duration in Go's spelling, such as `10s`; the peer's own default is 3 s.
    pub dial_timeout: String,
    pub tls_required: bool,
    /// The peer presents `client_cert`; only then does it honour `domain`.
    pub client_auth_required: bool,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub client_key: String,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub client_cert: String,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub root_cert: String,
    /// The name to expect in the server's certificate instead of the address's host.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub domain: String,
}

impl Connection {
    /// A connection without TLS, for a server on the same machine as its peer.
    pub fn plain(address: impl Into<String>) -> Self {
        Self { address: address.into(), dial_timeout: "10s".into(), ..Self::default() }
    }

    /// A connection under TLS; the peer trusts `root_cert`, the PEM of the server's issuer.
    pub fn tls(address: impl Into<String>, root_cert: impl Into<String>) -> Self {
        Self { tls_required: true, root_cert: root_cert.into(), ..Self::plain(address) }
    }

    /// Lets the peer present a client certificate, and expect `domain` in the server's.
    pub fn with_client(
        self,
        cert: impl Into<String>,
        key: impl Into<String>,
        domain: impl Into<String>,
    ) -> Self {
        let (client_cert, client_key, domain) = (cert.into(), key.into(), domain.into());
        Self { client_auth_required: true, client_cert, client_key, domain, ..self }
    }
}

/// A package and the id under which a peer knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// `label:` and the hex SHA-256 of the bytes; the server registers under this id.
    pub id: String,
    /// A gzipped tar archive.
    pub bytes: Vec<u8>,
}

/// Why no package could be made.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    #[error(
        "label {0:?} is not one that Fabric accepts: begin with a letter or digit, go on with letters, digits and _ . + -"
    )]
    Label(String),
    #[error("connection.json needs {0}")]
    Connection(&'static str),
    #[error("cannot write the archive")]
    Write(#[from] io::Error),
}

/// Packs a connection under a label.
///
/// The same input gives the same bytes on every machine and with every compression library, because
/// nothing is compressed: two organisations that package by themselves get the same package id.
///
/// ```
/// use chaincode::package::{Connection, package};
///
/// let package = package("nanotrace_1.0", &Connection::plain("chaincode.example.com:9999"))?;
/// assert!(package.id.starts_with("nanotrace_1.0:"));
/// # Ok::<(), chaincode::package::PackageError>(())
/// ```
pub fn package(label: &str, connection: &Connection) -> Result<Package, PackageError> {
    check_label(label)?;
    check_connection(connection)?;
    let metadata = Metadata { kind: "ccaas", label };
    let code = archive(&[("connection.json", &json(connection)?)])?;
    let bytes = archive(&[("metadata.json", &json(&metadata)?), ("code.tar.gz", &code)])?;
    let id = format!("{label}:{}", hex::encode(Sha256::digest(&bytes)));
    Ok(Package { id, bytes })
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    label: &'a str,
}

/// Fabric's rule is `^[[:alnum:]][[:alnum:]_.+-]*$` (`core/chaincode/persistence/chaincode_package.go`).
fn check_label(label: &str) -> Result<(), PackageError> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_.+-".contains(character);
    let well_formed =
        label.starts_with(|first: char| first.is_ascii_alphanumeric()) && label.chars().all(allowed);
    if well_formed { Ok(()) } else { Err(PackageError::Label(label.into())) }
}

/// What a peer would complain of only when it first dials.
fn check_connection(connection: &Connection) -> Result<(), PackageError> {
    let has_client = !connection.client_cert.is_empty() && !connection.client_key.is_empty();
    let missing = match connection {
        Connection { address, .. } if address.is_empty() => "an address",
        Connection { tls_required: true, root_cert, .. } if root_cert.is_empty() => {
            "the root certificate that the peer should trust, when TLS is on"
        }
        Connection { client_auth_required: true, .. } if !has_client => {
            "a client certificate and its key, when the server asks for one"
        }
        _ => return Ok(()),
    };
    Err(PackageError::Connection(missing))
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, io::Error> {
    Ok(serde_json::to_vec(value)?)
}

fn archive(files: &[(&str, &[u8])]) -> Result<Vec<u8>, io::Error> {
    let gzip = GzBuilder::new().write(Vec::new(), Compression::none());
    let mut archive = tar::Builder::new(gzip);
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *content)?;
    }
    archive.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::{collections::BTreeMap, io::Read};

    use flate2::read::GzDecoder;

    use super::*;

    fn unpack(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(GzDecoder::new(bytes));
        let mut files = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), content);
        }
        files
    }

    #[test]
    fn a_package_holds_what_a_peer_reads() {
        let connection = Connection::tls("cc.example.com:9999", "PEM").with_client("C", "K", "cc");
        let package = package("nanotrace_1.0", &connection).unwrap();

        let outer = unpack(&package.bytes);
        let metadata: serde_json::Value = serde_json::from_slice(&outer["metadata.json"]).unwrap();
        assert_eq!(metadata, serde_json::json!({"type": "ccaas", "label": "nanotrace_1.0"}));

        let inner = unpack(&outer["code.tar.gz"]);
        let read: Connection = serde_json::from_slice(&inner["connection.json"]).unwrap();
        assert_eq!(read, connection);
        assert_eq!(package.id, format!("nanotrace_1.0:{}", hex::encode(Sha256::digest(&package.bytes))));
    }

    #[test]
    fn the_same_input_gives_the_same_id_for_ever() {
        let package = package("nanotrace_1.0", &Connection::plain("localhost:9999")).unwrap();
        assert_eq!(
            package.id,
            "nanotrace_1.0:a03347e964c2543936b959865fa9a9708f6349728f8d733e746746c8038fdb1b"
        );
    }

    #[test]
    fn labels_are_fabrics() {
        for good in ["a", "0", "nanotrace_1.0+b-2"] {
            assert!(package(good, &Connection::plain("h:1")).is_ok(), "{good}");
        }
        for bad in ["", "_a", "a b", "a:b", "ü"] {
            assert!(matches!(package(bad, &Connection::plain("h:1")), Err(PackageError::Label(_))), "{bad}");
        }
    }

    #[test]
    fn an_unusable_connection_is_refused() {
        let no_client = Connection { client_auth_required: true, ..Connection::tls("h:1", "PEM") };
        for connection in [Connection::plain(""), Connection::tls("h:1", ""), no_client] {
            assert!(matches!(package("a", &connection), Err(PackageError::Connection(_))));
        }
    }
}
