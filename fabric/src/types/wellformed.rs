//! Whether a transaction in a block is encoded as Go would encode it
//! (`protoutil.VerifyTransactionsAreWellFormed`).

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};
use thiserror::Error;

use crate::wire::{Field, FieldValue, Fields};

/// Why peers refuse a whole block because of one transaction's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotWellFormed {
    #[error("the envelope does not decode")]
    Undecodable,
    #[error("the envelope has no payload")]
    NoPayload,
    #[error("the envelope has no signature")]
    NoSignature,
    #[error("the envelope is not in the encoding that Go would give it")]
    NotCanonical,
}

/// Checks one transaction of a block: an envelope with payload and signature that Go, decoding and encoding
/// it, would give back byte for byte. The one transaction of a config block is exempt.
///
/// Unknown fields are allowed where Go puts them: behind the known ones, in the order in which they came.
/// The payload is not looked into.
pub fn wellformed(envelope: &Bytes) -> Result<(), NotWellFormed> {
    let (mut payload, mut signature, mut unknown) = (Bytes::new(), Bytes::new(), Vec::new());
    for field in Fields::of(envelope.clone()) {
        let field = field.map_err(|_| NotWellFormed::Undecodable)?;
        match (field.number, &field.value) {
            (1, FieldValue::Bytes(value)) => payload = value.clone(),
            (2, FieldValue::Bytes(value)) => signature = value.clone(),
            _ => push_unknown(&mut unknown, &field),
        }
    }
    if payload.is_empty() {
        return Err(NotWellFormed::NoPayload);
    }
    if signature.is_empty() {
        return Err(NotWellFormed::NoSignature);
    }
    let rest = behind(1, &payload, envelope).and_then(|rest| behind(2, &signature, rest));
    if rest == Some(&unknown) { Ok(()) } else { Err(NotWellFormed::NotCanonical) }
}

/// What stands behind a field at the beginning of `bytes`, if Go would write the field so.
fn behind<'b>(number: u32, value: &[u8], bytes: &'b [u8]) -> Option<&'b [u8]> {
    let mut head = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut head);
    encode_varint(value.len() as u64, &mut head);
    bytes.strip_prefix(head.as_slice())?.strip_prefix(value)
}

/// Go writes the tag of an unknown field anew, in its shortest form, and keeps the value's bytes.
fn push_unknown(out: &mut Vec<u8>, field: &Field) {
    let tag_length = field.raw.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let wire_type = field.raw.first().map_or(0, |byte| byte & 7);
    encode_varint(u64::from(field.number << 3) | u64::from(wire_type), out);
    out.extend_from_slice(field.raw.get(tag_length..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(envelope: &[u8], expected: Result<(), NotWellFormed>) {
        assert_eq!(wellformed(&Bytes::copy_from_slice(envelope)), expected, "{envelope:02x?}");
    }

    #[test]
    fn payload_signature_and_then_unknown_fields() {
        check(&[0x0a, 1, 7, 0x12, 1, 8], Ok(()));
        check(&[0x0a, 1, 7, 0x12, 1, 8, 0x28, 1, 0x1a, 1, 9], Ok(()));
        check(&[0x0a, 1, 7, 0x12, 1, 8, 0x08, 1], Ok(()));
        check(&[0x0a, 1, 7, 0x12, 1, 8, 0x28, 0x81, 0x00], Ok(()));
        check(&[0x0a, 1, 7, 0x12, 1, 8, 0x1b, 0x1c], Ok(()));
    }

    #[test]
    fn any_other_encoding_is_refused() {
        use NotWellFormed::*;
        check(&[0x12, 1, 8, 0x0a, 1, 7], Err(NotCanonical));
        check(&[0x0a, 1, 6, 0x0a, 1, 7, 0x12, 1, 8], Err(NotCanonical));
        check(&[0x0a, 0x81, 0, 7, 0x12, 1, 8], Err(NotCanonical));
        check(&[0x8a, 0, 1, 7, 0x12, 1, 8], Err(NotCanonical));
        check(&[0x28, 1, 0x0a, 1, 7, 0x12, 1, 8], Err(NotCanonical));
        check(&[0x0a, 1, 7, 0x12, 1, 8, 0xa8, 0, 1], Err(NotCanonical));
        check(&[0x0a, 1, 7], Err(NoSignature));
        check(&[0x0a, 0, 0x12, 1, 8], Err(NoPayload));
        check(&[], Err(NoPayload));
        check(&[0x0a, 2, 7], Err(Undecodable));
    }
}
