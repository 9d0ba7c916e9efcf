//! What the ledger answers, as far as pages show it: `docs/contract.md` names the members. Members that are not named here are
//! passed over, so that a later contract's answers are read too.

use serde::Deserialize;
use serde_json::Value;

/// Who did something, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub effective_at: String,
    pub by: String,
    #[serde(default)]
    pub role: String,
    #[serde(default)]
    pub person: String,
    #[serde(default)]
    pub reason: String,
    pub transaction_id: String,
}

/// An application in a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationSummary {
    pub application: String,
    pub body: String,
    pub applicant: String,
    pub title: String,
    pub scheme_id: String,
    pub scheme_version: String,
    pub state: String,
    pub steps: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    pub application: String,
    pub body: String,
    pub applicant: String,
    pub title: String,
    pub scheme_id: String,
    pub scheme_version: String,
    /// `sha256:` and the hex of the hash of what was handed in.
    pub dossier: String,
    pub replaces: Option<String>,
    pub category: Option<String>,
    pub state: String,
    pub decision: Option<Decision>,
    pub steps: Vec<Step>,
}

/// What the ledger has of an application's confidential part.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Confidential {
    /// The salted hash of each field, in the order in which they were handed in.
    pub fields: Vec<String>,
    /// Each time that fields were handed in.
    pub submitted: Vec<Event>,
    /// When both bodies removed what they held.
    pub purged: Option<Event>,
}

/// What was decided to grant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    pub certificate: String,
    pub document: String,
}

/// One step of an application. What it hands in, anchors or recommends stands in the members that its kind has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// As the contract names its function: `submit`, `accept`, `report` and so on.
    pub step: String,
    pub dossier: Option<String>,
    pub sha256: Option<String>,
    pub method: Option<String>,
    pub number: Option<String>,
    pub date: Option<String>,
    pub recommendation: Option<String>,
    #[serde(flatten)]
    pub event: Event,
}

/// A certificate in a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSummary {
    pub certificate: String,
    pub product: ProductName,
    pub scheme_id: String,
    pub application: Option<String>,
    pub valid_from: String,
    pub valid_until: String,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ProductName {
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    pub certificate: String,
    pub body: String,
    pub application: Option<String>,
    pub valid_from: String,
    pub valid_until: String,
    pub surveillance_due: Option<String>,
    #[serde(default)]
    pub surveillance: Vec<Surveillance>,
    #[serde(default)]
    pub suspensions: Vec<Suspension>,
    #[serde(default)]
    pub withdrawals: Vec<Event>,
    pub superseded: Option<Event>,
    pub issued: Event,
    pub verdict: Verdict,
    /// The signed document, as JSON.
    pub document: Value,
}

/// A suspension of a certificate by one organisation; it stands until it is lifted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Suspension {
    pub placed: Event,
    pub lifted: Option<Event>,
}

/// A surveillance, planned or done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Surveillance {
    pub due: Option<String>,
    pub conclusion: Option<String>,
    #[serde(flatten)]
    pub event: Event,
}

/// Whether a certificate holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Verdict {
    /// `valid`, `notValid` or `cannotTell`.
    pub result: String,
    #[serde(default)]
    pub reasons: Vec<Reason>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reason {
    pub cause: String,
    pub since: String,
    pub by: Option<String>,
    pub why: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scheme {
    pub id: String,
    pub version: String,
    pub title: String,
    pub standards: Vec<String>,
    /// Whether a certificate may be issued in one step; schemes of the first version do not say, and allow it.
    #[serde(default = "yes")]
    pub direct_issue: bool,
    /// Whether who reviewed an application may decide on it; the same.
    #[serde(default = "yes")]
    pub reviewer_may_decide: bool,
    pub surveillance: Option<SurveillanceRule>,
}

/// How often certificates are surveilled.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SurveillanceRule {
    pub every_days: u32,
    pub grace_days: Option<u32>,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accreditation {
    pub body: String,
    pub scheme_id: String,
    pub number: String,
    pub valid_from: String,
    pub valid_until: String,
    #[serde(default)]
    pub scope: Scope,
    #[serde(default)]
    pub suspensions: Vec<RegistrySuspension>,
    /// By the accreditation body: the contract takes it from nobody else.
    pub registered: Event,
}

/// A suspension of an accreditation or of a laboratory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RegistrySuspension {
    /// Of an accreditation: `newGrants` or `allCertificates`.
    pub effect: Option<String>,
    pub placed: Event,
    pub lifted: Option<Event>,
}

/// What an accreditation is limited to; none: it is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Scope {
    pub standards: Option<Vec<String>>,
    pub categories: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Laboratory {
    /// Its MSP id.
    pub organisation: String,
    pub number: String,
    pub methods: Vec<String>,
    pub valid_from: String,
    pub valid_until: String,
    #[serde(default)]
    pub suspensions: Vec<RegistrySuspension>,
}

/// A key with which a certification body signs documents.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuerKey {
    pub body: String,
    /// As Multikey text.
    pub public_key: String,
    pub issuer_id: String,
    pub issuer_name: String,
    pub status_lists: String,
    pub proposed: Event,
    pub approved: Option<Event>,
    pub revoked: Option<Event>,
    /// By the body, by the accreditation body, or by both.
    #[serde(default)]
    pub compromised: Vec<Compromise>,
}

/// That somebody else may have had a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compromise {
    pub compromised_from: String,
    #[serde(flatten)]
    pub event: Event,
}

/// A complaint or an appeal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Complaint {
    pub complaint: String,
    /// `complaint` or `appeal`.
    pub kind: String,
    /// What it is about: one of the two.
    pub application: Option<String>,
    pub certificate: Option<String>,
    pub filed_by: String,
    /// `filed`, `acknowledged`, `upheld`, `dismissed` or `withdrawn`.
    pub state: String,
    /// The reason of the first says what it is.
    pub steps: Vec<ComplaintStep>,
}

/// To which state it came.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ComplaintStep {
    pub state: String,
    #[serde(flatten)]
    pub event: Event,
}
