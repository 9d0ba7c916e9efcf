//! What somebody of a company does with its applications, on a page or by the partner API: which rules a draft breaks, where an
//! application stands, and what handing it in would be.

use std::sync::Arc;

use accounts::{Database, now, people::Account, store::StoreError};
use certificate::{
    Code,
    document::{LedgerBinding, is_line},
    record::MAXIMUM_REASON,
};
use desk::{Application, Organisation, Organisations};

use crate::{
    check::{self, Fault},
    index::{self, IndexError},
    outbox::Changed,
    store::{Dossier, Indexed, Scope, Stage},
    subject::Fields,
};

/// For whom, and what it takes.
pub struct Work<'a> {
    pub database: &'a Database,
    pub organisations: &'a Organisations,
    pub account: &'a Account,
    pub is_demonstration: bool,
}

/// Where an application stands.
pub struct Position {
    /// As the ledger has it.
    pub live: Option<Application>,
    /// As the index has it.
    pub known: Option<Indexed>,
    /// Why the ledger gave no answer.
    pub away: Option<String>,
}

/// What handing in an application is.
pub enum Submission {
    /// There is no organisation in whose name companies apply.
    NoApplicants,
    /// It breaks rules.
    Faulty(Vec<Fault>),
    /// It is on its way, is decided on or is over; or nothing was changed and no reason is given.
    Nothing,
    /// The ledger does not say where it stands.
    Away,
    /// The body has exactly this.
    Unchanged,
    /// A change needs one, as the contract takes it.
    NoReason,
    Ready(Ready),
}

/// A call of the contract, with what is handed in by it.
pub struct Ready {
    /// `submit`, `complete` or `change`.
    pub step: &'static str,
    pub argument: String,
    pub content: String,
    pub hash: String,
}

