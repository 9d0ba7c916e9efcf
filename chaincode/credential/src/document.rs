//! The document of a certificate: which JSON is one, rule by rule.
//!
//! [`check_signed`], [`check_unsigned`] and [`check_draft`] need no ledger and no network; they find every broken rule, not the first
//! alone. What only the ledger knows (the issuer's keys, schemes, accreditations, what is taken) is checked by
//! the contract's issue function.

mod conclusion;
mod envelope;
mod evidence;
mod grant;
pub mod identifiers;
mod material;
mod particles;
mod quantity;
pub mod report;

use serde_json::Value;

use crate::canonical::from_canonical;
use crate::code::Code;
use crate::date_time::DateTime;
use crate::json::Json;
use crate::violation::Violation;
pub use envelope::{
    CONTEXT, Issuer, LedgerBinding, Proof, SCHEMA, STATUS_LIST_ENTRIES, StatusEntry, TYPE, Validity,
};
pub use grant::{Client, Product, Scheme};
pub use report::is_hidden;
pub use report::is_line;
use report::{Node, Object, Report};

/// A document may be this long, its proof included.
pub const MAXIMUM_BYTES: usize = 64 * 1024;

/// What a proof may add to a document: its texts are of bounded length.
const PROOF_BYTES: usize = 2 * 1024;

const MEMBERS: [&str; 9] = [
    "@context",
    "id",
    "type",
    "credentialSchema",
    "issuer",
    "validFrom",
    "validUntil",
    "credentialStatus",
    "credentialSubject",
];

const SUBJECT_MEMBERS: [&str; 33] = [
    "scheme",
    "standards",
    "accreditation",
    "decisionDate",
    "client",
    "site",
    "product",
    "listing",
    "substance",
    "ermId",
    "jrcId",
    "ontologyIri",
    "purity",
    "impurities",
    "size",
    "nanoFraction",
    "surfaceTreatment",
    "shape",
    "aspectRatio",
    "crystallinity",
    "ssaMass",
    "density",
    "vssa",
    "zeta",
    "iep",
    "dissolution",
    "dispersionStability",
    "dustiness",
    "testReports",
    "sds",
    "notifications",
    "nanomaterialConclusion",
    "demonstration",
];

/// What decides and what is looked up, out of a document that breaks no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub code: Code,
    pub issuer: Issuer,
    pub validity: Validity,
    pub decided: DateTime,
    pub ledger: LedgerBinding,
    pub status: StatusEntry,
    pub scheme: Scheme,
    pub accreditation_number: String,
    pub client: Client,
    pub product: Product,
    /// SHA-256 of each test report, in order.
    pub reports: Vec<String>,
    /// Whether a directory may list it.
    pub listed: bool,
    pub demonstration: bool,
}

/// A document with its proof, whose signature was verified with the key that the proof names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDocument {
    pub document: Document,
    pub proof: Proof,
}

/// Judges a signed document as it would be submitted: canonical JSON of at most 64 KiB.
pub fn check_signed(bytes: &[u8]) -> Result<SignedDocument, Vec<Violation>> {
    let value = read(bytes, MAXIMUM_BYTES)?;
    let root = Node::root(&value);
    let mut report = Report::default();
    let known = [&MEMBERS[..], &["proof"]].concat();
    let found = root.object(&mut report, &known).and_then(|object| {
        let issuer = envelope::issuer(&object, &mut report);
        let proof = envelope::proof(&object, &root, issuer.as_ref(), &mut report);
        let document = document(&object, issuer, &mut report);
        Some(SignedDocument { document: document?, proof: proof? })
    });
    conclude(found, report)
}

/// Judges a document that is decided on and not signed yet: canonical JSON, with room left for a proof.
pub fn check_unsigned(bytes: &[u8]) -> Result<Document, Vec<Violation>> {
    judge_unsigned(&read(bytes, MAXIMUM_BYTES - PROOF_BYTES)?)
}

/// Judges a document before it is signed: every rule but those of spelling and proof.
pub fn check_draft(value: &Value) -> Result<Document, Vec<Violation>> {
    judge_unsigned(&Json::from(value))
}

fn judge_unsigned(value: &Json<'_>) -> Result<Document, Vec<Violation>> {
    let mut report = Report::default();
    let found = Node::root(value).object(&mut report, &MEMBERS).and_then(|object| {
        let issuer = envelope::issuer(&object, &mut report);
        document(&object, issuer, &mut report)
    });
    conclude(found, report)
}

fn read(bytes: &[u8], maximum: usize) -> Result<Json<'_>, Vec<Violation>> {
    let refuse = |value: String, rule: String| vec![Violation { pointer: String::new(), value, rule }];
    if bytes.len() > maximum {
        let rule = format!("must be at most {maximum} bytes long");
        return Err(refuse(format!("{} bytes long", bytes.len()), rule));
    }
    from_canonical(bytes).map_err(|error| {
        let text = report::shortened(&String::from_utf8_lossy(bytes));
        refuse(text, format!("must be canonical JSON (RFC 8785), but it {error}"))
    })
}

pub fn conclude<T>(found: Option<T>, report: Report) -> Result<T, Vec<Violation>> {
    let violations = report.into_violations();
    match found {
        Some(found) if violations.is_empty() => Ok(found),
        // Whatever is not found was refused; the check keeps a gap in the rules from passing as success.
        _ if violations.is_empty() => Err(vec![Violation {
            pointer: String::new(),
            value: String::new(),
            rule: "must be understood as a whole".into(),
        }]),
        _ => Err(violations),
    }
}

fn document(object: &Object<'_>, issuer: Option<Issuer>, report: &mut Report) -> Option<Document> {
    envelope::constants(object, report);
    let code = envelope::id(object, report);
    let validity = envelope::validity(object, report);
    let status = envelope::status(object, code, report);
    let subject = object.required(report, "credentialSubject")?.object(report, &SUBJECT_MEMBERS)?;

    let demonstration = grant::demonstration(&subject, report);
    let scheme = grant::scheme(&subject, report);
    let accreditation_number = grant::accreditation(&subject, report);
    let decided = grant::decision_date(&subject, validity.map(|validity| validity.from), report);
    let client = grant::client(&subject, demonstration, report);
    let product = grant::product(&subject, report);
    let listed = grant::listing(&subject, report);
    material::rules(&subject, demonstration, report);
    let evidence = particles::rules(&subject, demonstration, report);
    conclusion::rules(&subject, &evidence, report);
    let context = evidence::Context {
        client: client.as_ref().map(|client| evidence::folded(&client.name)),
        decided,
        demonstration,
    };
    let reports = evidence::rules(&subject, &context, report);

    let (ledger, status) = status?;
    Some(Document {
        code: code?,
        issuer: issuer?,
        validity: validity?,
        decided: decided?,
        ledger,
        status,
        scheme: scheme?,
        accreditation_number: accreditation_number?,
        client: client?,
        product: product?,
        reports,
        listed: listed?,
        demonstration,
    })
}
