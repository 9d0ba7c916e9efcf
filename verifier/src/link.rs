//! The addresses that stand in QR codes: GS1 Digital Links where the product has a number, else the certificate's code.

use certificate::Code;
use certificate::document::identifiers::{is_gs1_text, to_gtin14};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::base_url::BaseUrl;
use crate::request;

/// What a GS1 Digital Link names: a product, perhaps one batch or one item of it (GS1 Digital Link: URI syntax).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DigitalLink {
    /// 14 digits with a right check digit.
    pub gtin: String,
    /// Application identifier 22, the consumer product variant. No certificate names one; it is read and not used.
    pub variant: Option<String>,
    /// Application identifier 10.
    pub batch: Option<String>,
    /// Application identifier 21.
    pub serial: Option<String>,
}

/// What is wrong with a Digital Link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("{0:?} is no product number: a GTIN has 8, 12, 13 or 14 digits and ends in a check digit")]
    Gtin(String),
    #[error(
        "after the product number a link may have /22/, /10/ and /21/, in this order, each with one value"
    )]
    Order,
    #[error("{0:?} is no batch or serial number: up to 20 characters of the GS1 set")]
    Value(String),
}

/// The field of a Digital Link's query that names the certificate, as `/c/` does in a path. GS1 allows
/// further keys that are not all digits (GS1 Digital Link: URI syntax).
pub(crate) const CERTIFICATE: &str = "c";

/// Everything but what RFC 3986 leaves as it stands in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl DigitalLink {
    /// Reads what stands in the path after `/01/`, still percent-encoded.
    pub fn parse(path: &str) -> Result<Self, LinkError> {
        let mut segments = path.split('/');
        let gtin = normalised_gtin(segments.next().unwrap_or_default())?;
        let mut link = Self { gtin, variant: None, batch: None, serial: None };
        let mut last = 0;
        while let Some(identifier) = segments.next() {
            let value = value(segments.next().ok_or(LinkError::Order)?)?;
            let (place, slot) = match identifier {
                "22" => (1, &mut link.variant),
                "10" => (2, &mut link.batch),
                "21" => (3, &mut link.serial),
                _ => return Err(LinkError::Order),
            };
            if place <= last {
                return Err(LinkError::Order);
            }
            last = place;
            *slot = Some(value);
        }
        Ok(link)
    }

    /// The path, in the order that GS1 asks for.
    pub fn path(&self) -> String {
        let mut path = format!("/01/{}", self.gtin);
        for (identifier, value) in [("22", &self.variant), ("10", &self.batch), ("21", &self.serial)] {
            if let Some(value) = value {
                path.push_str(&format!("/{identifier}/{}", utf8_percent_encode(value, SEGMENT)));
            }
        }
        path
    }
}

/// The address that a certificate's QR code carries.
///
/// Upper case where it means the same (scheme, host and `/C/`), because the QR alphanumeric mode is smaller; GS1
/// values keep their case. `product` is the product's link where the certificate may be listed under it; the address
/// names the certificate all the same, since a product has several of them in time.
pub fn qr_address(base: &BaseUrl, code: Code, product: Option<&DigitalLink>) -> String {
    match product {
        Some(link) => format!("{}{}", base.upper_case(), product_path(link, code)),
        None => format!("{}/C/{}", base.upper_case(), encoded(code)),
    }
}

/// The path and query of a product's page that begins with one certificate.
pub(crate) fn product_path(link: &DigitalLink, code: Code) -> String {
    format!("{}?{CERTIFICATE}={}", link.path(), encoded(code))
}

fn encoded(code: Code) -> String {
    utf8_percent_encode(&code.to_string(), CODE).to_string()
}

/// The lines printed with a QR code for people without a camera: the host, and the code in two lines that are no
/// wider than the square.
pub fn captions(base: &BaseUrl, code: Code) -> [String; 3] {
    let grouped = code.grouped();
    let (first, second) = grouped.split_at_checked(20).unwrap_or((&grouped, ""));
    [base.authority().to_owned(), first.trim_end_matches('-').to_owned(), second.to_owned()]
}

