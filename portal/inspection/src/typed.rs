//! What people have at hand of a certificate: its code, its number, a GTIN, or the whole link of a QR code.

use certificate::{
    Code,
    code::CodeError,
    document::identifiers::{is_gs1_text, to_gtin14},
};
use letters::is_odd;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::{Url, form_urlencoded};

/// Characters of what was typed that are shown again.
const SHOWN: usize = 200;
/// Everything but what RFC 3986 leaves as it stands in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the verifier is asked for. Nothing of what was typed but a checked code, a checked GTIN and encoded batch and serial
/// numbers gets into the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    path: String,
    pub code: Option<Code>,
    pub gtin: Option<String>,
    /// Host and port of the link, where it was one.
    pub host: Option<String>,
}

impl Asked {
    /// Reads what was typed. A mistake is said in a sentence: it says nothing about any certificate.
    pub fn read(typed: &str) -> Result<Self, String> {
        let typed = typed.trim();
        if typed.chars().any(is_odd) {
            return Err("There are invisible characters in it: type it by hand.".to_owned());
        }
        match typed.split_once("://") {
            Some(_) => Self::of_link(typed),
            None => Self::of_number(typed),
        }
    }

    /// On the verifier.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub fn of_code(code: Code) -> Self {
        let path = format!("/api/v1/certificates/{}", utf8_percent_encode(&code.to_string(), SEGMENT));
        Self { path, code: Some(code), gtin: None, host: None }
    }

    fn of_number(typed: &str) -> Result<Self, String> {
        let is_digits = !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_digit());
        if is_digits && matches!(typed.len(), 8 | 12 | 13 | 14) {
            return Self::of_product(typed, None);
        }
        if typed.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("urn:uuid:")) {
            let code = Code::from_urn(&typed.to_ascii_lowercase());
            return code.map(Self::of_code).ok_or_else(|| "This is no number of a certificate.".to_owned());
        }
        typed.parse().map(Self::of_code).map_err(explain)
    }

    fn of_link(typed: &str) -> Result<Self, String> {
        let not_ours = || "This link names no certificate: it has neither /c/ nor /01/ in it.".to_owned();
        let link = Url::parse(typed).map_err(|_| "This is no link that can be read.".to_owned())?;
        let host = link.host_str().map(|host| match link.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        });
        let segments: Vec<&str> = link.path_segments().map(Iterator::collect).unwrap_or_default();
        let asked = match segments.as_slice() {
            ["c" | "C", code, ..] => {
                let code = percent_decode_str(code).decode_utf8_lossy().into_owned();
                Self::of_code(code.parse().map_err(explain)?)
            }
            ["01", product @ ..] => {
                let named = form_urlencoded::parse(link.query().unwrap_or_default().as_bytes());
                let named = named.into_iter().find(|(name, _)| name == "c").map(|(_, code)| code.parse());
                Self::of_product(&product.join("/"), named.transpose().map_err(explain)?)?
            }
            _ => return Err(not_ours()),
        };
        Ok(Self { host, ..asked })
    }

    /// A GS1 Digital Link's path after `/01/`, and the certificate that the link names.
    fn of_product(path: &str, code: Option<Code>) -> Result<Self, String> {
        let mut segments = path.trim_end_matches('/').split('/');
        let gtin = to_gtin14(segments.next().unwrap_or_default());
        let gtin = gtin.ok_or("This is no product number: its check digit does not match the others.")?;
        let mut path = format!("/01/{gtin}");
        while let Some(identifier) = segments.next() {
            let value = segments.next().map(|value| percent_decode_str(value).decode_utf8_lossy());
            let value = value.filter(|value| is_gs1_text(value) && matches!(identifier, "22" | "10" | "21"));
            let value =
                value.ok_or("This link has more after the product number than batch and serial number.")?;
            path += &format!("/{identifier}/{}", utf8_percent_encode(&value, SEGMENT));
        }
        if let Some(code) = code {
            path += &format!("?c={}", utf8_percent_encode(&code.to_string(), NON_ALPHANUMERIC));
        }
        Ok(Self { path, code, gtin: Some(gtin), host: None })
    }
}

/// What was typed, as it may be shown and kept: no control characters, none that turn the direction, and not all of a novel.
pub fn shown(typed: &str) -> String {
    typed.trim().chars().take(SHOWN).map(|it| if is_odd(it) { '\u{fffd}' } else { it }).collect()
}

fn explain(error: CodeError) -> String {
    match error {
        CodeError::Length(0) => "There is nothing.".into(),
        CodeError::Length(length) => {
            format!("This is mistyped: a code has 27 letters and digits, and here are {length}.")
        }
        CodeError::Character(letter) => format!("This is mistyped: “{letter}” never stands in a code."),
        CodeError::Mistyped => "This is mistyped: the last character does not match the others.".into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn code() -> Code {
        Code::from_random([0x5a; 16])
    }

    #[test]
    fn whatever_is_at_hand_leads_to_the_certificate() {
        let code = code();
        let path = format!("/api/v1/certificates/{code}");
        for typed in [
            code.to_string(),
            format!(" {} \r", code.grouped().to_lowercase()),
            code.to_urn(),
            code.to_urn().to_uppercase(),
            format!("HTTPS://CHECK.EXAMPLE/C/{code}"),
            format!("https://check.example:8443/c/{code}?at=2026-01-01#x"),
        ] {
            assert_eq!(Asked::read(&typed).unwrap().path(), path, "{typed}");
        }
        let link = Asked::read(&format!("https://check.example:8443/c/{code}")).unwrap();
        assert_eq!(link.host.as_deref(), Some("check.example:8443"));
    }

    #[test]
    fn products_are_asked_for_by_their_links() {
        let code = code();
        for (typed, path) in [
            ("9520123456788".to_owned(), "/01/09520123456788".to_owned()),
            (
                "https://x.example/01/09520123456788/10/a%2Fb?c=".to_owned() + &code.to_string(),
                format!("/01/09520123456788/10/a%2Fb?c={code}"),
            ),
            ("HTTPS://X.EXAMPLE/01/09520123456788/21/7/".to_owned(), "/01/09520123456788/21/7".to_owned()),
        ] {
            assert_eq!(Asked::read(&typed).unwrap().path(), path, "{typed}");
        }
    }

    #[test]
    fn nothing_else_reaches_the_verifier() {
        for typed in [
            "",
            "ABC",
            "9520123456789",
            "=cmd|' /C calc'!A0",
            "http://[",
            "https://check.example/metrics",
            "https://check.example/01/09520123456788/../../healthz",
            "https://check.example/01/09520123456788/17/261231",
            "https://check.example/01/09520123456788/10/a%20b",
            "javascript://x/%0aalert(1)",
            "urn:uuid:1",
            "95201234\u{0}56788",
            "9520123456788\u{202e}",
        ] {
            assert!(Asked::read(typed).is_err(), "{typed:?}");
        }
        assert_eq!(shown("a\u{0}b\u{202e}\n"), "a\u{fffd}b\u{fffd}");
    }
}
