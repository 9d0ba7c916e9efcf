//! Reads protobuf messages field by field, as Go's `protowire` does.
//!
//! Where nesting can be deep or unknown fields count, prost is no help: it stops at a depth of 100 and
//! drops what it does not know. The readers built on this one keep their own work list, so that depth
//! costs memory, never stack.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use thiserror::Error;

/// How deep messages may nest, the outermost included (`protowire.DefaultRecursionLimit`).
pub const MAX_DEPTH: usize = 10_000;

/// The largest field number a message may use.
const MAX_FIELD_NUMBER: u64 = (1 << 29) - 1;

/// Bytes that are no protobuf message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    #[error("the message ends inside a field")]
    Truncated,
    #[error("a varint is longer than 64 bits")]
    Overflow,
    #[error("{0} is no field number")]
    FieldNumber(u64),
    #[error("{0} is no wire type")]
    WireType(u64),
    #[error("a group ends that did not begin")]
    EndGroup,
    #[error("messages nest too deep")]
    TooDeep,
    #[error("a string is not UTF-8")]
    Utf8,
}

/// One field of a message.
#[derive(Clone, Debug)]
pub struct Field {
    pub number: u32,
    pub value: FieldValue,
    /// Tag and value as they came.
    pub raw: Bytes,
}

/// The value of a field, as far as the wire type tells.
#[derive(Clone, Debug)]
pub enum FieldValue {
    Varint(u64),
    Bytes(Bytes),
    /// Fixed-width numbers and groups: no message read here has one in a field it knows.
    Other,
}

/// The fields of a message, in wire order.
pub struct Fields(Bytes);

impl Fields {
    /// Of a whole message. Reading ends at the first field that cannot be read, with its error.
    pub fn of(message: Bytes) -> Self {
        Self(message)
    }

    fn read(&mut self) -> Result<Field, WireError> {
        let start = self.0.clone();
        let (number, wire_type) = tag(&mut self.0, MAX_FIELD_NUMBER)?;
        let value = match wire_type {
            0 => FieldValue::Varint(varint(&mut self.0)?),
            2 => FieldValue::Bytes(length_delimited(&mut self.0)?),
            3 => skip_group(&mut self.0, number)?,
            _ => skip_scalar(&mut self.0, wire_type)?,
        };
        let raw = start.slice(..start.len() - self.0.len());
        Ok(Field { number: number as u32, value, raw })
    }
}

impl Iterator for Fields {
    type Item = Result<Field, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.0.clear();
        }
        Some(field)
    }
}

/// Unknown fields of a message, compared as Go's `proto.Equal` does: fields of different numbers may come
/// in any order, those of one number may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownFields(BTreeMap<u32, Vec<u8>>);

impl UnknownFields {
    /// Adds a field, after those of the same number.
    pub fn push(&mut self, field: &Field) {
        self.0.entry(field.number).or_default().extend_from_slice(&field.raw);
    }

    /// Appends all fields as they came, by number.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.0.values().for_each(|raw| out.extend_from_slice(raw));
    }
}

/// A proto3 string.
///
/// # Errors
/// [`WireError::Utf8`], if it is not UTF-8.
pub fn string(value: &Bytes) -> Result<String, WireError> {
    std::str::from_utf8(value).map(str::to_owned).map_err(|_| WireError::Utf8)
}

/// Refuses what nests deeper than the limit, [`MAX_DEPTH`] where Go's is meant.
///
/// # Errors
/// [`WireError::TooDeep`].
pub fn check_depth(depth: usize, limit: usize) -> Result<(), WireError> {
    if depth > limit { Err(WireError::TooDeep) } else { Ok(()) }
}

/// Appends a varint field, unless it has the default value.
pub fn put_varint(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        prost::encoding::encode_varint(u64::from(number << 3), out);
        prost::encoding::encode_varint(value, out);
    }
}

/// Appends a length-delimited field, unless it is empty.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    if !value.is_empty() {
        put_message(out, number, value);
    }
}

