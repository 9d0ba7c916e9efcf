//! Finding certificates.

use bytes::Bytes;
use serde_json::{Value, json};

use super::call::{Call, add, answer, code_of};
use super::certificate::{json_of, verdicts_of};
use super::index;
use crate::code::Code;
use crate::document::identifiers::{is_eori, is_gs1_text, is_gtin14, is_lei};
use crate::document::is_line;
use crate::document::report::{ADDRESS, LINE, Object, Report};
use crate::event_log::Moment;
use crate::keys;
use crate::record::{BodyEnd, Certificate};
use crate::refusal::Refusal;
use crate::state::State;
use crate::verdict::Verdict;

/// Certificates that one answer looks at.
const PAGE: usize = 50;

const MEMBERS: [&str; 8] =
    ["gtin", "batch", "serial", "client", "scheme", "application", "result", "bookmark"];

/// What is asked for.
#[derive(Default)]
struct Wanted {
    gtin: Option<String>,
    batch: Option<String>,
    serial: Option<String>,
    client: Option<String>,
    scheme: Option<String>,
    application: Option<Code>,
    result: Option<String>,
    bookmark: Option<String>,
}

/// `certificate:list(request)`: anyone; the body's certificates, or those of a product, a client, a scheme or an application,
/// each with its verdict at the transaction's time. An answer looks at a bounded number of certificates, so that it may have few
/// of the result asked for, and a bookmark to go on.
pub async fn list<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let wanted = call.request(&MEMBERS, wanted)?;
    let place = wanted.place();
    let (first, end) = keys::range_of(&place);
    let start = wanted.bookmark.as_ref().map_or(first, |bookmark| format!("{place}{bookmark}\u{1}"));
    let page = call.state.range(&start, &end, PAGE).await?;
    let next = page.last().filter(|_| page.len() == PAGE).and_then(|(key, _)| key.strip_prefix(&place));
    let next = next.map(str::to_owned);
    let found = certificates_of(&mut call, &place, page).await?;
    let certificates = wanted.shown(&mut call, &found).await?;
    let mut found = json!({"certificates": certificates});
    add(&mut found, "bookmark", next.map(|next| json!(next)));
    answer(&found)
}

impl Wanted {
    /// The narrowest range of keys that holds all that is wanted.
    fn place(&self) -> String {
        let product = match (&self.gtin, &self.serial, &self.batch) {
            (Some(gtin), Some(serial), _) => Some(index::serial(gtin, serial)),
            (Some(gtin), None, Some(batch)) => Some(index::batch(gtin, Some(batch))),
            (Some(gtin), None, None) => Some(index::gtin(gtin)),
            (None, ..) => None,
        };
        let client = || self.client.as_deref().map(index::client);
        let scheme = || self.scheme.as_deref().map(index::scheme);
        let application = self.application.map(index::application);
        application
            .or(product)
            .or_else(client)
            .or_else(scheme)
            .unwrap_or_else(|| keys::CERTIFICATE.to_owned())
    }

    /// Whether the certificate has all members that are wanted, also those by which it was not found.
    fn matches(&self, certificate: &Certificate, subject: &Value) -> bool {
        let is = |wanted: &Option<String>, pointers: &[&str]| {
            let found = |wanted| {
                pointers
                    .iter()
                    .any(|pointer| subject.pointer(pointer).and_then(Value::as_str) == Some(wanted))
            };
            wanted.as_deref().is_none_or(found)
        };
        is(&self.gtin, &["/product/gtin"])
            && is(&self.batch, &["/product/batch"])
            && is(&self.serial, &["/product/serial"])
            && is(&self.client, &["/client/lei", "/client/eori"])
            && is(&self.scheme, &["/scheme/id"])
            && self.application.is_none_or(|wanted| certificate.application == Some(wanted))
    }

