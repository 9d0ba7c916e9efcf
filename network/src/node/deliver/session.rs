//! One client's deliver stream: seek requests in, blocks out.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use fabric::{
    msp::IDENTITY_BYTES,
    policy::SignedData,
    proto::{
        common::{ChannelHeader, Envelope, Header, Payload, SignatureHeader, Status as DeliverStatus},
        orderer::{SeekInfo, SeekPosition, seek_info::SeekBehavior, seek_position::Type as Position},
    },
    types::{HeadedBlock, decode},
};
use futures::StreamExt;
use prost::Message;
use prost_types::Timestamp;
use tokio::{sync::mpsc, time::timeout};
use tonic::Streaming;
use transport::{Account, Handle};

use super::private::PrivateDataError;
use crate::{
    limits,
    node::{
        Channel,
        shares::{Caller, Share, Shares},
    },
};

/// Stands for the policy of the orderer's stream, which no ACL names: /Channel/Readers.
pub const ORDERER_READERS: &str = "/Channel/Readers";
/// How far a request's timestamp may lie from this machine's clock, seconds
/// (`orderer.yaml` and `core.yaml`: authentication.timewindow).
const TIME_WINDOW: u64 = 15 * 60;

/// What one of the four streams makes of a block and of a status, and which resource it guards.
pub struct Form<R> {
    pub resource: &'static str,
    pub block: BlockForm<R>,
    pub status: fn(DeliverStatus) -> R,
}

/// What is made of a block for the client who signed the request.
type BlockForm<R> = Box<dyn Fn(&HeadedBlock, &SignedData) -> Result<R, PrivateDataError> + Send + Sync>;

impl<R: 'static> Form<R> {
    /// For a stream on which all clients see the same.
    pub fn new(resource: &'static str, block: fn(&HeadedBlock) -> R, status: fn(DeliverStatus) -> R) -> Self {
        Self { resource, block: Box::new(move |of, _| Ok(block(of))), status }
    }
}

/// A response, and its share of the bytes that are on their way.
pub struct Sent<R> {
    pub response: R,
    pub share: Option<Share>,
}

/// One client's stream.
pub struct Session<R> {
    pub channel: Arc<Channel>,
    pub form: Form<R>,
    pub responses: mpsc::Sender<Sent<R>>,
    /// The connection of the stream; none in tests.
    pub connection: Option<Handle<Account>>,
    /// Streams that are sending blocks, of all clients.
    pub streams: Arc<Shares>,
    /// Bytes of blocks on their way, of all clients.
    pub bytes: Arc<Shares>,
}

impl<R> Session<R> {
    /// Answers one seek request after the other, until one fails or the client leaves.
    pub async fn serve(self, mut requests: Streaming<Envelope>) {
        loop {
            let next = tokio::select! {
                next = requests.message() => next,
                // The client has left, or the channel has ended.
                () = self.responses.closed() => return,
            };
            let Ok(Some(envelope)) = next else { return };
            let status = match Seek::new(&self.channel, &envelope, &self.form) {
                Ok(seek) => self.answer(&seek).await,
                Err(refused) => refused,
            };
            let response = (self.form.status)(status);
            let sent = self.responses.send(Sent { response, share: None }).await;
            if sent.is_err() || status != DeliverStatus::Success {
                return;
            }
        }
    }

    async fn answer(&self, seek: &Seek) -> DeliverStatus {
        let Some(caller) = self.channel.caller(&seek.signed) else { return DeliverStatus::Forbidden };
        if let Some(connection) = &self.connection {
            connection.settle(Some(caller.organisation.clone()));
        }
        let Some(_stream) = self.streams.take(&caller, 1) else {
            return DeliverStatus::ServiceUnavailable;
        };
        seek.send_blocks(self, &caller).await
    }

    /// Sends a block as soon as the client's share allows it. While it waits the block is not kept.
    async fn send(&self, block: Arc<HeadedBlock>, seek: &Seek, caller: &Caller) -> Result<(), DeliverStatus> {
        let internal = DeliverStatus::InternalServerError;
        let number = block.number();
        let size = block.message().encoded_len();
        let (block, share) = match self.bytes.take(caller, size) {
            Some(share) => (block, share),
            None => {
                drop(block);
                let share = self.wait_for_share(caller, size).await?;
                let block = self.channel.block(number).ok().flatten().ok_or(internal)?;
                (block, share)
            }
        };
        let response = (self.form.block)(&block, &seek.signed).map_err(|error| {
            tracing::warn!(%error, block = number, "private data cannot be delivered");
            internal
        })?;
        let sending = self.responses.send(Sent { response, share: Some(share) });
        match timeout(limits::UNREAD, sending).await {
            Ok(sent) => sent.map_err(|_| internal),
            Err(_) => Err(self.give_up()),
        }
    }

    /// Others of the same organisation may hold all of its share; then the client hears so, and may try again.
    async fn wait_for_share(&self, caller: &Caller, size: usize) -> Result<Share, DeliverStatus> {
        tokio::select! {
            share = timeout(limits::UNREAD, self.bytes.wait_for(caller, size)) => {
                share.map_err(|_| DeliverStatus::ServiceUnavailable)
            }
            () = self.responses.closed() => Err(DeliverStatus::InternalServerError),
        }
    }

