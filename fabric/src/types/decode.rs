//! Decoding of protobuf messages that come from outside, as Go's protobuf decodes them.

use bytes::Bytes;
use prost::{Message, Name};

/// Bytes that Go's protobuf would not decode either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {message}: {reason}")]
pub struct DecodeError {
    pub message: String,
    pub reason: String,
}

/// Decodes a message as Go does.
pub fn decode<M: Message + Default + Name>(bytes: Bytes) -> Result<M, DecodeError> {
    M::decode(bytes).map_err(|error| DecodeError { message: M::full_name(), reason: error.to_string() })
}
