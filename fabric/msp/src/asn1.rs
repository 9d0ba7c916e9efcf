//! ASN.1 as Go's `encoding/asn1` reads it, which reads revocation lists.
//!
//! It is not the reader of certificates (`cryptobyte`, [`fabric::crypto::der`]): bytes behind the last field of a structure are
//! passed over, tags may be of several bytes, and a field that is optional and of another tag is absent, as long as tag and length
//! of what stands there are well-formed.

use fabric::crypto::der::{
    DerError, GENERALIZED_TIME, INTEGER, OCTET_STRING, Reader, SEQUENCE, SET, UTC_TIME,
};

use super::{name, validity};

const BOOLEAN: u8 = 0x01;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const CONSTRUCTED: u8 = 0x20;
const LONG_TAG: u8 = 0x1f;

/// The fields of a structure that are still to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub &'a [u8]);

/// What stands at the beginning of an element: its tag, none if that has several bytes, its length, and all that follows.
struct Header<'a> {
    tag: Option<u8>,
    length: usize,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The content of a field of this tag.
    pub fn field(&mut self, tag: u8, what: &'static str) -> Result<&'a [u8], DerError> {
        self.optional(tag, what)?.ok_or(DerError(what))
    }

    /// The content of a field that may be absent.
    pub fn optional(&mut self, tag: u8, what: &'static str) -> Result<Option<&'a [u8]>, DerError> {
        if self.is_empty() {
            return Ok(None);
        }
        let header = header(self.0, what)?;
        if header.tag != Some(tag) {
            return Ok(None);
        }
        self.take(&header, what).map(Some)
    }

    /// A field of this tag as it stands, and its content.
    pub fn whole(&mut self, tag: u8, what: &'static str) -> Result<(&'a [u8], &'a [u8]), DerError> {
        let before = self.0;
        let content = self.field(tag, what)?;
        let full = before.get(..before.len() - self.0.len()).ok_or(DerError(what))?;
        Ok((full, content))
    }

    /// The fields of a structure, or the elements of a list.
    pub fn enter(&mut self, tag: u8, what: &'static str) -> Result<Self, DerError> {
        self.field(tag, what).map(Fields)
    }

    /// An INTEGER's content, which is minimal.
    pub fn integer(&mut self, what: &'static str) -> Result<&'a [u8], DerError> {
        let (full, _) = self.whole(INTEGER, what)?;
        Reader(full).integer(what)
    }

    pub fn oid(&mut self, what: &'static str) -> Result<Vec<u32>, DerError> {
        let (full, _) = self.whole(OBJECT_IDENTIFIER, what)?;
        Reader(full).oid(what)
    }

    /// A time, of either kind.
    pub fn time(&mut self, what: &'static str) -> Result<(), DerError> {
        self.optional_time(what)?.ok_or(DerError(what))
    }

    pub fn optional_time(&mut self, what: &'static str) -> Result<Option<()>, DerError> {
        for tag in [UTC_TIME, GENERALIZED_TIME] {
            if let Some(text) = self.optional(tag, what)? {
                return if is_time(tag, text) { Ok(Some(())) } else { Err(DerError(what)) };
            }
        }
        Ok(None)
    }

    /// A field of any tag that may be absent: it has to be whole.
    pub fn optional_any(&mut self, what: &'static str) -> Result<(), DerError> {
        if self.is_empty() {
            return Ok(());
        }
        let header = header(self.0, what)?;
        self.take(&header, what).map(drop)
    }

    /// The elements of an optional list behind an explicit tag, whose own length counts for nothing.
    pub fn optional_explicit_list(
        &mut self,
        explicit: u8,
        what: &'static str,
    ) -> Result<Option<Self>, DerError> {
        if self.is_empty() {
            return Ok(None);
        }
        let outer = header(self.0, what)?;
        if outer.rest.is_empty() {
            return Err(DerError(what));
        }
        let is_empty = outer.length == 0 && outer.tag.is_some_and(|tag| tag | CONSTRUCTED == explicit);
        if is_empty {
            return Err(DerError(what));
        }
        match outer.tag == Some(explicit) {
            true => Ok(Fields(outer.rest).optional(SEQUENCE, what)?.map(Fields)),
            false => Ok(None),
        }
    }

    /// Structures in a list: all tags are looked at before the first structure.
    pub fn list(self, tag: u8, what: &'static str) -> Result<Vec<Self>, DerError> {
        let (mut rest, mut elements) = (self, Vec::new());
        while !rest.is_empty() {
            elements.push(rest.enter(tag, what)?);
        }
        Ok(elements)
    }

    fn take(&mut self, header: &Header<'a>, what: &'static str) -> Result<&'a [u8], DerError> {
        let (content, rest) = header.rest.split_at_checked(header.length).ok_or(DerError(what))?;
        self.0 = rest;
        Ok(content)
    }
}

/// Reads an RDNSequence; values of kinds that Go knows must be well-formed, others may be anything.
pub(super) fn check_name(names: Fields<'_>) -> Result<(), DerError> {
    let what = "name";
    for set in names.list(SET, what)? {
        for mut attribute in set.list(SEQUENCE, what)? {
            attribute.oid(what)?;
            let header = header(attribute.0, what)?;
            let content = attribute.take(&header, what)?;
            if header.tag.is_some_and(|tag| !is_value(tag, content)) {
                return Err(DerError(what));
            }
        }
    }
    Ok(())
}

fn is_value(tag: u8, content: &[u8]) -> bool {
    let mut element = Vec::with_capacity(content.len() + 6);
    fabric::crypto::der::push(&mut element, tag, content);
    let mut reader = Reader(&element);
    match tag {
        BOOLEAN => reader.boolean("").is_ok(),
        INTEGER => reader.int64("").is_ok(),
        BIT_STRING => reader.bits("").is_ok(),
        OBJECT_IDENTIFIER => reader.oid("").is_ok(),
        UTC_TIME | GENERALIZED_TIME => is_time(tag, content),
        OCTET_STRING => true,
        tag => !name::is_string(tag) || name::text(tag, content).is_some(),
    }
}

/// A GeneralizedTime may have a fraction of a second, of up to nine digits, the last of which is not 0.
fn is_time(tag: u8, text: &[u8]) -> bool {
    const SECONDS: usize = "YYYYMMDDhhmmss".len();
    let mut whole = text.to_vec();
    if let (GENERALIZED_TIME, Some([b'.', fraction @ ..])) = (tag, text.get(SECONDS..)) {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let last = digits.checked_sub(1).and_then(|last| fraction.get(last));
        if digits > 9 || last.is_none_or(|last| *last == b'0') {
            return false;
        }
        whole.drain(SECONDS..=SECONDS + digits);
    }
    let mut element = Vec::with_capacity(whole.len() + 2);
    fabric::crypto::der::push(&mut element, tag, &whole);
    validity::read(&mut Reader(&element)).is_ok()
}

fn header<'a>(bytes: &'a [u8], what: &'static str) -> Result<Header<'a>, DerError> {
    let error = DerError(what);
    let (&first, rest) = bytes.split_first().ok_or(error)?;
    let (tag, rest) = match first & LONG_TAG == LONG_TAG {
        true => (None, behind_long_tag(rest).ok_or(error)?),
        false => (Some(first), rest),
    };
    let (&first, mut rest) = rest.split_first().ok_or(error)?;
    if first & 0x80 == 0 {
        return Ok(Header { tag, length: usize::from(first), rest });
    }
    let mut length = 0_usize;
    for _ in 0..first & 0x7f {
        let (&byte, behind) = rest.split_first().ok_or(error)?;
        if length >= 1 << 23 {
            return Err(error);
        }
        length = length << 8 | usize::from(byte);
        if length == 0 {
            return Err(error);
        }
        rest = behind;
    }
    // Also where no byte follows: an indefinite length.
    if length < 0x80 { Err(error) } else { Ok(Header { tag, length, rest }) }
}

/// Passes over a tag number in base 128: minimal, of 31 bits, and too large for a tag of one byte.
fn behind_long_tag(bytes: &[u8]) -> Option<&[u8]> {
    let (mut number, mut rest) = (0_u32, bytes);
    loop {
        let (&byte, behind) = rest.split_first()?;
        if (rest.len() == bytes.len() && byte == 0x80) || number >= 1 << (31 - 7) {
            return None;
        }
        number = number << 7 | u32::from(byte & 0x7f);
        rest = behind;
        if byte & 0x80 == 0 {
            return (number >= u32::from(LONG_TAG)).then_some(rest);
        }
    }
}
