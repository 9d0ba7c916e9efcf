//! The answer in words: one word, one sentence, and for what is not valid since when, by whom and why.

use certificate::verdict::{Cause, Reason, Verdict};

use super::words::{moment, organisation};
use crate::answer::{Answer, Found, Outcome};

/// Which of four shapes stands beside the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Valid,
    Invalid,
    Unknown,
    Unsure,
}

/// The head of a certificate's page.
pub(crate) struct Status {
    pub tone: Tone,
    pub word: &'static str,
    pub sentence: String,
    pub reasons: Vec<ReasonWords>,
    /// With "cannot tell": the last known answer.
    pub last_known: Option<String>,
}

/// One rule that stops a certificate.
pub(crate) struct ReasonWords {
    pub what: &'static str,
    pub since: String,
    pub why: Option<String>,
}

impl Tone {
    /// The class of the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
            Self::Unsure => "unsure",
        }
    }
}

/// Shape and word of a result.
pub(crate) fn word(outcome: Outcome) -> (Tone, &'static str) {
    match outcome {
        Outcome::Valid => (Tone::Valid, "Valid"),
        Outcome::NotValid => (Tone::Invalid, "Not valid"),
        Outcome::Unknown => (Tone::Unknown, "Unknown certificate"),
        Outcome::CannotTell => (Tone::Unsure, "Cannot tell"),
    }
}

impl Status {
    pub fn of(answer: &Answer) -> Self {
        let outcome = answer.outcome();
        let (tone, word) = word(outcome);
        let reasons = match &answer.found {
            Found::Certificate(_, Verdict::NotValid { reasons }) => {
                reasons.iter().map(reason_words).collect()
            }
            _ => Vec::new(),
        };
        Self { tone, word, sentence: sentence(answer, outcome), reasons, last_known: last_known(answer) }
    }
}

fn sentence(answer: &Answer, outcome: Outcome) -> String {
    let when = answer.question.at.map(|at| format!("On {}", moment(at)));
    match (outcome, when) {
        (Outcome::Valid, None) => in_force(answer),
        (Outcome::Valid, Some(when)) => format!("{when}, this certificate was in force."),
        (Outcome::NotValid, None) => {
            "This certificate stands on the ledger, but must not be relied on.".into()
        }
        (Outcome::NotValid, Some(when)) => format!("{when}, this certificate was not in force."),
        (Outcome::Unknown, _) => "No certificate with this code stands on this ledger.".into(),
        (Outcome::CannotTell, _) => doubt_sentence(answer),
    }
}

fn in_force(answer: &Answer) -> String {
    let until = match &answer.found {
        Found::Certificate(entry, _) => format!(" until {}", moment(entry.certificate.valid_until)),
        Found::Nothing | Found::Unreadable(_) => String::new(),
    };
    format!("This certificate stands on the ledger and is in force{until}, unless it is stopped before.")
}

/// A failure of ours is said to be ours.
fn doubt_sentence(answer: &Answer) -> String {
    let doubt = answer.doubt.as_ref().map_or("this verifier cannot read its records".into(), |doubt| {
        let text = doubt.to_string();
        // Dates inside are written for machines.
        answer.as_of.confirmed_at.map_or(text.clone(), |at| text.replace(&at.to_string(), &moment(at)))
    });
    format!(
        "This is no statement about the certificate: {doubt}. Please try again later, or ask another verifier."
    )
}

fn last_known(answer: &Answer) -> Option<String> {
    answer.last_known().map(|outcome| word(outcome).1.to_lowercase())
}

fn reason_words(reason: &Reason) -> ReasonWords {
    let since = moment(reason.since);
    let by = reason.by.as_deref().map(|by| format!(" by {}", organisation(by))).unwrap_or_default();
    let (what, since) = match reason.cause {
        Cause::Withdrawn => ("Withdrawn for good", format!("on {since}{by}.")),
        Cause::Superseded => {
            let other = reason.superseded_by.map(|code| format!(": {}", code.grouped())).unwrap_or_default();
            ("Superseded by another certificate", format!("on {since}{by}{other}."))
        }
        Cause::IssuerKeyCompromised => {
            ("Signed when somebody else may have had the key", format!("as declared on {since}{by}."))
        }
        Cause::IssuedOutsideAccreditation => (
            "The certification body was not accredited for it when the ledger took it in",
            format!("on {since}."),
        ),
        Cause::Expired => ("Expired", format!("on {since}.")),
        Cause::Suspended => ("Suspended", format!("on {since}{by}.")),
        Cause::AccreditationSuspended => {
            ("The accreditation behind it is suspended", format!("since {since}{by}."))
        }
        Cause::SurveillanceOverdue => ("Its surveillance is overdue", format!("since {since}.")),
        Cause::NotYetValid => ("Not yet in force", format!("before {since}.")),
    };
    ReasonWords { what, since, why: reason.why.clone() }
}
