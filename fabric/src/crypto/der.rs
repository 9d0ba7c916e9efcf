//! A reader of DER that accepts exactly what Go's `cryptobyte` accepts.
//!
//! Whether bytes parse decides verdicts (an identity that does not parse is a bad creator), so the reader
//! follows Go and not a library with its own ideas: tags of one byte, minimal lengths of up to four bytes,
//! minimal integers, booleans of 0 and 255 only. Positions are slices; nothing is copied or allocated.

pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OCTET_STRING: u8 = 0x04;
pub const OBJECT_IDENTIFIER: u8 = 0x06;
pub const ENUMERATED: u8 = 0x0a;
pub const UTC_TIME: u8 = 0x17;
pub const GENERALIZED_TIME: u8 = 0x18;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// The bytes are not the DER that was asked for; the text names what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub struct DerError(pub &'static str);

/// What is left to read of a DER encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader<'a>(pub &'a [u8]);

/// One element: its tag, its content, and both with the length between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    pub full: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the next element has this tag.
    pub fn peek(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// Reads any element.
    pub fn any(&mut self, what: &'static str) -> Result<Element<'a>, DerError> {
        let error = DerError(what);
        let (&tag, rest) = self.0.split_first().ok_or(error)?;
        let (&first, rest) = rest.split_first().ok_or(error)?;
        if tag & 0x1f == 0x1f {
            return Err(error);
        }
        let (length, rest) = if first & 0x80 == 0 {
            (usize::from(first), rest)
        } else {
            long_length(usize::from(first & 0x7f), rest).ok_or(error)?
        };
        let (content, left) = rest.split_at_checked(length).ok_or(error)?;
        let (full, _) = self.0.split_at_checked(self.0.len() - left.len()).ok_or(error)?;
        self.0 = left;
        Ok(Element { tag, content, full })
    }

    /// Reads an element of this tag.
    pub fn element(&mut self, tag: u8, what: &'static str) -> Result<Element<'a>, DerError> {
        let mut ahead = *self;
        let element = ahead.any(what)?;
        if element.tag != tag {
            return Err(DerError(what));
        }
        *self = ahead;
        Ok(element)
    }

    /// Reads the content of an element of this tag.
    pub fn content(&mut self, tag: u8, what: &'static str) -> Result<&'a [u8], DerError> {
        Ok(self.element(tag, what)?.content)
    }

    /// Enters an element of this tag.
    pub fn enter(&mut self, tag: u8, what: &'static str) -> Result<Reader<'a>, DerError> {
        self.content(tag, what).map(Reader)
    }

    /// Enters an element of this tag if it comes next.
    pub fn optional(&mut self, tag: u8, what: &'static str) -> Result<Option<Reader<'a>>, DerError> {
        if !self.peek(tag) {
            return Ok(None);
        }
        self.enter(tag, what).map(Some)
    }

    /// Reads a minimally encoded INTEGER as big-endian two's complement.
    pub fn integer(&mut self, what: &'static str) -> Result<&'a [u8], DerError> {
        minimal_integer(self.content(INTEGER, what)?, what)
    }

    /// Reads an INTEGER of at most 64 bits.
    pub fn int64(&mut self, what: &'static str) -> Result<i64, DerError> {
        int64(self.integer(what)?).ok_or(DerError(what))
    }

    /// Reads a BOOLEAN.
    pub fn boolean(&mut self, what: &'static str) -> Result<bool, DerError> {
        match self.content(BOOLEAN, what)? {
            [0] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(DerError(what)),
        }
    }

    /// Reads an OBJECT IDENTIFIER as its arcs.
    pub fn oid(&mut self, what: &'static str) -> Result<Vec<u32>, DerError> {
        arcs(self.content(OBJECT_IDENTIFIER, what)?).ok_or(DerError(what))
    }

    /// Reads a BIT STRING: a byte with the number of unused bits, then the bits, unused ones zero.
    pub fn bits(&mut self, what: &'static str) -> Result<&'a [u8], DerError> {
        let content = self.content(BIT_STRING, what)?;
        let (&unused, bits) = content.split_first().ok_or(DerError(what))?;
        let last = bits.last().copied().unwrap_or(0);
        if unused > 7 || (bits.is_empty() && unused != 0) || last & ((1 << unused) - 1) != 0 {
            return Err(DerError(what));
        }
        Ok(content)
    }

    /// Reads a BIT STRING, moved right so that its unused bits come first (Go's `RightAlign`).
    pub fn bit_string(&mut self, what: &'static str) -> Result<Vec<u8>, DerError> {
        let (&unused, bits) = self.bits(what)?.split_first().ok_or(DerError(what))?;
        let mut carry = 0_u16;
        let shifted = bits.iter().map(|byte| {
            let wide = carry << 8 | u16::from(*byte);
            carry = u16::from(*byte);
            (wide >> unused) as u8
        });
        Ok(shifted.collect())
    }
}

/// The big-endian magnitude of a positive INTEGER's content; none for zero and negative numbers.
pub fn positive(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [0] => None,
        [0, magnitude @ ..] => Some(magnitude),
        [first, ..] if first & 0x80 == 0 => Some(integer),
        _ => None,
    }
}

/// The value of an INTEGER's content, if it fits.
pub fn int64(integer: &[u8]) -> Option<i64> {
    let negative = integer.first()? & 0x80 != 0;
    if integer.len() > 8 {
        return None;
    }
    let start = if negative { -1 } else { 0 };
    Some(integer.iter().fold(start, |value, byte| value << 8 | i64::from(*byte)))
}

/// Checks that an INTEGER's content is there and has no needless first byte.
pub fn minimal_integer<'a>(content: &'a [u8], what: &'static str) -> Result<&'a [u8], DerError> {
    match content {
        [] => Err(DerError(what)),
        [0, second, ..] if second & 0x80 == 0 => Err(DerError(what)),
        [0xff, second, ..] if second & 0x80 != 0 => Err(DerError(what)),
        _ => Ok(content),
    }
}

/// Appends an element.
pub fn push(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    let length = content.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let significant = bytes.iter().skip_while(|byte| **byte == 0);
        out.push(0x80 | significant.clone().count() as u8);
        out.extend(significant);
    }
    out.extend_from_slice(content);
}

/// Appends a positive INTEGER given by its big-endian magnitude.
pub fn push_positive(out: &mut Vec<u8>, magnitude: &[u8]) {
    let start = magnitude.iter().position(|byte| *byte != 0).unwrap_or(magnitude.len());
    let significant = magnitude.get(start..).unwrap_or_default();
    if significant.first().is_none_or(|byte| byte & 0x80 != 0) {
        push(out, INTEGER, &[&[0], significant].concat());
    } else {
        push(out, INTEGER, significant);
    }
}

fn long_length(count: usize, rest: &[u8]) -> Option<(usize, &[u8])> {
    if !(1..=4).contains(&count) {
        return None;
    }
    let (bytes, rest) = rest.split_at_checked(count)?;
    let length = bytes.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
    let minimal = length >= 0x80 && bytes.first() != Some(&0);
    minimal.then_some((usize::try_from(length).ok()?, rest))
}

fn arcs(content: &[u8]) -> Option<Vec<u32>> {
    let mut reader = content;
    let first = base128(&mut reader)?;
    let mut arcs = if first < 80 { vec![first / 40, first % 40] } else { vec![2, first - 80] };
    while !reader.is_empty() {
        arcs.push(base128(&mut reader)?);
    }
    Some(arcs)
}

fn base128(reader: &mut &[u8]) -> Option<u32> {
    let mut value = 0_u32;
    for index in 0.. {
        let (&byte, rest) = reader.split_first()?;
        // Minimal, and within the 31 bits that Go's `int` has everywhere.
        if (index == 0 && byte == 0x80) || value >= 1 << (31 - 7) {
            return None;
        }
        value = value << 7 | u32::from(byte & 0x7f);
        *reader = rest;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Result<Element<'_>, DerError> {
        Reader(bytes).any("element")
    }

    #[test]
    fn lengths_are_minimal_and_definite() {
        assert!(whole(&[0x04, 0x01, 7]).is_ok());
        assert!(whole(&[0x04, 0x81, 0x01, 7]).is_err(), "long form of a short length");
        assert!(whole(&[&[0x04, 0x81, 0x80][..], &[0; 0x80]].concat()).is_ok());
        assert!(whole(&[&[0x04, 0x82, 0x00, 0x80][..], &[0; 0x80]].concat()).is_err(), "leading zero");
        assert!(whole(&[0x30, 0x80, 0, 0]).is_err(), "indefinite");
        assert!(whole(&[0x04, 0x02, 7]).is_err(), "truncated");
        assert!(whole(&[0x1f, 0x01, 7]).is_err(), "tag of several bytes");
    }

    #[test]
    fn integers_are_minimal() {
        let integer = |bytes: &[u8]| Reader(bytes).int64("integer");
        assert_eq!(integer(&[2, 1, 0x80]), Ok(-128));
        assert_eq!(integer(&[2, 2, 0, 0x80]), Ok(128));
        assert!(integer(&[2, 2, 0, 0x7f]).is_err());
        assert!(integer(&[2, 2, 0xff, 0x80]).is_err());
        assert!(integer(&[2, 0]).is_err());
        assert!(integer(&[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn object_identifiers_have_arcs_of_31_bits() {
        let oid = |bytes: &[u8]| Reader(bytes).oid("oid");
        assert_eq!(oid(&[6, 3, 0x55, 0x1d, 0x0e]).unwrap(), [2, 5, 29, 14]);
        assert_eq!(oid(&[6, 2, 0x88, 0x37]).unwrap(), [2, 999]);
        assert!(oid(&[6, 2, 0x55, 0x80]).is_err());
        assert!(oid(&[6, 3, 0x55, 0x80, 0x01]).is_err(), "not minimal");
        assert!(oid(&[6, 6, 0x55, 0x88, 0x80, 0x80, 0x80, 0x00]).is_err(), "2^31");
    }

    #[test]
    fn bit_strings_are_aligned_to_the_right() {
        assert_eq!(Reader(&[3, 3, 4, 0x12, 0x30]).bit_string("bits").unwrap(), [0x01, 0x23]);
        assert_eq!(Reader(&[3, 2, 0, 0x12]).bit_string("bits").unwrap(), [0x12]);
        assert!(Reader(&[3, 2, 4, 0x18]).bit_string("bits").is_err(), "unused bits are set");
        assert!(Reader(&[3, 1, 1]).bit_string("bits").is_err());
    }

    #[test]
    fn what_is_pushed_is_read() {
        let mut out = Vec::new();
        push_positive(&mut out, &[0, 0, 0x80, 1]);
        assert_eq!(out, [2, 3, 0, 0x80, 1]);
        let mut long = Vec::new();
        push(&mut long, OCTET_STRING, &[9; 300]);
        assert_eq!(whole(&long).unwrap().content, [9; 300]);
    }
}
