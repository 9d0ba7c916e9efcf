//! Load, honest and hostile, and what it costs the network's process.

use bytes::Bytes;
use fabric::proto::{
    common::{ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader},
    orderer::{SeekInfo, SeekNewest, SeekOldest, SeekPosition, SeekSpecified, seek_position},
    protos::{DeliverResponse, TxValidationCode, deliver_response},
};
use futures::stream;
use peer_client::{ConnectionProfile, Gateway, Invocation};
use prost::Message;
use prost_types::Timestamp;
use services::protos::deliver_client::DeliverClient;
use tonic::{Status, Streaming, transport::Channel};
use tower::{Service, ServiceExt};

use crate::Network;

/// The accreditation body's gateway, for an administrator of it.
pub async fn accreditation(profile: &ConnectionProfile) -> Gateway {
    let organisation = profile.organisation("Accreditation").unwrap();
    let identity = profile.identity(organisation, "Admin").unwrap();
    Gateway::connect(&organisation.gateway.endpoint().unwrap(), identity).await.unwrap()
}

/// Registers a scheme and waits until that is committed.
pub async fn register(gateway: &Gateway, name: &str) -> Result<(), peer_client::Error> {
    let scheme = serde_json::json!({
        "id": format!("https://example.org/schemes/{name}"), "version": "1", "title": "Under a flood",
        "standards": ["https://example.org/standard"],
    });
    let invocation = Invocation::new("nanotrace", "nanotrace-registry", "scheme:register")
        .argument(scheme.to_string().into_bytes());
    let status = gateway.proposal(invocation)?.endorse().await?.submit().await?.status().await?;
    assert_eq!(status.code, TxValidationCode::Valid);
    Ok(())
}

pub fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}

/// A signed request for all blocks that there are.
pub fn seek(profile: &ConnectionProfile, organisation: &str, timestamp: Timestamp) -> Envelope {
    seek_until(profile, organisation, timestamp, seek_position::Type::Newest(SeekNewest {}))
}

/// A signed request for all blocks that there will ever be.
pub fn follow(profile: &ConnectionProfile, organisation: &str) -> Envelope {
    let end = SeekSpecified { number: u64::MAX };
    seek_until(profile, organisation, now(), seek_position::Type::Specified(end))
}

fn seek_until(
    profile: &ConnectionProfile,
    organisation: &str,
    timestamp: Timestamp,
    stop: seek_position::Type,
) -> Envelope {
    let client = profile.identity(profile.organisation(organisation).unwrap(), "User1").unwrap();
    let position = |position| Some(SeekPosition { r#type: Some(position) });
    let info = SeekInfo {
        start: position(seek_position::Type::Oldest(SeekOldest {})),
        stop: position(stop),
        ..Default::default()
    };
    let channel_header = ChannelHeader {
        r#type: HeaderType::DeliverSeekInfo as i32,
        timestamp: Some(timestamp),
        channel_id: profile.channel.clone(),
        ..Default::default()
    };
    let signature_header = SignatureHeader { creator: client.serialized(), nonce: "nonce".into() };
    let header = Header {
        channel_header: channel_header.encode_to_vec().into(),
        signature_header: signature_header.encode_to_vec().into(),
    };
    let payload: Bytes =
        Payload { header: Some(header), data: info.encode_to_vec().into() }.encode_to_vec().into();
    Envelope { signature: client.sign(&payload).unwrap().into(), payload }
}

/// A connection to an organisation's peer.
pub async fn connect(profile: &ConnectionProfile, organisation: &str) -> Channel {
    profile.organisation(organisation).unwrap().gateway.endpoint().unwrap().connect().await.unwrap()
}

pub async fn deliver(connection: &Channel, seek: Envelope) -> Streaming<DeliverResponse> {
    let mut client = DeliverClient::new(connection.clone()).max_decoding_message_size(100 << 20);
    client.deliver(stream::iter([seek])).await.unwrap().into_inner()
}

/// The blocks of a stream until it ends, and how it does.
pub async fn blocks(mut stream: Streaming<DeliverResponse>) -> (usize, Result<(), Status>) {
    for count in 0.. {
        match stream.message().await {
            Ok(Some(DeliverResponse { r#type: Some(deliver_response::Type::Block(_)) })) => {}
            Ok(_) => return (count, Ok(())),
            Err(status) => return (count, Err(status)),
        }
    }
    unreachable!("no stream is that long")
}

/// Calls a method and reads nothing of its answer but the head.
pub async fn call(
    connection: &Channel,
    method: &str,
    body: tonic::body::Body,
) -> Result<http::Response<tonic::body::Body>, tonic::transport::Error> {
    let request = http::Request::post(format!("https://localhost/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    let mut connection = connection.clone();
    connection.ready().await?.call(request).await
}

/// A message as it stands in a body.
pub fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len() as u32;
    [&[0][..], &length.to_be_bytes(), &message.encode_to_vec()].concat().into()
}

/// The most memory that the network's process had at any time, bytes.
pub fn peak_memory(network: &Network) -> u64 {
    memory(network, "VmHWM:")
}

/// The memory that it has now, bytes.
pub fn resident_memory(network: &Network) -> u64 {
    memory(network, "VmRSS:")
}

fn memory(network: &Network, kind: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", network.process_id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(kind)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}
