//! Complaints and appeals (ISO/IEC 17065, 7.13): what companies write, in words that stay here; the index of what the ledger says of
//! each; and who may do what with one. Whoever files one on the ledger is a person with a key of their own: a company's is filed by
//! the people of the body. The ledger decides.

use accounts::{Change, Database, people::Account, secret, store::StoreError};
use certificate::{Code, Duty};
use desk::{Application, Away, Certificate, Complaint, Event, Organisation};
use sha2::{Digest, Sha256};
use sqlx::{FromRow, Row, any::AnyRow};

use crate::{index::IndexError, notices, queue::Queue};

/// Complaints on a page.
pub const PAGE: i64 = 50;
/// Characters of a company's own words.
pub const WORDS: usize = 4000;
/// What of a company may wait to be filed.
pub const WAITING: i64 = 20;

/// What a complaint is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Application(String),
    Certificate(String),
}

impl About {
    fn read(application: Option<String>, certificate: Option<String>) -> Option<Self> {
        application.map(Self::Application).or(certificate.map(Self::Certificate))
    }

    /// As the contract names it, and its code.
    pub fn named(&self) -> (&'static str, &str) {
        match self {
            Self::Application(code) => ("application", code),
            Self::Certificate(code) => ("certificate", code),
        }
    }

    fn columns(&self) -> [Option<&str>; 2] {
        match self {
            Self::Application(code) => [Some(code), None],
            Self::Certificate(code) => [None, Some(code)],
        }
    }
}

/// Whether the ledger waits for somebody to do something.
pub fn is_open(state: &str) -> bool {
    matches!(state, "filed" | "acknowledged")
}

/// A complaint as the index has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub body: String,
    pub id: String,
    pub kind: String,
    pub about: About,
    pub filed_by: String,
    pub state: String,
    pub summary: String,
    pub filed_at: String,
    pub taken_by: String,
    pub taken_at: String,
    pub reason: String,
}

fn about(row: &AnyRow) -> Result<About, sqlx::Error> {
    let about = About::read(row.try_get("application")?, row.try_get("certificate")?);
    about.ok_or_else(|| sqlx::Error::Decode("a complaint about nothing".into()))
}

impl FromRow<'_, AnyRow> for Known {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            about: about(row)?,
            body: row.try_get("body")?,
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            filed_by: row.try_get("filed_by")?,
            state: row.try_get("state")?,
            summary: row.try_get("summary")?,
            filed_at: row.try_get("filed_at")?,
            taken_by: row.try_get("taken_by")?,
            taken_at: row.try_get("taken_at")?,
            reason: row.try_get("reason")?,
        })
    }
}

/// What a company wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grievance {
    pub id: String,
    pub body: String,
    /// The company's name.
    pub company: String,
    pub kind: String,
    pub about: About,
    pub words: String,
    salt: String,
    pub written_at: i64,
    pub ended_at: Option<i64>,
}

impl FromRow<'_, AnyRow> for Grievance {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            about: about(row)?,
            id: row.try_get("id")?,
            body: row.try_get("body")?,
            company: row.try_get("company")?,
            kind: row.try_get("kind")?,
            words: row.try_get("words")?,
            salt: row.try_get("salt")?,
            written_at: row.try_get("written_at")?,
            ended_at: row.try_get("ended_at")?,
        })
    }
}

impl Grievance {
    /// What is hashed, for whoever wants to prove it later.
    pub fn text(&self) -> String {
        let (name, code) = self.about.named();
        let Self { id, kind, salt, words, .. } = self;
        format!("NanoTrace {kind} {id}\nabout {name} {code}\nsalt {salt}\n\n{words}\n")
    }

    /// `sha256:` and the hash in hexadecimal.
    pub fn hash(&self) -> String {
        format!("sha256:{}", hex::encode(Sha256::digest(self.text())))
    }

    /// The line by which it is filed on the ledger.
    pub fn summary(&self) -> String {
        format!("Of a client, in writing to the body: {}", self.hash())
    }
}

/// What a company is about to write.
pub struct Words<'a> {
    pub body: &'a str,
    pub kind: &'a str,
    pub about: &'a About,
    pub words: &'a str,
}

macro_rules! grievances {
    ($more:literal) => {
        concat!(
            "SELECT grievances.*, parties.name AS company FROM grievances JOIN parties ON parties.id = party ",
            $more
        )
    };
}

