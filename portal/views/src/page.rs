//! What every page shows around its content, and the pages with one form or one text.

use accounts::people::Account;
use askama::Template;
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

/// What every page shows around its content.
#[derive(Clone, Default)]
pub struct Frame {
    pub who: Option<Who>,
    pub form_token: String,
    /// Notifications that they did not read.
    pub unread: i64,
}

#[derive(Clone)]
pub struct Who {
    pub name: String,
    pub is_administrator: bool,
    pub is_staff: bool,
    pub is_of_company: bool,
    pub is_owner: bool,
    /// Whether it does something for its party, or reads alone.
    pub may_act: bool,
}

impl Frame {
    /// For an account, if somebody is logged in; who lacks a passkey is shown nothing that needs one.
    pub fn of(account: Option<&Account>, lacks_passkey: bool, form_token: &str) -> Self {
        let who = |account: &Account| Who {
            name: account.name.clone(),
            is_administrator: account.is_administrator() && !lacks_passkey,
            is_staff: account.is_staff() && !lacks_passkey,
            is_of_company: !account.is_staff(),
            is_owner: account.is_owner(),
            may_act: account.may_act(),
        };
        Self { who: account.map(who), form_token: form_token.to_owned(), unread: 0 }
    }

    /// Whether it is shown to somebody who does more than read.
    pub fn may_act(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.may_act)
    }

    /// Whether it is shown to an owner of a company.
    pub fn is_owner(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.is_owner)
    }

    /// Of a page that is the same for everybody.
    pub fn plain() -> Self {
        Self::default()
    }
}

#[derive(Template)]
#[template(path = "front.html")]
pub struct FrontPage {
    pub frame: Frame,
    pub account: Option<Account>,
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
pub struct MessagePage {
    pub frame: Frame,
    pub title: String,
    pub text: String,
}

pub fn message(frame: Frame, title: &str, text: &str) -> MessagePage {
    MessagePage { frame, title: title.to_owned(), text: text.to_owned() }
}

/// A page with one form.
#[derive(Template)]
#[template(path = "form.html")]
pub struct FormPage {
    pub frame: Frame,
    pub title: &'static str,
    pub lead: String,
    pub problem: Option<String>,
    pub form: FormOf,
    pub links: Vec<(&'static str, &'static str)>,
}

/// A form: where it is sent, what is typed into it, and what its button says.
pub struct FormOf {
    pub action: &'static str,
    pub fields: Vec<Field>,
    pub button: &'static str,
}

/// A field of a form, with what was typed.
pub struct Field {
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
pub struct PasskeyForm {
    pub action: &'static str,
    /// "create" or "get".
    pub kind: &'static str,
    /// Where the script asks what to sign.
    pub challenge: &'static str,
    pub fields: Vec<Field>,
    pub button: &'static str,
}

/// A form that a wallet answers.
pub struct WalletForm {
    pub action: &'static str,
    /// Where the script asks what to sign.
    pub challenge: &'static str,
    pub fields: Vec<Field>,
    /// What a button says before the wallet's name.
    pub button: &'static str,
}

#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    pub frame: Frame,
    pub problem: Option<String>,
    pub passkey: PasskeyForm,
    pub wallet: WalletForm,
    pub password: FormOf,
}

/// A page that leads to a passkey.
#[derive(Template)]
#[template(path = "passkey.html")]
pub struct PasskeyPage {
    pub frame: Frame,
    pub title: &'static str,
    pub lead: &'static str,
    pub problem: Option<String>,
    pub form: PasskeyForm,
}

/// A date-time of the ledger as pages show it.
pub fn moment_of(text: &str) -> String {
    let parsed = OffsetDateTime::parse(text, &Rfc3339);
    parsed.map_or(text.to_owned(), |time| moment(time.unix_timestamp()))
}

/// A time as pages show it, in UTC.
pub fn moment(seconds: i64) -> String {
    let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&format).ok()).unwrap_or_default()
}
