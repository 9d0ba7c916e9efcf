//! Requests to open one confidential field: for those who ask, and for those of the body who answer.

use askama::Template;
use certificate::{confidential::ConfidentialField, disclosure::Finding};
use disclosure::{REASON, Request, State, WANTED, page_of};
use serde_json::Value;

use crate::{
    page::{Frame, moment},
    queue::ConfidentialOf,
    steps::Signing,
};

#[derive(Template)]
#[template(path = "disclosures.html")]
pub struct DisclosuresPage {
    pub frame: Frame,
    pub party: String,
    pub asked: Vec<ShownRequest>,
    /// For who reads confidential fields of a certification body: what others ask of it.
    pub received: Option<Vec<ShownRequest>>,
}

/// A request as a list and its page show it.
pub struct ShownRequest {
    pub request: Request,
    pub path: String,
    pub asked: String,
    pub answered: String,
    /// When the opened field goes, or went.
    pub ends: String,
    pub is_waiting: bool,
    pub is_opened: bool,
}

impl From<Request> for ShownRequest {
    fn from(request: Request) -> Self {
        let at = |time: Option<i64>| time.map(moment).unwrap_or_default();
        Self {
            path: page_of(&request.id),
            asked: moment(request.asked_at),
            answered: at(request.answered_at),
            ends: at(request.ends_at),
            is_waiting: request.state == State::Asked,
            is_opened: request.state == State::Opened,
            request,
        }
    }
}

impl ShownRequest {
    /// As people count.
    pub fn number(&self) -> i64 {
        self.request.place.unwrap_or_default().saturating_add(1)
    }

    pub fn answered_by(&self) -> &str {
        self.request.answered_by.as_deref().unwrap_or_default()
    }

    pub fn hash(&self) -> &str {
        self.request.hash.as_deref().unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "new_disclosure.html")]
pub struct NewDisclosurePage {
    pub frame: Frame,
    pub problem: Option<String>,
    pub certificate: String,
    pub wanted: String,
    pub reason: String,
    /// None where there is nothing to ask for.
    pub about: Option<About>,
}

impl NewDisclosurePage {
    pub fn most(&self) -> (usize, usize) {
        (WANTED, REASON)
    }
}

/// What is asked about.
pub struct About {
    pub product: String,
    pub body: String,
    pub fields: usize,
    pub way: Way,
}

/// How a field of a certificate's application is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Here,
    /// Nobody of the body answers in this portal.
    Elsewhere,
    /// Who asks is of the body, which has the fields.
    Own,
    /// The body took the certificate over from one that has ended, and has no fields.
    Adopted,
}

#[derive(Template)]
#[template(path = "disclosure.html")]
pub struct DisclosurePage {
    pub frame: Frame,
    pub shown: ShownRequest,
    pub notice: Option<String>,
    /// Whether who looks is of the organisation that asked, and is the person.
    pub is_of_asker: bool,
    pub is_asker: bool,
    /// For who asked: the field, and whether it is what was handed in.
    pub opened: Option<ShownField>,
    /// For who answers: how the confidential part is read; why not, where the ledger gave no answer.
    pub may_answer: bool,
    pub part: Option<ConfidentialOf>,
    pub away: Option<String>,
    pub signing: Option<Signing>,
    pub most: usize,
}

/// A field that somebody opened.
pub struct ShownField {
    pub name: String,
    pub value: String,
    pub hash: String,
    pub certificate: String,
    pub word: &'static str,
    /// The class of its colour.
    pub tone: &'static str,
    pub sentence: String,
}

impl ShownField {
    pub fn of(field: &ConfidentialField, certificate: &str, finding: &Finding) -> Self {
        let (word, tone, sentence) = match finding {
            Finding::Genuine => (
                "Genuine",
                "valid",
                "The ledger has the salted hash of exactly this field, for the application on which the certificate was granted."
                    .to_owned(),
            ),
            Finding::NotGenuine(why) => ("Not genuine", "invalid", format!("Do not rely on it: {why}.")),
            Finding::CannotTell(why) => {
                ("Cannot tell", "unsure", format!("That is no yes and no no: ask again later. It was said: {why}."))
            }
        };
        Self {
            name: field.field.clone(),
            value: text_of(&field.value),
            hash: field.hash().unwrap_or_default(),
            certificate: certificate.to_owned(),
            word,
            tone,
            sentence,
        }
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

#[derive(Template)]
#[template(path = "check_disclosure.html")]
pub struct CheckPage {
    pub frame: Frame,
    pub problem: Option<String>,
    pub opened: Option<ShownField>,
}
