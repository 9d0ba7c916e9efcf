//! The mails of a demonstration, which leave it not.

use accounts::{BaseUrl, store::KeptMail};
use askama::Template;

use crate::page::{Frame, moment};

#[derive(Template)]
#[template(path = "outbox.html")]
pub struct OutboxPage {
    pub frame: Frame,
    pub mails: Vec<ShownMail>,
}

pub struct ShownMail {
    pub recipient: String,
    pub subject: String,
    pub at: String,
    pub lines: Vec<MailLine>,
}

/// A line of a mail's text: a link to this portal, or words.
pub struct MailLine {
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
