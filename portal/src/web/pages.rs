//! What the templates are filled with. Rendered on the server, complete without scripts.

use accounts::{
    BaseUrl,
    audit::Row,
    passkeys::store::Passkey,
    people::{Account, Person},
    store::{KeptMail, Session},
};
use askama::Template;
use dossiers::{
    queue::Wanted,
    store::{Act, Indexed},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};
use uploads::Stored;

use super::visitor::Visitor;

/// What every page shows around its content.
#[derive(Clone, Default)]
pub(crate) struct Frame {
    pub who: Option<Who>,
    pub form_token: String,
}

#[derive(Clone)]
pub(crate) struct Who {
    pub name: String,
    pub is_administrator: bool,
    pub is_staff: bool,
    pub is_of_company: bool,
}

impl Frame {
    pub fn of(visitor: &Visitor) -> Self {
        let who = |account: &Account| Who {
            name: account.name.clone(),
            is_administrator: account.is_administrator() && !visitor.lacks_passkey(),
            is_staff: account.is_staff() && !visitor.lacks_passkey(),
            is_of_company: !account.is_staff(),
        };
        Self { who: visitor.account.as_ref().map(who), form_token: visitor.form_token.clone() }
    }

    /// Of a page that is the same for everybody.
    pub fn plain() -> Self {
        Self::default()
    }
}

#[derive(Template)]
#[template(path = "front.html")]
pub(crate) struct FrontPage {
    pub frame: Frame,
    pub account: Option<Account>,
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage {
    pub frame: Frame,
    pub title: String,
    pub text: String,
}

pub(crate) fn message(frame: Frame, title: &str, text: &str) -> MessagePage {
    MessagePage { frame, title: title.to_owned(), text: text.to_owned() }
}

/// A page with one form.
#[derive(Template)]
#[template(path = "form.html")]
pub(crate) struct FormPage {
    pub frame: Frame,
    pub title: &'static str,
    pub lead: String,
    pub problem: Option<String>,
    pub form: FormOf,
    pub links: Vec<(&'static str, &'static str)>,
}

/// A form: where it is sent, what is typed into it, and what its button says.
pub(crate) struct FormOf {
    pub action: &'static str,
    pub fields: Vec<Field>,
    pub button: &'static str,
}

/// A field of a form, with what was typed.
pub(crate) struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub kind: &'static str,
    pub value: String,
    /// What a browser may fill in (the HTML standard's autofill names).
    pub autocomplete: &'static str,
    pub hint: &'static str,
}

impl Field {
    pub fn text(name: &'static str, label: &'static str, autocomplete: &'static str, value: &str) -> Self {
        Self { name, label, kind: "text", value: value.to_owned(), autocomplete, hint: "" }
    }

    pub fn email(value: &str) -> Self {
        let value = value.to_owned();
        Self {
            name: "email",
            label: "E-mail address",
            kind: "email",
            value,
            autocomplete: "username",
            hint: "",
        }
    }

    pub fn password(name: &'static str, label: &'static str) -> Self {
        Self {
            name,
            label,
            kind: "password",
            value: String::new(),
            autocomplete: "current-password",
            hint: "",
        }
    }

    pub fn new_password(name: &'static str, label: &'static str) -> Self {
        let hint = "12 characters or more. A sentence or a password manager's choice is good.";
        Self { name, label, kind: "password", value: String::new(), autocomplete: "new-password", hint }
    }

    pub fn hidden(name: &'static str, value: &str) -> Self {
        Self { name, label: "", kind: "hidden", value: value.to_owned(), autocomplete: "off", hint: "" }
    }
}

/// A form that a passkey answers.
pub(crate) struct PasskeyForm {
    pub action: &'static str,
    /// "create" or "get".
    pub kind: &'static str,
    /// Where the script asks what to sign.
    pub challenge: &'static str,
    pub fields: Vec<Field>,
    pub button: &'static str,
}

