//! Follows a channel that others order: takes blocks from a peer's or an orderer's Deliver service, judges
//! every one anew, and keeps a ledger of its own.
//!
//! Whoever delivers the blocks is not trusted: their number, hashes and orderer signatures are checked under
//! the configuration as of the previous block, every transaction is validated, and the verdicts that a peer
//! wrote beside its blocks are not read. All that must be trusted is the genesis block.
//!
//! Now and then the source is asked for its newest block, so that a chain on which nothing happens is told
//! from one that nobody hears of.

use std::{
    convert::Infallible,
    error::Error,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use fabric::{
    channel::Bundle,
    crypto::{SignatureMemo, SigningError},
    msp::SigningIdentity,
    proto::{
        common::{ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader},
        orderer::{
            SeekInfo, SeekNewest, SeekPosition, SeekSpecified,
            atomic_broadcast_client::AtomicBroadcastClient, deliver_response, seek_info::SeekBehavior,
            seek_position::Type as Position,
        },
        protos::{self, deliver_client::DeliverClient},
    },
    types::{HeadedBlock, block::NotABlock},
};
use futures::{Stream, StreamExt, stream, stream::BoxStream};
use prost::Message;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tonic::{
    Status,
    transport::{Channel as Connection, Endpoint},
};

use crate::{
    ledger::{CommittedBlock, Ledger, LedgerError},
    node::start::{StartError, current_config},
    validate::{self, BlockRejected, Halt},
};

/// The largest block that is accepted, in bytes (`comm.MaxRecvMsgSize` of Fabric).
const MAX_MESSAGE_BYTES: usize = 100 << 20;
/// How long to wait before the next source is tried, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often a source is asked for its newest block, and how long it may take to answer.
const CONFIRMATION: Duration = Duration::from_secs(5);
const CONFIRMATION_TIMEOUT: Duration = Duration::from_secs(15);

/// Where blocks come from.
#[derive(Clone, Debug)]
pub struct Source {
    pub endpoint: Endpoint,
    pub kind: SourceKind,
}

/// Which of the two Deliver services a source offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    Peer,
    Orderer,
}

/// What a follower learns.
pub enum News<'b> {
    /// A block was judged and committed.
    Committed(&'b CommittedBlock),
    /// At this time the chain had this many blocks; not all of them need to be here yet.
    Height(u64, SystemTime),
    /// A source failed; the next one is tried. Told again at every try.
    Failed(&'b Source, &'b SourceError),
}

