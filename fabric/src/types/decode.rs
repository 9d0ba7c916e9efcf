//! Decoding of protobuf messages that come from outside, as Go's protobuf decodes them.
//!
//! Go takes a field that it knows but that comes with another wire type for an unknown field; prost takes it
//! for an error. Transactions are validated by what Go would read, so after prost has failed, the bytes are
//! walked by the messages' descriptors, such fields are left out, and prost is asked again.

use bytes::Bytes;
use prost::{Message, Name};

pub use crate::wire::WireError;
use crate::wire::{Field, FieldValue, Fields, put_message};

/// Bytes that Go's protobuf would not decode either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {message}: {reason}")]
pub struct DecodeError {
    /// The full name of the message that was to be decoded.
    pub message: String,
    pub reason: String,
}

/// How deep messages may nest; prost stops there.
///
/// Go goes on to 10,000. Only configuration groups and signature policies nest in themselves, and both have
/// readers of their own.
const MAX_DEPTH: usize = 100;

/// Decodes a message as Go does, but for the depth ([`MAX_DEPTH`]).
pub fn decode<M: Message + Default + Name>(bytes: Bytes) -> Result<M, DecodeError> {
    decode_noting(bytes, &mut false)
}

/// The same; notes where a field that is known comes with another wire type, which peers of different
/// versions read differently.
pub fn decode_noting<M: Message + Default + Name>(
    bytes: Bytes,
    mistyped: &mut bool,
) -> Result<M, DecodeError> {
    if let Ok(message) = M::decode(bytes.clone()) {
        return Ok(message);
    }
    let error = |reason: String| DecodeError { message: M::full_name(), reason };
    let known = keep_known(&M::full_name(), bytes, MAX_DEPTH).map_err(|reason| error(reason.to_string()))?;
    let message = M::decode(Bytes::from(known)).map_err(|reason| error(reason.to_string()))?;
    *mistyped = true;
    Ok(message)
}

/// The fields of a message that its descriptor names, with the wire type that it names.
fn keep_known(message: &str, bytes: Bytes, depth: usize) -> Result<Vec<u8>, WireError> {
    let Some(depth) = depth.checked_sub(1) else { return Err(WireError::TooDeep) };
    let kinds = fields(message).unwrap_or_default();
    let mut known = Vec::with_capacity(bytes.len());
    for field in Fields::of(bytes) {
        let field = field?;
        let kind = kinds.iter().find(|(number, _)| *number == field.number).map(|(_, kind)| kind);
        match (kind, &field.value) {
            (Some(Kind::Message(inner)), FieldValue::Bytes(value)) => {
                put_message(&mut known, field.number, &keep_known(inner, value.clone(), depth)?);
            }
            (Some(kind), _) if kind.accepts(wire_type(&field)) => known.extend_from_slice(&field.raw),
            _ => {}
        }
    }
    Ok(known)
}

/// The lowest three bits of a tag, which stand in its first byte however long it is.
fn wire_type(field: &Field) -> u8 {
    field.raw.first().map_or(0, |byte| byte & 7)
}

/// What a descriptor says of a field, as far as the wire goes.
#[derive(Debug)]
enum Kind {
    /// A number; if repeated, it may also come packed.
    Scalar {
        wire_type: u8,
        repeated: bool,
    },
    Bytes,
    /// By its full name.
    Message(&'static str),
}

impl Kind {
    fn accepts(&self, wire_type: u8) -> bool {
        match self {
            Self::Scalar { wire_type: own, repeated } => wire_type == *own || (*repeated && wire_type == 2),
            Self::Bytes => wire_type == 2,
            // A message in any other wire type; the right one is handled where it is walked.
            Self::Message(_) => false,
        }
    }
}

/// The fields of every message of [`crate::proto`], by the messages' full names and in their order. Our own build script
/// writes them.
const MESSAGES: &[(&str, &[(u32, Kind)])] = include!(concat!(env!("OUT_DIR"), "/fields.rs"));

fn fields(message: &str) -> Option<&'static [(u32, Kind)]> {
    let index = MESSAGES.binary_search_by_key(&message, |(name, _)| name).ok()?;
    MESSAGES.get(index).map(|(_, fields)| *fields)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::proto::{
        common::{ChannelHeader, ConfigGroup, Envelope},
        kvrwset::KvrwSet,
    };

    fn read<M: Message + Default + Name>(bytes: &[u8]) -> Result<M, DecodeError> {
        decode(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn a_known_field_of_another_wire_type_is_an_unknown_one() {
        // payload as a varint, as 8 bytes and as a group; then a signature.
        let bytes = [0x08, 1, 0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x0b, 0x0c, 0x12, 1, 7];
        let envelope: Envelope = read(&bytes).unwrap();
        assert!(envelope.payload.is_empty());
        assert_eq!(envelope.signature, [7][..]);
        assert!(Envelope::decode(&bytes[..]).is_err(), "prost alone refuses it");
    }

    #[test]
    fn so_it_is_inside_of_messages_and_maps() {
        let header: ChannelHeader = read(&[0x0d, 1, 2, 3, 4, 0x1a, 2, 0x0a, 0, 0x30, 5]).unwrap();
        assert_eq!((header.r#type, header.epoch), (0, 5));
        // groups: an entry whose key is a number and whose value is a group with version 3.
        let group: ConfigGroup = read(&[0x12, 6, 0x08, 9, 0x12, 2, 0x08, 3]).unwrap();
        assert_eq!(group.groups[""].version, 3);
    }

    #[test]
    fn malformed_is_what_go_finds_malformed() {
        let malformed: [&[u8]; 7] = [
            &[0x0a, 2, 7],
            &[0x00, 1],
            &[0x0c],
            &[0x0b, 0x14],
            &[0x0f, 1],
            &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
            &[0x08],
        ];
        for bytes in malformed {
            assert!(read::<Envelope>(bytes).is_err(), "{bytes:02x?}");
        }
        assert!(read::<ChannelHeader>(&[0x22, 1, 0xff]).is_err(), "a string that is not UTF-8");
        assert!(
            read::<ChannelHeader>(&[0x08, 1, 0x22, 1, 0xff, 0x0a, 0]).is_err(),
            "even where fields are odd"
        );
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = (0..200).fold(Vec::new(), |inner: Vec<u8>, _| {
            let mut entry = Vec::new();
            put_message(&mut entry, 2, &inner);
            let mut outer = vec![0x25, 0, 0, 0, 0];
            put_message(&mut outer, 2, &entry);
            outer
        });
        assert!(read::<ConfigGroup>(&nested).is_err());
    }

    #[test]
    fn the_fields_of_every_message_are_known() {
        assert_eq!(fields("google.protobuf.Timestamp").unwrap().len(), 2);
        assert!(!fields(&KvrwSet::full_name()).unwrap().is_empty());
        assert!(MESSAGES.is_sorted_by_key(|(name, _)| name));
        assert!(MESSAGES.len() > 150, "{}", MESSAGES.len());
    }
}
