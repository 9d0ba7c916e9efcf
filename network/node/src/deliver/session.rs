//! One client's deliver stream: seek requests in, blocks out.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use channel::policy::SignedData;
use fabric::{
    crypto::Hashed,
    proto::{
        common::{Envelope, Status as DeliverStatus},
        orderer::{SeekInfo, SeekPosition, seek_info::SeekBehavior, seek_position::Type as Position},
    },
    types::{DecodedEnvelope, HeadedBlock, decode},
};
use futures::StreamExt;
use msp::IDENTITY_BYTES;
use prost_types::Timestamp;
use tokio::sync::mpsc;
use tonic::{Status, Streaming};
use transport::{Account, Handle};

use super::private::PrivateDataError;
use crate::{Channel, shares::Shares};

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

/// One client's stream.
pub struct Session<R> {
    pub channel: Arc<Channel>,
    pub form: Form<R>,
    /// Has room for one response: none is made before its client has taken the one before.
    pub responses: mpsc::Sender<Result<R, Status>>,
    /// The connection of the stream; none in tests.
    pub connection: Option<Handle<Account>>,
    /// Streams that are sending blocks, of all clients.
    pub streams: Arc<Shares>,
}

impl<R> Session<R> {
    /// Answers one seek request after the other, until one fails or the client leaves. A request that cannot be received
    /// ends the stream with the reason.
    pub async fn serve(self, mut requests: Streaming<Envelope>) {
        while let Some(envelope) = requests.message().await.transpose() {
            let status = match envelope.map(|envelope| Seek::new(&self.channel, &envelope, &self.form)) {
                Ok(Ok(seek)) => Ok(self.answer(&seek).await),
                Ok(Err(refused)) => Ok(refused),
                Err(reason) => Err(reason),
            };
            let goes_on = matches!(status, Ok(DeliverStatus::Success));
            let sent = self.responses.send(status.map(self.form.status)).await;
            if sent.is_err() || !goes_on {
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
        seek.send_blocks(self).await
    }

    fn response(&self, block: &HeadedBlock, seek: &Seek) -> Result<R, DeliverStatus> {
        (self.form.block)(block, &seek.signed).map_err(|error| {
            tracing::warn!(%error, block = block.number(), "private data cannot be delivered");
            DeliverStatus::InternalServerError
        })
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
        let decoded = DecodedEnvelope::of(envelope.clone());
        let header = decoded.channel_header().map_err(|_| bad_request)?;
        let signed = signed_data(envelope, &decoded).ok_or(bad_request)?;
        let timestamp: Timestamp = header.timestamp.ok_or(bad_request)?;
        if timestamp.seconds.abs_diff(now()) > TIME_WINDOW {
            return Err(bad_request);
        }
        if header.channel_id != channel.id() {
            return Err(DeliverStatus::NotFound);
        }
        let payload = decoded.payload().map_err(|_| bad_request)?;
        let info: SeekInfo = decode(payload.data.clone()).map_err(|_| bad_request)?;
        let expires_at = channel.expires_at(&signed.identity);
        authorize(channel, &header.channel_id, &signed, expires_at, form.resource)?;

        let (start, stop) = range(channel.ledger().height(), &info)?;
        let fail_if_not_ready = info.behavior == SeekBehavior::FailIfNotReady as i32;
        Ok(Self { signed, channel: header.channel_id.clone(), expires_at, start, stop, fail_if_not_ready })
    }

    async fn send_blocks<R>(&self, session: &Session<R>) -> DeliverStatus {
        match self.try_send_blocks(session).await {
            Ok(()) => DeliverStatus::Success,
            Err(status) => status,
        }
    }

    async fn try_send_blocks<R>(&self, session: &Session<R>) -> Result<(), DeliverStatus> {
        let internal = DeliverStatus::InternalServerError;
        let (channel, form) = (&session.channel, &session.form);
        let mut blocks = std::pin::pin!(channel.blocks_from(self.start));
        let mut checked_at = channel.bundle().sequence();
        for number in self.start..=self.stop {
            let place = session.responses.reserve().await.map_err(|_| internal)?;
            if self.fail_if_not_ready && number >= channel.ledger().height() {
                return Err(DeliverStatus::NotFound);
            }
            let Some(Ok(block)) = blocks.next().await else { return Err(internal) };
            // A config update may have taken the client's right away; expiry surely does.
            let sequence = channel.bundle().sequence();
            self.still_authorized(channel, form.resource, sequence != checked_at)?;
            checked_at = sequence;
            place.send(Ok(session.response(&block, self)?));
        }
        Ok(())
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

/// What the request is signed as.
fn signed_data(envelope: &Envelope, decoded: &DecodedEnvelope) -> Option<SignedData> {
    let identity = decoded.signature_header().ok()?.creator.clone();
    let data = || Hashed::of(envelope.payload.clone());
    let is_short = identity.len() <= IDENTITY_BYTES;
    is_short.then(|| SignedData { data: data(), identity, signature: envelope.signature.clone() })
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
