//! Requests to the Deliver services of peers and orderers, in one identity's name.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use fabric::{
    proto::{
        common::{Block, ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader, Status},
        orderer::{
            SeekInfo, SeekNewest, SeekPosition, SeekSpecified, deliver_response, seek_info::SeekBehavior,
            seek_position::Type as Position,
        },
        protos,
    },
    types::HeadedBlock,
};
use futures::{Stream, StreamExt, stream, stream::BoxStream};
use msp::SigningIdentity;
use prost::Message;
use services::{
    orderer::atomic_broadcast_client::AtomicBroadcastClient, protos::deliver_client::DeliverClient,
};
use tonic::{Response, Streaming};

use super::{
    SourceError, clock,
    source::{Contact, Source, SourceKind},
};
use ledger::Ledger;

/// The largest block that is accepted, in bytes (`comm.MaxRecvMsgSize` of Fabric).
const MAX_MESSAGE_BYTES: usize = 100 << 20;

pub(super) type Blocks = BoxStream<'static, Result<HeadedBlock, SourceError>>;

/// Asks for blocks of one ledger's channel.
#[derive(Clone)]
pub(super) struct Asker {
    pub ledger: Arc<Ledger>,
    pub identity: Arc<SigningIdentity>,
}

impl Asker {
    /// A source's newest block.
    pub async fn newest(&self, contact: &Contact, kind: SourceKind) -> Result<HeadedBlock, SourceError> {
        self.one(contact, kind, Position::Newest(SeekNewest {})).await
    }

    /// A source's block of this number.
    pub async fn block(
        &self,
        contact: &Contact,
        kind: SourceKind,
        number: u64,
    ) -> Result<HeadedBlock, SourceError> {
        let block = self.one(contact, kind, Position::Specified(SeekSpecified { number })).await?;
        match block.number() == number {
            true => Ok(block),
            false => Err(SourceError::Refused("another block than the one that was asked for")),
        }
    }

    async fn one(
        &self,
        contact: &Contact,
        kind: SourceKind,
        position: Position,
    ) -> Result<HeadedBlock, SourceError> {
        let mut blocks = self.deliver(contact, kind, position, position).await?;
        blocks.next().await.unwrap_or(Err(SourceError::Refused("nothing in place of a block")))
    }

    /// Every block from the end of the ledger on, without end.
    pub async fn blocks(self, source: Source) -> Result<Blocks, SourceError> {
        let contact = source.reach().await?;
        let next = Position::Specified(SeekSpecified { number: self.ledger.height() });
        let without_end = Position::Specified(SeekSpecified { number: u64::MAX });
        self.deliver(&contact, source.kind(), next, without_end).await
    }

    async fn deliver(
        &self,
        contact: &Contact,
        kind: SourceKind,
        start: Position,
        stop: Position,
    ) -> Result<Blocks, SourceError> {
        let seek = request(self.seek(start, stop)?);
        let connection = contact.connection.clone();
        match kind {
            SourceKind::Peer => {
                let mut client = DeliverClient::new(connection).max_decoding_message_size(MAX_MESSAGE_BYTES);
                Ok(self.read(client.deliver(seek).await?, peer_block))
            }
            SourceKind::Orderer => {
                let client = AtomicBroadcastClient::new(connection);
                let mut client = client.max_decoding_message_size(MAX_MESSAGE_BYTES);
                Ok(self.read(client.deliver(seek).await?, orderer_block))
            }
        }
    }

    fn read<R: Send + 'static>(
        &self,
        response: Response<Streaming<R>>,
        block: fn(R) -> Result<Block, Refusal>,
    ) -> Blocks {
        let date = response.metadata().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
        let ledger = Arc::clone(&self.ledger);
        let responses = response.into_inner();
        responses
            .map(move |response| match block(response?) {
                Ok(block) => Ok(block.try_into()?),
                Err(refusal) => Err(refusal.explain(date.as_deref(), &ledger)),
            })
            .boxed()
    }

    /// The signed request for blocks.
    fn seek(&self, start: Position, stop: Position) -> Result<Envelope, SourceError> {
        let info = SeekInfo {
            start: Some(SeekPosition { r#type: Some(start) }),
            stop: Some(SeekPosition { r#type: Some(stop) }),
            behavior: SeekBehavior::BlockUntilReady as i32,
            ..Default::default()
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp =
            prost_types::Timestamp { seconds: now.as_secs() as i64, nanos: now.subsec_nanos() as i32 };
        let channel_header = ChannelHeader {
            r#type: HeaderType::DeliverSeekInfo as i32,
            channel_id: self.ledger.channel_id().to_owned(),
            timestamp: Some(timestamp),
            ..Default::default()
        };
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce)?;
        let signature_header =
            SignatureHeader { creator: self.identity.serialized(), nonce: Bytes::copy_from_slice(&nonce) };
        let header = Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: signature_header.encode_to_vec().into(),
        };
        let payload: Bytes =
            Payload { header: Some(header), data: info.encode_to_vec().into() }.encode_to_vec().into();
        let signature = self.identity.sign(&payload)?.into();
        Ok(Envelope { payload, signature })
    }
}

/// A request that stays open: a deliver client sends one envelope and never half-closes.
fn request(seek: Envelope) -> impl Stream<Item = Envelope> {
    stream::once(std::future::ready(seek)).chain(stream::pending())
}

/// What comes in place of a block.
enum Refusal {
    Status(i32),
    Other(&'static str),
}

impl Refusal {
    fn explain(self, date: Option<&str>, ledger: &Ledger) -> SourceError {
        let status = match self {
            Self::Status(status) => Status::try_from(status),
            Self::Other(what) => return SourceError::Refused(what),
        };
        match status {
            Ok(Status::Forbidden) => SourceError::Forbidden,
            Ok(Status::BadRequest) => bad_request(date, ledger),
            Ok(status) => SourceError::Refused(status.as_str_name()),
            Err(_) => SourceError::Refused("an unknown status"),
        }
    }
}

/// Fabric says BAD_REQUEST, and no more, to a request that was signed at another time by its own clock.
fn bad_request(date: Option<&str>, ledger: &Ledger) -> SourceError {
    let ours = SystemTime::now();
    if let Some(theirs) = clock::too_far(date, ours) {
        return SourceError::Clock { ours: clock::of(ours), theirs };
    }
    let newest = ledger.height().checked_sub(1).and_then(|number| ledger.block(number).ok().flatten());
    let newest = newest.as_ref().and_then(clock::newest_transaction);
    SourceError::BadRequest { ours: clock::of(ours), newest: newest.unwrap_or_else(|| "none".into()) }
}

fn peer_block(response: protos::DeliverResponse) -> Result<Block, Refusal> {
    match response.r#type {
        Some(protos::deliver_response::Type::Block(block)) => Ok(block),
        Some(protos::deliver_response::Type::Status(status)) => Err(Refusal::Status(status)),
        _ => Err(Refusal::Other("something that is no block")),
    }
}

fn orderer_block(response: fabric::proto::orderer::DeliverResponse) -> Result<Block, Refusal> {
    match response.r#type {
        Some(deliver_response::Type::Block(block)) => Ok(block),
        Some(deliver_response::Type::Status(status)) => Err(Refusal::Status(status)),
        None => Err(Refusal::Other("an empty response")),
    }
}
