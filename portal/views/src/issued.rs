//! The certificates of a certification body, for the people of organisations.

use askama::Template;

use crate::{
    page::Frame,
    steps::{Input, Offered, Signing},
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
