//! Mutants of encoded messages: what a hostile client can write that no protobuf library writes.

use fastrand::Rng;
use prost::encoding::{decode_varint, encode_varint};

/// How deep messages in messages are looked for.
const MAX_DEPTH: usize = 8;

/// One field of a message as it stands there.
#[derive(Clone)]
struct Field {
    number: u64,
    wire_type: u64,
    raw: Vec<u8>,
    /// Of a length-delimited field.
    content: Option<Vec<u8>>,
}

/// The message with one defect, somewhere in it, and the defect's name.
pub fn mutate(rng: &mut Rng, message: &[u8]) -> (Vec<u8>, &'static str) {
    mutate_at(rng, message, 0)
}

fn mutate_at(rng: &mut Rng, message: &[u8], depth: usize) -> (Vec<u8>, &'static str) {
    let Some(fields) = fields(message).filter(|fields| !fields.is_empty()) else {
        return mutate_bytes(rng, message);
    };
    let index = rng.usize(..fields.len());
    match &fields[index].content {
        Some(content) if depth < MAX_DEPTH && rng.u8(..10) < 7 => {
            let (content, name) = mutate_at(rng, content, depth + 1);
            (join(&fields, index, &delimited(fields[index].number, &content)), name)
        }
        _ => mutate_field(rng, message, &fields, index),
    }
}

fn mutate_bytes(rng: &mut Rng, bytes: &[u8]) -> (Vec<u8>, &'static str) {
    let mut bytes = bytes.to_vec();
    match rng.u8(..6) {
        0 => (Vec::new(), "emptied"),
        1 => {
            bytes.truncate(rng.usize(..=bytes.len()));
            (bytes, "cut off")
        }
        2 => {
            bytes.push(rng.u8(..));
            (bytes, "byte appended")
        }
        3 => (vec![0xff], "no text"),
        4 => (bytes.repeat(2), "repeated"),
        _ => (flip(rng, bytes), "bit flipped"),
    }
}

fn mutate_field(rng: &mut Rng, message: &[u8], fields: &[Field], index: usize) -> (Vec<u8>, &'static str) {
    let field = &fields[index];
    let replaced = |new: Vec<u8>| join(fields, index, &new);
    let appended = |extra: &[u8]| [message, extra].concat();
    match rng.u8(..18) {
        0 | 1 => (replaced(Vec::new()), "field dropped"),
        2 => (replaced(field.raw.repeat(2)), "field doubled"),
        3 => (replaced(delimited(field.number, &[])), "field emptied"),
        4 => (replaced([varint(field.number << 3), varint(rng.u64(..))].concat()), "field made a number"),
        5 => (replaced([varint(field.number << 3 | 5), vec![0; 4]].concat()), "field of fixed size"),
        6 => (replaced(odd_number(rng, field)), "number changed"),
        7 => (replaced(long_tag(field)), "longer tag than needed"),
        8 => (replaced(split(field)), "field split in two"),
        9 => {
            let mut raw = field.raw.clone();
            raw.truncate(rng.usize(..raw.len()));
            ([join(&fields[..index], usize::MAX, &[]), raw].concat(), "message cut off")
        }
        10 => (appended(&[varint(rng.u64(100..1000) << 3), varint(rng.u64(..))].concat()), "unknown number"),
        11 => (appended(&delimited(rng.u64(100..1000), b"unknown")), "unknown bytes"),
        12 => (
            appended(&[varint(1000 << 3 | 3), varint(1 << 3), vec![1], varint(1000 << 3 | 4)].concat()),
            "unknown group",
        ),
        13 => (appended(&varint(1000 << 3 | 3)), "unfinished group"),
        14 => {
            let mut fields = fields.to_vec();
            let other = rng.usize(..fields.len());
            fields.swap(index, other);
            (join(&fields, usize::MAX, &[]), "fields swapped")
        }
        15 => {
            let number = rng.u64(1..9);
            let renumbered = field.content.as_ref().map(|content| delimited(number, content));
            (replaced(renumbered.unwrap_or_else(|| field.raw.clone())), "field renumbered")
        }
        16 => (appended(&[0]), "field number zero"),
        _ => (flip(rng, message.to_vec()), "bit flipped"),
    }
}

fn odd_number(rng: &mut Rng, field: &Field) -> Vec<u8> {
    let value = *rng.choice(&[0, 1, 2, 3, 127, 1 << 31, 1 << 32, 1 << 63, u64::MAX]).unwrap();
    match &field.content {
        None => [varint(field.number << 3), varint(value)].concat(),
        // A length that is written with more bytes than needed.
        Some(content) => {
            let mut length = varint(content.len() as u64);
            *length.last_mut().unwrap() |= 0x80;
            [varint(field.number << 3 | 2), length, vec![0], content.clone()].concat()
        }
    }
}

fn long_tag(field: &Field) -> Vec<u8> {
    let tag = varint(field.number << 3 | field.wire_type);
    let mut long = tag.clone();
    *long.last_mut().unwrap() |= 0x80;
    [long, vec![0], field.raw[tag.len()..].to_vec()].concat()
}

/// A message given in two parts, which readers put together again; other bytes with something before them.
fn split(field: &Field) -> Vec<u8> {
    let Some(content) = &field.content else { return field.raw.repeat(3) };
    let first = fields(content).and_then(|inner| inner.first().map(|first| first.raw.len()));
    match first {
        Some(length) => {
            let (first, rest) = content.split_at(length);
            [delimited(field.number, first), delimited(field.number, rest)].concat()
        }
        None => [delimited(field.number, b"before"), field.raw.clone()].concat(),
    }
}

fn flip(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.is_empty() {
        let index = rng.usize(..bytes.len());
        bytes[index] ^= 1 << rng.u8(..8);
    }
    bytes
}

/// All fields, one of them replaced.
fn join(fields: &[Field], index: usize, replacement: &[u8]) -> Vec<u8> {
    let parts = fields.iter().enumerate();
    let parts: Vec<&[u8]> =
        parts.map(|(at, field)| if at == index { replacement } else { &field.raw[..] }).collect();
    parts.concat()
}

/// The fields of a message; `None` for bytes that are no message.
fn fields(message: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let start = rest;
        let tag = decode_varint(&mut rest).ok()?;
        let mut content = None;
        match tag & 7 {
            0 => drop(decode_varint(&mut rest).ok()?),
            2 => {
                let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                let (found, left) = rest.split_at_checked(length)?;
                content = Some(found.to_vec());
                rest = left;
            }
            _ => return None,
        }
        if tag >> 3 == 0 {
            return None;
        }
        let raw = start[..start.len() - rest.len()].to_vec();
        fields.push(Field { number: tag >> 3, wire_type: tag & 7, raw, content });
    }
    Some(fields)
}

fn delimited(number: u64, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2).as_slice(), &varint(content.len() as u64), content].concat()
}

fn varint(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    encode_varint(value, &mut out);
    out
}
