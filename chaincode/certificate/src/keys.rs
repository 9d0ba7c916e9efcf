//! Where each record stands in the world state.
//!
//! Parts of a key are joined by `/`; a part that could itself hold one (a scheme's address) is escaped, so
//! that no two records share a key and the records below a prefix are a range.

use crate::code::Code;

/// The one record that binds this contract's certificates to its ledger.
pub const LEDGER: &str = "ledger";

pub const CERTIFICATE: &str = "certificate/";
pub const STOP: &str = "stop/";
pub const WITHDRAWAL: &str = "withdrawal/";
pub const STATUS: &str = "status/";
pub const SCHEME: &str = "scheme/";
pub const ACCREDITATION: &str = "accreditation/";
pub const ISSUER_KEY: &str = "issuer-key/";

pub fn certificate(code: Code) -> String {
    format!("{CERTIFICATE}{code}")
}

/// The hold of one organisation on one certificate.
pub fn stop(code: Code, organisation: &str) -> String {
    format!("{STOP}{code}/{}", escaped(organisation))
}

/// Apart from the hold, because a hold in force takes both bodies to change, and a withdrawal must stay within
/// the power of one.
pub fn withdrawal(code: Code, organisation: &str) -> String {
    format!("{WITHDRAWAL}{code}/{}", escaped(organisation))
}

/// A position in a bitstring status list: list number and index of a certification body.
pub fn status(body: &str, list: u32, index: u32) -> String {
    format!("{STATUS}{}/{list}/{index}", escaped(body))
}

pub fn scheme(id: &str, version: &str) -> String {
    format!("{SCHEME}{}/{}", escaped(id), escaped(version))
}

pub fn accreditation(body: &str, scheme_id: &str) -> String {
    format!("{ACCREDITATION}{}/{}", escaped(body), escaped(scheme_id))
}

/// `key` is the public key's multibase text.
pub fn issuer_key(body: &str, key: &str) -> String {
    format!("{ISSUER_KEY}{}/{}", escaped(body), escaped(key))
}

/// The keys that begin with `prefix`, as a range.
pub fn range_of(prefix: &str) -> (String, String) {
    // '0' is the character after '/'.
    (prefix.to_owned(), format!("{}0", prefix.trim_end_matches('/')))
}

fn escaped(part: &str) -> String {
    part.replace('%', "%25").replace('/', "%2F")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_reach_over_their_border() {
        assert_ne!(scheme("a/b", "c"), scheme("a", "b/c"));
        assert_ne!(scheme("a%2Fb", "c"), scheme("a/b", "c"));
        assert_eq!(scheme("https://x.example/s", "1"), "scheme/https:%2F%2Fx.example%2Fs/1");
    }

    #[test]
    fn a_range_holds_its_prefix_alone() {
        let (start, end) = range_of(SCHEME);
        let key = scheme("z", "1");
        assert!(start.as_str() <= key.as_str() && key.as_str() < end.as_str());
        assert!("scheme0" >= end.as_str() && STATUS > end.as_str());
    }
}
