//! The document that a decision-maker decides on.

use std::time::Duration;

use accounts::now;
use certificate::{
    Code, DateTime,
    canonical::{CanonicalError, to_canonical},
    document::{Document, LedgerBinding, check_draft},
    draft::{Particulars, credential},
    record::Scope,
    refusal::Violation,
};
use desk::{Application, Away, Organisations};
use dossiers::queue::Edition;
use ed25519_dalek::SigningKey;
use issuing::{
    background::{Background, BackgroundError},
    sign::{SignError, sign},
};
use peer_client::certificate::Contract;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use time::{Date, Month, OffsetDateTime};
use tokio::time::timeout;

/// For everything that is asked of the ledger.
const WITHIN: Duration = Duration::from_secs(10);
/// Places in a status list that are tried: one is hardly ever taken.
const PLACES: usize = 3;

/// What a decision-maker says of the certificate, and the portal of itself.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// For how many months it is to hold: 1 to 36.
    pub months: u32,
    /// Certificates of a demonstration say so.
    pub is_demonstration: bool,
}

/// A document to decide on.
#[derive(Clone, Debug)]
pub struct Draft {
    /// In canonical form, without a proof: the argument of `application:decide`.
    pub document: String,
    /// As the ledger will have it: `sha256:` and hexadecimal.
    pub hash: String,
    /// The code that it would have.
    pub certificate: Code,
    pub valid_until: DateTime,
}

