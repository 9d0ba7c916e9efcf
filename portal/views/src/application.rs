//! A company's applications: those that there are, the form of one, and how far it is.

use askama::Template;
use confidential::Kept;
use dossiers::store::Act;

use crate::{
    claims::ShownClaim,
    page::{Frame, moment, moment_of},
};

/// A company's applications.
#[derive(Template)]
#[template(path = "applications.html")]
pub struct ApplicationsPage {
    pub frame: Frame,
    pub party: String,
    pub has_ledger: bool,
    pub applications: Vec<ShownApplication>,
    /// Those that it claims, until the body has confirmed them.
    pub claims: Vec<ShownClaim>,
}

/// An application, what happens next with it, and who has it.
pub struct ShownApplication {
    pub id: String,
    pub title: String,
    pub state: String,
    pub next: String,
    pub who: String,
    pub changed: String,
    /// What the body wants to know.
    pub question: Option<String>,
}

#[derive(Template)]
#[template(path = "application.html")]
pub struct ApplicationPage {
    pub frame: Frame,
    pub shown: ShownApplication,
    pub notice: Option<String>,
    /// Why the ledger gave no answer.
    pub away: Option<String>,
    pub is_draft: bool,
    pub is_editable: bool,
    pub is_under_way: bool,
    pub may_withdraw: bool,
    /// Whether a body has it.
    pub may_complain: bool,
    /// Rules that are broken.
    pub faults: usize,
    /// The steps of the form: name, title, and whether each was saved.
    pub form: Vec<(&'static str, &'static str, bool)>,
    pub acts: Vec<ShownAct>,
    pub certificate: Option<String>,
    pub was_handed_in: bool,
    pub steps: Vec<ShownStep>,
    /// Of what a body has.
    pub confidential: Option<ConfidentialPart>,
}

/// The confidential part of an application, as its company sees it.
pub struct ConfidentialPart {
    /// The body that reads it, beside the accreditation body.
    pub body: String,
    pub fields: Vec<ShownSecret>,
    /// Hashes on the ledger of which this portal has no field.
    pub others: Vec<String>,
    /// Whether the ledger answered: else nothing is compared with it.
    pub is_compared: bool,
    /// When both bodies removed what they held.
    pub purged: Option<String>,
    /// Whether the contract takes fields now.
    pub is_open: bool,
    /// Whether fields wait to be handed in, and can be.
    pub may_hand_in: bool,
    /// Whether something of it can be downloaded.
    pub is_kept: bool,
    /// What was typed and not taken.
    pub typed: (String, String),
}

/// A confidential field, without its value.
pub struct ShownSecret {
    pub name: String,
    pub hash: String,
    pub is_kept: bool,
    pub is_on_ledger: bool,
}

impl ConfidentialPart {
    /// Compares what is kept here with the hashes on the ledger.
    pub fn of(body: &str, kept: Vec<Kept>, record: Option<&desk::Confidential>, is_compared: bool) -> Self {
        let hashes = record.map(|it| it.fields.as_slice()).unwrap_or_default();
        let is_here = |hash: &&String| kept.iter().any(|field| field.hash == **hash);
        let others = hashes.iter().filter(|hash| !is_here(hash)).cloned().collect();
        let shown = |field: Kept| ShownSecret {
            is_on_ledger: hashes.contains(&field.hash),
            is_kept: field.private.is_some(),
            name: field.name,
            hash: field.hash,
        };
        let purged = record.and_then(|it| it.purged.as_ref()).map(|it| moment_of(&it.effective_at));
        Self {
            body: body.to_owned(),
            others,
            is_compared,
            purged,
            is_kept: kept.iter().any(|field| field.private.is_some()),
            fields: kept.into_iter().map(shown).collect(),
            is_open: false,
            may_hand_in: false,
            typed: Default::default(),
        }
    }

    /// The hashes of the fields that are kept here and are not on the ledger.
    pub fn new_ones(&self) -> Vec<String> {
        let is_new = |it: &&ShownSecret| it.is_kept && !it.is_on_ledger;
        self.fields.iter().filter(is_new).map(|it| it.hash.clone()).collect()
    }
}

/// A call of the contract, from the outbox to the ledger.
pub struct ShownAct {
    pub what: &'static str,
    pub state: String,
    pub since: String,
    pub tries: i64,
    pub said: String,
    pub transaction: Option<(String, Option<i64>)>,
}

impl From<Act> for ShownAct {
    fn from(act: Act) -> Self {
        let Act { step, state, created_at, tries, said, transaction_id, block } = act;
        let what = match step.as_str() {
            "submit" => "Submit the application",
            "complete" => "Hand in what was asked for",
            "change" => "Change the application",
            "confide" => "Hand in the confidential part",
            _ => "Withdraw the application",
        };
        let transaction = transaction_id.map(|id| (id, block));
        Self { what, state, since: moment(created_at), tries, said, transaction }
    }
}