/// Appends a length-delimited field, present even when it is empty.
pub fn put_message(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    prost::encoding::encode_varint(u64::from(number << 3 | 2), out);
    prost::encoding::encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

fn tag(buffer: &mut Bytes, max_number: u64) -> Result<(u64, u64), WireError> {
    let tag = varint(buffer)?;
    let number = tag >> 3;
    if number == 0 || number > max_number {
        return Err(WireError::FieldNumber(number));
    }
    Ok((number, tag & 7))
}

fn varint(buffer: &mut Bytes) -> Result<u64, WireError> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        if buffer.is_empty() {
            return Err(WireError::Truncated);
        }
        let byte = buffer.get_u8();
        if shift == 63 && byte > 1 {
            return Err(WireError::Overflow);
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(WireError::Overflow)
}

fn length_delimited(buffer: &mut Bytes) -> Result<Bytes, WireError> {
    let length = varint(buffer)?;
    match usize::try_from(length) {
        Ok(length) if length <= buffer.len() => Ok(buffer.split_to(length)),
        _ => Err(WireError::Truncated),
    }
}

fn skip_scalar(buffer: &mut Bytes, wire_type: u64) -> Result<FieldValue, WireError> {
    match wire_type {
        0 => varint(buffer).map(drop)?,
        1 => skip(buffer, 8)?,
        2 => length_delimited(buffer).map(drop)?,
        4 => return Err(WireError::EndGroup),
        5 => skip(buffer, 4)?,
        other => return Err(WireError::WireType(other)),
    }
    Ok(FieldValue::Other)
}

fn skip(buffer: &mut Bytes, length: usize) -> Result<(), WireError> {
    if buffer.len() < length {
        return Err(WireError::Truncated);
    }
    buffer.advance(length);
    Ok(())
}

/// Skips a group whose start tag has been read. Inside unknown groups Go allows larger field numbers.
fn skip_group(buffer: &mut Bytes, number: u64) -> Result<FieldValue, WireError> {
    let mut open = vec![number];
    while let Some(innermost) = open.last().copied() {
        match tag(buffer, i32::MAX as u64)? {
            (number, 3) if open.len() <= MAX_DEPTH => open.push(number),
            (_, 3) => return Err(WireError::TooDeep),
            (number, 4) if number == innermost => drop(open.pop()),
            (_, wire_type) => drop(skip_scalar(buffer, wire_type)?),
        }
    }
    Ok(FieldValue::Other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    fn numbers(message: &'static [u8]) -> Result<Vec<u32>, WireError> {
        Fields::of(Bytes::from_static(message)).map(|field| Ok(field?.number)).collect()
    }

    #[test]
    fn reads_every_wire_type() {
        assert_eq!(
            numbers(&[0x08, 1, 0x12, 1, 7, 0x1b, 0x08, 1, 0x1c, 0x25, 0, 0, 0, 0]),
            Ok(vec![1, 2, 3, 4])
        );
    }

    #[test]
    fn refuses_what_go_refuses() {
        assert_eq!(numbers(&[0x12, 2, 7]), Err(WireError::Truncated));
        assert_eq!(numbers(&[0x00, 1]), Err(WireError::FieldNumber(0)));
        assert_eq!(numbers(&[0x0c]), Err(WireError::EndGroup));
        assert_eq!(numbers(&[0x0b, 0x14]), Err(WireError::EndGroup));
        assert_eq!(numbers(&[0x0e, 1]), Err(WireError::WireType(6)));
        assert_eq!(
            numbers(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2]),
            Err(WireError::Overflow)
        );
        let nested: Vec<u8> = std::iter::repeat_n(0x0b, 20_000).collect();
        let result: Result<Vec<_>, _> = Fields::of(nested.into()).collect();
        assert_eq!(result.err(), Some(WireError::TooDeep));
    }

    #[test]
    fn unknown_fields_of_different_numbers_may_change_places() {
        let collect = |message: &'static [u8]| {
            let mut unknown = UnknownFields::default();
            for field in Fields::of(Bytes::from_static(message)) {
                unknown.push(&field.expect("valid"));
            }
            unknown
        };
        assert_eq!(collect(&[0x48, 1, 0x50, 2]), collect(&[0x50, 2, 0x48, 1]));
        assert_ne!(collect(&[0x48, 1, 0x48, 2]), collect(&[0x48, 2, 0x48, 1]));
    }
}
