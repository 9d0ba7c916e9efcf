//! The documents that are decided on, and signed.

use certificate::{
    DateTime, canonical as canonical_form, demo,
    draft::{Particulars, credential, members},
};
use commands::exit::{Exit, Failure};
use ed25519_dalek::SigningKey;
use issuing::sign::SignError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::bodies::METHODS;

/// `demonstration/data/README.md` says whose figures these are.
const MATERIALS: &str = include_str!("../data/materials.json");
/// The SHA-256 of the file that the figures are taken from.
const SOURCE: &str = "cec086dccf4ae56f40a42b2106536b48f4effa13ae72fa804cbf51621a6829d8";
/// The material whose figures the contract's own demonstration has.
const FIRST: &str = "NM-110";

#[derive(Deserialize)]
struct Material {
    name: String,
    /// Its name in a line.
    title: String,
    /// The members of `credentialSubject` that describe it; none where it is never decided on.
    subject: Option<Map<String, Value>>,
}

/// The material's name in a line.
pub fn title(material: &str) -> String {
    match material {
        FIRST => first("/product/name"),
        other => find(other).map_or_else(|| other.to_owned(), |found| found.title),
    }
}

/// The SHA-256 of the report on the material's figures.
pub fn report_hash(material: &str) -> String {
    match material {
        FIRST => first("/testReports/0/sha256"),
        _ => SOURCE.to_owned(),
    }
}

/// The unsigned document. `day` is the test report's.
pub fn draft(
    material: &str,
    particulars: &Particulars,
    accreditation: &str,
    day: &str,
) -> Result<Value, Failure> {
    let mut draft = demo::document(particulars);
    if material == FIRST {
        return Ok(draft);
    }
    let figures = find(material).and_then(|found| found.subject);
    let missing = || Failure::new(Exit::Failure, format!("there are no figures of {material}"));
    let mut subject = figures.ok_or_else(missing)?;
    for shared in ["scheme", "standards", "client", "site", "listing", "demonstration"] {
        let value = draft.pointer_mut(&format!("/credentialSubject/{shared}")).map(Value::take);
        subject.extend(value.map(|value| (shared.to_owned(), value)));
    }
    subject.extend(members(json!({
        "accreditation": {"number": accreditation},
        "testReports": [{
            "lab": "Lab (demonstration)", "method": METHODS[0], "date": day, "sha256": SOURCE,
        }],
    })));
    Ok(credential(particulars, subject))
}

/// The form that is decided on.
pub fn canonical(draft: &Value) -> Result<Vec<u8>, Failure> {
    canonical_form::to_canonical(draft).map_err(|error| Failure::during("laying out a document", error))
}

/// The hash by which a decision names the document.
pub fn hash(draft: &Value) -> Result<String, Failure> {
    Ok(format!("sha256:{}", hex::encode(Sha256::digest(canonical(draft)?))))
}

pub fn sign(draft: &Value, key: &SigningKey, at: DateTime) -> Result<Vec<u8>, Failure> {
    issuing::sign::sign(draft, key, at).map_err(|error| {
        let rules = match &error {
            SignError::Rules(rules) => rules.iter().map(|rule| format!("\n{rule}")).collect(),
            _ => String::new(),
        };
        Failure::new(Exit::Failure, format!("signing a document: {error}{rules}"))
    })
}

/// A text of the contract's own demonstration.
fn first(pointer: &str) -> String {
    commands::output::text_at(&Value::Object(demo::material()), pointer)
}

/// A test makes sure that the file can be read.
fn find(name: &str) -> Option<Material> {
    let materials: Vec<Material> = serde_json::from_str(MATERIALS).unwrap_or_default();
    materials.into_iter().find(|material| material.name == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use certificate::{
        Code,
        document::{Issuer, LedgerBinding, StatusEntry, Validity, check_draft},
    };

    use super::*;
    use crate::stories::{FIRST as FIRST_STORY, MONTH};

    #[test]
    fn every_document_of_the_month_keeps_the_rules() {
        let now = DateTime::parse("2026-11-21T12:00:00Z").unwrap();
        let particulars = Particulars {
            code: Code::from_random([1; 16]),
            issuer: Issuer { id: "did:web:body.example".into(), name: "Body".into() },
            ledger: LedgerBinding {
                channel: "nanotrace".into(),
                genesis: format!("sha256:{}", "0".repeat(64)),
            },
            status: StatusEntry { lists: "https://body.example/status".into(), list: 2, index: 7 },
            decided: now,
            validity: Validity { from: now, until: now.plus_years(3).unwrap() },
        };
        let (mut names, mut materials) = (BTreeSet::new(), BTreeSet::new());
        let replaced = MONTH.iter().filter_map(|story| story.replaces);
        for story in MONTH.iter().chain(replaced).chain([&FIRST_STORY]) {
            assert!(names.insert(story.name), "{} is told twice", story.name);
            materials.insert(story.material);
            assert!(title(story.material).contains(story.material), "{}", title(story.material));
            if story.end.has_document() {
                let draft = draft(story.material, &particulars, "DEMO-0002", "2026-11-21").unwrap();
                check_draft(&draft).unwrap_or_else(|broken| unreachable!("{}: {broken:?}", story.name));
                assert_eq!(draft.pointer("/credentialSubject/demonstration"), Some(&json!(true)));
            }
        }
        assert!(materials.len() >= 12, "{materials:?}");
    }
}
