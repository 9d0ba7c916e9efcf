//! Times as messages name them, and the clock of a source.

use std::time::SystemTime;

use fabric::types::{DecodedEnvelope, HeadedBlock};
use time::{
    OffsetDateTime,
    format_description::well_known::{Rfc2822, Rfc3339},
};

/// How far apart the clocks of Fabric's client and server may be in seconds, unless configured otherwise
/// (`orderer.yaml` and `core.yaml`: authentication.timewindow).
const TIME_WINDOW: u64 = 15 * 60;

/// `2026-11-22T13:40:00Z`
pub(super) fn of_unix(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{seconds} s after 1970"))
}

pub(super) fn of(time: SystemTime) -> String {
    of_unix(seconds(time))
}

/// What a source's clock says by the `date` of its answer, where that is too far from `ours`.
pub(super) fn too_far(date: Option<&str>, ours: SystemTime) -> Option<String> {
    let theirs = OffsetDateTime::parse(date?, &Rfc2822).ok()?;
    let theirs = u64::try_from(theirs.unix_timestamp()).ok()?;
    (theirs.abs_diff(seconds(ours)) > TIME_WINDOW).then(|| of_unix(theirs))
}

/// When the newest transaction of a block was made, by its client's clock.
pub(super) fn newest_transaction(block: &HeadedBlock) -> Option<String> {
    let newest = block.envelopes().iter().filter_map(|envelope| timestamp(envelope.clone())).max()?;
    Some(of_unix(newest))
}

fn timestamp(envelope: bytes::Bytes) -> Option<u64> {
    let timestamp = DecodedEnvelope::new(envelope).channel_header().ok()?.timestamp;
    u64::try_from(timestamp?.seconds).ok()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_too_far_off_is_named() {
        let ours = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(too_far(Some("Sun, 06 Nov 1994 08:49:37 GMT"), ours), None);
        assert_eq!(too_far(Some("Sun, 06 Nov 1994 09:04:00 GMT"), ours), None);
        for theirs in ["Sun, 06 Nov 1994 09:05:00 GMT", "Sun, 06 Nov 1994 08:34:00 GMT"] {
            let named = too_far(Some(theirs), ours).unwrap();
            assert!(theirs.contains(named.get(11..19).unwrap()), "{named}");
        }
        assert_eq!((too_far(None, ours), too_far(Some("yesterday"), ours)), (None, None));
    }
}
