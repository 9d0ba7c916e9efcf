//! Serves a chain to peers as an orderer does, without asking who they are.

use std::{net::SocketAddr, path::PathBuf, pin::Pin, sync::Arc};

use fabric::proto::{
    common::{Block, Envelope, Payload},
    orderer::{BroadcastResponse, DeliverResponse, SeekInfo, deliver_response, seek_position},
};
use futures::{Stream, StreamExt, stream};
use prost::Message;
use services::orderer::atomic_broadcast_server::{AtomicBroadcast, AtomicBroadcastServer};
use tonic::{Request, Response, Status, Streaming, transport::Server};

type ResponseStream<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

/// A chain in a folder, one file a block.
#[derive(Clone)]
pub struct Orderer {
    folder: Arc<PathBuf>,
}

impl Orderer {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder: Arc::new(folder) }
    }

    /// Serves until the task is dropped. Without TLS: it is for peers on this machine.
    pub async fn serve(self, address: SocketAddr) -> Result<(), tonic::transport::Error> {
        Server::builder().add_service(AtomicBroadcastServer::new(self)).serve(address).await
    }

    /// The blocks from a number on; after the last one nothing more comes, and the stream stays open.
    fn blocks(self, start: u64) -> impl Stream<Item = Block> + Send {
        let files = stream::iter(start..).map(move |number| block_file(&self.folder, number));
        let blocks = files.map(std::fs::read).take_while(|file| std::future::ready(file.is_ok()));
        blocks.map(|file| Block::decode(file.unwrap().as_slice()).unwrap()).chain(stream::pending())
    }
}

/// Where a block of the chain lies.
pub fn block_file(folder: &std::path::Path, number: u64) -> PathBuf {
    folder.join(format!("{number:06}.block"))
}

#[tonic::async_trait]
impl AtomicBroadcast for Orderer {
    type BroadcastStream = ResponseStream<BroadcastResponse>;
    type DeliverStream = ResponseStream<DeliverResponse>;

    async fn broadcast(
        &self,
        _: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::BroadcastStream>, Status> {
        Err(Status::unimplemented("the chain is made already"))
    }

    async fn deliver(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let mut envelopes = request.into_inner();
        let envelope = envelopes.message().await?.ok_or_else(|| Status::invalid_argument("nothing asked"))?;
        let start = start(&envelope).ok_or_else(|| Status::invalid_argument("no start"))?;
        let blocks = self.clone().blocks(start).map(move |block| {
            // Kept alive with the answers: who hangs up the questions ends the call.
            let _ = &envelopes;
            Ok(DeliverResponse { r#type: Some(deliver_response::Type::Block(block)) })
        });
        Ok(Response::new(Box::pin(blocks)))
    }
}

fn start(envelope: &Envelope) -> Option<u64> {
    let payload = Payload::decode(envelope.payload.clone()).ok()?;
    let seek = SeekInfo::decode(payload.data).ok()?;
    match seek.start?.r#type? {
        seek_position::Type::Specified(specified) => Some(specified.number),
        _ => Some(0),
    }
}
