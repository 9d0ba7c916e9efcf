//! The Deliver services: blocks, from any position, to the identities that the channel lets read them.
//!
//! One session loop serves the peer's three streams and the orderer's one; they differ in the policy
//! they ask for and in what they make of a block. Source: `common/deliver/deliver.go`,
//! `core/peer/deliverevents.go`.

pub mod filtered;
pub mod private;
mod session;

use std::{pin::Pin, sync::Arc};

use channel::policy::SignedData;
use fabric::{
    proto::{
        common::{BlockMetadataIndex, Envelope, Status as DeliverStatus},
        orderer::{self, BroadcastResponse},
        protos::{self, BlockAndPrivateData},
    },
    types::HeadedBlock,
};
use futures::{FutureExt, Stream, StreamExt, stream};
use services::{orderer::atomic_broadcast_server::AtomicBroadcast, protos::deliver_server::Deliver};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use transport::{Accepted, Account};

use super::{
    Answer, Channel,
    ending::{until_ended, with_reason},
    shares::Shares,
};
use crate::limits;
use private::{PrivateDataError, Reader};
use session::{Form, Session};

/// Envelopes of one Broadcast stream that wait for their answers: two blocks of the default batch size.
const UNANSWERED_ENVELOPES: usize = 1000;

type ResponseStream<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

/// The peer's Deliver service (`protos.Deliver`).
pub struct PeerDeliver {
    streams: Streams,
    channel: Arc<Channel>,
    /// MSP id of the peer's organisation, whose private data it delivers.
    organisation: String,
}

impl PeerDeliver {
    pub fn new(channel: Arc<Channel>, organisation: String) -> Self {
        Self { streams: Streams::new(channel.clone()), channel, organisation }
    }
}

#[tonic::async_trait]
impl Deliver for PeerDeliver {
    type DeliverStream = ResponseStream<protos::DeliverResponse>;
    type DeliverFilteredStream = ResponseStream<protos::DeliverResponse>;
    type DeliverWithPrivateDataStream = ResponseStream<protos::DeliverResponse>;

    async fn deliver(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let form = Form::new("event/Block", peer_block, peer_status);
        Ok(self.streams.open(request, form))
    }