    /// Ends a stream whose client does not read. What is on its way stays in memory until the connection ends.
    fn give_up(&self) -> DeliverStatus {
        tracing::warn!(
            resource = self.form.resource,
            "a deliver client takes no blocks; its connection is closed"
        );
        if let Some(connection) = &self.connection {
            connection.close();
        }
        DeliverStatus::ServiceUnavailable
    }
}

/// A seek request that passed every check.
struct Seek {
    signed: SignedData,
    channel: String,
    expires_at: Option<i64>,
    start: u64,
    stop: u64,
    fail_if_not_ready: bool,
}

impl Seek {
    fn new<R>(channel: &Channel, envelope: &Envelope, form: &Form<R>) -> Result<Self, DeliverStatus> {
        let bad_request = DeliverStatus::BadRequest;
        let (header, signed, data) = parse(envelope).ok_or(bad_request)?;
        let timestamp: Timestamp = header.timestamp.ok_or(bad_request)?;
        if timestamp.seconds.abs_diff(now()) > TIME_WINDOW {
            return Err(bad_request);
        }
        if header.channel_id != channel.id() {
            return Err(DeliverStatus::NotFound);
        }
        let info: SeekInfo = decode(data).map_err(|_| bad_request)?;
        let expires_at = channel.expires_at(&signed.identity);
        authorize(channel, &header.channel_id, &signed, expires_at, form.resource)?;

        let (start, stop) = range(channel.ledger().height(), &info)?;
        let fail_if_not_ready = info.behavior == SeekBehavior::FailIfNotReady as i32;
        Ok(Self { signed, channel: header.channel_id, expires_at, start, stop, fail_if_not_ready })
    }

    async fn send_blocks<R>(&self, session: &Session<R>, caller: &Caller) -> DeliverStatus {
        let (channel, form) = (&session.channel, &session.form);
        let mut blocks = std::pin::pin!(channel.blocks_from(self.start));
        let mut checked_at = channel.bundle().sequence();
        for number in self.start..=self.stop {
            if self.fail_if_not_ready && number >= channel.ledger().height() {
                return DeliverStatus::NotFound;
            }
            let block = tokio::select! {
                block = blocks.next() => block,
                () = session.responses.closed() => return DeliverStatus::InternalServerError,
            };
            let Some(Ok(block)) = block else { return DeliverStatus::InternalServerError };
            // A config update may have taken the client's right away; expiry surely does.
            let sequence = channel.bundle().sequence();
            if let Err(refused) = self.still_authorized(channel, form.resource, sequence != checked_at) {
                return refused;
            }
            checked_at = sequence;
            if let Err(status) = session.send(block, self, caller).await {
                return status;
            }
        }
        DeliverStatus::Success
    }

    fn still_authorized(
        &self,
        channel: &Channel,
        resource: &str,
        config_changed: bool,
    ) -> Result<(), DeliverStatus> {
        if config_changed {
            return authorize(channel, &self.channel, &self.signed, self.expires_at, resource);
        }
        check_expiry(self.expires_at)
    }
}

fn parse(envelope: &Envelope) -> Option<(ChannelHeader, SignedData, bytes::Bytes)> {
    let payload: Payload = decode(envelope.payload.clone()).ok()?;
    let header: Header = payload.header?;
    let channel_header: ChannelHeader = decode(header.channel_header).ok()?;
    let signature_header: SignatureHeader = decode(header.signature_header).ok()?;
    if signature_header.creator.len() > IDENTITY_BYTES {
        return None;
    }
    let signed = SignedData {
        data: envelope.payload.clone(),
        identity: signature_header.creator,
        signature: envelope.signature.clone(),
    };
    Some((channel_header, signed, payload.data))
}

fn authorize(
    channel: &Channel,
    name: &str,
    signed: &SignedData,
    expires_at: Option<i64>,
    resource: &str,
) -> Result<(), DeliverStatus> {
    check_expiry(expires_at)?;
    let verdict = if resource == ORDERER_READERS {
        channel.check_policy(ORDERER_READERS, signed)
    } else {
        channel.check_acl(resource, name, signed)
    };
    verdict.map_err(|reason| {
        tracing::warn!(resource, reason, "deliver client is not authorized");
        DeliverStatus::Forbidden
    })
}

fn check_expiry(expires_at: Option<i64>) -> Result<(), DeliverStatus> {
    if expires_at.is_some_and(|expires_at| now() > expires_at) {
        Err(DeliverStatus::Forbidden)
    } else {
        Ok(())
    }
}

/// First and last block number of a request on a chain of `height` blocks.
fn range(height: u64, info: &SeekInfo) -> Result<(u64, u64), DeliverStatus> {
    let position = |position: &Option<SeekPosition>| position.as_ref().and_then(|position| position.r#type);
    let (Some(start_at), Some(stop_at)) = (position(&info.start), position(&info.stop)) else {
        return Err(DeliverStatus::BadRequest);
    };
    let newest = height.saturating_sub(1);
    let start = match start_at {
        Position::Oldest(_) => 0,
        Position::Newest(_) => newest,
        Position::NextCommit(_) => height,
        Position::Specified(at) if at.number > height => return Err(DeliverStatus::NotFound),
        Position::Specified(at) => at.number,
    };
    let stop = match stop_at {
        Position::Oldest(_) => start,
        Position::Newest(_) if start_at == stop_at => start,
        Position::Newest(_) => newest,
        Position::NextCommit(_) => 0,
        Position::Specified(at) if at.number < start => return Err(DeliverStatus::BadRequest),
        Position::Specified(at) => at.number,
    };
    Ok((start, stop))
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs() as i64)
}
