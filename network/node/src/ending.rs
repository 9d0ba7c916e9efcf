//! How those who wait for something hear that the channel has ended: with UNAVAILABLE and the reason.

use std::future::ready;

use futures::{Stream, StreamExt, stream};
use tokio::sync::watch;
use tonic::Status;

use super::{Channel, Ended};

/// Why a channel has ended; `None` as long as it has not.
pub type EndSignal = watch::Receiver<Option<Ended>>;

/// Waits until the channel ends.
pub(super) async fn ended(mut signal: EndSignal) -> Ended {
    match signal.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone().unwrap_or(Ended::ShuttingDown),
        Err(_) => Ended::ShuttingDown,
    }
}

/// The stream until the channel ends: then at once, whatever still waits in it.
pub(crate) fn until_ended<T, S>(
    channel: &Channel,
    responses: S,
) -> impl Stream<Item = Result<T, Status>> + use<T, S>
where
    S: Stream<Item = Result<T, Status>>,
{
    with_reason(channel, responses.take_until(channel.ended()))
}

/// The stream to its end, and then the reason where the channel has ended.
pub(super) fn with_reason<T, S>(
    channel: &Channel,
    responses: S,
) -> impl Stream<Item = Result<T, Status>> + use<T, S>
where
    S: Stream<Item = Result<T, Status>>,
{
    let signal = channel.end_signal();
    let last = stream::once(async move { signal.borrow().as_ref().map(ToString::to_string) });
    let last = last.filter_map(|reason| ready(reason.map(|reason| Err(Status::unavailable(reason)))));
    responses.chain(last)
}
