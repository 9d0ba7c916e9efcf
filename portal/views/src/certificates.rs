//! A company's certificates.

use askama::Template;
use dossiers::store::Indexed;

use crate::page::{Frame, moment_of};

#[derive(Template)]
#[template(path = "certificates.html")]
pub struct CertificatesPage {
    pub frame: Frame,
    pub away: Option<String>,
    pub certificates: Vec<ShownCertificate>,
    pub newer: Option<i64>,
    pub older: Option<i64>,
}

/// The same label as often as it is wanted.
#[derive(Template)]
#[template(path = "labels.html")]
pub struct LabelsPage {
    pub frame: Frame,
    pub title: String,
    pub code: String,
    pub public: String,
    pub count: usize,
    pub most: usize,
}

pub struct ShownCertificate {
    pub code: String,
    pub title: String,
    pub application: String,
    pub public: Option<String>,
    /// `valid`, `notValid`, or empty where the ledger did not say.
    pub result: String,
    pub reason: String,
    pub until: String,
    pub surveillance: String,
}

/// Why a certificate does not hold; empty where it does.
pub fn reason_of(verdict: &desk::Verdict) -> String {
    let said = |reason: &desk::Reason| {
        let why = reason.why.as_deref().unwrap_or_default();
        format!("{} since {} {why}", reason.cause, moment_of(&reason.since)).trim().to_owned()
    };
    verdict.reasons.first().map(said).unwrap_or_default()
}

/// Where the public reads about a certificate.
pub fn public_page(verifier: &str, code: &str) -> String {
    format!("{}/c/{code}", verifier.trim_end_matches('/'))
}

impl ShownCertificate {
    pub fn of(known: &Indexed, verifier: Option<&str>) -> Self {
        let code = known.certificate.as_deref().unwrap_or_default();
        Self {
            code: code.to_owned(),
            title: known.title.clone(),
            application: known.id.clone(),
            public: verifier.map(|verifier| public_page(verifier, code)),
            result: String::new(),
            reason: String::new(),
            until: String::new(),
            surveillance: String::new(),
        }
    }

    /// Takes what the ledger says of it now.
    pub fn read(&mut self, found: &desk::Certificate) {
        self.result = found.verdict.result.clone();
        self.reason = reason_of(&found.verdict);
        self.until = moment_of(&found.valid_until);
        self.surveillance = found.surveillance_due.as_deref().map(moment_of).unwrap_or_default();
    }
}
