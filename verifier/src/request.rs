//! What a request asks for beyond its path: form fields, and the representation it prefers.

use std::borrow::Cow;

use http::header::{self, HeaderMap};
use percent_encoding::percent_decode_str;

/// How an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Representation {
    Page,
    Json,
}

/// The representation that `Accept` prefers (RFC 9110 §12.5.1). A page, where it does not say: a scan ends in a browser.
pub(crate) fn preferred(headers: &HeaderMap) -> Representation {
    let (mut page, mut json) = (Weight::default(), Weight::default());
    for range in headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let (media, thousandths) = media_range(range);
        match media.as_str() {
            "text/html" | "application/xhtml+xml" => page.set(2, thousandths),
            "application/json" | "application/ld+json" => json.set(2, thousandths),
            "text/*" => page.set(1, thousandths),
            "application/*" => json.set(1, thousandths),
            "*/*" => {
                page.set(0, thousandths);
                json.set(0, thousandths);
            }
            _ => {}
        }
    }
    if json.thousandths > page.thousandths { Representation::Json } else { Representation::Page }
}

/// The quality of a representation, from the most specific range that names it.
#[derive(Default)]
struct Weight {
    specificity: u8,
    thousandths: u32,
}

impl Weight {
    fn set(&mut self, specificity: u8, thousandths: u32) {
        if specificity > self.specificity {
            *self = Self { specificity, thousandths };
        } else if specificity == self.specificity {
            self.thousandths = self.thousandths.max(thousandths);
        }
    }
}

/// Media type in lower case, and quality in thousandths: 1000 where it is not given, 0 where it is no number.
fn media_range(range: &str) -> (String, u32) {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (media, quality.map_or(1000, |quality| quality_thousandths(quality).unwrap_or(0)))
}

fn quality_thousandths(quality: &str) -> Option<u32> {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths =
        whole.parse::<u32>().ok()?.checked_mul(1000)? + format!("{fraction:0<3}").parse::<u32>().ok()?;
    (thousandths <= 1000).then_some(thousandths)
}

/// The first value of a field in a query as forms send it, decoded; `None` where the field is absent.
pub(crate) fn field(query: Option<&str>, name: &str) -> Option<String> {
    query?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| lossy(&value.replace('+', " ")))
    })
}

/// A path segment, percent-decoded; `None` where it is not UTF-8 or holds control characters.
pub(crate) fn segment(raw: &str) -> Option<Cow<'_, str>> {
    let decoded = percent_decode_str(raw).decode_utf8().ok()?;
    (!decoded.chars().any(char::is_control)).then_some(decoded)
}

fn lossy(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http::HeaderValue;

    fn accept(value: &str) -> Representation {
        preferred(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(value).unwrap())]))
    }

    #[test]
    fn browsers_get_pages_and_programs_that_ask_get_json() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for page in
            [browser, "*/*", "", "text/*", "image/png", "application/json;q=0.5,text/html", "json", "*/*;q=x"]
        {
            assert_eq!(accept(page), Representation::Page, "{page}");
        }
        assert_eq!(preferred(&HeaderMap::new()), Representation::Page);
        for json in
            ["application/json", "Application/JSON; q=0.9, text/html;q=0.8", "application/json,*/*;q=0.1"]
        {
            assert_eq!(accept(json), Representation::Json, "{json}");
        }
    }

    #[test]
    fn quality_is_a_number_of_at_most_three_decimals() {
        assert_eq!(quality_thousandths("1"), Some(1000));
        assert_eq!(quality_thousandths("0.25"), Some(250));
        for bad in ["1.001", "2", "0.1234", "", "a", "0.a", "4294967296"] {
            assert_eq!(quality_thousandths(bad), None, "{bad}");
        }
    }

    #[test]
    fn fields_are_decoded_as_forms_encode_them() {
        assert_eq!(field(Some("code=A+B%2DC&at=2026-01-01"), "code").as_deref(), Some("A B-C"));
        assert_eq!(field(Some("code=A&at=2026-01-01"), "at").as_deref(), Some("2026-01-01"));
        assert_eq!(field(Some("code"), "code").as_deref(), Some(""));
        assert_eq!(field(Some("xcode=1"), "code"), None);
        assert_eq!(field(None, "code"), None);
        assert_eq!(field(Some("code=%ff%zz"), "code").as_deref(), Some("\u{fffd}%zz"));
    }

    #[test]
    fn a_segment_is_text() {
        assert_eq!(segment("A%2FB").as_deref(), Some("A/B"));
        assert_eq!(segment("%ff"), None);
        assert_eq!(segment("a%00"), None);
    }
}