#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage {
    pub frame: Frame,
    pub problem: Option<String>,
    pub passkey: PasskeyForm,
    pub password: FormOf,
}

/// A page that leads to a passkey.
#[derive(Template)]
#[template(path = "passkey.html")]
pub(crate) struct PasskeyPage {
    pub frame: Frame,
    pub title: &'static str,
    pub lead: &'static str,
    pub problem: Option<String>,
    pub form: PasskeyForm,
}

#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage {
    pub frame: Frame,
    pub account: Account,
    pub notice: Option<String>,
    pub passkeys: Vec<ShownPasskey>,
    /// Whether passkeys may be added and removed; where not, `passkey` logs in with one.
    pub may_change: bool,
    pub passkey: PasskeyForm,
    pub sessions: Vec<ShownSession>,
    pub email: FormOf,
    pub password: FormOf,
}

pub(crate) struct ShownPasskey {
    pub id: String,
    pub name: String,
    pub created: String,
    pub used: Option<String>,
}

impl From<Passkey> for ShownPasskey {
    fn from(passkey: Passkey) -> Self {
        let Passkey { id, name, created_at, used_at } = passkey;
        Self { id, name, created: moment(created_at), used: used_at.map(moment) }
    }
}

pub(crate) struct ShownSession {
    pub id: String,
    pub browser: String,
    pub address: String,
    pub since: String,
    pub seen: String,
    pub is_this: bool,
}

impl ShownSession {
    pub fn of(session: Session, this: Option<&str>) -> Self {
        Self {
            is_this: this == Some(session.id.as_str()),
            browser: if session.browser.is_empty() { "unknown browser".to_owned() } else { session.browser },
            id: session.id,
            address: session.address,
            since: moment(session.created_at),
            seen: moment(session.seen_at),
        }
    }
}

#[derive(Template)]
#[template(path = "people.html")]
pub(crate) struct PeoplePage {
    pub frame: Frame,
    pub party: String,
    pub notice: Option<String>,
    pub people: Vec<Person>,
    pub roles: Vec<&'static str>,
}

impl PeoplePage {
    /// The roles that a person does not have.
    pub fn others(&self, person: &Person) -> Vec<&'static str> {
        self.roles.iter().copied().filter(|role| !person.roles.iter().any(|own| own == role)).collect()
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
pub(crate) struct AuditPage {
    pub frame: Frame,
    pub party: String,
    pub search: String,
    pub entries: Vec<ShownEntry>,
    pub older: Option<i64>,
}

pub(crate) struct ShownEntry {
    pub at: String,
    pub row: Row,
}

impl ShownEntry {
    pub fn of(mut row: Row, people: &[Person]) -> Self {
        row.actor = with_addresses(&row.actor, people);
        row.object = with_addresses(&row.object, people);
        Self { at: moment(row.at), row }
    }
}

/// A text with addresses in place of these people's ids.
fn with_addresses(text: &str, people: &[Person]) -> String {
    let mut words = Vec::new();
    for word in text.split(' ') {
        let person = people.iter().find(|person| person.id == word);
        words.push(person.map_or(word, |person| &person.email));
    }
    words.join(" ")
}

/// A company's applications.
#[derive(Template)]
#[template(path = "applications.html")]
pub(crate) struct ApplicationsPage {
    pub frame: Frame,
    pub party: String,
    pub has_ledger: bool,
    pub applications: Vec<ShownApplication>,
}

/// An application, what happens next with it, and who has it.
pub(crate) struct ShownApplication {
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
pub(crate) struct ApplicationPage {
    pub frame: Frame,
    pub shown: ShownApplication,
    pub notice: Option<String>,
    /// Why the ledger gave no answer.
    pub away: Option<String>,
    pub is_draft: bool,
    pub is_editable: bool,
    pub may_withdraw: bool,
    /// Rules that are broken.
    pub faults: usize,
    /// The steps of the form: name, title, and whether each was saved.
    pub form: Vec<(&'static str, &'static str, bool)>,
    pub acts: Vec<ShownAct>,
    pub certificate: Option<String>,
    pub was_handed_in: bool,
    pub steps: Vec<ShownStep>,
}

/// A call of the contract, from the outbox to the ledger.
pub(crate) struct ShownAct {
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
            _ => "Withdraw the application",
        };
        let transaction = transaction_id.map(|id| (id, block));
        Self { what, state, since: moment(created_at), tries, said, transaction }
    }
}

