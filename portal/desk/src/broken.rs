//! Requests that the contract would refuse, found before anybody signs them: by the contract itself, on a ledger in memory.

use bytes::Bytes;
use certificate::{
    Creator, DateTime, Response, Role,
    memory::Memory,
    parties::{ACCREDITATION_BODY, CERTIFICATION_BODY},
};
use futures::FutureExt;

/// Requests that are judged by themselves, whatever the ledger has, and whose administrator may make them.
const REQUESTS: [(&str, &str); 4] = [
    ("scheme:register", ACCREDITATION_BODY),
    ("accreditation:register", ACCREDITATION_BODY),
    ("laboratory:register", ACCREDITATION_BODY),
    ("issuerKey:propose", CERTIFICATION_BODY),
];

/// A call's broken rules in words, where it is a request: `arguments` begin with the function's name.
pub fn broken_rules(arguments: &[String]) -> Option<String> {
    let (function, arguments) = arguments.split_first()?;
    let (_, organisation) = REQUESTS.iter().find(|(name, _)| name == function)?;
    let mut ledger = Memory::new("");
    let genesis = format!("sha256:{}", "0".repeat(64));
    run(&mut ledger, ACCREDITATION_BODY, "ledger:bind", &[genesis, CERTIFICATION_BODY.to_owned()])?;
    let response = run(&mut ledger, organisation, function, arguments)?;
    (response.status == 400).then_some(response.message)
}

/// A ledger in memory keeps nobody waiting.
fn run(ledger: &mut Memory, organisation: &str, function: &str, arguments: &[String]) -> Option<Response> {
    ledger.begin(Creator::new(organisation, Some(Role::Admin)), DateTime::from_seconds(0));
    let arguments: Vec<Bytes> = arguments.iter().map(|text| Bytes::from(text.clone())).collect();
    let response = ledger.run(function, &arguments).now_or_never()?;
    ledger.commit(&[ACCREDITATION_BODY, CERTIFICATION_BODY]).ok()?;
    Some(response)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_request_is_held_against_the_contracts_rules() {
        let broken = |function: &str, request: &str| broken_rules(&[function.to_owned(), request.to_owned()]);
        let scheme =
            r#"{"id":"urn:x:1","version":"1","title":"X","standards":["urn:x:2"],"directIssue":false}"#;
        let term = r#""number":"1","validFrom":"2026-01-01T00:00:00Z","validUntil":"2030-01-01T00:00:00Z""#;
        let accreditation = format!(r#"{{"body":"NewMSP","schemeId":"urn:x:1",{term}}}"#);
        let laboratory = format!(r#"{{"organisation":"LabMSP","methods":["TEM"],{term}}}"#);
        let key = r#"{"publicKey":"z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH","issuerId":"did:web:x.example",
            "issuerName":"X","statusLists":"https://x.example/status"}"#;
        for (function, request, change, says) in [
            ("scheme:register", scheme, ("urn:x:2", "no URI"), "/standards/0"),
            ("accreditation:register", &accreditation, ("2030", "2020"), "must be after validFrom"),
            ("laboratory:register", &laboratory, (r#""TEM""#, ""), "/methods"),
            ("issuerKey:propose", key, ("z6Mk", "z7Mk"), "Multikey"),
        ] {
            assert_eq!(broken(function, request), None, "{function}");
            let said = broken(function, &request.replace(change.0, change.1)).unwrap();
            assert!(said.contains(says), "{said}");
            assert!(broken(function, "no JSON").unwrap().contains("not understood"));
        }
        // What is about something that the ledger has, the ledger judges.
        assert_eq!(broken("accreditation:suspend", "no JSON"), None);
        assert_eq!((broken_rules(&[]), broken("ledger:bind", "")), (None, None));
    }
}