impl Work<'_> {
    fn scope(&self) -> Scope<'_> {
        Scope::of(self.account)
    }

    /// The certification bodies of the ledger; none where it does not answer.
    pub async fn bodies(&self) -> Vec<String> {
        let Some(reader) = self.organisations.applicants() else { return Vec::new() };
        let bodies = reader.bodies().await.unwrap_or_default();
        bodies.iter().map(|body| body.msp_id.clone()).collect()
    }

    /// Every rule that an application breaks.
    pub async fn faults(&self, dossier: &Dossier) -> Result<Vec<Fault>, sqlx::Error> {
        // Without a ledger the rules are judged against a name in its form.
        let genesis = match self.organisations.genesis() {
            "" => format!("sha256:{}", "0".repeat(64)),
            genesis => genesis.to_owned(),
        };
        let channel =
            if self.organisations.channel().is_empty() { "none" } else { self.organisations.channel() };
        let context = check::Context {
            ledger: LedgerBinding { channel: channel.to_owned(), genesis },
            now: now(),
            bodies: self.bodies().await,
            is_demonstration: self.is_demonstration,
        };
        let mut faults = check::faults(&dossier.fields, &context);
        if let Some(request) = self.scope().submitted(self.database, &dossier.id).await? {
            faults.extend(check::of_submitted(&dossier.fields, &request));
        }
        let replaced = dossier.fields.get("application.replaces").and_then(|code| code.parse::<Code>().ok());
        if let Some(code) = replaced
            && self.scope().granted_as(self.database, &code.to_string()).await?.is_none()
        {
            let rule =
                "must be a certificate that was granted to your company through this portal".to_owned();
            faults.push(Fault { field: "application.replaces".to_owned(), rule });
        }
        let studies = studies::Scope::of(self.account);
        for stated in studies::stated(&dossier.fields) {
            if !studies.came_to(self.database, &stated.sha256, &stated.statement).await? {
                let rule = "begins with ICH Q1E, and must be what a stability study of your company came to, of the data with this \
                            SHA-256, word for word: attach the study again";
                let field = format!("testReports.{}.method", stated.row);
                faults.push(Fault { field, rule: rule.to_owned() });
            }
        }
        Ok(faults)
    }

    /// The fields of a new draft: what is given, with what the ledger leaves no choice of and the company wrote before.
    pub async fn begun_with(&self, mut fields: Fields) -> Result<Fields, sqlx::Error> {
        let schemes = match self.organisations.applicants() {
            Some(reader) => reader.schemes().await.unwrap_or_default(),
            None => Vec::new(),
        };
        let mut offer = |name: &str, text: &str| {
            fields.entry(name.to_owned()).or_insert_with(|| text.to_owned());
        };
        offer("listing", "listed");
        if let [body] = self.bodies().await.as_slice() {
            offer("application.body", body);
        }
        if let [scheme] = schemes.as_slice() {
            offer("scheme.id", &scheme.id);
            offer("scheme.version", &scheme.version);
            scheme.standards.iter().enumerate().for_each(|(at, it)| offer(&format!("standards.{at}"), it));
        }
        // Who applied before need not write its name and site again.
        if let Some((last, _)) = self.scope().all(self.database).await?.first() {
            let kept = last.fields.iter().filter(|(name, _)| name.starts_with("client.") || *name == "site");
            kept.for_each(|(name, text)| offer(name, text));
        }
        offer("client.name", &self.account.party_name);
        Ok(fields)
    }

    /// As the ledger has it, or what the index has and why the ledger gave no answer.
    pub async fn position(&self, dossier: &Dossier) -> Result<Position, sqlx::Error> {
        let body = dossier.body();
        let id: Option<Code> = dossier.id.parse().ok();
        let (mut live, mut away) = (None, None);
        let reader = body.and_then(|body| self.organisations.reader_of(body));
        if let (Some(reader), Some(body), Some(id)) = (reader, body, id) {
            match index::refresh(self.database, self.organisations, reader, body, id).await {
                Ok(found) => live = found,
                Err(IndexError::Database(error)) => return Err(error),
                Err(error) => away = Some(error.to_string()),
            }
        } else if self.organisations.is_empty() {
            away = Some("this portal was started without one".to_owned());
        }
        Ok(Position { live, known: self.indexed(dossier).await?, away })
    }

    /// What the index has of the application to its body.
    pub async fn indexed(&self, dossier: &Dossier) -> Result<Option<Indexed>, sqlx::Error> {
        index::one(self.database, dossier.body().unwrap_or_default(), &dossier.id).await
    }

    pub async fn stage(&self, dossier: &Dossier) -> Result<Stage, sqlx::Error> {
        let known = self.indexed(dossier).await?;
        Ok(Stage::of(&self.scope().acts(self.database, &dossier.id).await?, known.as_ref()))
    }

    /// What handing it in is now. Nothing is done.
    pub async fn submission(
        &self,
        dossier: &Dossier,
        reason: Option<&str>,
    ) -> Result<Submission, StoreError> {
        if self.organisations.applicants().is_none() {
            return Ok(Submission::NoApplicants);
        }
        let faults = self.faults(dossier).await?;
        if !faults.is_empty() {
            return Ok(Submission::Faulty(faults));
        }
        let Position { known, away, .. } = self.position(dossier).await?;
        let stage = Stage::of(&self.scope().acts(self.database, &dossier.id).await?, known.as_ref());
        let (content, hash) = dossier.edition()?;
        let (step, argument) = match (stage, reason) {
            (Stage::Waiting | Stage::Settled, _) | (Stage::UnderWay, None) => return Ok(Submission::Nothing),
            (Stage::Returned | Stage::UnderWay, _) if away.is_some() => return Ok(Submission::Away),
            (Stage::UnderWay, Some(reason)) => {
                let last = self.scope().edition(self.database, &dossier.id).await?;
                if last.is_some_and(|(_, last)| last == hash) {
                    return Ok(Submission::Unchanged);
                }
                let Some(reason) = reason_of(reason) else { return Ok(Submission::NoReason) };
                ("change", Changed { dossier: hash.clone(), reason: reason.to_owned() }.to_argument())
            }
            (Stage::Returned, _) => ("complete", hash.clone()),
            (Stage::Draft, _) => ("submit", dossier.request(&hash).to_string()),
        };
        Ok(Submission::Ready(Ready { step, argument, content, hash }))
    }
}

/// An organisation through which the ledger is read.
pub fn reader(organisations: &Organisations) -> Option<&Arc<Organisation>> {
    organisations.applicants().or_else(|| organisations.iter().next())
}

/// A reason as the contract takes it.
pub fn reason_of(typed: &str) -> Option<&str> {
    Some(typed.trim()).filter(|reason| is_line(reason, MAXIMUM_REASON))
}

/// Whether nothing more becomes of an application in this state.
pub fn is_over(state: &str) -> bool {
    matches!(state, "granted" | "refused" | "withdrawn")
}
