//! What a body is accredited for: no certificate outside, whoever endorses it, and none that stands because of a change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY as ACCREDITATION, CERTIFICATION_BODY as BODY};
use certificate::{DateTime, Role, demo};
use common::*;
use futures::executor::block_on;
use serde_json::{Value, json};

const OTHER: &str = "https://standards.example/other";

/// The standard that the demonstration certificate names.
fn standard() -> Value {
    demo::scheme()["standards"][0].clone()
}

fn change_at(ledger: &mut Memory, time: DateTime, scope: &Value, reason: &str) -> certificate::Response {
    let arguments = [BODY, demo::SCHEME_ID, &scope.to_string(), reason];
    block_on(ledger.submit(accreditor(), time, "accreditation:changeScope", &arguments))
}

fn changed(ledger: &mut Memory, time: DateTime, scope: &Value, reason: &str) -> Value {
    let response = change_at(ledger, time, scope, reason);
    assert_eq!(response.status, 200, "{}", response.message);
    serde_json::from_slice(&response.payload).unwrap()
}

fn verdict(ledger: &mut Memory) -> Value {
    done(ledger, certification_client(), "certificate:get", &[&code(1).to_string()])["verdict"].clone()
}

#[test]
fn nothing_is_issued_outside_the_scope() {
    let issue = |scope: Value, words: &str| {
        let mut ledger = ready();
        changed(&mut ledger, now().plus_days(-50), &scope, "assessed");
        let document = demonstration(1);
        match words {
            "" => drop(done(&mut ledger, certification_client(), "certificate:issue", &[&document])),
            words => {
                refused(&mut ledger, certification_client(), "certificate:issue", &[&document], 400, words);
                let found = done(&mut ledger, certification_client(), "certificate:check", &[&document]);
                assert!(!found["violations"].as_array().unwrap().is_empty());
            }
        }
    };
    issue(json!({"standards": [OTHER, standard()]}), "");
    let words = format!(
        "/credentialSubject/standards/0 is {}: must be a standard in the scope of the accreditation: {OTHER}",
        standard().as_str().unwrap()
    );
    issue(json!({"standards": [OTHER]}), &words);
    let words = "/category is absent: must be a category in the scope of the accreditation: paint, glass; the application \
                 names it";
    issue(json!({"standards": [standard()], "categories": ["paint", "glass"]}), words);
}

/// A decision counts by the scope of its day, an issue by that of now.
#[test]
fn a_scope_counts_by_date_for_the_decision_and_for_the_issue() {
    let (outside, inside) = (json!({"standards": [OTHER]}), json!({"standards": [standard()]}));
    let decided = now().plus_days(-1);
    for (before, first, then, is_issued) in [
        // Decided within, issued outside; decided outside, issued within.
        (&inside, now().plus_seconds(-60), &outside, false),
        (&outside, now().plus_seconds(-60), &inside, false),
        (&outside, decided, &inside, true),
        (&outside, decided.plus_seconds(1), &inside, false),
    ] {
        let mut ledger = ready();
        changed(&mut ledger, now().plus_days(-50), before, "first");
        changed(&mut ledger, first, then, "then");
        let response = submit(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(1)]);
        assert_eq!(response.status == 200, is_issued, "{}", response.message);
    }
}

/// Neither a wider nor a narrower scope changes what is said of a certificate that was issued.
#[test]
fn a_change_leaves_what_was_issued() {
    let mut ledger = ready();
    done(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(1)]);
    for scope in [json!({"standards": [OTHER]}), json!({"categories": ["paint"]}), json!({})] {
        changed(&mut ledger, now(), &scope, "another");
        assert_eq!(verdict(&mut ledger), json!({"result": "valid"}), "{scope}");
    }
}

#[test]
fn the_history_says_until_when_who_and_why() {
    let mut ledger = ready();
    let first = json!({"standards": [OTHER], "categories": ["paint"]});
    changed(&mut ledger, now().plus_days(-3), &first, "assessed");
    let answer = changed(&mut ledger, now().plus_days(-2), &json!({"standards": [standard()]}), "narrower");
    assert_eq!(answer["scope"], json!({"standards": [standard()]}));
    let former = answer["formerScopes"].as_array().unwrap();
    assert_eq!((&former[0]["scope"], &former[1]["scope"]), (&json!({}), &first));
    let ended = &former[1]["ended"];
    assert_eq!((&ended["by"], &ended["role"]), (&json!(ACCREDITATION), &json!("accreditor")));
    assert_eq!((&ended["reason"], &ended["effectiveAt"]), (&json!("narrower"), &json!(now().plus_days(-2))));
    assert!(ended["person"].is_string() && ended["transactionId"].is_string());
    let listed = done(&mut ledger, creator("CustomsMSP", Role::Client), "accreditation:list", &[]);
    assert_eq!(listed[0], answer);

    let again = change_at(&mut ledger, now(), &json!({"standards": [standard()]}), "again");
    assert_eq!((again.status, again.message.contains("has this scope")), (409, true), "{}", again.message);
    let earlier = change_at(&mut ledger, now().plus_days(-4), &json!({}), "dated back");
    assert!(earlier.status == 409 && earlier.message.contains("which it follows"), "{}", earlier.message);
}

