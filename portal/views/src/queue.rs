//! The applications that wait for the people of an organisation.

use askama::Template;
use desk::Step;
use dossiers::{Fields, queue::Wanted};

use crate::{
    application::ShownStep,
    complaints::ShownComplaint,
    page::{Frame, moment_of},
    steps::{Input, MemberKind, Offered, Signing},
};

/// The applications that the people of an organisation see.
#[derive(Template)]
#[template(path = "queue.html")]
pub struct QueuePage {
    pub frame: Frame,
    pub party: String,
    pub has_ledger: bool,
    pub overdue_days: i64,
    pub wanted: Wanted,
    pub states: Vec<StateOf>,
    pub applications: Vec<ShownQueued>,
    pub newer: Option<i64>,
    pub older: Option<i64>,
    /// Companies that claim an application whose company is not known here.
    pub claims: i64,
    /// Whether who looks ends claims.
    pub may_confirm: bool,
    /// For who reads confidential fields: how many requests to open one wait.
    pub requests: Option<i64>,
}

/// A state of applications, and how many are in it.
pub struct StateOf {
    pub name: &'static str,
    pub count: i64,
    /// Whether it waits for who looks.
    pub is_awaited: bool,
}

/// An application in the queue.
pub struct ShownQueued {
    pub id: String,
    pub title: String,
    pub state: String,
    pub applicant: String,
    pub body: String,
    pub scheme: String,
    pub since: String,
    pub next: String,
    pub who: String,
    pub is_overdue: bool,
    pub is_awaited: bool,
    /// The person who has it in hand.
    pub assigned: Option<String>,
}

#[derive(Template)]
#[template(path = "queued.html")]
pub struct QueuedPage {
    pub frame: Frame,
    pub shown: ShownQueued,
    pub away: Option<String>,
    /// Whether who looks is of the body that was applied to: nobody else reads the dossier.
    pub is_of_body: bool,
    /// The dossier's hash on the ledger.
    pub hash: Option<String>,
    /// The category of the product, by which the contract judges whether the body is accredited for it.
    pub category: Option<String>,
    /// The certificate that it is to replace.
    pub replaces: Option<String>,
    /// When something was handed in here.
    pub handed_in: Option<String>,
    /// Whether it has the hash of the ledger.
    pub is_handed_in: bool,
    pub groups: Vec<(String, Vec<(&'static str, String)>)>,
    pub data_sheet: Option<String>,
    pub changes: Vec<Difference>,
    pub reports: Vec<ShownReport>,
    /// The stability studies among them that were computed here, by id and what they came to.
    pub studies: Vec<(String, String)>,
    /// The hashes of those files of the dossier that were uploaded here.
    pub files: Vec<String>,
    pub steps: Vec<ShownStep>,
    /// Of the last step.
    pub reason: String,
    pub offered: Vec<Offered>,
    /// Of who may decide on what was handed in here: the document to decide on.
    pub drafting: Option<Drafting>,
    /// With which key they are signed.
    pub signing: Option<Signing>,
    /// Who it can be given to: account, name, and whether that person has it.
    pub colleagues: Vec<(String, String, bool)>,
    /// What was filed about it, and where one is filed.
    pub complaints: Vec<ShownComplaint>,
    pub file_path: String,
    /// Where something confidential was handed in, for who may read it.
    pub confidential: Option<ConfidentialOf>,
}

/// The confidential part of an application, as the ledger has it.
pub struct ConfidentialOf {
    /// The chaincode of the body that was applied to.
    pub chaincode: String,
    /// The salted hash of each field, in their order.
    pub hashes: Vec<String>,
    /// When both bodies removed what they held.
    pub purged: Option<String>,
}

impl ConfidentialOf {
    pub fn of(record: desk::Confidential, chaincode: &str) -> Self {
        let purged = record.purged.map(|it| moment_of(&it.effective_at));
        Self { chaincode: chaincode.to_owned(), hashes: record.fields, purged }
    }
}

/// How a document to decide on is made.
pub struct Drafting {
    pub months: u32,
    pub is_prepared: bool,
    /// Why none could be made.
    pub problem: Option<String>,
}

/// What a field was, and what it is.
pub struct Difference {
    pub field: String,
    pub old: String,
    pub new: String,
}

/// A test report, and who anchored its hash on the ledger.
pub struct ShownReport {
    pub laboratory: String,
    pub method: String,
    pub sha256: String,
    pub anchored: Option<String>,
    /// Whether the dossier names it.
    pub is_named: bool,
}

/// The reports that the dossier names, each with who anchored its hash on the ledger; and those that were anchored alone.
pub fn reports(fields: Option<&Fields>, steps: &[Step]) -> Vec<ShownReport> {
    let named = |row: usize, part: &str| {
        fields.and_then(|it| it.get(&format!("testReports.{row}.{part}"))).cloned().unwrap_or_default()
    };
    let anchored: Vec<&Step> = steps.iter().filter(|step| step.sha256.is_some()).collect();
    let mut reports = Vec::new();
    for row in 0..dossiers::form::ROWS {
        let sha256 = named(row, "sha256");
        if sha256.is_empty() {
            break;
        }
        let anchor = anchored.iter().find(|step| step.sha256.as_deref() == Some(sha256.as_str()));
        reports.push(ShownReport {
            laboratory: named(row, "lab"),
            method: named(row, "method"),
            anchored: anchor
                .map(|step| format!("{}, {}", step.event.by, moment_of(&step.event.effective_at))),
            is_named: true,
            sha256,
        });
    }
    for step in anchored {
        let sha256 = step.sha256.clone().unwrap_or_default();
        if !reports.iter().any(|known| known.sha256 == sha256) {
            reports.push(ShownReport {
                laboratory: step.event.by.clone(),
                method: step.method.clone().unwrap_or_default(),
                anchored: Some(format!("{}, {}", step.event.by, moment_of(&step.event.effective_at))),
                is_named: false,
                sha256,
            });
        }
    }
    reports
}
