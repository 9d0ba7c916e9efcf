//! The page of one certificate: the answer, what to compare, what was found, who vouches for it, how to check it.

use askama::Template;
use certificate::event_log::Kind;
use certificate::record::{Event, IssuerKey, Scheme, Term};
use certificate::{DateTime, Moment};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::facts::{Fact, Facts, Report, Row};
use super::words::{moment, organisation};
use super::{DEMONSTRATION_CERTIFICATE, Entry as EntryForm, Frame, Others, Status, Tone, as_of_sentence};
use crate::answer::{Answer, Found};
use crate::link;
use crate::model::{Entry, ModelError, Reading};

#[derive(Template)]
#[template(path = "certificate.html")]
pub(crate) struct CertificatePage {
    pub frame: Frame,
    pub status: Status,
    pub as_of: String,
    /// Grouped, for reading.
    pub code: String,
    pub href: String,
    pub api: String,
    /// The name under which a browser keeps the signed document.
    pub file: String,
    pub known: Option<Known>,
    pub others: Others,
    pub entry: EntryForm,
}

/// What the page says of a certificate that is on the ledger.
pub(crate) struct Known {
    product_name: String,
    product: Vec<Row>,
    material: Vec<Row>,
    figures: Vec<Row>,
    grant: Vec<Row>,
    reports: Vec<Report>,
    evidence: Vec<Row>,
    ledger: Vec<Row>,
    history: Vec<Happening>,
    document_hash: String,
    document_bytes: usize,
    public_key: String,
}

/// One act that the ledger records.
struct Happening {
    at: DateTime,
    what: String,
    why: String,
    transaction: String,
}

/// Records that do not decide, but that a reader wants to see.
#[derive(Default)]
pub(crate) struct Extras {
    issuer_key: Option<IssuerKey>,
    scheme: Option<Scheme>,
    /// Where the address names the product too.
    pub others: Others,
}

impl CertificatePage {
    pub fn new(answer: &Answer, extras: &Extras, mut frame: Frame) -> Self {
        let code = answer.question.code;
        let known = match &answer.found {
            Found::Certificate(entry, _) => {
                let document = Document::of(entry);
                if document.facts().0.get("demonstration").is_some() && frame.banner.is_none() {
                    frame.banner = Some(DEMONSTRATION_CERTIFICATE);
                }
                Some(Known::new(entry, &document, extras, answer.moment, &frame))
            }
            Found::Nothing | Found::Unreadable(_) => None,
        };
        Self {
            frame,
            status: Status::of(answer),
            as_of: as_of_sentence(&answer.as_of, answer.ledger_time),
            code: code.grouped(),
            href: link::page_path(code),
            api: format!("/api/v1/certificates/{code}"),
            file: link::file_name(code),
            known,
            others: extras.others.clone(),
            entry: EntryForm::default(),
        }
    }

    fn title(&self) -> String {
        let name = self.known.as_ref().map_or(self.code.as_str(), |known| &known.product_name);
        format!("{} · {name}", self.status.word)
    }
}

impl Extras {
    pub fn read(reading: &Reading<'_>, answer: &Answer) -> Result<Self, ModelError> {
        let Found::Certificate(entry, _) = &answer.found else { return Ok(Self::default()) };
        let document = Document::of(entry);
        let version = document.facts().text("/scheme/version").unwrap_or_default();
        Ok(Self {
            issuer_key: reading.issuer_key(entry, document.public_key())?,
            scheme: reading.scheme(entry, version)?,
            others: Others::default(),
        })
    }
}

/// The signed document, parsed.
struct Document(Value);

impl Document {
    fn of(entry: &Entry) -> Self {
        Self(serde_json::from_slice(&entry.certificate.document).unwrap_or_default())
    }

    fn facts(&self) -> Facts<'_> {
        Facts(self.0.get("credentialSubject").unwrap_or(&Value::Null))
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        Facts(&self.0).text(pointer)
    }

    /// As the proof names it, after the issuer's id.
    fn public_key(&self) -> &str {
        let method = self.text("/proof/verificationMethod").unwrap_or_default();
        method.split_once('#').map_or(method, |(_, key)| key)
    }
}

impl Known {
    fn new(entry: &Entry, document: &Document, extras: &Extras, moment: Moment, frame: &Frame) -> Self {
        let facts = document.facts();
        let mut product = facts.product();
        product.push(Row::code("Certificate code", Some(&entry.code.grouped())));
        Self {
            product_name: facts.product_name().to_owned(),
            product,
            material: facts.material(),
            figures: facts.figures(),
            grant: grant(entry, document, extras, moment),
            reports: facts.reports(),
            evidence: facts.evidence(),
            ledger: ledger(entry, document, extras, frame),
            history: history(entry),
            document_hash: hex::encode(Sha256::digest(&entry.certificate.document)),
            document_bytes: entry.certificate.document.len(),
            public_key: document.public_key().to_owned(),
        }
    }
}

/// Who granted what, by which rules, for how long.
fn grant(entry: &Entry, document: &Document, extras: &Extras, at: Moment) -> Vec<Row> {
    let facts = document.facts();
    let scheme_id = facts.text("/scheme/id");
    let version = facts.text("/scheme/version").map(|version| format!("version {version}"));
    let title = extras.scheme.as_ref().map_or(scheme_id, |scheme| Some(scheme.title.as_str()));
    let scheme = title.map(|title| Fact::new(title).noted([version, scheme_id.map(str::to_owned)]));
    let issuer = document
        .text("/issuer/name")
        .map(|name| Fact::new(name).noted([document.text("/issuer/id").map(str::to_owned)]));
    vec![
        Row::new("Issued by", issuer),
        Row::new("Responsible", Some(responsible(entry, at))),
        Row::new("Accreditation", accreditation(entry, at)),
        Row::new("Scheme", scheme),
        facts.standards(),
        Row::text("Product category", entry.certificate.category.as_deref()),
        Row::moment("Decided on", facts.text("/decisionDate")),
        Row::moment("Valid from", document.text("/validFrom")),
        Row::moment("Valid until, not including", document.text("/validUntil")),
        Row::new("Next surveillance", Some(surveillance(entry, at))),
        Row::text("Listing", facts.text("/listing")),
    ]
}

