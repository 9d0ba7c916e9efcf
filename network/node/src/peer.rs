//! One organisation's peer: its endorser, and the services that it offers on its own address.

use std::{net::TcpListener, sync::Arc};

use bytes::Bytes;
use services::{
    gateway::gateway_server::GatewayServer,
    orderer::atomic_broadcast_server::AtomicBroadcastServer,
    protos::{deliver_server::DeliverServer, endorser_server::EndorserServer},
};
use tonic::{
    service::Routes,
    transport::{Identity, Server, ServerTlsConfig},
};
use transport::{Account, ChargeCalls, Connections};

use super::{
    Channel,
    deliver::{OrdererService, PeerDeliver},
    endorser_service::EndorserService,
};
use crate::{gateway::Gateway, limits};
use endorsement::Endorser;

/// The services whose clients send more than one message.
const CLIENT_STREAMS: [&str; 2] = ["/protos.Deliver/", "/orderer.AtomicBroadcast/"];

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
        .max_decoding_message_size(limits::gateway_request(largest_envelope(channel)))
        .max_encoding_message_size(limits::ANSWER);
    let endorser = EndorserServer::new(EndorserService::new(channel.clone(), peer.endorser.clone()))
        .max_decoding_message_size(limits::ENDORSER_REQUEST)
        .max_encoding_message_size(limits::ANSWER);
    let deliver = PeerDeliver::new(channel.clone(), peer.msp_id.clone());
    let deliver = DeliverServer::new(deliver)
        .max_decoding_message_size(limits::SIGNED_REQUEST)
        .max_encoding_message_size(limits::ANSWER);
    Routes::new(gateway).add_service(endorser).add_service(deliver)
}

/// The service of the orderer: broadcast and deliver.
pub fn orderer_services(channel: &Arc<Channel>) -> Routes {
    let service = AtomicBroadcastServer::new(OrdererService::new(channel.clone()))
        .max_decoding_message_size(limits::orderer_request(largest_envelope(channel)))
        .max_encoding_message_size(limits::ANSWER);
    Routes::new(service)
}

/// As configured when the server starts.
fn largest_envelope(channel: &Channel) -> u32 {
    channel.bundle().orderer().batch_size.absolute_max_bytes
}

/// Serves under TLS until `stop` is ready.
pub async fn serve(
    listener: Listener,
    services: Routes,
    connections: Arc<Connections<Account>>,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(listener.certificate, listener.key));
    let tls = tls.timeout(limits::HANDSHAKE);
    listener.socket.set_nonblocking(true)?;
    let socket = tokio::net::TcpListener::from_std(listener.socket)?;
    Server::builder()
        .tls_config(tls)
        .map_err(ServeError::Tls)?
        .max_frame_size(transport::FRAME_BYTES)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .max_concurrent_streams(limits::STREAMS)
        .http2_max_header_list_size(limits::HEADER_BYTES)
        .http2_keepalive_interval(Some(limits::PING_AFTER))
        .http2_keepalive_timeout(Some(limits::PING_ANSWER))
        .layer(ChargeCalls { client_streams: &CLIENT_STREAMS, patience: limits::UNFINISHED_TIME })
        .add_routes(services.add_service(health_service))
        .serve_with_incoming_shutdown(transport::incoming(socket, connections), stop)
        .await
        .map_err(ServeError::Broken)
}
