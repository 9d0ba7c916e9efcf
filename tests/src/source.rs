//! Sources of blocks that lie, withhold or say nothing, with the TLS key of an organisation's peer.

use std::{
    net::{Ipv4Addr, TcpListener},
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::{
        common::{
            Block, ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader, Status as Code,
        },
        orderer::{
            SeekInfo, SeekNewest, SeekPosition, SeekSpecified, seek_info::SeekBehavior, seek_position::Type,
        },
        protos::{DeliverResponse, deliver_response::Type as Response},
    },
    types::{HeadedBlock, decode},
};
use futures::{Stream, StreamExt, stream};
use msp::SigningIdentity;
use ordering::BlockWriter;
use peer_client::ConnectionProfile;
use prost::Message;
use services::protos::{
    deliver_client::DeliverClient,
    deliver_server::{Deliver, DeliverServer},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Status, Streaming,
    transport::{Identity, Server, ServerTlsConfig},
};

use crate::Network;

/// What a source does with the blocks that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// Delivers what it was given, and says that the last of it is the newest.
    Delivers,
    /// Says truly what the newest block is, and delivers blocks whose transactions are others.
    Forges,
    /// Says that there is a newer block, which no orderer has signed.
    Invents,
    /// Says so of a block far beyond, and delivers the true ones before.
    Exaggerates,
    /// Has another newest block in place of the chain's, which the orderer has signed too.
    Forks,
    /// Accepts requests and answers nothing.
    IsSilent,
    /// Refuses requests, as its clock shows another day.
    HasAnotherClock,
}

/// Starts a source in the name of an organisation's peer, with the blocks that the network has now. Returns its address;
/// it serves until the test ends.
pub async fn start(network: &Network, organisation: &str, conduct: Conduct) -> String {
    let profile = network.profile();
    let mut blocks = blocks(&profile).await;
    if conduct == Conduct::Forks {
        fork(&profile, &mut blocks);
    }
    start_with(&profile, organisation, conduct, blocks)
}

/// As [`start`], with these blocks.
pub fn start_with(
    profile: &ConnectionProfile,
    organisation: &str,
    conduct: Conduct,
    blocks: Vec<Block>,
) -> String {
    let domain = &profile.organisation(organisation).unwrap().domain;
    let tls = format!("peerOrganizations/{domain}/peers/peer0.{domain}/tls");
    let tls = profile.crypto_config.join(tls);
    let read = |name| std::fs::read(tls.join(name)).unwrap();
    let identity = Identity::from_pem(read("server.crt"), read("server.key"));
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let port = socket.local_addr().unwrap().port();
    let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(socket).unwrap());
    let server = Server::builder()
        .tls_config(ServerTlsConfig::new().identity(identity))
        .unwrap()
        .add_service(DeliverServer::new(Source { blocks: blocks.into(), conduct }));
    tokio::spawn(server.serve_with_incoming(incoming));
    format!("localhost:{port}")
}

/// All blocks that the network has, from an honest peer.
pub async fn blocks(profile: &ConnectionProfile) -> Vec<Block> {
    let organisation = profile.organisation("Customs").unwrap();
    let connection = organisation.gateway.endpoint().unwrap().connect().await.unwrap();
    let mut client = DeliverClient::new(connection).max_decoding_message_size(usize::MAX);
    let request = stream::once(std::future::ready(seek(profile))).chain(stream::pending());
    let responses = client.deliver(request).await.unwrap().into_inner();
    let blocks = responses.map(|response| match response.unwrap().r#type {
        Some(Response::Block(block)) => Some(block),
        _ => None,
    });
    blocks
        .take_while(|block| std::future::ready(block.is_some()))
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// Puts another block in the last one's place: the transactions of the block before it, signed by the orderer.
fn fork(profile: &ConnectionProfile, blocks: &mut Vec<Block>) {
    let folder =
        "ordererOrganizations/orderer.nanotrace.example/orderers/orderer0.orderer.nanotrace.example/msp";
    let signer = SigningIdentity::from_msp_dir(&profile.crypto_config.join(folder), "OrdererMSP").unwrap();
    blocks.pop().unwrap();
    let before = HeadedBlock::try_from(blocks.last().unwrap().clone()).unwrap();
    let writer = BlockWriter::new(signer, before.number() + 1, before.hash(), 0);
    let envelopes = before.envelopes().to_vec();
    let nonce = Bytes::from_static(b"once");
    let forked = writer.write(envelopes, false, nonce, &VerifiedSignatureCache::disabled()).unwrap();
    blocks.push(forked.message().clone());
}

