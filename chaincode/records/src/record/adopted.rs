//! That a body has taken over the certificate of one that has ended.

use bytes::Bytes;
use serde::Serialize;

use super::codec::{Field, RecordError, decode, encode, line};
use super::event::Event;
use super::surveillance::SurveillanceRule;
use crate::document::MAXIMUM_BYTES;

const VERSION: u8 = 2;

/// Characters of an MSP id and of a hash.
const MAXIMUM_NAME: usize = 255;

/// In the successor's own namespace; written once, with the endorsement of the successor and of the accreditation body. The
/// records of the body that issued the certificate stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adopted {
    /// MSP id of the body that issued the certificate.
    pub body: String,
    /// Hex of the SHA-256 of the signed document: the successor's chaincode does not have the certificate itself.
    pub document: String,
    /// With the successor, the accreditation that it rests on from now on.
    pub scheme_id: String,
    /// As its scheme says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surveillance: Option<SurveillanceRule>,
    pub adopted: Event,
}

impl Adopted {
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| {
            self.body.write(out);
            self.document.write(out);
            self.scheme_id.write(out);
            self.surveillance.write(out);
            self.adopted.write(out);
        })
    }

    pub fn decode(record: &Bytes) -> Result<Adopted, RecordError> {
        decode(record, VERSION, |input| {
            Ok(Adopted {
                body: line(input, MAXIMUM_NAME)?,
                document: line(input, MAXIMUM_NAME)?,
                scheme_id: line(input, MAXIMUM_BYTES)?,
                surveillance: Field::read(input)?,
                adopted: Field::read(input)?,
            })
        })
    }
}
