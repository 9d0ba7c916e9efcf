//! The public answer about one certificate: valid, not valid, unknown, or cannot tell, with as of
//! which block and when that was confirmed (`docs/verifier.md`, "Results").

mod json;

use certificate::ledger_time::TOLERANCE;
use certificate::verdict::Verdict;
use certificate::{Code, DateTime, Moment};

pub(crate) use json::{Shared, json, meaning};

use crate::model::{Entry, ModelError, Reading};
use crate::sync_status::{AsOf, Doubt};

/// What somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub code: Code,
    /// A past moment, where one is asked about.
    pub at: Option<DateTime>,
}

/// What this verifier answers.
pub(crate) struct Answer {
    pub question: Question,
    pub as_of: AsOf,
    /// Of the newest block that the answer rests on.
    pub ledger_time: Option<DateTime>,
    /// The moment the verdict is for.
    pub moment: Moment,
    /// Where set, the answer is "cannot tell", and what was found is the last known result.
    pub doubt: Option<Doubt>,
    pub found: Found,
    /// When the answer may become another one though nothing is written.
    pub next_change_at: Option<DateTime>,
}

/// What the read model has under a code.
pub(crate) enum Found {
    Certificate(Box<Entry>, Verdict),
    Nothing,
    /// The records could not be read, or there is no read model to read them from.
    Unreadable(Option<ModelError>),
}

/// The four results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Outcome {
    Valid,
    NotValid,
    Unknown,
    CannotTell,
}

impl Outcome {
    /// As metrics label it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NotValid => "notValid",
            Self::Unknown => "unknown",
            Self::CannotTell => "cannotTell",
        }
    }
}

impl Answer {
    pub fn new(reading: &Reading<'_>, question: Question, now: DateTime) -> Self {
        let moment = question.at.map_or(Moment::Now(now), Moment::At);
        let mut doubt = reading.doubt().cloned();
        let mut ledger_time = None;
        let found = reading.entry(question.code).and_then(|entry| {
            if let Some(entry) = &entry {
                ledger_time = reading.ledger_time(&entry.chaincode)?;
            }
            Ok(entry)
        });
        let found = match found {
            Ok(Some(entry)) => {
                let verdict = entry.verdict(moment);
                if let Verdict::CannotTell { unreadable } = &verdict {
                    doubt.get_or_insert_with(|| Doubt::Unreadable(unreadable.clone()));
                }
                Found::Certificate(Box::new(entry), verdict)
            }
            Ok(None) => Found::Nothing,
            Err(ModelError::Certificate { .. }) => {
                doubt.get_or_insert(Doubt::Spoilt);
                Found::Unreadable(None)
            }
            Err(error) => {
                tracing::error!(code = %question.code, %error, "a certificate's records cannot be read");
                doubt = Some(Doubt::Broken);
                Found::Unreadable(Some(error))
            }
        };
        let next_change_at = reading.next_change_at.into_iter().chain(found.next_change_at(now)).min();
        Self { question, as_of: reading.as_of(), ledger_time, moment, doubt, found, next_change_at }
    }

    /// Where there is no read model to read from.
    pub fn unreadable(question: Question, as_of: AsOf, now: DateTime) -> Self {
        let moment = question.at.map_or(Moment::Now(now), Moment::At);
        let (doubt, found) = (Some(Doubt::Broken), Found::Unreadable(None));
        Self { question, as_of, ledger_time: None, moment, doubt, found, next_change_at: None }
    }

    /// The certificate's records, where there are any.
    pub fn entry(&self) -> Option<&Entry> {
        match &self.found {
            Found::Certificate(entry, _) => Some(entry),
            Found::Nothing | Found::Unreadable(_) => None,
        }
    }

    pub fn outcome(&self) -> Outcome {
        match self.doubt {
            Some(_) => Outcome::CannotTell,
            None => self.recorded().unwrap_or(Outcome::CannotTell),
        }
    }

    /// With "cannot tell": what the records said when they were last confirmed to be current, if they ever were.
    pub fn last_known(&self) -> Option<Outcome> {
        self.doubt.as_ref()?;
        self.as_of.confirmed_at?;
        self.recorded()
    }

    /// For a past moment: whether events of later blocks can no longer count from before it.
    pub fn is_settled(&self) -> Option<bool> {
        let at = self.question.at?;
        Some(self.ledger_time.is_some_and(|time| at < time.plus_seconds(-TOLERANCE)))
    }

    /// What the records say, whether or not this verifier can vouch for them.
    fn recorded(&self) -> Option<Outcome> {
        match &self.found {
            Found::Certificate(_, Verdict::Valid) => Some(Outcome::Valid),
            Found::Certificate(_, Verdict::NotValid { .. }) => Some(Outcome::NotValid),
            Found::Nothing => Some(Outcome::Unknown),
            Found::Certificate(_, Verdict::CannotTell { .. }) | Found::Unreadable(_) => None,
        }
    }
}

impl Found {
    fn next_change_at(&self, now: DateTime) -> Option<DateTime> {
        match self {
            Self::Certificate(entry, _) => entry.next_change_at(now),
            Self::Nothing | Self::Unreadable(_) => None,
        }
    }
}
