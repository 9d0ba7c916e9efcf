//! The server that peers dial: `protos.Chaincode/Connect`, with or without TLS, until told to stop.

use std::{future::Future, io, sync::Arc};

use fabric::proto::protos::ChaincodeMessage;
use services::protos::chaincode_server::{Chaincode, ChaincodeServer};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Certificate, Identity, Server as Transport, ServerTlsConfig},
};
use tracing::info;
use transport::{ChargeCalls, Connections};

use crate::{contract::Contract, documents::CheckedDocuments, limits, stream::Stream};

/// The chaincode as a service, under the package id that its peers expect.
///
/// ```no_run
/// use certificate::{Chaincode, Part};
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:9999").await?;
/// let stop = async { drop(tokio::signal::ctrl_c().await) };
/// let chaincode = Chaincode { part: Part::Body, accreditation_body: "AccreditationMSP".into() };
/// chaincode::Server::new("nanotrace_1.0:0123abcd", chaincode)?.serve(listener, stop).await?;
/// # Ok(())
/// # }
/// ```
pub struct Server {
    package_id: String,
    chaincode: certificate::Chaincode,
    tls: Option<ServerTls>,
}

/// Certificate chain and key of the server, and whose clients it lets in; all PEM.
pub struct ServerTls {
    pub certificate: String,
    pub key: String,
    /// When given, a peer must present a certificate issued by this root.
    pub client_root: Option<String>,
}

/// Why the server could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("the package id is empty: give the one that packaging printed, such as nanotrace_1.0:0123…")]
    NoPackageId,
    #[error(
        "cannot use the TLS certificate or key of the chaincode's server: check that both are PEM and match"
    )]
    Tls(#[source] tonic::transport::Error),
    #[error("the chaincode's server broke off")]
    Serve(#[source] tonic::transport::Error),
    #[error("the chaincode's server cannot use its socket")]
    Socket(#[from] io::Error),
}

impl Server {
    /// A server that registers as `package_id`, without TLS.
    pub fn new(
        package_id: impl Into<String>,
        chaincode: certificate::Chaincode,
    ) -> Result<Self, ServerError> {
        let package_id = package_id.into();
        match package_id.is_empty() {
            true => Err(ServerError::NoPackageId),
            false => Ok(Self { package_id, chaincode, tls: None }),
        }
    }

    pub fn with_tls(self, tls: ServerTls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Serves until `stop` is ready, lets running transactions end (at most [`limits::GRACE`]) and closes
    /// every stream itself, for a peer never would.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServerError> {
        let address = listener.local_addr()?;
        let stopping = CancellationToken::new();
        let service = self.service(stopping.clone());
        info!(%address, package_id = %self.package_id, tls = self.tls.is_some(), "chaincode listens");
        let stop = async {
            stop.await;
            stopping.cancel();
        };
        let charge = ChargeCalls { client_streams: &["/protos.Chaincode/"], patience: limits::ANSWER };
        let router = builder(self.tls)?.layer(charge).add_service(service);
        let connections = Connections::new(limits::CONNECTIONS);
        router
            .serve_with_incoming_shutdown(transport::incoming(listener, connections), stop)
            .await
            .map_err(ServerError::Serve)
    }

    fn service(&self, stopping: CancellationToken) -> ChaincodeServer<Service> {
        let service = Service {
            package_id: self.package_id.as_str().into(),
            contract: Arc::new(Contract {
                chaincode: self.chaincode.clone(),
                documents: CheckedDocuments::new(),
            }),
            streams: Arc::new(Semaphore::new(limits::STREAMS)),
            stopping,
        };
        ChaincodeServer::new(service)
            .max_decoding_message_size(limits::MESSAGE_BYTES)
            .max_encoding_message_size(limits::MESSAGE_BYTES)
    }
}

fn builder(tls: Option<ServerTls>) -> Result<Transport, ServerError> {
    let builder = Transport::builder()
        .http2_keepalive_interval(Some(limits::KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits::KEEPALIVE_TIMEOUT))
        .max_frame_size(transport::FRAME_BYTES)
        .initial_stream_window_size(limits::WINDOW_BYTES)
        .initial_connection_window_size(limits::WINDOW_BYTES);
    match tls {
        Some(tls) => builder.tls_config(tls.config()).map_err(ServerError::Tls),
        None => Ok(builder),
    }
}

impl ServerTls {
    fn config(self) -> ServerTlsConfig {
        let config = ServerTlsConfig::new().identity(Identity::from_pem(self.certificate, self.key));
        match self.client_root {
            Some(root) => config.client_ca_root(Certificate::from_pem(root)),
            None => config,
        }
    }
}

struct Service {
    package_id: Arc<str>,
    contract: Arc<Contract>,
    streams: Arc<Semaphore>,
    stopping: CancellationToken,
}

#[tonic::async_trait]
impl Chaincode for Service {
    type ConnectStream = ReceiverStream<Result<ChaincodeMessage, Status>>;

    async fn connect(
        &self,
        request: Request<Streaming<ChaincodeMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let Ok(permit) = self.streams.clone().try_acquire_owned() else {
            return Err(Status::resource_exhausted(format!("{} streams are open already", limits::STREAMS)));
        };
        // From now on no flood of idle connections pushes it out.
        let accepted = transport::accepted(request.extensions());
        let peer = accepted.map(|accepted| accepted.address);
        if let Some(accepted) = accepted {
            accepted.handle.settle(Some("peers".into()));
        }
        let (outgoing, messages) = mpsc::channel(limits::OUTGOING);
        let stream =
            Stream::new(self.package_id.clone(), self.contract.clone(), outgoing, self.stopping.clone());
        let incoming = request.into_inner();
        tokio::spawn(async move {
            stream.run(incoming, peer).await;
            drop(permit);
        });
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}