/// Who answers for it: another than who issued it where that body has ended.
fn responsible(entry: &Entry, at: Moment) -> Fact {
    let by = entry.responsible(at);
    let taken_over = entry.adoptions.iter().rfind(|(adoption, _)| adoption.by == by && adoption.counts(at));
    let note = match (taken_over, &entry.end) {
        (Some((adoption, _)), _) => {
            let from = organisation(&entry.certificate.body);
            Some(format!("took it over on {} from {from}, which has ended", moment(adoption.at)))
        }
        (None, Some(_)) => Some("has ended; no other body has taken the certificate over".to_owned()),
        (None, None) => None,
    };
    Fact::new(&organisation(by)).noted([note])
}

fn surveillance(entry: &Entry, at: Moment) -> Fact {
    let Some(due) = entry.surveillance_due(at) else { return Fact::new("none is due") };
    let overdue = (due <= at.time()).then(|| "overdue".to_owned());
    Fact::new(&format!("due on {}", moment(due))).noted([overdue])
}

fn accreditation(entry: &Entry, at: Moment) -> Option<Fact> {
    let accreditation = entry.accreditation.as_ref()?;
    let in_term = accreditation.covers(at.time());
    let state = match (entry.accreditation_in_force(at), in_term, entry.is_in_scope(at)) {
        (true, ..) => "in force",
        (false, true, true) => "suspended",
        (false, true, false) => "in force for other products or standards",
        (false, false, _) => "not in force",
    };
    let Term { number, valid_from, valid_until } = accreditation.term_at(at.time());
    let term = format!("from {} until {}", moment(*valid_from), moment(*valid_until));
    Some(Fact::new(number).noted([Some(format!("{state} on {}", moment(at.time()))), Some(term)]))
}

/// Where the certificate stands, so that anybody with a copy of the ledger finds it.
fn ledger(entry: &Entry, document: &Document, extras: &Extras, frame: &Frame) -> Vec<Row> {
    let issued = &entry.certificate.issued;
    vec![
        Row::code("Certificate", Some(entry.code.to_string().as_str())),
        Row::text("Channel", Some(&frame.channel)),
        Row::code("Genesis fingerprint", Some(&frame.genesis)),
        Row::text("Issued in block", Some(&entry.issued.block.to_string())),
        Row::code("By transaction", Some(&issued.transaction_id)),
        Row::text("Recorded on", Some(&moment(entry.issued_at))),
        Row::new("Signing key", Some(signing_key(document, extras))),
    ]
}

fn signing_key(document: &Document, extras: &Extras) -> Fact {
    let state = match &extras.issuer_key {
        None => "not found on the ledger".to_owned(),
        Some(IssuerKey { revoked: Some(revoked), .. }) => {
            format!("revoked on {}", moment(revoked.effective_at))
        }
        Some(IssuerKey { approved: Some(approved), .. }) => {
            format!("approved on {} by {}", moment(approved.effective_at), organisation(&approved.by))
        }
        Some(_) => "proposed, never approved".to_owned(),
    };
    Fact { code: true, ..Fact::new(document.public_key()).noted([Some(state)]) }
}

/// Everything done to the certificate, and to the accreditation it rests on, oldest first.
fn history(entry: &Entry) -> Vec<Happening> {
    let certificate = &entry.certificate;
    let issued = Happening::new("Issued", &certificate.body, entry.issued_at, Some(&certificate.issued));
    let mut history = vec![issued];
    for (by, period) in entry.periods() {
        let (began, ended) = words(period.kind);
        history.push(Happening::new(began, by, period.from, period.began.as_ref()));
        history.extend(period.until.map(|until| match &period.ended {
            Some(event) => Happening::new(ended, by, until, Some(event)),
            None => Happening::new("Struck out of the record, without an event,", by, until, None),
        }));
    }
    history.extend(
        entry.adoptions.iter().map(|(adoption, _)| {
            Happening::new("Taken over", &adoption.by, adoption.at, Some(&adoption.event))
        }),
    );
    history.sort_by_key(|happening| happening.at);
    history
}

/// What a period's beginning and its end are called.
fn words(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Suspended => ("Suspended", "Suspension lifted"),
        Kind::Withdrawn => ("Withdrawn", ""),
        Kind::Superseded => ("Superseded", ""),
        Kind::Surveillance => ("Surveillance done", "Surveillance taken back"),
        Kind::SurveillancePlanned => ("Surveillance planned", "Plan taken back"),
        Kind::Compromised => ("The signing key declared compromised", ""),
        Kind::NewGrantsSuspended => {
            ("Accreditation suspended for new certificates", "Accreditation restored")
        }
        Kind::AllCertificatesSuspended => ("Accreditation suspended", "Accreditation restored"),
        Kind::Unreadable => ("Record made unreadable", ""),
    }
}

impl Happening {
    /// `at` is when it counts from, which its transaction may claim differently.
    fn new(what: &str, by: &str, at: DateTime, event: Option<&Event>) -> Self {
        Self {
            at,
            what: format!("{what} by {}", organisation(by)),
            why: event.map(|event| event.reason.clone()).unwrap_or_default(),
            transaction: event.map(|event| event.transaction_id.clone()).unwrap_or_default(),
        }
    }

    fn when(&self) -> String {
        moment(self.at)
    }
}
