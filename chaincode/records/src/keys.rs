//! Where each record stands in the world state.
//!
//! Parts of a key are joined by `/`; a part that could itself hold one (a scheme's address) is escaped, so
//! that no two records share a key and the records below a prefix are a range.

use crate::code::Code;

/// The one record that binds this contract's certificates to its ledger.
pub const LEDGER: &str = "ledger";

pub const APPLICATION: &str = "application/";
pub const CONFIDENTIAL: &str = "confidential/";
pub const RESERVATION: &str = "reservation/";
pub const CERTIFICATE: &str = "certificate/";
pub const STOP: &str = "stop/";
pub const WITHDRAWAL: &str = "withdrawal/";
pub const SUPERSEDED: &str = "superseded/";
pub const SURVEILLANCE: &str = "surveillance/";
pub const COMPLAINT: &str = "complaint/";
pub const AUDIT: &str = "audit/";
pub const STATUS: &str = "status/";
pub const SCHEME: &str = "scheme/";
pub const ACCREDITATION: &str = "accreditation/";
pub const ISSUER_KEY: &str = "issuer-key/";
pub const COMPROMISE: &str = "compromise/";
pub const LABORATORY: &str = "laboratory/";
pub const INDEX: &str = "index/";
pub const ENDED: &str = "ended/";
pub const ADOPTED: &str = "adopted/";

pub fn application(application: Code) -> String {
    format!("{APPLICATION}{application}")
}

/// What the public may know of an application's confidential fields.
pub fn confidential(application: Code) -> String {
    format!("{CONFIDENTIAL}{application}")
}

/// A field in private data; the key says nothing but its place.
pub fn confidential_field(application: Code, place: usize) -> String {
    format!("{CONFIDENTIAL}{application}/{place}")
}

/// Of a certificate that is not granted yet.
pub fn reservation(code: Code) -> String {
    format!("{RESERVATION}{code}")
}

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

/// That another certificate stands in its place.
pub fn superseded(code: Code) -> String {
    format!("{SUPERSEDED}{code}")
}

pub fn surveillance(code: Code) -> String {
    format!("{SURVEILLANCE}{code}")
}

pub fn complaint(complaint: Code) -> String {
    format!("{COMPLAINT}{complaint}")
}

/// The anchor of a log that an organisation keeps elsewhere.
pub fn anchor(organisation: &str, log: &str) -> String {
    format!("{AUDIT}{}/{}", escaped(organisation), escaped(log))
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

pub fn laboratory(organisation: &str) -> String {
    format!("{LABORATORY}{}", escaped(organisation))
}

/// That a certification body has ended.
pub fn ended(body: &str) -> String {
    format!("{ENDED}{}", escaped(body))
}

/// That the body whose chaincode it is has taken the certificate over.
pub fn adopted(code: Code) -> String {
    format!("{ADOPTED}{code}")
}

/// `key` is the public key's multibase text.
pub fn issuer_key(body: &str, key: &str) -> String {
    format!("{ISSUER_KEY}{}/{}", escaped(body), escaped(key))
}

/// What one organisation declares of an issuer key.
pub fn compromise(body: &str, key: &str, organisation: &str) -> String {
    format!("{COMPROMISE}{}/{}/{}", escaped(body), escaped(key), escaped(organisation))
}

/// Below which the codes of the certificates stand that have these values.
pub fn index(member: &str, values: &[&str]) -> String {
    let values: String = values.iter().map(|value| format!("{}/", escaped(value))).collect();
    format!("{INDEX}{member}/{values}")
}

/// What a key's record is about, for readers that take in every record. The other way round from the functions above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Certificate(Code),
    Stop { certificate: Code, owner: String },
    Withdrawal { certificate: Code, owner: String },
    Superseded { certificate: Code },
    Surveillance { certificate: Code },
    Accreditation { body: String },
    Compromise { owner: String },
    Ended { body: String },
    Adopted { certificate: Code },
    Other,
}