/// The complaints of one company: each statement here names it.
pub struct Own<'a> {
    party: &'a str,
    account: &'a str,
}

impl<'a> Own<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { party: &account.party, account: &account.id }
    }

    /// Each with what the ledger says of it, once it is filed; the newest first.
    pub async fn all(&self, database: &Database) -> Result<Vec<(Grievance, Option<Known>)>, sqlx::Error> {
        let select = sqlx::query_as(grievances!("WHERE party = $1 ORDER BY written_at DESC, id LIMIT 200"));
        let written: Vec<Grievance> = select.bind(self.party).fetch_all(database.pool()).await?;
        let select = sqlx::query_as(
            "SELECT complaints.* FROM complaints JOIN grievances ON grievances.id = complaints.id \
             AND grievances.body = complaints.body WHERE party = $1",
        );
        let known: Vec<Known> = select.bind(self.party).fetch_all(database.pool()).await?;
        let with = |it: Grievance| (known.iter().find(|known| known.id == it.id).cloned(), it);
        Ok(written.into_iter().map(with).map(|(known, it)| (it, known)).collect())
    }

    pub async fn one(&self, database: &Database, id: &str) -> Result<Option<Grievance>, sqlx::Error> {
        let select = sqlx::query_as(grievances!("WHERE party = $1 AND grievances.id = $2"));
        select.bind(self.party).bind(id).fetch_optional(database.pool()).await
    }

    /// Writes one, and tells the people of the body; none where [`WAITING`] of them wait. The same words again, while they wait, are
    /// the same complaint.
    pub async fn write(
        &self,
        change: &mut Change,
        new: &Words<'_>,
        now: i64,
    ) -> Result<Option<String>, StoreError> {
        let [application, certificate] = new.about.columns();
        let select = sqlx::query_as(
            "SELECT id FROM grievances WHERE party = $1 AND body = $2 AND kind = $3 AND words = $4 AND ended_at IS NULL \
             AND (application = $5 OR certificate = $6) AND NOT EXISTS \
             (SELECT 1 FROM complaints WHERE complaints.id = grievances.id AND complaints.body = grievances.body)",
        );
        let select = select.bind(self.party).bind(new.body).bind(new.kind).bind(new.words);
        let select = select.bind(application).bind(certificate);
        let same: Option<(String,)> = select.fetch_optional(change.connection()).await?;
        if let Some((id,)) = same {
            return Ok(Some(id));
        }
        let select = sqlx::query_as(
            "SELECT count(*) FROM grievances WHERE party = $1 AND ended_at IS NULL AND NOT EXISTS \
             (SELECT 1 FROM complaints WHERE complaints.id = grievances.id AND complaints.body = grievances.body)",
        );
        let (waiting,): (i64,) = select.bind(self.party).fetch_one(change.connection()).await?;
        if waiting >= WAITING {
            return Ok(None);
        }
        let id = new_id()?;
        sqlx::query(
            "INSERT INTO grievances (id, party, account, body, kind, application, certificate, words, salt, written_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(&id)
        .bind(self.party)
        .bind(self.account)
        .bind(new.body)
        .bind(new.kind)
        .bind(application)
        .bind(certificate)
        .bind(new.words)
        .bind(secret::random_id()?)
        .bind(now)
        .execute(change.connection())
        .await?;
        notices::of_grievance(change, new, &id, now).await?;
        Ok(Some(id))
    }

    /// Takes one back that is not on the ledger; whether there is such a one.
    pub async fn take_back(&self, change: &mut Change, id: &str, now: i64) -> Result<bool, StoreError> {
        let update = sqlx::query(
            "UPDATE grievances SET ended_at = $1 WHERE party = $2 AND id = $3 AND ended_at IS NULL AND NOT EXISTS \
             (SELECT 1 FROM complaints WHERE complaints.id = grievances.id AND complaints.body = grievances.body)",
        );
        let update = update.bind(now).bind(self.party).bind(id).execute(change.connection()).await?;
        if update.rows_affected() == 0 {
            return Ok(false);
        }
        let select = sqlx::query_as("SELECT body FROM grievances WHERE id = $1");
        let (body,): (String,) = select.bind(id).fetch_one(change.connection()).await?;
        notices::is_done(change, &page_of(&body, id)).await?;
        Ok(true)
    }
}

