//! What people type: the fields of forms, and what is right in them.

use axum::{
    Form,
    extract::{FromRequest, Request},
    response::Response,
};
use letters::is_odd;
use lettre::Address;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{limits, reply};

/// A form's fields. A field that the form does not have (`role`, `is_admin`) refuses the whole.
pub struct Sent<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        match Form::<T>::from_request(request, state).await {
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(error) => {
                tracing::debug!(%error, "a form that is none of ours");
                Err(reply::other_fields())
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// An e-mail address in its one spelling. Mail servers tell no upper from lower case, whatever they may.
pub fn email(typed: &str) -> Option<String> {
    let email = typed.trim().to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~@".contains(&byte);
    let is_right = email.len() <= limits::EMAIL_BYTES && email.bytes().all(is_plain);
    (is_right && email.parse::<Address>().is_ok()).then_some(email)
}

/// The name of a file without its folders, as its owner knows it; what no name has is left out.
pub fn file_name(sent: &str) -> String {
    let name = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|it| !is_odd(*it)).collect();
    let name: String = name.trim().trim_start_matches('.').chars().take(limits::NAME_CHARACTERS).collect();
    if name.is_empty() { "file".to_owned() } else { name }
}

/// A name as it is shown, in any script: no control characters, and none that turn the direction of what follows.
pub fn name(typed: &str) -> Option<String> {
    let name = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = name.chars().count();
    ((1..=limits::NAME_CHARACTERS).contains(&length) && !name.chars().any(is_odd)).then_some(name)
}

/// A page of ours to go back to; anything else is the front page.
pub fn next(typed: &str) -> &str {
    let is_ours = typed.starts_with('/') && !typed.starts_with("//");
    let is_plain = typed.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours && is_plain { typed } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        assert_eq!(email(" Ada@Example.COM ").as_deref(), Some("ada@example.com"));
        for wrong in [
            "",
            "ada",
            "@b",
            "a@",
            "a b@c.example",
            "a@b.example\r\nBcc: c@d.example",
            "\"a\"@b.example",
            "a@b@c",
        ] {
            assert_eq!(email(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_of_any_script_and_turn_nothing_around() {
        for right in ["Ada Lovelace", "李明", "Þórdís O’Brien-Š", "محمد"] {
            assert_eq!(name(right).as_deref(), Some(right));
        }
        assert_eq!(name(" Ada \n Lovelace ").as_deref(), Some("Ada Lovelace"));
        for wrong in ["", "  ", "a\u{202e}b", "a\u{0}b", "a\u{200b}b", &"a".repeat(101)] {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_files_name_has_no_folders() {
        for (sent, name) in [
            ("Sheet 1.pdf", "Sheet 1.pdf"),
            ("C:\\Users\\ada\\Maß.pdf", "Maß.pdf"),
            ("../../etc/passwd", "passwd"),
            ("..", "file"),
            ("", "file"),
            ("a\r\nSet-Cookie: b\u{202e}.pdf", "aSet-Cookie: b.pdf"),
        ] {
            assert_eq!(file_name(sent), name, "{sent:?}");
        }
    }

    #[test]
    fn the_way_back_leads_to_this_site() {
        assert_eq!(next("/admin/audit?search=a%20b"), "/admin/audit?search=a%20b");
        for elsewhere in
            ["", "https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "/a\r\nb"]
        {
            assert_eq!(next(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