    async fn shown<S: State>(
        &self,
        call: &mut Call<'_, S>,
        certificates: &[(Code, Certificate)],
    ) -> Result<Vec<Value>, Refusal> {
        let (mut named, mut documents) = (Vec::new(), Vec::new());
        for (code, certificate) in certificates {
            let document = json_of(&certificate.document)?;
            if self.matches(certificate, subject_of(&document)) {
                named.push((*code, certificate));
                documents.push(document);
            }
        }
        let moment = Moment::Now(call.state.timestamp());
        let verdicts = verdicts_of(call, &named, moment).await?;
        let judged = named.into_iter().zip(&documents).zip(verdicts);
        let judged = judged.filter(|(_, (verdict, _))| {
            self.result.as_deref().is_none_or(|wanted| wanted == verdict.result())
        });
        let shown = judged.map(|(((code, certificate), document), (verdict, end))| {
            summary(code, certificate, subject_of(document), &verdict, end)
        });
        Ok(shown.collect())
    }
}

fn subject_of(document: &Value) -> &Value {
    document.get("credentialSubject").unwrap_or(&Value::Null)
}

fn summary(
    code: Code,
    certificate: &Certificate,
    subject: &Value,
    verdict: &Verdict,
    end: Option<BodyEnd>,
) -> Value {
    let mut shown = json!({
        "certificate": code,
        "schemeId": certificate.scheme_id,
        "validFrom": certificate.valid_from,
        "validUntil": certificate.valid_until,
        "issued": certificate.issued,
        "client": subject.get("client"),
        "product": subject.get("product"),
        "verdict": verdict,
    });
    add(&mut shown, "application", certificate.application.map(|application| json!(application)));
    add(&mut shown, "bodyEnded", end.map(|end| json!(end.successors)));
    shown
}

/// The certificates of a page of entries, or of their own records. What is no certificate's was not written by the contract.
async fn certificates_of<S: State>(
    call: &mut Call<'_, S>,
    place: &str,
    page: Vec<(String, Bytes)>,
) -> Result<Vec<(Code, Certificate)>, Refusal> {
    let code_of = |key: &str| key.rsplit('/').next().and_then(|code| code.parse::<Code>().ok());
    let found: Vec<(Code, Bytes)> =
        page.into_iter().filter_map(|(key, value)| Some((code_of(&key)?, value))).collect();
    let records: Vec<Option<Bytes>> = if place == keys::CERTIFICATE {
        found.iter().map(|(_, value)| Some(value.clone())).collect()
    } else {
        let keys: Vec<String> = found.iter().map(|(code, _)| keys::certificate(*code)).collect();
        call.values_of(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await?
    };
    let certificates = found.iter().zip(records).filter_map(|((code, _), record)| Some((*code, record?)));
    certificates.map(|(code, record)| Ok((code, Certificate::decode(&record)?))).collect()
}

fn wanted(fields: &Object<'_>, report: &mut Report) -> Option<Wanted> {
    let mut text = |name, holds: &dyn Fn(&str) -> bool, rule| {
        let node = fields.optional(name)?;
        node.text_that(report, holds, rule).map(str::to_owned)
    };
    let gs1 = "must be 1 to 20 characters of GS1's character set 82";
    let mut wanted = Wanted {
        gtin: text("gtin", &is_gtin14, "must be a GTIN written with 14 digits, its check digit right"),
        batch: text("batch", &is_gs1_text, gs1),
        serial: text("serial", &is_gs1_text, gs1),
        client: text("client", &|id| is_lei(id) || is_eori(id), "must be an LEI or an EORI number"),
        scheme: text("scheme", &|id| is_line(id, ADDRESS), "must be a scheme's id"),
        bookmark: text("bookmark", &|mark| is_line(mark, LINE), "must be a bookmark of the answer before"),
        ..Wanted::default()
    };
    wanted.result =
        fields.optional("result").and_then(|node| node.one_of(report, &Verdict::RESULTS)).map(str::to_owned);
    if fields.optional("application").is_some() {
        wanted.application = code_of(fields, "application", "application", report);
    }
    Some(wanted)
}
