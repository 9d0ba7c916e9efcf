//! Shows bytes, texts and times.

use base64::{Engine, engine::general_purpose::STANDARD};
use prost_types::Timestamp;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

/// Hashes, signatures and nonces.
pub(super) fn hex(bytes: &[u8]) -> Value {
    json!(::hex::encode(bytes))
}

/// Bytes of which nothing is known: text if they are readable, else base64.
pub(super) fn opaque(bytes: &[u8]) -> Value {
    let readable = |text: &&str| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    match std::str::from_utf8(bytes).ok().filter(readable) {
        Some(text) => json!(text),
        None => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// Seconds since 1970 by RFC 3339.
pub(super) fn unix_time(seconds: i64) -> Value {
    timestamp(Some(&Timestamp { seconds, nanos: 0 }))
}

/// A point in time by RFC 3339, or the bare numbers if it lies outside the years 0 to 9999.
pub(super) fn timestamp(timestamp: Option<&Timestamp>) -> Value {
    let Some(timestamp) = timestamp else { return Value::Null };
    let time = OffsetDateTime::from_unix_timestamp(timestamp.seconds).ok();
    let time = time.and_then(|time| time.checked_add(Duration::nanoseconds(timestamp.nanos.into())));
    match time.and_then(|time| time.format(&Rfc3339).ok()) {
        Some(text) => json!(text),
        None => json!({ "seconds": timestamp.seconds, "nanos": timestamp.nanos }),
    }
}
