//! A certificate as it was issued: the signed document and what the contract found in it.

use bytes::Bytes;

use super::codec::{Field, RecordError, decode, encode, optional_line, since};
use super::event::Event;
use super::scope::MAXIMUM_CATEGORY;
use super::surveillance::SurveillanceRule;
use crate::code::Code;
use crate::date_time::DateTime;

const VERSION: u8 = 4;

/// Written once, by issue or grant; never changed.
///
/// The fields beside the document repeat what stands in it and in its scheme, so that a verdict needs neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// MSP id of the certification body that issued it.
    pub body: String,
    /// With the body, the accreditation that it rests on.
    pub scheme_id: String,
    pub valid_from: DateTime,
    /// The first second in which it no longer holds.
    pub valid_until: DateTime,
    pub issued: Event,
    /// The application that it was granted on; `None` for one that was issued in one step.
    pub application: Option<Code>,
    /// As its scheme says.
    pub surveillance: Option<SurveillanceRule>,
    /// Of its product, as its application named it.
    pub category: Option<String>,
    /// The signed document, canonical JSON, byte for byte as it was submitted.
    pub document: Bytes,
}

impl Certificate {
    /// The key that signed it, as Multikey text. In canonical JSON no text holds a quotation mark that is not escaped, so the
    /// member is found without reading the whole document.
    pub fn public_key(&self) -> Option<&str> {
        let document = std::str::from_utf8(&self.document).ok()?;
        let (_, method) = document.rsplit_once(r#""verificationMethod":""#)?;
        method.split_once('"')?.0.split_once('#').map(|(_, key)| key)
    }

    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.body.write(out);
            self.scheme_id.write(out);
            self.valid_from.write(out);
            self.valid_until.write(out);
            self.issued.write(out);
            self.application.write(out);
            self.surveillance.write(out);
            self.category.write(out);
            self.document.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Certificate, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Certificate {
                body: Field::read(input)?,
                scheme_id: Field::read(input)?,
                valid_from: Field::read(input)?,
                valid_until: Field::read(input)?,
                issued: Field::read(input)?,
                application: since(2, input, None, Field::read)?,
                surveillance: since(3, input, None, Field::read)?,
                category: since(4, input, None, |input| optional_line(input, MAXIMUM_CATEGORY))?,
                document: Field::read(input)?,
            })
        })
    }
}