/// What happens next, and who has it.
pub fn next(state: &str) -> (&'static str, &'static str) {
    match state {
        "submitted" => ("It is looked at, whether it is complete.", "the certification body"),
        "returned" => ("You hand in what was asked for.", "you"),
        "accepted" => {
            ("Laboratories anchor their reports, and it is evaluated.", "laboratories and an evaluator")
        }
        "evaluated" => ("The evaluation is reviewed.", "a reviewer of the certification body"),
        "reviewed" => ("It is decided on.", "a decision-maker of the certification body"),
        "decided" => ("The certificate is signed and granted.", "the certification body"),
        "granted" => ("The certificate was granted.", "nobody: it is done"),
        "refused" => ("It was refused.", "nobody: it is done"),
        "withdrawn" => ("It was withdrawn.", "nobody: it is done"),
        _ => ("See the steps below.", "the certification body"),
    }
}

/// A step of an application, as the ledger has it.
pub struct ShownStep {
    pub what: String,
    pub by: String,
    pub at: String,
    pub reason: String,
    pub detail: String,
    pub transaction: String,
}

impl ShownStep {
    pub fn of_complaint(step: &desk::ComplaintStep) -> Self {
        let what = match step.state.as_str() {
            "filed" => "Filed",
            "acknowledged" => "Acknowledged",
            "upheld" => "Upheld",
            "dismissed" => "Dismissed",
            "withdrawn" => "Withdrawn",
            other => other,
        };
        let desk::Event { effective_at, by, role, person, reason, transaction_id } = &step.event;
        let whom = [person, role].into_iter().filter(|text| !text.is_empty());
        Self {
            what: what.to_owned(),
            by: by.clone(),
            at: moment_of(effective_at),
            reason: reason.clone(),
            detail: whom.cloned().collect::<Vec<_>>().join(", "),
            transaction: transaction_id.clone(),
        }
    }

    pub fn of(step: &desk::Step) -> Self {
        let what = match step.step.as_str() {
            "submit" => "Submitted",
            "return" => "Returned for more",
            "complete" => "Completed",
            "accept" => "Accepted for evaluation",
            "refuse" => "Refused",
            "report" => "Test report anchored",
            "evaluate" => "Evaluated",
            "review" => "Reviewed",
            "decide" => "Decided",
            "change" => "Changed",
            "withdraw" => "Withdrawn",
            "grant" => "Granted",
            other => other,
        };
        let detail = match (&step.recommendation, &step.sha256) {
            (Some(recommendation), _) => format!("Recommends to {recommendation}."),
            (None, Some(hash)) => {
                let text = |it: &Option<String>| it.clone().unwrap_or_default();
                format!("{}, number {}, SHA-256 {hash}", text(&step.method), text(&step.number))
            }
            _ => step.dossier.clone().unwrap_or_default(),
        };
        Self {
            what: what.to_owned(),
            by: step.event.by.clone(),
            at: moment_of(&step.event.effective_at),
            reason: step.event.reason.clone(),
            detail,
            transaction: step.event.transaction_id.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "new_application.html")]
pub struct NewApplicationPage {
    pub frame: Frame,
    pub problem: Option<String>,
    pub typed: String,
}

/// A page of an application's form.
#[derive(Template)]
#[template(path = "step.html")]
pub struct StepPage {
    pub frame: Frame,
    pub id: String,
    pub title: &'static str,
    pub name: &'static str,
    pub version: i64,
    pub problem: Option<String>,
    pub is_saved: bool,
    pub faults: usize,
    pub steps: Vec<(&'static str, &'static str)>,
    pub groups: Vec<ShownGroup>,
    /// Hash and name of what the company uploaded.
    pub files: Vec<(String, String)>,
}

pub struct ShownGroup {
    pub title: String,
    pub hint: &'static str,
    pub fields: Vec<ShownField>,
}

/// A field of an application, and which rule it breaks.
pub struct ShownField {
    pub name: String,
    pub label: &'static str,
    pub hint: &'static str,
    pub kind: &'static str,
    pub value: String,
    /// What can be chosen, with its words; none where it is typed.
    pub options: Vec<(String, String)>,
    pub fault: Option<String>,
}

#[derive(Template)]
#[template(path = "preview.html")]
pub struct PreviewPage {
    pub frame: Frame,
    pub id: String,
    pub title: String,
    pub is_returned: bool,
    pub is_under_way: bool,
    pub is_demonstration: bool,
    /// Step and its title, field, rule.
    pub faults: Vec<(&'static str, &'static str, &'static str, String)>,
    pub groups: Vec<(String, Vec<(&'static str, String)>)>,
}