/// The address of a certificate's page, for reading.
pub fn page_address(base: &BaseUrl, code: Code) -> String {
    format!("{base}{}", page_path(code))
}

/// The path of a certificate's page.
pub(crate) fn page_path(code: Code) -> String {
    format!("/c/{code}")
}

/// What a downloaded document is called.
pub(crate) fn file_name(code: Code) -> String {
    let plain: String = code.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("certificate-{plain}.json")
}

/// A check character may be one of `*~$=`: all of them may stand in a path segment and in the value of a query's
/// field (RFC 3986 §3.3, §3.4).
const CODE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'~').remove(b'$').remove(b'=');

/// Fourteen digits, whatever length of GTIN was given.
pub fn normalised_gtin(text: &str) -> Result<String, LinkError> {
    to_gtin14(text).ok_or_else(|| LinkError::Gtin(text.chars().take(40).collect()))
}

fn value(raw: &str) -> Result<String, LinkError> {
    let value = request::segment(raw).filter(|value| is_gs1_text(value));
    value.map(Into::into).ok_or_else(|| LinkError::Value(raw.chars().take(40).collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        // GS1 Digital Link: URI syntax 1.2, section 4.9.
        let link = DigitalLink::parse("09520123456788/10/ABC1/21/12345").unwrap();
        assert_eq!(link.gtin, "09520123456788");
        assert_eq!((link.batch.as_deref(), link.serial.as_deref()), (Some("ABC1"), Some("12345")));
        assert_eq!(link.path(), "/01/09520123456788/10/ABC1/21/12345");
    }

    #[test]
    fn shorter_product_numbers_are_the_same_product() {
        assert_eq!(
            DigitalLink::parse("9520123456788").unwrap(),
            DigitalLink::parse("09520123456788").unwrap()
        );
        assert_eq!(normalised_gtin("96385074").unwrap(), "00000096385074");
        assert_eq!(normalised_gtin("614141123452").unwrap(), "00614141123452");
    }

    #[test]
    fn values_keep_their_case_and_their_punctuation() {
        let link = DigitalLink::parse("09520123456788/22/2A/10/a%2Fb%25").unwrap();
        assert_eq!(link.batch.as_deref(), Some("a/b%"));
        assert_eq!(link.path(), "/01/09520123456788/22/2A/10/a%2Fb%25");
    }

    #[test]
    fn wrong_links_are_refused() {
        for (path, error) in [
            ("09520123456789", LinkError::Gtin("09520123456789".into())),
            ("", LinkError::Gtin(String::new())),
            ("abcdefgh", LinkError::Gtin("abcdefgh".into())),
            ("09520123456788/21/1/10/B", LinkError::Order),
            ("09520123456788/10/B/10/B", LinkError::Order),
            ("09520123456788/10", LinkError::Order),
            ("09520123456788/17/261231", LinkError::Order),
            ("09520123456788/10/", LinkError::Value(String::new())),
            ("09520123456788/10/a%20b", LinkError::Value("a%20b".into())),
            ("09520123456788/10/%ff", LinkError::Value("%ff".into())),
            ("09520123456788/10/123456789012345678901", LinkError::Value("123456789012345678901".into())),
        ] {
            assert_eq!(DigitalLink::parse(path), Err(error), "{path}");
        }
    }

    #[test]
    fn qr_addresses_are_upper_case_where_it_means_the_same() {
        let base = "https://check.example:8443".parse().unwrap();
        let code = Code::from_bytes([7; 16]);
        assert_eq!(qr_address(&base, code, None), format!("HTTPS://CHECK.EXAMPLE:8443/C/{code}"));
        let link = DigitalLink::parse("09520123456788/10/abc").unwrap();
        assert_eq!(
            qr_address(&base, code, Some(&link)),
            format!("HTTPS://CHECK.EXAMPLE:8443/01/09520123456788/10/abc?c={code}")
        );
        assert_eq!(page_address(&base, code), format!("https://check.example:8443/c/{code}"));
    }
}
