//! Which certificates belong to a product, found by GS1 keys.
//!
//! A certificate that names no batch covers every batch, and likewise with serials. So for each combination of keys
//! that a link may carry there is an ordered index, in which an absent key has a place of its own; a link reads the
//! rows with its value and the rows without one.

use certificate::Code;
use fabric::types::Height;
use serde::Deserialize;

use super::PRODUCT;
use crate::link::{DigitalLink, normalised_gtin};

/// What a signed document says of the product. All of it may be absent, so that a document this program does not
/// understand is not listed, and nothing worse.
#[derive(Default, Deserialize)]
pub(crate) struct ProductFacts {
    pub name: Option<String>,
    gtin: Option<String>,
    pub batch: Option<String>,
    pub serial: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    credential_subject: Subject,
}

#[derive(Deserialize)]
struct Subject {
    listing: String,
    product: ProductFacts,
}

/// The product of a signed document.
pub(crate) fn product_facts(document: &[u8]) -> ProductFacts {
    serde_json::from_slice(document)
        .map_or_else(|_| ProductFacts::default(), |document: Document| document.credential_subject.product)
}

/// The Digital Link under which a certificate may be found: none if its product has no number, or if it is unlisted
/// and reachable by its code alone.
pub fn product_link(document: &[u8]) -> Option<DigitalLink> {
    let Document { credential_subject: subject } = serde_json::from_slice(document).ok()?;
    let ProductFacts { gtin, batch, serial, .. } = subject.product;
    let gtin = gtin.filter(|_| subject.listing == "listed")?;
    Some(DigitalLink { gtin, variant: None, batch, serial })
}

/// Whether a link leads to this certificate: the same product, and no other batch or serial number than the
/// certificate names. Where it names none it covers all.
pub(crate) fn belongs(document: &[u8], link: &DigitalLink) -> bool {
    let ProductFacts { gtin, batch, serial, .. } = product_facts(document);
    let agrees = |asked: &Option<String>, named: &Option<String>| match (asked, named) {
        (Some(asked), Some(named)) => asked == named,
        _ => true,
    };
    gtin.and_then(|gtin| normalised_gtin(&gtin).ok()).is_some_and(|gtin| gtin == link.gtin)
        && agrees(&link.batch, &batch)
        && agrees(&link.serial, &serial)
}

/// The rows under which a certificate is found.
pub(super) fn rows(document: &[u8], code: Code, version: Height) -> Vec<Vec<u8>> {
    let Some(DigitalLink { gtin, batch, serial, .. }) = product_link(document) else { return Vec::new() };
    let (batch, serial) = (Some(batch.as_deref()), Some(serial.as_deref()));
    [(None, None), (batch, None), (None, serial), (batch, serial)]
        .into_iter()
        .map(|(batch, serial)| [prefix(&gtin, batch, serial), newest_first(code, version)].concat())
        .collect()
}

/// The prefixes whose rows are a link's certificates.
pub(super) fn prefixes(link: &DigitalLink) -> Vec<Vec<u8>> {
    let choices = |value: &Option<String>| match value {
        Some(value) => vec![Some(Some(value.clone())), Some(None)],
        None => vec![None],
    };
    let serials = choices(&link.serial);
    choices(&link.batch)
        .iter()
        .flat_map(|batch| serials.iter().map(move |serial| (batch, serial)))
        .map(|(batch, serial)| {
            prefix(&link.gtin, batch.as_ref().map(Option::as_deref), serial.as_ref().map(Option::as_deref))
        })
        .collect()
}

/// The order of a row among its siblings, and the code it names; see [`newest_first`].
pub(super) fn parse_row(row: &[u8]) -> Option<([u8; 16], Code)> {
    let tail: &[u8; 32] = row.last_chunk()?;
    let (order, code) = tail.split_first_chunk()?;
    Some((*order, Code::from_bytes(code.try_into().ok()?)))
}

/// Later blocks sort first.
fn newest_first(code: Code, version: Height) -> Vec<u8> {
    let [block, transaction] = [version.block, version.tx].map(|number| (u64::MAX - number).to_be_bytes());
    [block.as_slice(), &transaction, &code.to_bytes()].concat()
}

/// `None` is a key the index does not look at, `Some(None)` one that the certificate does not name.
fn prefix(gtin: &str, batch: Option<Option<&str>>, serial: Option<Option<&str>>) -> Vec<u8> {
    let mut out = vec![PRODUCT];
    write_text(&mut out, gtin);
    for key in [batch, serial] {
        match key {
            None => out.push(0),
            Some(None) => out.push(1),
            Some(Some(value)) => {
                out.push(2);
                write_text(&mut out, value);
            }
        }
    }
    out
}

/// With its length before it, so that no prefix is the beginning of another. GS1 values are far shorter than 255.
fn write_text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let bytes = bytes.get(..bytes.len().min(255)).unwrap_or_default();
    out.push(bytes.len() as u8);
    out.extend(bytes);
}
