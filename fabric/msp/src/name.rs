//! Distinguished names, as far as an MSP asks: organisational units and the common name.

use fabric::crypto::der::{DerError, Reader, SEQUENCE, SET};

const COMMON_NAME: &[u32] = &[2, 5, 4, 3];
const ORGANIZATIONAL_UNIT: &[u32] = &[2, 5, 4, 11];

const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const T61_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const BMP_STRING: u8 = 0x1e;

/// What an MSP looks at in a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// In the order of the certificate, repetitions included.
    pub organizational_units: Vec<String>,
    /// The last one given.
    pub common_name: String,
}

/// Reads an RDNSequence; every attribute must be a string of a kind that Go knows.
pub(super) fn parse(der: &[u8]) -> Result<Name, DerError> {
    let mut name = Name::default();
    let mut sequence = Reader(der).enter(SEQUENCE, "name")?;
    while !sequence.is_empty() {
        let mut set = sequence.enter(SET, "relative name")?;
        while !set.is_empty() {
            let mut attribute = set.enter(SEQUENCE, "name attribute")?;
            let oid = attribute.oid("name attribute")?;
            let value = attribute.any("name attribute")?;
            let text = text(value.tag, value.content).ok_or(DerError("name attribute"))?;
            match oid.as_slice() {
                COMMON_NAME => name.common_name = text,
                ORGANIZATIONAL_UNIT => name.organizational_units.push(text),
                _ => {}
            }
        }
    }
    Ok(name)
}

/// Whether [`text`] knows this kind of string.
pub(super) fn is_string(tag: u8) -> bool {
    matches!(tag, UTF8_STRING | PRINTABLE_STRING | IA5_STRING | NUMERIC_STRING | T61_STRING | BMP_STRING)
}

pub(super) fn text(tag: u8, content: &[u8]) -> Option<String> {
    match tag {
        UTF8_STRING => String::from_utf8(content.to_vec()).ok(),
        PRINTABLE_STRING => ascii(content, is_printable),
        IA5_STRING => ascii(content, |byte| byte.is_ascii()),
        NUMERIC_STRING => ascii(content, |byte| byte.is_ascii_digit() || byte == b' '),
        // Almost ISO 8859-1, and read as that by everybody.
        T61_STRING => Some(content.iter().map(|byte| char::from(*byte)).collect()),
        BMP_STRING => ucs2(content),
        _ => None,
    }
}

fn ascii(content: &[u8], allowed: impl Fn(u8) -> bool) -> Option<String> {
    if !content.iter().all(|byte| allowed(*byte)) {
        return None;
    }
    String::from_utf8(content.to_vec()).ok()
}

/// PrintableString with the two characters that are not in it and still found in certificates.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(&byte)
}

fn ucs2(content: &[u8]) -> Option<String> {
    let (pairs, []) = content.as_chunks::<2>() else { return None };
    let pairs = pairs.strip_suffix(&[[0, 0]]).unwrap_or(pairs);
    let points = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
    points.map(|point| char::from_u32(u32::from(point)).filter(|_| !is_no_character(point))).collect()
}

/// Code points that stand for nothing; halves of surrogate pairs are no characters to begin with.
fn is_no_character(point: u16) -> bool {
    point >= 0xfffe || (0xfdd0..=0xfdef).contains(&point)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use fabric::crypto::der::push;

    fn name(attributes: &[(u8, u8, &[u8])]) -> Vec<u8> {
        let mut sequence = Vec::new();
        for (arc, tag, value) in attributes {
            let (mut attribute, mut wrapped, mut set) = (vec![6, 3, 0x55, 4, *arc], Vec::new(), Vec::new());
            push(&mut attribute, *tag, value);
            push(&mut wrapped, SEQUENCE, &attribute);
            push(&mut set, SET, &wrapped);
            sequence.extend(set);
        }
        let mut out = Vec::new();
        push(&mut out, SEQUENCE, &sequence);
        out
    }

    #[test]
    fn collects_units_and_the_last_common_name() {
        let der =
            name(&[(11, 0x0c, b"peer"), (3, 0x13, b"a"), (11, 0x1e, &[0, b'x', 0, 0]), (3, 0x16, b"b")]);
        let name = parse(&der).unwrap();
        assert_eq!(name.organizational_units, ["peer", "x"]);
        assert_eq!(name.common_name, "b");
    }

    #[test]
    fn refuses_strings_that_go_refuses() {
        for (tag, value) in [
            (0x0c, &[0xff][..]),
            (0x13, b"@"),
            (0x16, &[0x80]),
            (0x12, b"x"),
            (0x1e, b"x"),
            (2, b"x"),
            (0x1e, &[0xd8, 0x3d, 0xde, 0]),
            (0x1e, &[0xff, 0xfe]),
            (0x1e, &[0xfd, 0xd0]),
        ] {
            assert!(parse(&name(&[(3, tag, value)])).is_err(), "{tag:#x} {value:?}");
        }
    }
}
