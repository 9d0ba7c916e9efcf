//! What one address may take of the public verifier.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use verifier::limits::CONNECTIONS_OF_ADDRESS;

use common::World;

const PATIENCE: Duration = Duration::from_secs(30);

/// A connection from one of this machine's addresses.
async fn connect_from(address: &str, site: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    timeout(PATIENCE, socket.connect(site)).await.unwrap().unwrap()
}

async fn is_answered(connection: &mut TcpStream) -> bool {
    let request = b"GET /healthz HTTP/1.1\r\nHost: check.example\r\n\r\n";
    if connection.write_all(request).await.is_err() {
        return false;
    }
    let mut answer = [0; 12];
    let read = timeout(PATIENCE, connection.read_exact(&mut answer)).await.unwrap();
    read.is_ok() && answer == *b"HTTP/1.1 200"
}

#[tokio::test]
async fn silent_connections_push_out_those_of_their_own_address() {
    transport::descriptors::raise_limit().unwrap();
    let site = World::new().serve().await;
    let mut honest = connect_from("127.0.0.3", site.address).await;
    let mut silent = Vec::new();
    for _ in 0..3 * CONNECTIONS_OF_ADDRESS {
        silent.push(connect_from("127.0.0.2", site.address).await);
    }
    // Those who came first are closed, the others are not, and the address is still answered.
    for connection in &mut silent[..2 * CONNECTIONS_OF_ADDRESS] {
        let ended = timeout(PATIENCE, connection.read_u8()).await.unwrap();
        ended.unwrap_err();
    }
    for connection in &mut silent[2 * CONNECTIONS_OF_ADDRESS..] {
        assert!(is_answered(connection).await);
    }
    assert!(is_answered(&mut connect_from("127.0.0.2", site.address).await).await);
    assert!(is_answered(&mut honest).await);
}

#[tokio::test]
async fn connections_of_a_proxy_are_not_counted_as_one_clients() {
    transport::descriptors::raise_limit().unwrap();
    let proxies = verifier::Proxies {
        addresses: vec!["127.0.0.2".parse().unwrap()],
        header: http::HeaderName::from_static("x-forwarded-for"),
    };
    let site = World::new().serve_with(|config| config.proxies = Some(proxies)).await;
    let mut connections = Vec::new();
    for _ in 0..3 * CONNECTIONS_OF_ADDRESS {
        connections.push(connect_from("127.0.0.2", site.address).await);
    }
    for connection in &mut connections {
        assert!(is_answered(connection).await);
    }
}