pub fn subject(key: &str) -> Subject {
    if let Some(code) = key.strip_prefix(CERTIFICATE).and_then(whole_code) {
        return Subject::Certificate(code);
    }
    if let Some((certificate, owner)) = key.strip_prefix(STOP).and_then(owned) {
        return Subject::Stop { certificate, owner };
    }
    if let Some((certificate, owner)) = key.strip_prefix(WITHDRAWAL).and_then(owned) {
        return Subject::Withdrawal { certificate, owner };
    }
    if let Some(certificate) = key.strip_prefix(SUPERSEDED).and_then(whole_code) {
        return Subject::Superseded { certificate };
    }
    if let Some(certificate) = key.strip_prefix(SURVEILLANCE).and_then(whole_code) {
        return Subject::Surveillance { certificate };
    }
    if let Some(certificate) = key.strip_prefix(ADOPTED).and_then(whole_code) {
        return Subject::Adopted { certificate };
    }
    if let Some(body) = key.strip_prefix(ENDED) {
        return Subject::Ended { body: unescaped(body) };
    }
    if let Some((_, owner)) = key.strip_prefix(COMPROMISE).and_then(|rest| rest.rsplit_once('/')) {
        return Subject::Compromise { owner: unescaped(owner) };
    }
    let accreditation = key.strip_prefix(ACCREDITATION).and_then(|rest| rest.split_once('/'));
    accreditation.map_or(Subject::Other, |(body, _)| Subject::Accreditation { body: unescaped(body) })
}

/// A code as keys spell it, and in no other spelling.
fn whole_code(text: &str) -> Option<Code> {
    text.parse::<Code>().ok().filter(|code| code.to_string() == text)
}

fn owned(rest: &str) -> Option<(Code, String)> {
    let (code, owner) = rest.split_once('/')?;
    Some((whole_code(code)?, unescaped(owner)))
}

/// The keys that begin with `prefix`, as a range.
pub fn range_of(prefix: &str) -> (String, String) {
    // '0' is the character after '/'.
    (prefix.to_owned(), format!("{}0", prefix.trim_end_matches('/')))
}

fn escaped(part: &str) -> String {
    part.replace('%', "%25").replace('/', "%2F")
}

fn unescaped(part: &str) -> String {
    part.replace("%2F", "/").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_its_subject() {
        let code = Code::from_random([7; 16]);
        assert_eq!(subject(&certificate(code)), Subject::Certificate(code));
        for owner in ["CertBodyMSP", "a/b", "a%2Fb", "%25"] {
            let owner = owner.to_owned();
            let expected = Subject::Stop { certificate: code, owner: owner.clone() };
            assert_eq!(subject(&stop(code, &owner)), expected);
            assert_eq!(subject(&withdrawal(code, &owner)), Subject::Withdrawal { certificate: code, owner });
        }
        assert_eq!(subject(&superseded(code)), Subject::Superseded { certificate: code });
        assert_eq!(subject(&surveillance(code)), Subject::Surveillance { certificate: code });
        assert_eq!(subject(&adopted(code)), Subject::Adopted { certificate: code });
        assert_eq!(subject(&ended("a/b")), Subject::Ended { body: "a/b".to_owned() });
        let owner = "a/b".to_owned();
        assert_eq!(subject(&compromise("CertBodyMSP", "z6Mk", &owner)), Subject::Compromise { owner });
        for body in ["CertBodyMSP", "a/b"] {
            let expected = Subject::Accreditation { body: body.to_owned() };
            assert_eq!(subject(&accreditation(body, "urn:x/y")), expected);
        }
        // Another spelling of a code is another key.
        for other in
            [&certificate(code).to_lowercase(), LEDGER, "stop/", &format!("{STOP}{code}"), "certificate/x"]
        {
            assert_eq!(subject(other), Subject::Other, "{other}");
        }
    }

    #[test]
    fn parts_cannot_reach_over_their_border() {
        assert_ne!(scheme("a/b", "c"), scheme("a", "b/c"));
        assert_ne!(scheme("a%2Fb", "c"), scheme("a/b", "c"));
        assert_eq!(scheme("https://x.example/s", "1"), "scheme/https:%2F%2Fx.example%2Fs/1");
    }

    #[test]
    fn an_index_holds_its_value_alone() {
        let (start, end) = range_of(&index("gtin", &["0952", "A/1"]));
        let among = |values: &[&str]| {
            let key = format!("{}X", index("gtin", values));
            start <= key && key < end
        };
        assert!(among(&["0952", "A/1"]) && among(&["0952", "A/1", "2"]));
        for others in [&["0952", "A"][..], &["0952", "A", "1"], &["0952", "A/10"], &["0953", "A/1"]] {
            assert!(!among(others), "{others:?}");
        }
    }

    #[test]
    fn a_range_holds_its_prefix_alone() {
        let (start, end) = range_of(SCHEME);
        let key = scheme("z", "1");
        assert!(start.as_str() <= key.as_str() && key.as_str() < end.as_str());
        assert!("scheme0" >= end.as_str() && STATUS > end.as_str());
    }
}
