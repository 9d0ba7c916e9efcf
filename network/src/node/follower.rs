//! Follows a channel that others order: takes blocks from a peer's or an orderer's Deliver service, judges
//! every one anew, and keeps a ledger of its own.
//!
//! Whoever delivers the blocks is not trusted: their number, hashes and orderer signatures are checked under
//! the configuration as of the previous block, every transaction is validated, and the verdicts that a peer
//! wrote beside its blocks are not read. All that must be trusted is the genesis block.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use fabric::{
    channel::Bundle,
    crypto::SignatureMemo,
    msp::SigningIdentity,
    proto::{
        common::{Block, ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader},
        orderer::{
            SeekInfo, SeekPosition, SeekSpecified, atomic_broadcast_client::AtomicBroadcastClient,
            deliver_response, seek_info::SeekBehavior, seek_position,
        },
        protos::{self, deliver_client::DeliverClient},
    },
};
use futures::{Stream, StreamExt, stream};
use prost::Message;
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
enum SourceError {
    #[error("cannot reach it: {0}")]
    Connect(#[from] tonic::transport::Error),
    #[error("it broke off: {0}")]
    Broken(#[from] Status),
    #[error("it refused to deliver: {0}")]
    Refused(&'static str),
    #[error("it delivered a block that is refused: {0}")]
    Rejected(#[from] BlockRejected),
    #[error("no randomness from the operating system: {0}")]
    Randomness(#[from] getrandom::Error),
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
        Ok(Self { ledger, bundle, memo: SignatureMemo::disabled(), identity, sources })
    }

    /// Follows without end, source after source; `committed` hears of every block. Returns only where no
    /// source could help.
    pub async fn run(mut self, mut committed: impl FnMut(&CommittedBlock)) -> FollowError {
        let mut pause = FIRST_PAUSE;
        for source in self.sources.clone().iter().cycle() {
            let height = self.ledger.height();
            match self.follow(source, &mut committed).await {
                Err(SourceError::Fatal(error)) => return error,
                Err(error) => {
                    tracing::warn!(source = %source.endpoint.uri(), %error, "a source of blocks failed")
                }
                Ok(()) => {
                    tracing::warn!(source = %source.endpoint.uri(), "a source of blocks closed its stream")
                }
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
        committed: &mut impl FnMut(&CommittedBlock),
    ) -> Result<(), SourceError> {
        let connection = source.endpoint.connect().await?;
        let seek = self.seek()?;
        let mut blocks = match source.kind {
            SourceKind::Peer => from_peer(connection, seek).await?.boxed(),
            SourceKind::Orderer => from_orderer(connection, seek).await?.boxed(),
        };
        while let Some(block) = blocks.next().await {
            self.take(block?, committed)?;
        }
        Ok(())
    }

    fn take(&mut self, block: Block, committed: &mut impl FnMut(&CommittedBlock)) -> Result<(), SourceError> {
        let ordered = validate::verify_ordered(block, &self.bundle, &self.ledger, &self.memo)?;
        let validation =
            validate::validate(ordered, &self.bundle, &self.ledger, &self.memo).map_err(FollowError::Halt)?;
        let block = self.ledger.commit(validation.block).map_err(FollowError::Ledger)?;
        if let Some(bundle) = validation.bundle {
            self.bundle = bundle;
        }
        committed(&block);
        Ok(())
    }

    /// The signed request for all blocks from the next one on.
    fn seek(&self) -> Result<Envelope, SourceError> {
        let specified = |number| {
            Some(SeekPosition { r#type: Some(seek_position::Type::Specified(SeekSpecified { number })) })
        };
        let info = SeekInfo {
            start: specified(self.ledger.height()),
            stop: specified(u64::MAX),
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
        let signature = self.identity.sign(&payload).into();
        Ok(Envelope { payload, signature })
    }
}

/// A request that stays open: a deliver client sends one envelope and never half-closes.
fn request(seek: Envelope) -> impl Stream<Item = Envelope> {
    stream::once(std::future::ready(seek)).chain(stream::pending())
}

async fn from_peer(
    connection: Connection,
    seek: Envelope,
) -> Result<impl Stream<Item = Result<Block, SourceError>> + Send, SourceError> {
    let mut client = DeliverClient::new(connection).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let responses = client.deliver(request(seek)).await?.into_inner();
    Ok(responses.map(|response| match response?.r#type {
        Some(protos::deliver_response::Type::Block(block)) => Ok(block),
        Some(protos::deliver_response::Type::Status(status)) => Err(refused(status)),
        _ => Err(SourceError::Refused("something that is no block")),
    }))
}

async fn from_orderer(
    connection: Connection,
    seek: Envelope,
) -> Result<impl Stream<Item = Result<Block, SourceError>> + Send, SourceError> {
    let mut client = AtomicBroadcastClient::new(connection).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let responses = client.deliver(request(seek)).await?.into_inner();
    Ok(responses.map(|response| match response?.r#type {
        Some(deliver_response::Type::Block(block)) => Ok(block),
        Some(deliver_response::Type::Status(status)) => Err(refused(status)),
        None => Err(SourceError::Refused("an empty response")),
    }))
}

fn refused(status: i32) -> SourceError {
    let status = fabric::proto::common::Status::try_from(status);
    SourceError::Refused(status.map_or("an unknown status", |status| status.as_str_name()))
}