    async fn deliver_filtered(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverFilteredStream>, Status> {
        let form = Form::new("event/FilteredBlock", peer_filtered_block, peer_status);
        Ok(self.streams.open(request, form))
    }

    async fn deliver_with_private_data(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverWithPrivateDataStream>, Status> {
        let (channel, organisation) = (self.channel.clone(), self.organisation.clone());
        let block = move |block: &HeadedBlock, client: &SignedData| {
            peer_private_block(&channel, &organisation, block, client)
        };
        let form = Form { resource: "event/Block", block: Box::new(block), status: peer_status };
        Ok(self.streams.open(request, form))
    }
}

/// The orderer's service (`orderer.AtomicBroadcast`).
pub struct OrdererService {
    streams: Streams,
    channel: Arc<Channel>,
}

impl OrdererService {
    pub fn new(channel: Arc<Channel>) -> Self {
        Self { streams: Streams::new(channel.clone()), channel }
    }
}

#[tonic::async_trait]
impl AtomicBroadcast for OrdererService {
    type BroadcastStream = ResponseStream<BroadcastResponse>;
    type DeliverStream = ResponseStream<orderer::DeliverResponse>;

    async fn broadcast(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::BroadcastStream>, Status> {
        let (sender, receiver) = mpsc::channel(UNANSWERED_ENVELOPES);
        let refused = CancellationToken::new();
        let stranger = transport::accepted(request.extensions()).cloned();
        let envelopes = request.into_inner();
        tokio::spawn(take_envelopes(self.channel.clone(), stranger, envelopes, sender, refused.clone()));
        let responses = ReceiverStream::new(receiver).then(answered).inspect(move |response| {
            if response.as_ref().is_ok_and(|response| response.status != DeliverStatus::Success as i32) {
                refused.cancel();
            }
        });
        Ok(Response::new(Box::pin(with_reason(&self.channel, responses))))
    }

    async fn deliver(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let form = Form::new(session::ORDERER_READERS, ordered_block, orderer_status);
        Ok(self.streams.open(request, form))
    }
}

/// Takes envelopes until the client leaves, the channel ends, or one is refused, which ends the stream
/// (`orderer/common/broadcast/broadcast.go`). Those that were taken before are answered all the same. A message that
/// cannot be received ends it with the reason.
async fn take_envelopes(
    channel: Arc<Channel>,
    mut stranger: Option<Accepted<Account>>,
    mut envelopes: Streaming<Envelope>,
    answers: mpsc::Sender<Result<Answer, Status>>,
    refused: CancellationToken,
) {
    let ended = channel.ended();
    tokio::pin!(ended);
    loop {
        // First a place: an envelope that is received is on no account until it has one.
        let Ok(place) = answers.reserve().await else { return };
        let next = tokio::select! {
            next = refused.run_until_cancelled(envelopes.message()) => next,
            _ = &mut ended => return,
            () = answers.closed() => return,
        };
        let Some(Some(envelope)) = next.map(Result::transpose) else { return };
        let answer = envelope.map(|envelope| channel.enqueue(envelope));
        if let Ok(Answer { caller: Some(caller), .. }) = &answer
            && let Some(accepted) = stranger.take()
        {
            accepted.handle.settle(Some(caller.organisation.clone()));
        }
        let is_last = answer.as_ref().map_or(true, Answer::is_refusal);
        place.send(answer);
        if is_last {
            return;
        }
    }
}

async fn answered(answer: Result<Answer, Status>) -> Result<BroadcastResponse, Status> {
    Ok(match answer?.wait().await {
        Ok(()) => BroadcastResponse { status: DeliverStatus::Success as i32, info: String::new() },
        Err(refusal) => BroadcastResponse { status: refusal.status as i32, info: refusal.info },
    })
}

/// The deliver streams of one server.
struct Streams {
    channel: Arc<Channel>,
    open: Arc<Shares>,
}

impl Streams {
    fn new(channel: Arc<Channel>) -> Self {
        Self { channel, open: Shares::new(limits::DELIVER_STREAMS) }
    }

    fn open<R: Send + 'static>(
        &self,
        request: Request<Streaming<Envelope>>,
        form: Form<R>,
    ) -> Response<ResponseStream<R>> {
        let (responses, receiver) = mpsc::channel(1);
        let connection = transport::accepted(request.extensions()).map(|accepted| accepted.handle.clone());
        let (channel, streams) = (self.channel.clone(), self.open.clone());
        let session = Session { channel, form, responses, connection, streams };
        let responses = on_demand(session.serve(request.into_inner()), receiver);
        Response::new(Box::pin(until_ended(&self.channel, responses)))
    }
}

/// What a session sends. It goes on only when a response is asked for: an unread response is not made.
fn on_demand<R>(
    session: impl Future<Output = ()>,
    mut responses: mpsc::Receiver<R>,
) -> impl Stream<Item = R> {
    let mut session = Box::pin(session.fuse());
    stream::poll_fn(move |context| {
        // When it ends, the sender goes with it, and so the responses end.
        let _ = session.as_mut().poll(context);
        responses.poll_recv(context)
    })
}

fn peer_status(status: DeliverStatus) -> protos::DeliverResponse {
    protos::DeliverResponse { r#type: Some(protos::deliver_response::Type::Status(status as i32)) }
}

fn peer_block(block: &HeadedBlock) -> protos::DeliverResponse {
    protos::DeliverResponse { r#type: Some(protos::deliver_response::Type::Block(block.message().clone())) }
}

fn peer_filtered_block(block: &HeadedBlock) -> protos::DeliverResponse {
    let block = filtered::filtered_block(block);
    protos::DeliverResponse { r#type: Some(protos::deliver_response::Type::FilteredBlock(block)) }
}

fn peer_private_block(
    channel: &Channel,
    organisation: &str,
    block: &HeadedBlock,
    client: &SignedData,
) -> Result<protos::DeliverResponse, PrivateDataError> {
    let (bundle, ledger, memo) = (channel.bundle(), channel.ledger(), channel.memo());
    let reader = Reader { ledger, bundle: &bundle, memo, organisation, client };
    let private_data_map = reader.private_data(block.number())?;
    let block = BlockAndPrivateData { block: Some(block.message().clone()), private_data_map };
    Ok(protos::DeliverResponse { r#type: Some(protos::deliver_response::Type::BlockAndPrivateData(block)) })
}

fn orderer_status(status: DeliverStatus) -> orderer::DeliverResponse {
    orderer::DeliverResponse { r#type: Some(orderer::deliver_response::Type::Status(status as i32)) }
}

/// An orderer's blocks carry no verdicts: each peer reaches its own.
fn ordered_block(block: &HeadedBlock) -> orderer::DeliverResponse {
    let mut block = block.message().clone();
    for index in [BlockMetadataIndex::TransactionsFilter, BlockMetadataIndex::CommitHash] {
        let entries = block.metadata.as_mut().map(|metadata| &mut metadata.metadata);
        if let Some(entry) = entries.and_then(|entries| entries.get_mut(index as usize)) {
            entry.clear();
        }
    }
    orderer::DeliverResponse { r#type: Some(orderer::deliver_response::Type::Block(block)) }
}
