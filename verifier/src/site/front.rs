//! The front page, and where a typed code leads.

use certificate::{Code, code::CodeError};
use http::{StatusCode, header};

use super::{Asked, Site};
use crate::config::CACHE_WINDOW;
use crate::link::{self, DigitalLink};
use crate::pages::{self, Entry, FrontPage};
use crate::reply::{Freshness, HTML, Reply, TEXT};
use crate::request;

/// Characters of what was typed that are shown again.
const SHOWN: usize = 200;

impl Site {
    pub(super) fn front(&self, asked: &Asked<'_>) -> Reply {
        let Some(typed) = request::field(asked.parts.uri.query(), "code") else {
            let page = FrontPage { frame: self.frame(), entry: Entry::default() };
            return Reply::new(StatusCode::OK, HTML, pages::render(&page))
                .fresh_for(Freshness::Seconds(CACHE_WINDOW));
        };
        match destination(&typed) {
            Ok(path) => Reply::new(StatusCode::SEE_OTHER, TEXT, path.clone()).with(header::LOCATION, path),
            Err(problem) => {
                let typed = typed.chars().take(SHOWN).collect();
                let page = FrontPage { frame: self.frame(), entry: Entry { typed, problem: Some(problem) } };
                Reply::new(StatusCode::BAD_REQUEST, HTML, pages::render(&page))
            }
        }
    }
}

/// Takes what people have at hand: the code, the whole address under the QR code, or the number under the barcode.
fn destination(typed: &str) -> Result<String, String> {
    let typed = typed.trim();
    if let Some((_, rest)) = typed.split_once("/01/") {
        return product(rest.split('#').next().unwrap_or_default());
    }
    let code = typed.split_once("/c/").or_else(|| typed.split_once("/C/")).map_or(typed, |(_, code)| code);
    let code = code.split(['/', '?', '#']).next().unwrap_or_default();
    match code.parse::<Code>() {
        Ok(code) => Ok(link::page_path(code)),
        Err(CodeError::Length(8 | 12 | 13 | 14)) if code.bytes().all(|byte| byte.is_ascii_digit()) => {
            link::normalised_gtin(code).map(|gtin| format!("/01/{gtin}")).map_err(|error| error.to_string())
        }
        Err(error) => Err(explain(error)),
    }
}

/// Where the rest of a Digital Link leads, with the certificate that it names.
fn product(rest: &str) -> Result<String, String> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let link = DigitalLink::parse(path).map_err(|error| error.to_string())?;
    match request::field(Some(query), link::CERTIFICATE) {
        Some(code) => Ok(link::product_path(&link, code.parse().map_err(explain)?)),
        None => Ok(link.path()),
    }
}

/// A mistyped code is never called unknown: the code was read wrong, nothing is said about a certificate.
pub(super) fn explain(error: CodeError) -> String {
    match error {
        CodeError::Length(0) => "Please type a code.".into(),
        CodeError::Length(length) => {
            format!("This is mistyped: a certificate code has 27 letters and digits, and here are {length}.")
        }
        CodeError::Character(letter) => {
            format!("This is mistyped: “{letter}” never stands in a certificate code. The letter U is often a V.")
        }
        CodeError::Mistyped => {
            "This is mistyped: the last character does not match the others. Please compare it letter by letter.".into()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whatever_people_type_leads_to_the_same_page() {
        let code = Code::from_random([0x5a; 16]);
        let page = format!("/c/{code}");
        for typed in [
            code.to_string(),
            code.to_string().to_lowercase(),
            format!("  {} ", code.grouped()),
            format!("https://check.example/c/{code}"),
            format!("HTTPS://CHECK.EXAMPLE/C/{code}?at=2026-01-01"),
        ] {
            assert_eq!(destination(&typed).unwrap(), page, "{typed}");
        }
    }

    #[test]
    fn product_numbers_and_links_lead_to_the_product() {
        for typed in ["9520123456788", "https://check.example/01/09520123456788?17=1"] {
            assert_eq!(destination(typed).unwrap(), "/01/09520123456788");
        }
        assert!(destination("9520123456789").unwrap_err().contains("check digit"));
        let code = Code::from_random([0x5a; 16]);
        let typed = format!("HTTPS://CHECK.EXAMPLE/01/9520123456788/10/a?17=1&c={code}");
        assert_eq!(destination(&typed).unwrap(), format!("/01/09520123456788/10/a?c={code}"));
        assert!(destination("/01/9520123456788?c=ABC").unwrap_err().contains("here are 3"));
    }

    #[test]
    fn mistakes_are_explained() {
        let code = Code::from_random([0x5a; 16]).to_string();
        for (typed, hint) in [
            ("", "Please type"),
            ("ABC", "here are 3"),
            (&code.replacen('T', "U", 1).replacen('B', "U", 1), "mistyped"),
            (&format!("{}0", &code.get(..26).unwrap()), "mistyped"),
        ] {
            assert!(destination(typed).unwrap_err().contains(hint), "{typed}: {:?}", destination(typed));
        }
    }
}
