//! One source of blocks: where it is, how it is reached, and whose it is.

use std::{io, sync::Arc};

use msp::{Msp, MspManager};
use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel as Connection, Endpoint};

use super::{SourceError, clock};

/// Where blocks come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// `host:port`.
    address: String,
    kind: SourceKind,
    tls: Arc<ClientConfig>,
    /// The name that its TLS certificate must have.
    name: ServerName<'static>,
}

/// Which of the two Deliver services a source offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    Peer,
    Orderer,
}

/// A connection to a source.
pub(super) struct Contact {
    pub connection: Connection,
    /// What it showed in the TLS handshake, its own certificate first.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

/// How sources are reached whose TLS certificates one of `roots` signed.
pub fn tls(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

impl Source {
    /// `name` is the name to expect in its TLS certificate, where it is not the host of `address`.
    pub fn new(
        address: &str,
        kind: SourceKind,
        tls: Arc<ClientConfig>,
        name: Option<&str>,
    ) -> Result<Self, InvalidDnsNameError> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let name = name.unwrap_or_else(|| host.trim_matches(['[', ']'])).to_owned();
        Ok(Self { address: address.to_owned(), kind, tls, name: ServerName::try_from(name)? })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn kind(&self) -> SourceKind {
        self.kind
    }

    pub(super) async fn reach(&self) -> Result<Contact, SourceError> {
        let unreachable = |error: io::Error| SourceError::Connect(error.to_string());
        let stream = TcpStream::connect(self.address.as_str()).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(self.name.clone(), stream).await.map_err(refused_handshake)?;
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificates = certificates.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let failed = |error: tonic::transport::Error| SourceError::Connect(with_causes(&error));
        // TLS stands already; what runs in it names itself https nevertheless.
        let named = |scheme| Endpoint::from_shared(format!("{scheme}://{}", self.address)).map_err(failed);
        let endpoint = named("http")?.origin(named("https")?.uri().clone());
        let connection = transport::connect_over(endpoint, stream).await.map_err(failed)?;
        Ok(Contact { connection, certificates })
    }

    /// The one organisation of the channel whose TLS authority issued what the source showed. Its own word for whose it
    /// is does not count.
    pub(super) fn organisation(
        &self,
        certificates: &[CertificateDer<'static>],
        msps: &MspManager,
    ) -> Option<String> {
        let (own, others) = certificates.split_first()?;
        let mut issuers = msps.iter().filter(|msp| self.is_issued_by(msp, own, others));
        match (issuers.next(), issuers.next()) {
            (Some(issuer), None) => Some(issuer.name().to_owned()),
            _ => None,
        }
    }

    fn is_issued_by(
        &self,
        msp: &Msp,
        own: &CertificateDer<'static>,
        others: &[CertificateDer<'static>],
    ) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(parse(msp.tls_root_certificates()));
        let mut intermediates = others.to_vec();
        intermediates.extend(parse(msp.tls_intermediate_certificates()));
        // Without roots there is no verifier, and so no issuer.
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        verifier.is_ok_and(|verifier| {
            verifier.verify_server_cert(own, &intermediates, &self.name, &[], UnixTime::now()).is_ok()
        })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The readable ones of the certificates of an MSP, which are PEM.
fn parse(certificates: &[bytes::Bytes]) -> Vec<CertificateDer<'static>> {
    certificates.iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem)).flatten().collect()
}

/// Says what is wrong with the certificate, where that is the reason.
fn refused_handshake(error: io::Error) -> SourceError {
    let reason = error.get_ref().and_then(|reason| reason.downcast_ref::<rustls::Error>());
    let rustls::Error::InvalidCertificate(reason) = (match reason {
        Some(reason) => reason,
        None => return SourceError::Connect(error.to_string()),
    }) else {
        return SourceError::Connect(error.to_string());
    };
    match reason {
        // An authority of the same name with another key shows as a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => SourceError::Untrusted,
        CertificateError::NotValidYetContext { time, not_before } => SourceError::CertificateTime {
            bound: format!("from {}", clock::of_unix(not_before.as_secs())),
            now: clock::of_unix(time.as_secs()),
        },
        CertificateError::ExpiredContext { time, not_after } => SourceError::CertificateTime {
            bound: format!("until {}", clock::of_unix(not_after.as_secs())),
            now: clock::of_unix(time.as_secs()),
        },
        _ => SourceError::Connect(error.to_string()),
    }
}

/// The outermost error says only "transport error"; what helps is below it. Wrappers often repeat what they wrap.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if let Some(last) = texts.last_mut().filter(|last| last.contains(&text)) {
            *last = text;
        } else {
            texts.push(text);
        }
        cause = error.source();
    }
    texts.join(": ")
}