/// Why a channel cannot be followed any further, whoever delivers it.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the channel halts: {0}")]
    Halt(#[from] Halt),
    #[error("the ledger failed: {0}")]
    Ledger(#[from] LedgerError),
    #[error("no source of blocks was given")]
    NoSource,
}

/// Why one source is given up for the next one.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("cannot reach it: {0}")]
    Connect(String),
    #[error("its TLS certificate is not signed by an authority that is trusted")]
    Untrusted,
    #[error("it broke off: {0}")]
    Broken(#[from] Status),
    #[error("it closed its stream")]
    Closed,
    #[error("the identity may not read the channel (FORBIDDEN)")]
    Forbidden,
    #[error("it refused to deliver: {0}")]
    Refused(&'static str),
    #[error("it delivered no block: {0}")]
    NotABlock(#[from] NotABlock),
    #[error("it delivered a block that is refused: {0}")]
    Rejected(#[from] BlockRejected),
    #[error("its block {0} is not the one that follows from the blocks before")]
    OtherChain(u64),
    #[error("it did not say what its newest block is in time")]
    Silent,
    #[error("no randomness from the operating system: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error(transparent)]
    Fatal(#[from] FollowError),
}

/// Follows one channel with one identity, which must be allowed to read it.
pub struct Follower {
    ledger: Arc<Ledger>,
    bundle: Arc<Bundle>,
    memo: SignatureMemo,
    identity: SigningIdentity,
    sources: Vec<Source>,
    /// How many blocks the chain had when the end of it was last heard of.
    end: u64,
}

impl Follower {
    /// Goes on where `ledger` ends.
    pub fn new(
        ledger: Arc<Ledger>,
        identity: SigningIdentity,
        sources: Vec<Source>,
    ) -> Result<Self, FollowError> {
        if sources.is_empty() {
            return Err(FollowError::NoSource);
        }
        let (bundle, _) = current_config(&ledger)?;
        // Nothing that this process signed comes back to it, so there is nothing to remember.
        Ok(Self { ledger, bundle, memo: SignatureMemo::disabled(), identity, sources, end: 0 })
    }

    /// Follows without end, source after source, and tells `listener` what it learns. Returns only where no
    /// source could help.
    pub async fn run(mut self, mut listener: impl FnMut(News<'_>)) -> FollowError {
        let mut pause = FIRST_PAUSE;
        for source in self.sources.clone().iter().cycle() {
            let height = self.ledger.height();
            let Err(error) = self.follow(source, &mut listener).await;
            match error {
                SourceError::Fatal(error) => return error,
                error => listener(News::Failed(source, &error)),
            }
            let advanced = self.ledger.height() > height;
            pause = if advanced { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            tokio::time::sleep(pause).await;
        }
        FollowError::NoSource
    }

    async fn follow(
        &mut self,
        source: &Source,
        listener: &mut impl FnMut(News<'_>),
    ) -> Result<Infallible, SourceError> {
        let connection = transport::connect(source.endpoint.clone()).await.map_err(unreachable)?;
        self.confirm(&connection, source.kind, listener).await?;
        let next = Position::Specified(SeekSpecified { number: self.ledger.height() });
        let without_end = Position::Specified(SeekSpecified { number: u64::MAX });
        let seek = self.seek(next, without_end)?;
        let mut blocks = deliver(connection.clone(), source.kind, seek).await?;
        let mut confirmation = interval_at(Instant::now() + CONFIRMATION, CONFIRMATION);
        confirmation.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                block = blocks.next() => match block {
                    Some(block) => self.take(block?, listener)?,
                    None => return Err(SourceError::Closed),
                },
                _ = confirmation.tick() => self.confirm(&connection, source.kind, listener).await?,
            }
        }
    }

    fn take(&mut self, block: HeadedBlock, listener: &mut impl FnMut(News<'_>)) -> Result<(), SourceError> {
        let heard_at = SystemTime::now();
        let ordered = validate::verify_ordered(block, &self.bundle, &self.ledger, &self.memo)?;
        let validation =
            validate::validate(ordered, &self.bundle, &self.ledger, &self.memo).map_err(FollowError::Halt)?;
        let block = self.ledger.commit(validation.block).map_err(FollowError::Ledger)?;
        if let Some(bundle) = validation.bundle {
            self.bundle = bundle;
        }
        listener(News::Committed(&block));
        let height = block.number + 1;
        // Blocks before the known end of the chain say nothing of where it ends.
        if height > self.end {
            self.end = height;
            listener(News::Height(height, heard_at));
        }
        Ok(())
    }

    /// Asks the source for its newest block, which says where the chain ends if the orderers signed it.
    async fn confirm(
        &mut self,
        connection: &Connection,
        kind: SourceKind,
        listener: &mut impl FnMut(News<'_>),
    ) -> Result<(), SourceError> {
        let asked_at = SystemTime::now();
        let newest = timeout(CONFIRMATION_TIMEOUT, self.newest(connection.clone(), kind));
        let newest = newest.await.map_err(|_| SourceError::Silent)??;
        let height = self.height_of(&newest)?;
        // A source that knows less than we do, or than another one told us, confirms nothing.
        if height >= self.end.max(self.ledger.height()) {
            self.end = height;
            listener(News::Height(height, asked_at));
        }
        Ok(())
    }

    async fn newest(&self, connection: Connection, kind: SourceKind) -> Result<HeadedBlock, SourceError> {
        let newest = Position::Newest(SeekNewest {});
        let mut blocks = deliver(connection, kind, self.seek(newest, newest)?).await?;
        blocks.next().await.unwrap_or(Err(SourceError::Refused("nothing instead of its newest block")))
    }

    /// How many blocks a chain has that ends with `newest`.
    fn height_of(&self, newest: &HeadedBlock) -> Result<u64, SourceError> {
        let ours = self.ledger.height();
        match newest.number().checked_add(1) {
            Some(height) if height > ours => {
                validate::verify_origin(newest, &self.bundle, &self.memo)?;
                Ok(height)
            }
            Some(height) if height < ours || newest.hash() == self.ledger.last_hash() => Ok(height),
            _ => Err(SourceError::OtherChain(newest.number())),
        }
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

type Blocks = BoxStream<'static, Result<HeadedBlock, SourceError>>;

/// A request that stays open: a deliver client sends one envelope and never half-closes.
fn request(seek: Envelope) -> impl Stream<Item = Envelope> {
    stream::once(std::future::ready(seek)).chain(stream::pending())
}

async fn deliver(connection: Connection, kind: SourceKind, seek: Envelope) -> Result<Blocks, SourceError> {
    match kind {
        SourceKind::Peer => from_peer(connection, seek).await,
        SourceKind::Orderer => from_orderer(connection, seek).await,
    }
}

async fn from_peer(connection: Connection, seek: Envelope) -> Result<Blocks, SourceError> {
    let mut client = DeliverClient::new(connection).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let responses = client.deliver(request(seek)).await?.into_inner();
    Ok(responses
        .map(|response| match response?.r#type {
            Some(protos::deliver_response::Type::Block(block)) => Ok(block.try_into()?),
            Some(protos::deliver_response::Type::Status(status)) => Err(refused(status)),
            _ => Err(SourceError::Refused("something that is no block")),
        })
        .boxed())
}

async fn from_orderer(connection: Connection, seek: Envelope) -> Result<Blocks, SourceError> {
    let mut client = AtomicBroadcastClient::new(connection).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let responses = client.deliver(request(seek)).await?.into_inner();
    Ok(responses
        .map(|response| match response?.r#type {
            Some(deliver_response::Type::Block(block)) => Ok(block.try_into()?),
            Some(deliver_response::Type::Status(status)) => Err(refused(status)),
            None => Err(SourceError::Refused("an empty response")),
        })
        .boxed())
}

fn refused(status: i32) -> SourceError {
    match fabric::proto::common::Status::try_from(status) {
        Ok(fabric::proto::common::Status::Forbidden) => SourceError::Forbidden,
        Ok(status) => SourceError::Refused(status.as_str_name()),
        Err(_) => SourceError::Refused("an unknown status"),
    }
}

/// Why there is no connection. The outermost error says only "transport error"; what helps is below it.
fn unreachable(error: tonic::transport::Error) -> SourceError {
    let causes: Vec<String> =
        std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string).collect();
    // An authority of the same name with another key is reported as a bad signature.
    let is_untrusted = |cause: &String| cause.contains("UnknownIssuer") || cause.contains("BadSignature");
    if causes.iter().any(is_untrusted) {
        return SourceError::Untrusted;
    }
    let told = causes.iter().enumerate().filter(|(index, cause)| {
        // Wrappers often repeat what they wrap.
        causes.get(index + 1).is_none_or(|next| !cause.contains(next.as_str()))
    });
    SourceError::Connect(told.map(|(_, cause)| cause.as_str()).collect::<Vec<_>>().join(": "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_port_is_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let error = unreachable(transport::connect(endpoint).await.unwrap_err());
        assert!(error.to_string().contains("refused"), "{error}");
    }

    #[test]
    fn a_forbidden_channel_is_told() {
        assert!(matches!(refused(403), SourceError::Forbidden));
        assert!(matches!(refused(503), SourceError::Refused("SERVICE_UNAVAILABLE")));
    }
}
