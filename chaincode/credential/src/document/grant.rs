//! Rules for what is granted to whom: scheme, accreditation, client, product, listing (ISO/IEC 17065, 7.7.1).

use super::identifiers::{is_country, is_eori, is_gs1_text, is_gtin14, is_lei, is_uri};
use super::report::{LINE, Node, Object, Report};
use crate::date_time::DateTime;
use crate::json::Json;

/// A product conforms to a handful of standards, not to a library.
const MAXIMUM_STANDARDS: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    pub id: String,
    pub version: String,
    pub standards: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub name: String,
    /// 14 digits.
    pub gtin: Option<String>,
    pub batch: Option<String>,
    pub serial: Option<String>,
}

/// To whom the certificate is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    pub name: String,
    /// Legal Entity Identifier, ISO 17442.
    pub lei: Option<String>,
    pub eori: Option<String>,
}

/// ISO/IEC 17065, 7.7; UNTP Digital Conformity Credential, `scope`.
pub fn scheme(subject: &Object<'_>, report: &mut Report) -> Option<Scheme> {
    let scheme = subject.required(report, "scheme").and_then(|node| node.object(report, &["id", "version"]));
    let (mut id, mut version) = (None, None);
    if let Some(scheme) = scheme {
        id = scheme.required(report, "id").and_then(|node| uri(&node, report));
        version = scheme.required(report, "version").and_then(|node| node.text(report, LINE));
    }
    let standards = subject.required(report, "standards")?.list(report, 1, MAXIMUM_STANDARDS)?;
    let standards = standards.iter().filter_map(|node| uri(node, report)).map(str::to_owned).collect();
    Some(Scheme { id: id?.to_owned(), version: version?.to_owned(), standards })
}

/// The number under which the accreditation body knows the certification body for this scheme.
pub fn accreditation(subject: &Object<'_>, report: &mut Report) -> Option<String> {
    let accreditation = subject.required(report, "accreditation")?.object(report, &["number"])?;
    accreditation.required(report, "number")?.text(report, LINE).map(str::to_owned)
}

/// A certificate cannot take effect before somebody decided on it.
pub fn decision_date(
    subject: &Object<'_>,
    valid_from: Option<DateTime>,
    report: &mut Report,
) -> Option<DateTime> {
    let node = subject.required(report, "decisionDate")?;
    let decided = node.date_time(report)?;
    if valid_from.is_some_and(|from| decided > from) {
        report.refuse(&node, "must not be after validFrom");
    }
    Some(decided)
}

/// A demonstration has no client whom a register would know.
pub fn client(subject: &Object<'_>, demonstration: bool, report: &mut Report) -> Option<Client> {
    if let Some(site) = subject.required(report, "site") {
        site.text(report, LINE);
    }
    let client = subject.required(report, "client")?.object(report, &["name", "lei", "eori", "country"])?;
    if let Some(country) = client.required(report, "country") {
        country.text_that(report, is_country, "must be a country code of two letters (ISO 3166-1)");
    }
    let (lei, eori) = (client.optional("lei"), client.optional("eori"));
    if lei.is_none() && eori.is_none() && !demonstration {
        report.require(&client, "lei", "is required where no eori stands");
    }
    let lei = lei.and_then(|lei| {
        lei.text_that(report, is_lei, "must be a Legal Entity Identifier with right check digits (ISO 17442)")
    });
    let eori = eori.and_then(|eori| {
        eori.text_that(
            report,
            is_eori,
            "must be an EORI number: country code, then 1 to 15 letters and digits",
        )
    });
    let name = client.required(report, "name")?.text(report, LINE)?;
    Some(Client { name: name.to_owned(), lei: lei.map(str::to_owned), eori: eori.map(str::to_owned) })
}

/// GS1 application identifiers 01, 10 and 21; letters of batch and serial keep their case.
pub fn product(subject: &Object<'_>, report: &mut Report) -> Option<Product> {
    let product =
        subject.required(report, "product")?.object(report, &["name", "gtin", "batch", "serial"])?;
    let name = product.required(report, "name").and_then(|node| node.text(report, LINE));
    let gtin = product.optional("gtin").and_then(|node| {
        node.text_that(report, is_gtin14, "must be a GTIN written with 14 digits, its check digit right")
    });
    let mut gs1_text = |name| {
        let node = product.optional(name)?;
        node.text_that(report, is_gs1_text, "must be 1 to 20 characters of GS1's character set 82")
            .map(str::to_owned)
    };
    let (batch, serial) = (gs1_text("batch"), gs1_text("serial"));
    Some(Product { name: name?.to_owned(), gtin: gtin.map(str::to_owned), batch, serial })
}

/// Whether a directory may list the certificate; an unlisted one is reachable by its code alone.
pub fn listing(subject: &Object<'_>, report: &mut Report) -> Option<bool> {
    let node = subject.required(report, "listing")?;
    Some(node.one_of(report, &["listed", "unlisted"])? == "listed")
}

/// Absent, or true: "false" would be a second way to say the same.
pub fn demonstration(subject: &Object<'_>, report: &mut Report) -> bool {
    let Some(node) = subject.optional("demonstration") else { return false };
    node.exactly(report, true);
    *node.value == Json::Bool(true)
}

fn uri<'a>(node: &Node<'a>, report: &mut Report) -> Option<&'a str> {
    node.text_that(report, is_uri, "must be an absolute URI")
}
