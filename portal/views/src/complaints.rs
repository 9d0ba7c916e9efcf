//! Complaints and appeals: for the people of organisations, and for those of companies.

use askama::Template;
use dossiers::{
    complaints::{About, Grievance, Known, is_open, page_of},
    queue,
};

use crate::{
    application::ShownStep,
    page::{Frame, moment, moment_of},
    steps::{Input, MemberKind, Offered, Signing},
};

const DAY: i64 = 24 * 60 * 60;

#[derive(Template)]
#[template(path = "complaints.html")]
pub struct ComplaintsPage {
    pub frame: Frame,
    pub party: String,
    pub overdue_days: i64,
    /// The state that is asked for: `open`, one of the ledger's, or empty for all.
    pub wanted: String,
    /// What companies wrote that is not on the ledger.
    pub written: Vec<ShownComplaint>,
    pub complaints: Vec<ShownComplaint>,
    pub newer: Option<i64>,
    pub older: Option<i64>,
}

/// The states that can be asked for, with what they are called.
pub const STATES: [(&str, &str); 7] = [
    ("", "all"),
    ("open", "open"),
    ("filed", "filed"),
    ("acknowledged", "acknowledged"),
    ("upheld", "upheld"),
    ("dismissed", "dismissed"),
    ("withdrawn", "withdrawn"),
];

/// A complaint, or what a company wrote and nobody has filed yet.
pub struct ShownComplaint {
    pub kind: &'static str,
    pub state: String,
    /// What it is about, and the page of that.
    pub about: String,
    pub about_path: String,
    pub body: String,
    pub id: String,
    pub filed_by: String,
    pub filed: String,
    /// Since it was filed, or written.
    pub days: i64,
    /// The last step on the ledger.
    pub since: String,
    pub summary: String,
    pub next: &'static str,
    pub is_overdue: bool,
    pub path: String,
}

fn kind_of(kind: &str) -> &'static str {
    if kind == "appeal" { "Appeal" } else { "Complaint" }
}

fn about_of(about: &About) -> String {
    let (name, code) = about.named();
    format!("{name} {code}")
}

fn path_of(body: &str, about: &About) -> String {
    match about {
        About::Application(code) => format!("/queue/{body}/{code}"),
        About::Certificate(code) => format!("/issued/{body}/{code}"),
    }
}

/// What happens next.
fn next(state: &str) -> &'static str {
    match state {
        "filed" => "The body says that it received it, and who looks into it.",
        "acknowledged" => "Somebody who had no part in the case decides.",
        "upheld" => "It was upheld. What follows from it is done apart.",
        "dismissed" => "It was dismissed.",
        _ => "It was withdrawn.",
    }
}

fn days(from: i64, now: i64) -> i64 {
    now.saturating_sub(from).max(0) / DAY
}

impl ShownComplaint {
    pub fn of(known: &Known, now: i64) -> Self {
        let filed = certificate::DateTime::parse(&known.filed_at).map(|it| it.seconds());
        Self {
            kind: kind_of(&known.kind),
            state: known.state.clone(),
            about: about_of(&known.about),
            about_path: path_of(&known.body, &known.about),
            body: known.body.clone(),
            id: known.id.clone(),
            filed_by: known.filed_by.clone(),
            filed: moment_of(&known.filed_at),
            days: filed.map(|filed| days(filed, now)).unwrap_or_default(),
            since: moment_of(&known.taken_at),
            summary: known.summary.clone(),
            next: next(&known.state),
            is_overdue: is_open(&known.state) && known.taken_at < queue::overdue_before(now),
            path: page_of(&known.body, &known.id),
        }
    }

    pub fn written(it: &Grievance, now: i64) -> Self {
        let days = days(it.written_at, now);
        Self {
            kind: kind_of(&it.kind),
            state: if it.ended_at.is_some() { "taken back" } else { "received" }.to_owned(),
            about: about_of(&it.about),
            about_path: path_of(&it.body, &it.about),
            body: it.body.clone(),
            id: it.id.clone(),
            filed_by: it.company.clone(),
            filed: moment(it.written_at),
            days,
            since: moment(it.written_at),
            summary: String::new(),
            next: "Somebody of the body files it on the ledger.",
            is_overdue: days >= queue::OVERDUE_DAYS,
            path: page_of(&it.body, &it.id),
        }
    }
}

#[derive(Template)]
#[template(path = "complaint.html")]
pub struct ComplaintPage {
    pub frame: Frame,
    pub shown: ShownComplaint,
    /// Why the ledger gave no answer.
    pub away: Option<String>,
    /// What a company wrote, for the people of the body.
    pub words: Option<ShownWords>,
    pub steps: Vec<ShownStep>,
    pub offered: Vec<Offered>,
    pub signing: Option<Signing>,
}

/// A company's own words.
pub struct ShownWords {
    pub company: String,
    pub words: String,
    pub written: String,
    pub hash: String,
    /// Whether the ledger has the hash; none while it is not filed.
    pub is_on_ledger: Option<bool>,
}

impl ShownWords {
    pub fn of(it: &Grievance, known: Option<&Known>) -> Self {
        let hash = it.hash();
        Self {
            company: it.company.clone(),
            words: it.words.clone(),
            written: moment(it.written_at),
            is_on_ledger: known.map(|known| known.summary.contains(&hash)),
            hash,
        }
    }
}

/// Where the people of organisations file one.
#[derive(Template)]
#[template(path = "file_complaint.html")]
pub struct FileComplaintPage {
    pub frame: Frame,
    pub about: String,
    pub about_path: String,
    pub body: String,
    pub offered: Vec<Offered>,
    pub signing: Option<Signing>,
}

impl FileComplaintPage {
    pub fn new(frame: Frame, body: &str, about: &About) -> Self {
        let (about_path, about) = (path_of(body, about), about_of(about));
        Self { frame, about, about_path, body: body.to_owned(), offered: Vec::new(), signing: None }
    }
}

/// What a company complained of.
#[derive(Template)]
#[template(path = "own_complaints.html")]
pub struct OwnComplaintsPage {
    pub frame: Frame,
    pub complaints: Vec<ShownOwn>,
}

pub struct ShownOwn {
    pub shown: ShownComplaint,
    pub words: ShownWords,
    /// What the last step said, by whom and when.
    pub answer: Option<(String, String)>,
    pub may_be_taken_back: bool,
}

impl ShownOwn {
    pub fn of(it: &Grievance, known: Option<&Known>, now: i64) -> Self {
        let answered = known.filter(|known| known.state != "filed");
        let mut shown = match known {
            Some(known) => ShownComplaint::of(known, now),
            None => ShownComplaint::written(it, now),
        };
        if known.is_none() && it.ended_at.is_some() {
            shown.next = "You took it back before it was on the ledger.";
        }
        Self {
            shown,
            words: ShownWords::of(it, known),
            answer: answered
                .map(|it| (format!("{}, {}", it.taken_by, moment_of(&it.taken_at)), it.reason.clone())),
            may_be_taken_back: known.is_none() && it.ended_at.is_none(),
        }
    }
}

/// Where a company writes one.
#[derive(Default, Template)]
#[template(path = "write_complaint.html")]
pub struct WriteComplaintPage {
    pub frame: Frame,
    pub problem: Option<String>,
    /// The application that it is about; without one, the certificate's code is typed.
    pub application: Option<(String, String)>,
    pub certificate: String,
    pub kind: String,
    pub words: String,
    pub most: usize,
}
