//! By which members certificates are found: entries in the ledger, written with the certificate. Each is of a member that never
//! changes, so nothing that is done to a certificate later writes one.

use serde_json::json;

use super::call::{Call, code_at, put_of_both};
use crate::code::Code;
use crate::document::report::{Object, Report};
use crate::document::{self, Document};
use crate::duty::Duty;
use crate::keys;
use crate::record::Certificate;
use crate::refusal::Refusal;
use crate::state::State;

/// An entry says all in its key; Fabric takes an empty value for none.
const ENTRY: [u8; 1] = [0];

/// Certificates of which one call writes the entries.
const MAXIMUM_CERTIFICATES: usize = 100;

/// Writes the entries of a certificate.
pub fn write<S: State>(call: &mut Call<'_, S>, body: &str, document: &Document, application: Option<Code>) {
    for place in places(document, application) {
        put_of_both(call, &format!("{place}{}", document.code), ENTRY.to_vec(), body);
    }
}

/// `certificate:index(request)`: a service, decision-maker or admin of the body, or its client without a role; writes the entries of certificates that were issued
/// before there were any. Once more changes nothing.
pub async fn index<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let codes = call.request(&["certificates"], certificates)?;
    let body = call.ledger().await?.body;
    call.organisation(&[&body])?;
    call.on_duty_if_any(&[Duty::Service, Duty::DecisionMaker])?;
    let keys: Vec<String> = codes.iter().map(|code| keys::certificate(*code)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for (code, record) in codes.iter().zip(call.values_of(&keys).await?) {
        let record = record.ok_or_else(|| Refusal::Unknown(format!("no certificate {code}")))?;
        let certificate = Certificate::decode(&record)?;
        let document = document::check_signed(&certificate.document).map_err(Refusal::Rules)?.document;
        write(&mut call, &body, &document, certificate.application);
    }
    call.emit("CertificatesIndexed", &json!({"certificates": codes}))
}

fn certificates(fields: &Object<'_>, report: &mut Report) -> Option<Vec<Code>> {
    let nodes = fields.required(report, "certificates")?.list(report, 1, MAXIMUM_CERTIFICATES)?;
    nodes.iter().map(|node| code_at(node, "certificate", report)).collect()
}

fn places(document: &Document, application: Option<Code>) -> Vec<String> {
    let (client, product) = (&document.client, &document.product);
    let mut places = vec![scheme(&document.scheme.id)];
    places.extend([&client.lei, &client.eori].into_iter().flatten().map(|id| self::client(id)));
    if let Some(gtin) = &product.gtin {
        places.push(batch(gtin, product.batch.as_deref()));
        places.extend(product.serial.as_deref().map(|number| serial(gtin, number)));
    }
    places.extend(application.map(self::application));
    places
}

pub fn scheme(id: &str) -> String {
    keys::index("scheme", &[id])
}

/// By LEI or EORI, which cannot be mistaken for each other: the one has 20 characters.
pub fn client(id: &str) -> String {
    keys::index("client", &[id])
}

pub fn gtin(gtin: &str) -> String {
    keys::index("gtin", &[gtin])
}

/// Below the GTIN; without a batch in a place of its own, as no batch is empty.
pub fn batch(gtin: &str, batch: Option<&str>) -> String {
    keys::index("gtin", &[gtin, batch.unwrap_or_default()])
}

/// GTIN and serial number together are one item's (GS1's SGTIN).
pub fn serial(gtin: &str, serial: &str) -> String {
    keys::index("sgtin", &[gtin, serial])
}

pub fn application(application: Code) -> String {
    keys::index("application", &[&application.to_string()])
}
