//! The answer as JSON: `docs` of the API are the field comments here.

use certificate::adoption::Adoption;
use certificate::record::FieldHash;
use certificate::verdict::{Reason, Verdict};
use certificate::{Code, DateTime, Moment};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Answer, Found, Outcome};
use crate::base_url::BaseUrl;
use crate::link;
use crate::model::{Channel, Entry};
use crate::reply::short_hash;
use crate::sync_status::AsOf;

/// What answers need beyond the read model.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub base: &'a BaseUrl,
    pub channel: &'a Channel,
    pub demonstration: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    /// `valid`, `notValid`, `unknown` or `cannotTell`.
    result: Outcome,
    /// With `cannotTell`: why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    doubt: Option<String>,
    /// With `cannotTell`: what the records said when they were last known to be current.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_known: Option<Outcome>,
    /// With `notValid`, also as last known: the weightiest first.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasons: &'a [Reason],
    code: Code,
    /// The moment asked about, where one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<DateTime>,
    /// With `at`: whether ledger time is so far past it that no later block can change the verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Certificate>,
    /// Of the product, as its application named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accreditation: Option<AccreditationAt<'a>>,
    /// MSP id of the body that answers for it at the moment of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    responsible: Option<&'a str>,
    /// Who has taken it over from a body that has ended, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    adoptions: Vec<Value>,
    /// Where one is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    surveillance: Option<SurveillanceAt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidential: Option<Confidential<'a>>,
    ledger: Ledger<'a>,
    links: Links,
    /// This verifier stands on a ledger that one operator made for demonstration.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demonstration: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<AsOfBody<'a>>,
}

/// Taken from the signed document, unchanged.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    id: Value,
    issuer: Value,
    valid_from: Value,
    valid_until: Value,
    credential_subject: Value,
    /// SHA-256 of the signed document's bytes.
    document_sha256: String,
}

/// The accreditation on which the certificate rests, at the moment of the answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccreditationAt<'a> {
    body: &'a str,
    scheme: &'a str,
    number: &'a str,
    valid_from: DateTime,
    valid_until: DateTime,
    /// Whether its scope had the certificate's standards and its category at that moment.
    in_scope: bool,
    /// Whether it covered decisions on such a certificate at that moment.
    in_force: bool,
}

/// The next surveillance, as was known at the moment of the answer.
#[derive(Debug, Serialize)]
struct SurveillanceAt {
    due: DateTime,
    /// Whether it was due by then. `reasons` say whether that stops the certificate.
    overdue: bool,
}

/// What a disclosed field is compared with; absent where the record cannot be read.
#[derive(Debug, Serialize)]
struct Confidential<'a> {
    /// On which the certificate was granted, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<Code>,
    /// Of each confidential field, `sha256:` and the hex of its salted hash.
    fields: &'a [FieldHash],
}

#[derive(Debug, Serialize)]
struct Ledger<'a> {
    channel: &'a str,
    genesis: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<Issued<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Issued<'a> {
    block: u64,
    transaction_id: &'a str,
    /// From when the issue counts.
    effective_at: DateTime,
    /// What its transaction claims.
    claimed_at: DateTime,
}

#[derive(Debug, Serialize)]
struct Links {
    page: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AsOfBody<'a> {
    /// The newest block that the answer rests on; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<u64>,
    /// When, by this verifier's own clock, no source last had a newer block.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<DateTime>,
    /// The ledger's own time in that block; the events of newer blocks can count from 15 minutes before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger_time: Option<DateTime>,
    /// By how many sources of blocks, where others deliver them.
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<SourcesBody<'a>>,
}

#[derive(Debug, Serialize)]
struct SourcesBody<'a> {
    confirming: usize,
    asked: usize,
    /// MSP ids, by the TLS certificates of the confirming sources.
    organisations: &'a [String],
}

