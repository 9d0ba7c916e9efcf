//! What is decided, on its way to a certificate.

use askama::Template;
use granting::Grant;

use crate::page::{Frame, moment};

#[derive(Template)]
#[template(path = "grants.html")]
pub struct GrantsPage {
    pub frame: Frame,
    pub party: String,
    /// Its MSP id.
    pub body: String,
    /// Whether this portal has the party's signer.
    pub has_signer: bool,
    pub grants: Vec<ShownGrant>,
    pub newer: Option<i64>,
    pub older: Option<i64>,
}

/// A decision, and how far its grant is.
pub struct ShownGrant {
    pub application: String,
    pub title: String,
    pub state: &'static str,
    pub since: String,
    /// What is done now, or what was done last.
    pub doing: &'static str,
    /// Why it waits or ended.
    pub problem: Option<String>,
    pub tries: i64,
    /// When it is tried again.
    pub next: Option<String>,
    pub transaction: Option<(String, Option<i64>)>,
    /// The certificate's code, where it is granted, and its public page.
    pub certificate: Option<(String, Option<String>)>,
}

impl ShownGrant {
    pub fn of(grant: Grant, public: impl FnOnce(&str) -> Option<String>) -> Self {
        let is_waiting = grant.state == "waiting";
        let certificate = grant.certificate.filter(|_| grant.state == "granted");
        Self {
            // The index may have lost it, until it is read again.
            title: if grant.title.is_empty() { "An application".to_owned() } else { grant.title },
            application: grant.application,
            state: match grant.state.as_str() {
                "waiting" => "under way",
                "granted" => "granted",
                "left" => "left to others",
                _ => "not granted",
            },
            since: moment(grant.since),
            doing: match grant.step.as_str() {
                "document" => "Step 1 of 3: the document that was decided on is read from the ledger.",
                "signature" => "Step 2 of 3: the body's signer signs it.",
                _ => "Step 3 of 3: the signed document is put onto the ledger.",
            },
            problem: Some(grant.said).filter(|said| !said.is_empty()),
            tries: grant.tries,
            next: (is_waiting && grant.tries > 0).then(|| moment(grant.due_at)),
            transaction: grant.transaction,
            certificate: certificate.map(|code| {
                let page = public(&code);
                (code, page)
            }),
        }
    }
}
