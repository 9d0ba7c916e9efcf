//! What the verifier says of certificates, for customs and logistics.

use askama::Template;
use inspection::{Answer, Outcome, Reason};

use crate::page::{Frame, moment_of};

#[derive(Template)]
#[template(path = "look_up.html")]
pub struct LookUpPage {
    pub frame: Frame,
    pub typed: String,
    pub problem: Option<String>,
    /// The host of the link, where it is not the verifier's.
    pub elsewhere: Option<String>,
    pub answer: Option<ShownAnswer>,
}

/// An answer as a page shows it.
pub struct ShownAnswer {
    pub word: &'static str,
    /// The class of its colour.
    pub tone: &'static str,
    pub sentence: String,
    pub reasons: Vec<ShownReason>,
    pub facts: Vec<(&'static str, String)>,
    pub page: String,
    pub product: String,
    pub code: String,
    /// Of a product with several certificates.
    pub certificates: Vec<ShownAnswer>,
    /// How many confidential fields its application has.
    pub confidential: usize,
}

pub struct ShownReason {
    pub what: String,
    pub why: String,
}

impl From<&Answer> for ShownAnswer {
    fn from(answer: &Answer) -> Self {
        let moment = |text: &str| if text.is_empty() { String::new() } else { moment_of(text) };
        let facts = [
            ("Product", answer.product.clone()),
            ("GTIN", answer.gtin.clone()),
            ("Batch", answer.batch.clone()),
            ("Serial number", answer.serial.clone()),
            ("Substance", answer.substance.clone()),
            ("Certified for", answer.client.clone()),
            ("Certified by", answer.issuer.clone()),
            ("Holds from", moment(&answer.valid_from)),
            ("Holds until", moment(&answer.valid_until)),
            ("Code", answer.code.clone()),
            ("Read at block", answer.block.map(|block| block.to_string()).unwrap_or_default()),
            ("Newest block confirmed", moment(&answer.confirmed_at)),
            ("Ledger time of that block", moment(&answer.ledger_time)),
        ];
        Self {
            word: word(answer.result),
            tone: tone(answer.result),
            sentence: sentence(answer),
            reasons: answer.reasons.iter().map(ShownReason::from).collect(),
            facts: facts.into_iter().filter(|(_, text)| !text.is_empty()).collect(),
            // Of the verifier's own address, and a link all the same: nothing else than http may stand in it.
            page: Some(&answer.page).filter(|it| it.starts_with("http")).cloned().unwrap_or_default(),
            product: answer.product.clone(),
            code: answer.code.clone(),
            certificates: answer.certificates.iter().map(Self::from).collect(),
            confidential: answer.confidential.fields,
        }
    }
}

impl From<&Reason> for ShownReason {
    fn from(reason: &Reason) -> Self {
        let by = if reason.by.is_empty() { String::new() } else { format!(" by {}", reason.by) };
        let what = format!("{}{by}, since {}", cause(&reason.cause), moment_of(&reason.since));
        Self { what, why: reason.why.clone() }
    }
}

/// As people say it.
pub fn word(result: Outcome) -> &'static str {
    match result {
        Outcome::Valid => "Valid",
        Outcome::NotValid => "Not valid",
        Outcome::Unknown => "Unknown certificate",
        Outcome::CannotTell => "Cannot tell",
        Outcome::Several => "Several certificates",
        Outcome::Contradiction => "Contradiction",
    }
}

pub fn tone(result: Outcome) -> &'static str {
    match result {
        Outcome::Valid => "valid",
        Outcome::NotValid | Outcome::Contradiction => "invalid",
        Outcome::Unknown => "unknown",
        Outcome::CannotTell | Outcome::Several => "unsure",
    }
}

fn sentence(answer: &Answer) -> String {
    match answer.result {
        Outcome::Valid => "The certificate is on the ledger and in force.".to_owned(),
        Outcome::NotValid => "The certificate is on the ledger, and not in force.".to_owned(),
        Outcome::Unknown => "No such certificate stands on this ledger.".to_owned(),
        Outcome::CannotTell => {
            format!("That is no yes and no no: ask again later. {}", answer.doubt).trim().to_owned()
        }
        Outcome::Several | Outcome::Contradiction => answer.doubt.clone(),
    }
}

/// The verifier's causes as people say them; one that is not known here as it came.
pub(crate) fn cause(cause: &str) -> &str {
    match cause {
        "withdrawn" => "Withdrawn",
        "superseded" => "Superseded",
        "issuerKeyCompromised" => "Key of its issuer compromised",
        "issuedOutsideAccreditation" => "Issued outside the accreditation",
        "expired" => "Expired",
        "suspended" => "Suspended",
        "accreditationSuspended" => "Accreditation suspended",
        "surveillanceOverdue" => "Surveillance overdue",
        "notYetValid" => "Not yet in force",
        other => other,
    }
}