/// The answer as JSON.
pub(crate) fn json(answer: &Answer, shared: Shared<'_>) -> Vec<u8> {
    let mut body = Body::new(answer, shared);
    body.certificate = answer.entry().map(Certificate::new);
    body.as_of = Some(AsOfBody::new(&answer.as_of, answer.ledger_time));
    // Nothing in a body can fail to be JSON: no maps with keys that are no text, no floating point.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// A hash over everything but as of when: two answers that mean the same have the same.
pub(crate) fn meaning(answer: &Answer, shared: Shared<'_>) -> String {
    let document = answer.entry().map_or(&[][..], |entry| &entry.certificate.document);
    short_hash(&[format!("{:?}", Body::new(answer, shared)).as_bytes(), document])
}

impl<'a> Body<'a> {
    /// Without what is taken from the document, and as of when.
    fn new(answer: &'a Answer, shared: Shared<'a>) -> Self {
        let (entry, verdict) = match &answer.found {
            Found::Certificate(entry, verdict) => (Some(entry.as_ref()), Some(verdict)),
            Found::Nothing | Found::Unreadable(_) => (None, None),
        };
        Self {
            result: answer.outcome(),
            doubt: answer.doubt.as_ref().map(ToString::to_string),
            last_known: answer.last_known(),
            reasons: verdict.map_or(&[], reasons),
            code: answer.question.code,
            at: answer.question.at,
            settled: answer.is_settled(),
            certificate: None,
            category: entry.and_then(|entry| entry.certificate.category.as_deref()),
            accreditation: entry.and_then(|entry| AccreditationAt::new(entry, answer.moment)),
            responsible: entry.map(|entry| entry.responsible(answer.moment)),
            adoptions: entry.map(adoptions).unwrap_or_default(),
            surveillance: entry.and_then(|entry| SurveillanceAt::new(entry, answer.moment)),
            confidential: entry.and_then(Confidential::new),
            ledger: Ledger::new(shared.channel, entry),
            links: Links::new(answer.question.code, entry.is_some(), shared.base),
            demonstration: shared.demonstration,
            as_of: None,
        }
    }
}

fn reasons(verdict: &Verdict) -> &[Reason] {
    match verdict {
        Verdict::Valid | Verdict::CannotTell { .. } => &[],
        Verdict::NotValid { reasons } => reasons,
    }
}

impl Certificate {
    fn new(entry: &Entry) -> Self {
        let document = &entry.certificate.document;
        // The contract took nothing but JSON in; were it otherwise, the members would be null.
        let mut value: Value = serde_json::from_slice(document).unwrap_or_default();
        let mut member = |name: &str| value.get_mut(name).map(Value::take).unwrap_or_default();
        Self {
            id: member("id"),
            issuer: member("issuer"),
            valid_from: member("validFrom"),
            valid_until: member("validUntil"),
            credential_subject: member("credentialSubject"),
            document_sha256: hex::encode(Sha256::digest(document)),
        }
    }
}

impl<'a> AccreditationAt<'a> {
    fn new(entry: &'a Entry, moment: Moment) -> Option<Self> {
        let term = entry.accreditation.as_ref()?.term_at(moment.time());
        Some(Self {
            // Of the record's key, not of what its owner wrote into it.
            body: &entry.certificate.body,
            scheme: &entry.certificate.scheme_id,
            number: &term.number,
            valid_from: term.valid_from,
            valid_until: term.valid_until,
            in_scope: entry.is_in_scope(moment),
            in_force: entry.accreditation_in_force(moment),
        })
    }
}

/// By whom, from when it counts, why, and in which transaction.
fn adoptions(entry: &Entry) -> Vec<Value> {
    let shown = |(Adoption { by, at, event, .. }, _): &(Adoption, _)| json!({"by": by, "effectiveAt": at, "why": event.reason, "transactionId": event.transaction_id});
    entry.adoptions.iter().map(shown).collect()
}

impl SurveillanceAt {
    fn new(entry: &Entry, moment: Moment) -> Option<Self> {
        let due = entry.surveillance_due(moment)?;
        Some(Self { due, overdue: due <= moment.time() })
    }
}

impl<'a> Confidential<'a> {
    fn new(entry: &'a Entry) -> Option<Self> {
        let fields = entry.confidential.as_deref()?;
        Some(Self { application: entry.certificate.application, fields })
    }
}

impl<'a> Ledger<'a> {
    fn new(channel: &'a Channel, entry: Option<&'a Entry>) -> Self {
        let issued = entry.map(|entry| Issued {
            block: entry.issued.block,
            transaction_id: &entry.certificate.issued.transaction_id,
            effective_at: entry.issued_at,
            claimed_at: entry.certificate.issued.effective_at,
        });
        Self { channel: &channel.name, genesis: channel.fingerprint(), issued }
    }
}

impl Links {
    fn new(code: Code, known: bool, base: &BaseUrl) -> Self {
        let page = link::page_address(base, code);
        Self { document: known.then(|| format!("{page}/document.json")), page }
    }
}

impl<'a> AsOfBody<'a> {
    fn new(as_of: &'a AsOf, ledger_time: Option<DateTime>) -> Self {
        let sources = as_of.sources.as_deref().map(|sources| SourcesBody {
            confirming: sources.confirming,
            asked: sources.asked,
            organisations: &sources.organisations,
        });
        Self { block: as_of.height.checked_sub(1), confirmed_at: as_of.confirmed_at, ledger_time, sources }
    }
}