/// An id as the contract takes it.
pub fn new_id() -> Result<String, StoreError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(Code::from_random(random).to_string())
}

/// Where the people of organisations see one.
pub fn page_of(body: &str, id: &str) -> String {
    format!("/complaints/{body}/{id}")
}

/// What the people of an organisation see: what is filed against it, or by it, and what companies wrote to it; who watches over all
/// bodies sees what is filed at any. Each statement here names who asks.
pub struct Watch<'a> {
    party: &'a str,
    sees_all: bool,
}

impl<'a> Watch<'a> {
    pub fn of(account: &'a Account, queue: &Queue<'_>) -> Self {
        Self { party: &account.party, sees_all: queue.oversees_all() }
    }

    /// A page of what the ledger has: of those that wait for somebody the one that waited longest first, so that what is overdue
    /// stands at the top; then the others, the newest first. `state` is one of the ledger's, `open`, or empty for all.
    pub async fn page(&self, database: &Database, state: &str, page: i64) -> Result<Vec<Known>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT * FROM complaints WHERE (body = $1 OR filed_by = $1 OR $2 = 1) \
             AND ($3 = '' OR state = $3 OR ($3 = 'open' AND state IN ('filed', 'acknowledged'))) \
             ORDER BY CASE WHEN state IN ('filed', 'acknowledged') THEN 0 ELSE 1 END, \
             CASE WHEN state IN ('filed', 'acknowledged') THEN taken_at ELSE '' END, taken_at DESC, id LIMIT $4 OFFSET $5",
        );
        let select = select.bind(self.party).bind(i64::from(self.sees_all)).bind(state).bind(PAGE);
        select.bind(page.clamp(0, 10_000).saturating_mul(PAGE)).fetch_all(database.pool()).await
    }

    /// Those about one application or certificate, the newest first.
    pub async fn about(
        &self,
        database: &Database,
        body: &str,
        about: &About,
    ) -> Result<Vec<Known>, sqlx::Error> {
        let [application, certificate] = about.columns();
        let select = sqlx::query_as(
            "SELECT * FROM complaints WHERE (body = $1 OR filed_by = $1 OR $2 = 1) AND body = $3 \
             AND (application = $4 OR certificate = $5) ORDER BY filed_at DESC, id LIMIT 50",
        );
        let select = select.bind(self.party).bind(i64::from(self.sees_all)).bind(body);
        select.bind(application).bind(certificate).fetch_all(database.pool()).await
    }

    pub async fn one(&self, database: &Database, body: &str, id: &str) -> Result<Option<Known>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT * FROM complaints WHERE (body = $1 OR filed_by = $1 OR $2 = 1) AND body = $3 AND id = $4",
        );
        let select = select.bind(self.party).bind(i64::from(self.sees_all)).bind(body).bind(id);
        select.fetch_optional(database.pool()).await
    }

    /// What companies wrote to this organisation and nobody has filed yet, the oldest first.
    pub async fn written(&self, database: &Database) -> Result<Vec<Grievance>, sqlx::Error> {
        let select = sqlx::query_as(grievances!(
            "WHERE body = $1 AND ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM complaints \
             WHERE complaints.id = grievances.id AND complaints.body = grievances.body) \
             ORDER BY written_at, grievances.id LIMIT 200"
        ));
        select.bind(self.party).fetch_all(database.pool()).await
    }

    /// What a company wrote: for the people of the body alone, also where others see the complaint.
    pub async fn words(
        &self,
        database: &Database,
        body: &str,
        id: &str,
    ) -> Result<Option<Grievance>, sqlx::Error> {
        let select = sqlx::query_as(grievances!("WHERE body = $1 AND body = $2 AND grievances.id = $3"));
        select.bind(self.party).bind(body).bind(id).fetch_optional(database.pool()).await
    }
}