/// A step of an application, as the ledger has it.
pub(crate) struct ShownStep {
    pub what: String,
    pub by: String,
    pub at: String,
    pub reason: String,
    pub detail: String,
    pub transaction: String,
}

/// The applications that the people of an organisation see.
#[derive(Template)]
#[template(path = "queue.html")]
pub(crate) struct QueuePage {
    pub frame: Frame,
    pub party: String,
    pub has_ledger: bool,
    pub overdue_days: i64,
    pub wanted: Wanted,
    pub states: Vec<StateOf>,
    pub applications: Vec<ShownQueued>,
    pub newer: Option<i64>,
    pub older: Option<i64>,
}

/// A state of applications, and how many are in it.
pub(crate) struct StateOf {
    pub name: &'static str,
    pub count: i64,
    /// Whether it waits for who looks.
    pub is_awaited: bool,
}

/// An application in the queue.
pub(crate) struct ShownQueued {
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
}

#[derive(Template)]
#[template(path = "queued.html")]
pub(crate) struct QueuedPage {
    pub frame: Frame,
    pub shown: ShownQueued,
    pub away: Option<String>,
    /// Whether who looks is of the body that was applied to: nobody else reads the dossier.
    pub is_of_body: bool,
    /// The dossier's hash on the ledger.
    pub hash: Option<String>,
    /// When something was handed in here.
    pub handed_in: Option<String>,
    /// Whether it has the hash of the ledger.
    pub is_handed_in: bool,
    pub groups: Vec<(String, Vec<(&'static str, String)>)>,
    pub data_sheet: Option<String>,
    pub changes: Vec<Difference>,
    pub reports: Vec<ShownReport>,
    /// The hashes of those files of the dossier that were uploaded here.
    pub files: Vec<String>,
    pub steps: Vec<ShownStep>,
    /// Of the last step.
    pub reason: String,
}

/// What a field was, and what it is.
pub(crate) struct Difference {
    pub field: String,
    pub old: String,
    pub new: String,
}

/// A test report, and who anchored its hash on the ledger.
pub(crate) struct ShownReport {
    pub laboratory: String,
    pub method: String,
    pub sha256: String,
    pub anchored: Option<String>,
    /// Whether the dossier names it.
    pub is_named: bool,
}

#[derive(Template)]
#[template(path = "new_application.html")]
pub(crate) struct NewApplicationPage {
    pub frame: Frame,
    pub problem: Option<String>,
    pub typed: String,
}

/// A page of an application's form.
#[derive(Template)]
#[template(path = "step.html")]
pub(crate) struct StepPage {
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

pub(crate) struct ShownGroup {
    pub title: String,
    pub hint: &'static str,
    pub fields: Vec<ShownField>,
}

/// A field of an application, and which rule it breaks.
pub(crate) struct ShownField {
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
pub(crate) struct PreviewPage {
    pub frame: Frame,
    pub id: String,
    pub title: String,
    pub is_returned: bool,
    pub is_demonstration: bool,
    /// Step and its title, field, rule.
    pub faults: Vec<(&'static str, &'static str, &'static str, String)>,
    pub groups: Vec<(String, Vec<(&'static str, String)>)>,
}

#[derive(Template)]
#[template(path = "certificates.html")]
pub(crate) struct CertificatesPage {
    pub frame: Frame,
    pub away: Option<String>,
    pub certificates: Vec<ShownCertificate>,
}

pub(crate) struct ShownCertificate {
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

/// Where the public reads about a certificate.
pub(crate) fn public_page(verifier: &str, code: &str) -> String {
    format!("{}/c/{code}", verifier.trim_end_matches('/'))
}

impl ShownCertificate {
    pub fn of(known: &Indexed, code: &str, verifier: Option<&str>) -> Self {
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
        if let Some(reason) = found.verdict.reasons.first() {
            let why = reason.why.as_deref().unwrap_or_default();
            self.reason =
                format!("{} since {} {why}", reason.cause, moment_of(&reason.since)).trim().to_owned();
        }
        self.until = moment_of(&found.valid_until);
        self.surveillance = found.surveillance_due.as_deref().map(moment_of).unwrap_or_default();
    }
}

/// A date-time of the ledger as pages show it.
pub(crate) fn moment_of(text: &str) -> String {
    let parsed = OffsetDateTime::parse(text, &Rfc3339);
    parsed.map_or(text.to_owned(), |time| moment(time.unix_timestamp()))
}

#[derive(Template)]
#[template(path = "ledger.html")]
pub(crate) struct LedgerPage {
    pub frame: Frame,
    pub channel: String,
    pub genesis: String,
    pub organisations: Vec<ShownOrganisation>,
}

/// An organisation of the portal's operator, and whether its gateway answers.
pub(crate) struct ShownOrganisation {
    pub name: String,
    pub msp_id: String,
    pub is_away: bool,
    pub says: String,
}

#[derive(Template)]
#[template(path = "kept.html")]
pub(crate) struct KeptPage {
    pub frame: Frame,
    pub action: String,
    pub fields: Vec<TypedField>,
    pub lacks_login: bool,
}

/// A field of which the name alone is known.
pub(crate) struct TypedField {
    pub name: String,
    pub label: String,
    pub value: String,
    pub is_long: bool,
    /// What the page wrote itself, and nobody typed.
    pub is_hidden: bool,
}

#[derive(Template)]
#[template(path = "files.html")]
pub(crate) struct FilesPage {
    pub frame: Frame,
    pub party: String,
    pub problem: Option<String>,
    pub files: Vec<ShownFile>,
}

pub(crate) struct ShownFile {
    pub id: String,
    pub name: String,
    pub kind: &'static str,
    pub size: String,
    pub sha256: String,
    pub since: String,
}

impl From<Stored> for ShownFile {
    fn from(stored: Stored) -> Self {
        Self {
            size: size(stored.bytes),
            since: moment(stored.created_at),
            kind: stored.kind.name(),
            id: stored.id,
            name: stored.name,
            sha256: stored.sha256,
        }
    }
}

/// As people say it.
fn size(bytes: i64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes.div_euclid(1_000)),
        _ => {
            format!("{}.{} MB", bytes.div_euclid(1_000_000), bytes.rem_euclid(1_000_000).div_euclid(100_000))
        }
    }
}

#[derive(Template)]
#[template(path = "outbox.html")]
pub(crate) struct OutboxPage {
    pub frame: Frame,
    pub mails: Vec<ShownMail>,
}

pub(crate) struct ShownMail {
    pub recipient: String,
    pub subject: String,
    pub at: String,
    pub lines: Vec<MailLine>,
}

/// A line of a mail's text: a link to this portal, or words.
pub(crate) struct MailLine {
    pub text: String,
    pub is_link: bool,
}

impl ShownMail {
    pub fn of(mail: KeptMail, base: &BaseUrl) -> Self {
        let start = format!("{base}/");
        let line = |text: &str| MailLine { text: text.to_owned(), is_link: text.starts_with(&start) };
        let lines = mail.body.lines().filter(|text| !text.is_empty()).map(line).collect();
        Self { recipient: mail.recipient, subject: mail.subject, at: moment(mail.created_at), lines }
    }
}

/// A time as pages show it, in UTC.
pub(crate) fn moment(seconds: i64) -> String {
    let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&format).ok()).unwrap_or_default()
}
