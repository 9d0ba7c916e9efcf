//! The certificates of a certification body, for the people of organisations.

use askama::Template;
use desk::{Certificate, CertificateSummary, Event};

use crate::{
    certificates::reason_of,
    complaints::ShownComplaint,
    page::{Frame, moment_of},
    steps::{Input, MemberKind, Offered, Signing},
};

#[derive(Template)]
#[template(path = "issued.html")]
pub struct IssuedPage {
    pub frame: Frame,
    /// Why the ledger gave no answer.
    pub away: Option<String>,
    /// The certification bodies, by their MSP ids.
    pub bodies: Vec<String>,
    pub wanted: Wanted,
    pub certificates: Vec<ShownIssued>,
    /// Where the list goes on.
    pub bookmark: Option<String>,
}

/// What is asked for.
pub struct Wanted {
    pub body: String,
    pub search: String,
    /// `valid`, `notValid`, or empty for all.
    pub result: String,
}

pub struct ShownIssued {
    pub code: String,
    pub product: String,
    pub result: String,
    pub reason: String,
    pub until: String,
}

#[derive(Template)]
#[template(path = "issued_one.html")]
pub struct IssuedOnePage {
    pub frame: Frame,
    pub shown: ShownIssued,
    pub body: String,
    pub from: String,
    pub issued: String,
    pub application: Option<String>,
    pub surveillance_due: String,
    /// What was done with it, the newest first: what, by whom and when, why.
    pub history: Vec<(String, String, String)>,
    pub public: Option<String>,
    /// What was filed about it, and where one is filed.
    pub complaints: Vec<ShownComplaint>,
    pub file_path: String,
    pub offered: Vec<Offered>,
    pub signing: Option<Signing>,
}

/// As people say it.
pub fn result_of(result: &str) -> &'static str {
    match result {
        "valid" => "valid",
        "notValid" => "not valid",
        _ => "not known",
    }
}

impl ShownIssued {
    pub fn listed(known: &CertificateSummary) -> Self {
        Self {
            code: known.certificate.clone(),
            product: known.product.name.clone(),
            result: result_of(&known.verdict.result).to_owned(),
            reason: reason_of(&known.verdict),
            until: moment_of(&known.valid_until),
        }
    }

    pub fn of(found: &Certificate) -> Self {
        let product = found.document.pointer("/credentialSubject/product/name");
        Self {
            product: product.and_then(|name| name.as_str()).unwrap_or(&found.certificate).to_owned(),
            result: result_of(&found.verdict.result).to_owned(),
            reason: reason_of(&found.verdict),
            until: moment_of(&found.valid_until),
            code: found.certificate.clone(),
        }
    }
}

pub fn said(event: &Event) -> String {
    format!("{}, {}", event.by, moment_of(&event.effective_at))
}

/// What was done with it, the newest first.
pub fn history(found: &Certificate) -> Vec<(String, String, String)> {
    let mut steps: Vec<(&str, &Event)> = Vec::new();
    for suspension in &found.suspensions {
        steps.push(("Suspended", &suspension.placed));
        steps.extend(suspension.lifted.as_ref().map(|lifted| ("Suspension lifted", lifted)));
    }
    for surveillance in &found.surveillance {
        let what = match surveillance.conclusion.as_deref() {
            None => "Surveillance planned",
            Some("conforming") => "Surveillance: conforming",
            Some(_) => "Surveillance: nonconforming",
        };
        steps.push((what, &surveillance.event));
    }
    steps.sort_by(|(_, one), (_, other)| other.effective_at.cmp(&one.effective_at));
    steps.into_iter().map(|(what, event)| (what.to_owned(), said(event), event.reason.clone())).collect()
}