fn seek(profile: &ConnectionProfile) -> Envelope {
    let signer = profile.identity(profile.organisation("Customs").unwrap(), "User1").unwrap();
    let position = |position| Some(SeekPosition { r#type: Some(position) });
    let info = SeekInfo {
        start: position(Type::Specified(SeekSpecified { number: 0 })),
        stop: position(Type::Newest(SeekNewest {})),
        behavior: SeekBehavior::BlockUntilReady as i32,
        ..Default::default()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let channel_header = ChannelHeader {
        r#type: HeaderType::DeliverSeekInfo as i32,
        channel_id: profile.channel.clone(),
        timestamp: Some(prost_types::Timestamp { seconds: now.as_secs() as i64, nanos: 0 }),
        ..Default::default()
    };
    let signature_header =
        SignatureHeader { creator: signer.serialized(), nonce: Bytes::from_static(b"once") };
    let header = Header {
        channel_header: channel_header.encode_to_vec().into(),
        signature_header: signature_header.encode_to_vec().into(),
    };
    let payload: Bytes =
        Payload { header: Some(header), data: info.encode_to_vec().into() }.encode_to_vec().into();
    Envelope { signature: signer.sign(&payload).unwrap().into(), payload }
}

struct Source {
    blocks: Arc<[Block]>,
    conduct: Conduct,
}

type Responses = Pin<Box<dyn Stream<Item = Result<DeliverResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Deliver for Source {
    type DeliverStream = Responses;
    type DeliverFilteredStream = Responses;
    type DeliverWithPrivateDataStream = Responses;

    async fn deliver(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<tonic::Response<Responses>, Status> {
        let envelope = request.into_inner().message().await?.unwrap();
        let payload: Payload = decode(envelope.payload).unwrap();
        let info: SeekInfo = decode(payload.data).unwrap();
        let response = match self.conduct {
            Conduct::IsSilent => return std::future::pending().await,
            Conduct::HasAnotherClock => status(Code::BadRequest),
            _ => match info.start.unwrap().r#type.unwrap() {
                Type::Specified(from) => self.from(from.number),
                _ => self.newest(),
            },
        };
        let mut response = tonic::Response::new(response);
        if self.conduct == Conduct::HasAnotherClock {
            let date = "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap();
            response.metadata_mut().insert("date", date);
        }
        Ok(response)
    }

    async fn deliver_filtered(
        &self,
        _: Request<Streaming<Envelope>>,
    ) -> Result<tonic::Response<Responses>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn deliver_with_private_data(
        &self,
        _: Request<Streaming<Envelope>>,
    ) -> Result<tonic::Response<Responses>, Status> {
        Err(Status::unimplemented(""))
    }
}

impl Source {
    fn newest(&self) -> Responses {
        let mut block = self.blocks.last().unwrap().clone();
        block.header.as_mut().unwrap().number += match self.conduct {
            Conduct::Invents => 1,
            Conduct::Exaggerates => 1_000,
            _ => 0,
        };
        stream::iter([Ok(response(Response::Block(block)))]).chain(status(Code::Success)).boxed()
    }

    fn from(&self, number: u64) -> Responses {
        let blocks: Vec<_> = self.blocks.iter().skip(number as usize).cloned().collect();
        let forges = self.conduct == Conduct::Forges;
        let block = move |mut block: Block| {
            if forges {
                block.data.as_mut().unwrap().data.push(Bytes::from_static(b"forged"));
            }
            Ok(response(Response::Block(block)))
        };
        stream::iter(blocks.into_iter().map(block)).chain(stream::pending()).boxed()
    }
}

fn status(code: Code) -> Responses {
    stream::iter([Ok(response(Response::Status(code as i32)))]).boxed()
}

fn response(r#type: Response) -> DeliverResponse {
    DeliverResponse { r#type: Some(r#type) }
}