/// Why there is nothing to decide on.
#[derive(Debug, thiserror::Error)]
pub enum NoDraft {
    #[error("it is {0}: a document is decided on when the application is reviewed")]
    State(String),
    #[error("what was handed in here has another hash than the ledger")]
    NotHandedIn,
    #[error("a certificate holds for 1 to 36 months")]
    Months,
    #[error("this portal was started without an identity of {0}")]
    NotOurs(String),
    /// What the contract would refuse.
    #[error("{}", list(.0))]
    Rules(Vec<Violation>),
    #[error(transparent)]
    Background(BackgroundError),
    #[error(transparent)]
    Away(Away),
    #[error("the document {0}")]
    Canonical(#[from] CanonicalError),
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<BackgroundError> for NoDraft {
    fn from(error: BackgroundError) -> Self {
        match error {
            BackgroundError::Call(error) => Self::Away(error.into()),
            error => Self::Background(error),
        }
    }
}

impl From<Away> for NoDraft {
    fn from(away: Away) -> Self {
        Self::Away(away)
    }
}

fn list(broken: &[Violation]) -> String {
    broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A new document for an application as the ledger has it, of the dossier that was handed in for it here. Each one has a code and a
/// place in the status list of its own; nothing is reserved before one is decided on. It keeps every rule that the contract would
/// judge now, the reviewer's part and the caller's apart, which the contract sees when the step is taken.
///
/// It asks the ledger in the name of the body's service, some four questions, within ten seconds.
pub async fn draft(
    organisations: &Organisations,
    application: &Application,
    handed_in: &Edition,
    wanted: Wanted,
) -> Result<Draft, NoDraft> {
    timeout(WITHIN, prepare(organisations, application, handed_in, wanted))
        .await
        .map_err(|_| Away::TimedOut)?
}

async fn prepare(
    organisations: &Organisations,
    application: &Application,
    handed_in: &Edition,
    wanted: Wanted,
) -> Result<Draft, NoDraft> {
    if !matches!(application.state.as_str(), "reviewed" | "decided") {
        return Err(NoDraft::State(application.state.clone()));
    }
    let subject = handed_in.subject().filter(|_| handed_in.hash == application.dossier);
    let subject = subject.ok_or(NoDraft::NotHandedIn)?;
    let body = &application.body;
    let organisation = organisations.get(body).ok_or_else(|| NoDraft::NotOurs(body.clone()))?;
    let contract = organisation.contract(body).await?.ok_or_else(|| Away::NoBody(body.clone()))?;
    let now = DateTime::from_seconds(now());
    let until = later(now, wanted.months).ok_or(NoDraft::Months)?;
    let background = Background::of_decision(&contract, body, &application.scheme_id, now).await?;
    let subject = decided_subject(subject, background.accreditation(), wanted.is_demonstration);
    let ledger = || LedgerBinding {
        channel: organisations.channel().to_owned(),
        genesis: organisations.genesis().to_owned(),
    };
    let mut broken = Vec::new();
    for _ in 0..PLACES {
        let particulars = background.particulars(ledger(), now, until)?;
        let document = credential(&particulars, subject.clone());
        broken = of_application(application, &check_draft(&document).map_err(NoDraft::Rules)?);
        broken.extend(of_category(application, background.categories()));
        broken.extend(of_ledger(&contract, &document, now).await?);
        if broken.is_empty() {
            return finished(&document, &particulars);
        }
        if !broken.iter().all(|rule| rule.pointer == PLACE) {
            break;
        }
    }
    Err(NoDraft::Rules(broken))
}

/// Where the place in the status list stands.
const PLACE: &str = "/credentialStatus/1/statusListIndex";

/// The dossier's subject, with what the body says.
fn decided_subject(
    mut subject: Map<String, Value>,
    accreditation: &str,
    is_demonstration: bool,
) -> Map<String, Value> {
    subject.insert("accreditation".into(), json!({"number": accreditation}));
    if is_demonstration {
        subject.insert("demonstration".into(), true.into());
    }
    subject
}

fn finished(document: &Value, particulars: &Particulars) -> Result<Draft, NoDraft> {
    let bytes = to_canonical(document)?;
    Ok(Draft {
        hash: format!("sha256:{}", hex::encode(Sha256::digest(&bytes))),
        document: String::from_utf8_lossy(&bytes).into_owned(),
        certificate: particulars.code,
        valid_until: particulars.validity.until,
    })
}

/// What the application says of the document.
fn of_application(application: &Application, document: &Document) -> Vec<Violation> {
    let mut found = Vec::new();
    let (scheme, version) = (&document.scheme.id, &document.scheme.version);
    if (scheme, version) != (&application.scheme_id, &application.scheme_version) {
        let rule = format!("must be {} version {}", application.scheme_id, application.scheme_version);
        let value = format!("{scheme} version {version}");
        found.push(Violation::new("/credentialSubject/scheme", &value, &rule));
    }
    for (row, hash) in document.reports.iter().enumerate() {
        if !application.steps.iter().any(|step| step.step == "report" && step.sha256.as_ref() == Some(hash)) {
            let pointer = format!("/credentialSubject/testReports/{row}/sha256");
            let rule = "must be of a report that a laboratory anchored in the application";
            found.push(Violation::new(&pointer, hash, rule));
        }
    }
    found
}

/// The category stands in the application alone, where the check of a document does not see it.
fn of_category(application: &Application, categories: Vec<String>) -> Option<Violation> {
    let scope = Scope { categories, ..Scope::default() };
    if scope.has_category(application.category.as_deref()) {
        return None;
    }
    let names = scope.categories.join(", ");
    let rule = format!("must be a category in the scope of the accreditation: {names}");
    Some(Violation::new("/category", application.category.as_deref().unwrap_or_default(), &rule))
}

/// What the ledger says of the document, by the contract's own check. That takes a signed document: it is signed with a key that
/// is forgotten at once and that no body has, so that of the key, and of issuing it in one step, nothing counts here.
async fn of_ledger(contract: &Contract, document: &Value, now: DateTime) -> Result<Vec<Violation>, NoDraft> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)?;
    let signed = sign(document, &SigningKey::from_bytes(&random), now).map_err(|error| match error {
        SignError::Rules(broken) => NoDraft::Rules(broken),
        SignError::Canonical(error) => error.into(),
        SignError::Proof(error) => NoDraft::Rules(vec![Violation::new("/proof", "", &error.to_string())]),
    })?;
    let found = contract.certificate_check(signed).await.map_err(Away::from)?;
    Ok(found.into_iter().filter(counts).collect())
}

/// The category is judged by the application's ([`of_category`]).
fn counts(found: &Violation) -> bool {
    !found.pointer.starts_with("/proof")
        && found.pointer != "/credentialSubject/scheme/id"
        && found.pointer != "/category"
}

/// The same day and time so many months later, or the month's last day where it has no such one.
fn later(from: DateTime, months: u32) -> Option<DateTime> {
    let months = i32::try_from(months).ok().filter(|months| (1..=36).contains(months))?;
    let start = OffsetDateTime::from_unix_timestamp(from.seconds()).ok()?;
    let month = months.checked_add(i32::from(u8::from(start.month())))?.checked_sub(1)?;
    let year = start.year().checked_add(month.div_euclid(12))?;
    let month = Month::try_from(u8::try_from(month.rem_euclid(12).checked_add(1)?).ok()?).ok()?;
    let day = start.day().min(month.length(year));
    let date = Date::from_calendar_date(year, month, day).ok()?;
    Some(DateTime::from_seconds(date.with_time(start.time()).assume_utc().unix_timestamp()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use certificate::{
        demo,
        document::{Issuer, StatusEntry, Validity},
    };

    use super::*;

    fn document() -> Value {
        let now = DateTime::parse("2026-11-21T12:00:00Z").unwrap();
        let particulars = Particulars {
            code: Code::from_random([1; 16]),
            issuer: Issuer { id: "did:web:body.example".into(), name: "Body".into() },
            ledger: LedgerBinding {
                channel: "nanotrace".into(),
                genesis: format!("sha256:{}", "0".repeat(64)),
            },
            status: StatusEntry { lists: "https://body.example/status".into(), list: 1, index: 7 },
            decided: now,
            validity: Validity { from: now, until: later(now, 12).unwrap() },
        };
        let demonstration = demo::document(&particulars);
        let subject = demonstration.get("credentialSubject").unwrap().as_object().unwrap().clone();
        credential(&particulars, decided_subject(subject, "A-7", true))
    }

    fn application(reports: &[String]) -> Application {
        let step = |name: &str, sha256: &str| json!({"step": name, "effectiveAt": "", "by": "X", "transactionId": "0", "sha256": sha256});
        let mut steps = vec![step("submit", "")];
        steps.extend(reports.iter().map(|hash| step("report", hash)));
        let application = json!({
            "application": Code::from_random([7; 16]).to_string(), "body": "CertBodyMSP", "applicant": "IndustryMSP",
            "title": "Paint", "schemeId": demo::SCHEME_ID, "schemeVersion": demo::SCHEME_VERSION,
            "dossier": "sha256:0", "state": "reviewed", "category": "paint", "steps": steps,
        });
        serde_json::from_value(application).unwrap()
    }

    #[test]
    fn a_document_has_what_dossier_and_ledger_say() {
        let document = document();
        let read = check_draft(&document).unwrap();
        assert_eq!((read.accreditation_number.as_str(), read.demonstration), ("A-7", true));
        assert_eq!(read.validity.until.to_string(), "2027-11-21T12:00:00Z");
        assert_eq!(of_application(&application(&read.reports), &read), []);
        let particulars = Particulars {
            code: read.code,
            issuer: read.issuer.clone(),
            ledger: read.ledger.clone(),
            status: read.status.clone(),
            decided: read.decided,
            validity: read.validity,
        };
        let draft = finished(&document, &particulars).unwrap();
        let hash = certificate::proof::document_hash(&certificate::json::Json::from(&document)).unwrap();
        assert_eq!(draft.hash, format!("sha256:{}", hex::encode(hash)), "as the contract hashes it");
    }

    #[test]
    fn what_the_application_does_not_bear_is_named() {
        let read = check_draft(&document()).unwrap();
        let mut other = application(&[]);
        other.scheme_version = "9".into();
        let found = of_application(&other, &read);
        let named = |pointer: &str| found.iter().filter(|it| it.pointer.starts_with(pointer)).count();
        assert_eq!(named("/credentialSubject/scheme"), 1);
        assert_eq!(named("/credentialSubject/testReports/"), read.reports.len());

        let categories = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        assert_eq!(of_category(&other, categories(&[])), None);
        assert_eq!(of_category(&other, categories(&["glass", "paint"])), None);
        let outside = of_category(&other, categories(&["glass"])).unwrap();
        assert!(outside.rule.ends_with("the scope of the accreditation: glass"), "{outside}");
    }

    #[test]
    fn months_end_within_the_month() {
        let months =
            |from: &str, months| later(DateTime::parse(from).unwrap(), months).map(|it| it.to_string());
        assert_eq!(months("2026-08-31T10:00:00Z", 6).as_deref(), Some("2027-02-28T10:00:00Z"));
        assert_eq!(months("2026-11-21T12:00:00Z", 1).as_deref(), Some("2026-12-21T12:00:00Z"));
        assert_eq!(months("2026-12-21T12:00:00Z", 36).as_deref(), Some("2029-12-21T12:00:00Z"));
        assert_eq!((months("2026-12-21T12:00:00Z", 0), months("2026-12-21T12:00:00Z", 37)), (None, None));
    }

    #[test]
    fn of_the_check_what_a_decision_does_not_ask_is_left_out() {
        let counts = |pointer: &str| super::counts(&Violation::new(pointer, "", ""));
        for left_out in ["/proof/verificationMethod", "/credentialSubject/scheme/id", "/category"] {
            assert!(!counts(left_out), "{left_out}");
        }
        for rule in ["/credentialSubject/scheme", "/credentialSubject/accreditation/number", PLACE] {
            assert!(counts(rule), "{rule}");
        }
    }
}