/// Keeps what the ledger says of a complaint, and tells the company that wrote it and those of the body whose turn it is, in the same
/// change. It is a cache, and no change that the audit log tells of.
pub async fn keep(database: &Database, body: &str, complaint: &Complaint) -> Result<(), IndexError> {
    let (Some(first), Some(last)) = (complaint.steps.first(), complaint.steps.last()) else { return Ok(()) };
    if complaint.application.is_none() && complaint.certificate.is_none() {
        return Ok(());
    }
    let steps = i64::try_from(complaint.steps.len()).unwrap_or(i64::MAX);
    let select = "SELECT steps FROM complaints WHERE body = $1 AND id = $2 AND steps >= $3";
    let known = sqlx::query(select).bind(body).bind(&complaint.complaint).bind(steps);
    if known.fetch_optional(database.pool()).await?.is_some() {
        return Ok(());
    }
    let mut change = database.change().await?;
    let kept = sqlx::query(
        "INSERT INTO complaints (body, id, kind, application, certificate, filed_by, state, steps, summary, filed_at, \
         taken_by, taken_at, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (body, id) DO UPDATE SET state = excluded.state, steps = excluded.steps, \
         taken_by = excluded.taken_by, taken_at = excluded.taken_at, reason = excluded.reason \
         WHERE complaints.steps < excluded.steps",
    )
    .bind(body)
    .bind(&complaint.complaint)
    .bind(&complaint.kind)
    .bind(&complaint.application)
    .bind(&complaint.certificate)
    .bind(&complaint.filed_by)
    .bind(&complaint.state)
    .bind(steps)
    .bind(&first.event.reason)
    .bind(&first.event.effective_at)
    .bind(&last.event.by)
    .bind(&last.event.effective_at)
    .bind(&last.event.reason)
    .execute(change.connection())
    .await?;
    if kept.rows_affected() == 1 {
        notices::of_complaint(&mut change, body, complaint).await?;
    }
    Ok(change.commit().await?)
}

/// Who looks at a complaint.
pub struct Looking<'a> {
    pub account: &'a Account,
    /// Their pseudonym on the ledger.
    pub person: &'a str,
    /// Of the organisation that accredits bodies.
    pub is_accreditor: bool,
}

/// A step that the contract lets somebody take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    Acknowledge,
    Decide,
    Withdraw,
}

/// The steps of a complaint that the contract lets who looks take in its state.
pub fn open(who: &Looking<'_>, body: &str, complaint: &Complaint) -> Vec<Open> {
    let has =
        |duties: &[Duty]| duties.iter().any(|duty| who.account.roles.iter().any(|it| it == duty.name()));
    let is_of_body = who.account.party == body;
    let may = |duties: &[Duty]| (is_of_body && has(duties)) || (!is_of_body && who.is_accreditor);
    let mut open = Vec::new();
    if !is_open(&complaint.state) {
        return open;
    }
    if complaint.state == "filed" && may(&[Duty::Evaluator, Duty::Reviewer, Duty::DecisionMaker]) {
        open.push(Open::Acknowledge);
    }
    if may(&[Duty::DecisionMaker]) {
        open.push(Open::Decide);
    }
    let filed = complaint.steps.first().is_some_and(|step| step.event.person == who.person);
    if !who.person.is_empty() && filed && complaint.filed_by == who.account.party {
        open.push(Open::Withdraw);
    }
    open
}

/// Why the contract would refuse a decision of this person, whom it compares by pseudonym (ISO/IEC 17065, 7.13.6). The application is
/// that of the complaint, or of its certificate.
fn conflict(
    person: &str,
    complaint: &Complaint,
    application: Option<&Application>,
    certificate: Option<&Certificate>,
) -> Option<&'static str> {
    let is_of = |event: &Event| !person.is_empty() && event.person == person;
    if complaint.steps.first().is_some_and(|step| is_of(&step.event)) {
        return Some("You filed it: somebody else decides.");
    }
    let by_applicant = |step: &str| matches!(step, "submit" | "complete" | "change" | "withdraw");
    let steps = application.iter().flat_map(|it| &it.steps).filter(|step| !by_applicant(&step.step));
    if steps.map(|step| &step.event).any(is_of) {
        return Some("You had a part in the application: somebody who had none decides.");
    }
    let certificate = certificate?;
    let suspensions = certificate.suspensions.iter().map(|it| &it.placed);
    let mut events = [&certificate.issued].into_iter().chain(suspensions).chain(&certificate.withdrawals);
    events.any(is_of).then_some(
        "You issued, suspended or withdrew the certificate: somebody who had no part in the case decides.",
    )
}