#[test]
fn a_scope_is_judged_field_by_field() {
    let mut ledger = ready();
    for (scope, words) in [
        (json!({"standards": []}), "/standards is []"),
        (json!({"standards": ["no address"]}), "/standards/0 is \"no address\": must be an absolute URI"),
        (json!({"standards": [format!("urn:x:{}", "y".repeat(600))]}), "/standards/0"),
        (json!({"categories": vec!["x"; 33]}), "/categories is"),
        (json!({"categories": ["a\u{202e}b"]}), "/categories/0"),
        (json!({"categories": ["x".repeat(201)]}), "/categories/0"),
        (json!({"category": ["x"]}), "/category"),
        (json!("x"), "it is no JSON object"),
    ] {
        let response = change_at(&mut ledger, now(), &scope, "why");
        assert_eq!(response.status, 400, "{scope}: {}", response.message);
        assert!(response.message.contains(words), "{}", response.message);
        let mut request = demo::accreditation(now());
        request["schemeId"] = "urn:another".into();
        request["scope"] = scope;
        let arguments = [request.to_string()];
        let words = if words.starts_with('/') { format!("/scope{words}") } else { "/scope is".into() };
        refused(&mut ledger, accreditation_admin(), "accreditation:register", &[&arguments[0]], 400, &words);
    }
    let response = change_at(&mut ledger, now(), &json!({}), "");
    assert!(response.status == 400 && response.message.contains("/reason"), "{}", response.message);
    let mut request = demo::accreditation(now());
    request["schemeId"] = "urn:another".into();
    request["scope"] = json!({"categories": ["paint"]});
    let answer = done(&mut ledger, accreditation_admin(), "accreditation:register", &[&request.to_string()]);
    assert_eq!(answer["scope"], json!({"categories": ["paint"]}));
}

/// What every issue reads stays small, and a suspension is possible none the less.
#[test]
fn a_history_has_an_end() {
    let mut ledger = ready();
    let long = |number: usize| {
        let names: Vec<String> =
            (0..32).map(|index| format!("{number}-{index}-{}", "x".repeat(180))).collect();
        json!({"categories": names})
    };
    let full = (0..100).find(|number| change_at(&mut ledger, now(), &long(*number), "why").status != 200);
    let full = full.unwrap();
    let response = change_at(&mut ledger, now(), &long(full), "why");
    assert!(response.status == 409 && response.message.contains("no room"), "{}", response.message);
    let suspend = [BODY, demo::SCHEME_ID, "allCertificates", "why"];
    done(&mut ledger, accreditor(), "accreditation:suspend", &suspend);
}

#[test]
fn the_accreditation_body_alone_changes_a_scope() {
    let arguments = [BODY, demo::SCHEME_ID, "{\"categories\":[\"paint\"]}", "why"];
    for (endorsers, is_enough) in [
        (&[BODY][..], false),
        (&[BODY, "LabMSP", "IndustryMSP"], false),
        (&[ACCREDITATION], true),
        (&[ACCREDITATION, "LabMSP"], true),
    ] {
        let changed = endorsed_by(
            &mut ready(),
            endorsers,
            accreditor(),
            now(),
            "accreditation:changeScope",
            &arguments,
        );
        assert_eq!(changed, is_enough, "{endorsers:?}");
    }
}

#[test]
fn a_laboratorys_methods_have_a_history() {
    let mut ledger = ready();
    let request = json!({
        "organisation": "LabMSP", "number": "LAB-7", "methods": ["TEM"], "validFrom": now().plus_days(-10),
        "validUntil": now().plus_days(10),
    });
    done(&mut ledger, accreditor(), "laboratory:register", &[&request.to_string()]);
    let change =
        |methods: Value| ["LabMSP".to_owned(), json!({"methods": methods}).to_string(), "why".to_owned()];
    let wider = change(json!(["TEM", "BET"]));
    let wider = wider.each_ref().map(String::as_str);
    let answer = done(&mut ledger, accreditor(), "laboratory:changeScope", &wider);
    assert_eq!(answer["methods"], json!(["TEM", "BET"]));
    assert_eq!(answer["formerScopes"][0]["scope"], json!(["TEM"]));
    assert_eq!(answer["formerScopes"][0]["ended"]["reason"], "why");
    refused(&mut ledger, accreditor(), "laboratory:changeScope", &wider, 409, "has these methods");
    let none = change(json!([]));
    let none = none.each_ref().map(String::as_str);
    refused(&mut ledger, accreditor(), "laboratory:changeScope", &none, 400, "/methods is []");
    let unknown = ["CertBodyMSP", wider[1], "why"];
    refused(&mut ledger, accreditor(), "laboratory:changeScope", &unknown, 404, "is not registered");
    let alone = [&["LabMSP"][..], &[BODY], &[ACCREDITATION]].map(|endorsers| {
        let narrower = ["LabMSP", "{\"methods\":[\"BET\"]}", "why"];
        let function = "laboratory:changeScope";
        endorsed_by(&mut ledger.clone(), endorsers, accreditor(), now(), function, &narrower)
    });
    assert_eq!(alone, [false, false, true]);
}
