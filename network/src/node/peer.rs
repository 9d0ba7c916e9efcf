//! One organisation's peer: its endorser, and the services that it offers on its own address.

use std::{net::TcpListener, sync::Arc};

use bytes::Bytes;
use fabric::proto::{
    gateway::gateway_server::GatewayServer,
    orderer::atomic_broadcast_server::AtomicBroadcastServer,
    protos::{deliver_server::DeliverServer, endorser_server::EndorserServer},
};
use tonic::{
    service::Routes,
    transport::{Identity, Server, ServerTlsConfig},
};

use super::{
    Channel,
    deliver::{OrdererService, PeerDeliver},
    endorser_service::EndorserService,
};
use crate::{endorse::Endorser, gateway::Gateway};

/// The largest gRPC message either way, in bytes (`comm.MaxRecvMsgSize` of Fabric).
const MAX_MESSAGE_BYTES: usize = 100 << 20;
/// Flow-control windows wide enough that one connection with many calls is not held back.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// An endorsing peer as gateways see it.
pub struct Peer {
    pub msp_id: String,
    /// `host:port`, as error details name it.
    pub address: String,
    /// The peer's `SerializedIdentity`.
    pub identity: Bytes,
    pub endorser: Arc<Endorser>,
}

/// Where a server listens and with which TLS certificate and key (PEM).
pub struct Listener {
    pub socket: TcpListener,
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

/// Why a server could not start or broke off.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot use the TLS certificate or key: {0}")]
    Tls(#[source] tonic::transport::Error),
    #[error("cannot listen: {0}")]
    Socket(#[from] std::io::Error),
    #[error("the server broke off: {0}")]
    Broken(#[source] tonic::transport::Error),
}

/// The services of a peer: Gateway, Endorser and Deliver.
pub fn peer_services(channel: &Arc<Channel>, peer: &Peer, gateway: Gateway) -> Routes {
    let gateway = GatewayServer::new(gateway)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let endorser = EndorserServer::new(EndorserService::new(channel.clone(), peer.endorser.clone()))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let deliver = PeerDeliver::new(channel.clone(), peer.msp_id.clone());
    let deliver = DeliverServer::new(deliver).max_encoding_message_size(MAX_MESSAGE_BYTES);
    Routes::new(gateway).add_service(endorser).add_service(deliver)
}

/// The service of the orderer: broadcast and deliver.
pub fn orderer_services(channel: &Arc<Channel>) -> Routes {
    let service = AtomicBroadcastServer::new(OrdererService::new(channel.clone()))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    Routes::new(service)
}

/// Serves under TLS until `stop` is ready.
pub async fn serve(
    listener: Listener,
    services: Routes,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(listener.certificate, listener.key));
    listener.socket.set_nonblocking(true)?;
    let socket = tokio::net::TcpListener::from_std(listener.socket)?;
    Server::builder()
        .tls_config(tls)
        .map_err(ServeError::Tls)?
        .max_frame_size(transport::FRAME_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_routes(services.add_service(health_service))
        .serve_with_incoming_shutdown(transport::incoming(socket), stop)
        .await
        .map_err(ServeError::Broken)
}