/// Whether who looks had a part in the case, as the contract would find.
pub async fn had_a_part(
    reader: &Organisation,
    who: &Looking<'_>,
    body: &str,
    complaint: &Complaint,
) -> Result<Option<&'static str>, Away> {
    let code = |text: &Option<String>| text.as_ref().and_then(|it| it.parse::<Code>().ok());
    let certificate = match code(&complaint.certificate) {
        Some(code) => reader.certificate(body, code).await?,
        None => None,
    };
    let application = certificate.as_ref().map_or(&complaint.application, |it| &it.application);
    let application = match code(application) {
        Some(code) => reader.application(body, code).await?,
        None => None,
    };
    Ok(conflict(who.person, complaint, application.as_ref(), certificate.as_ref()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use accounts::PartyKind;
    use serde_json::{Value, json};

    use super::*;

    fn event(person: &str) -> Value {
        json!({"effectiveAt": "2026-01-31T12:00:00Z", "by": "CertBodyMSP", "person": person, "transactionId": "1"})
    }

    fn complaint(state: &str) -> Complaint {
        let mut filed = event("f");
        filed["state"] = json!("filed");
        serde_json::from_value(json!({
            "complaint": "68S34CHJ689348HJ68S34CHJ688", "kind": "complaint", "certificate": "01040G2081840R2081040G2081S",
            "filedBy": "CertBodyMSP", "state": state, "steps": [filed],
        }))
        .unwrap()
    }

    fn account(party: &str, roles: &[&str]) -> Account {
        Account {
            id: String::new(),
            party: party.to_owned(),
            party_kind: PartyKind::Organisation,
            party_name: String::new(),
            email: String::new(),
            name: String::new(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        }
    }

    #[test]
    fn a_step_is_offered_to_whom_the_contract_lets_take_it() {
        use Open::{Acknowledge, Decide, Withdraw};
        let open = |party: &str, roles: &[&str], person: &str, is_accreditor: bool, state: &str| {
            let who = Looking { account: &account(party, roles), person, is_accreditor };
            super::open(&who, "CertBodyMSP", &complaint(state))
        };
        let body = "CertBodyMSP";
        assert_eq!(open(body, &["evaluator"], "e", false, "filed"), [Acknowledge]);
        assert_eq!(open(body, &["reviewer"], "f", false, "filed"), [Acknowledge, Withdraw]);
        assert_eq!(open(body, &["decision-maker"], "d", false, "filed"), [Acknowledge, Decide]);
        assert_eq!(open(body, &["decision-maker"], "d", false, "acknowledged"), [Decide]);
        assert_eq!(open("AccreditationMSP", &["accreditor"], "a", true, "acknowledged"), [Decide]);
        for state in ["upheld", "dismissed", "withdrawn"] {
            assert_eq!(open(body, &["decision-maker"], "f", false, state), [], "{state}");
        }
        assert_eq!(open(body, &["auditor", "administrator"], "x", false, "filed"), []);
        assert_eq!(
            open("LabMSP", &["decision-maker", "lab"], "f", false, "filed"),
            [],
            "of another organisation"
        );
    }

    #[test]
    fn who_had_a_part_in_the_case_is_told_before() {
        let mut step = event("e");
        step["step"] = json!("evaluate");
        let mut submitted = event("s");
        submitted["step"] = json!("submit");
        let application: Application = serde_json::from_value(json!({
            "application": "A", "body": "CertBodyMSP", "applicant": "IndustryMSP", "title": "Paint", "schemeId": "S",
            "schemeVersion": "1", "dossier": "sha256:0", "state": "granted", "steps": [submitted, step],
        }))
        .unwrap();
        let certificate: Certificate = serde_json::from_value(json!({
            "certificate": "01040G2081840R2081040G2081S", "body": "CertBodyMSP", "validFrom": "2026-01-01T00:00:00Z",
            "validUntil": "2029-01-01T00:00:00Z", "issued": event("i"), "verdict": {"result": "valid"}, "document": {},
            "suspensions": [{"placed": event("p"), "lifted": event("l")}], "withdrawals": [event("w")],
        }))
        .unwrap();
        for (person, is_told) in [
            ("f", true),
            ("e", true),
            ("i", true),
            ("p", true),
            ("w", true),
            ("l", false),
            ("s", false),
            ("", false),
        ] {
            let told = conflict(person, &complaint("filed"), Some(&application), Some(&certificate));
            assert_eq!(told.is_some(), is_told, "{person}");
        }
    }
}
