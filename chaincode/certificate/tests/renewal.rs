//! An accreditation is renewed: another term, under the same number or another, and what was certified before stands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::document::Validity;
use certificate::draft::Particulars;
use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY as ACCREDITATION, CERTIFICATION_BODY as BODY};
use certificate::{DateTime, Response, Role, demo};
use common::*;
use futures::executor::block_on;
use serde_json::{Value, json};

const FIRST: &str = demo::ACCREDITATION_NUMBER;
const SECOND: &str = "DEMO-0001/2";

/// When the term that the ledger begins with ends.
fn end() -> DateTime {
    now().plus_days(-60).plus_years(10).unwrap()
}

fn term(number: &str, from: DateTime, until: DateTime) -> Value {
    json!({"number": number, "validFrom": from, "validUntil": until})
}

fn renew(ledger: &mut Memory, term: &Value, reason: &str) -> Response {
    let arguments = [BODY, demo::SCHEME_ID, &term.to_string(), reason];
    submit(ledger, accreditor(), "accreditation:renew", &arguments)
}

fn renewed(ledger: &mut Memory, term: &Value) -> Value {
    let response = renew(ledger, term, "assessed anew");
    assert_eq!(response.status, 200, "{}", response.message);
    serde_json::from_slice(&response.payload).unwrap()
}

/// Decided and submitted at that moment, under the accreditation of that number.
fn issue(ledger: &mut Memory, at: DateTime, number: &str) -> Response {
    let validity = Validity { from: at, until: at.plus_years(3).unwrap() };
    let mut document = demo::document(&Particulars { decided: at, validity, ..particulars(1) });
    document["credentialSubject"]["accreditation"]["number"] = number.into();
    let document = sign(&document);
    block_on(ledger.submit(certification_client(), at, "certificate:issue", &[&document]))
}

/// Without a renewal a body certifies nothing after the term, and with one each decision counts by the terms of its day.
#[test]
fn a_body_goes_on_under_the_term_that_covers_the_decision() {
    let next = term(SECOND, end().plus_days(-30), end().plus_years(5).unwrap());
    let gap = term(SECOND, end().plus_days(30), end().plus_years(5).unwrap());
    let day = |days| end().plus_days(days);
    let cases: [(Option<&Value>, DateTime, &str, &str); 9] = [
        (None, day(-1), FIRST, ""),
        (None, day(0), FIRST, "must cover the decision date, but it holds from"),
        (Some(&next), day(-31), FIRST, ""),
        (Some(&next), day(-31), SECOND, "must be DEMO-0001, this body's accreditation"),
        // Where both terms hold, either number does.
        (Some(&next), day(-1), FIRST, ""),
        (Some(&next), day(-1), SECOND, ""),
        (Some(&next), day(0), FIRST, "must be DEMO-0001/2, this body's accreditation"),
        (Some(&next), day(0), SECOND, ""),
        (Some(&gap), day(1), SECOND, "must cover the decision date, but it holds from"),
    ];
    for (renewal, at, number, words) in cases {
        let mut ledger = ready();
        renewal.into_iter().for_each(|term| drop(renewed(&mut ledger, term)));
        let response = issue(&mut ledger, at, number);
        assert_eq!(response.status == 200, words.is_empty(), "{at} {number}: {}", response.message);
        assert!(response.message.contains(words), "{at} {number}: {}", response.message);
    }
}

#[test]
fn what_was_certified_before_stands_and_the_history_says_who_and_why() {
    let mut ledger = ready();
    done(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(1)]);
    let next = term(SECOND, end(), end().plus_years(5).unwrap());
    let answer = renewed(&mut ledger, &next);
    assert_eq!((&answer["number"], &answer["validUntil"]), (&next["number"], &next["validUntil"]));
    let former = &answer["formerTerms"][0];
    assert_eq!((&former["number"], &former["validUntil"]), (&json!(FIRST), &json!(end())));
    let event = &former["renewed"];
    assert_eq!((&event["by"], &event["role"]), (&json!(ACCREDITATION), &json!("accreditor")));
    assert_eq!((&event["reason"], &event["effectiveAt"]), (&json!("assessed anew"), &json!(now())));
    let listed = done(&mut ledger, creator("CustomsMSP", Role::Client), "accreditation:list", &[]);
    assert_eq!(listed[0], answer);
    let found = done(&mut ledger, certification_client(), "certificate:get", &[&code(1).to_string()]);
    assert_eq!(found["verdict"], json!({"result": "valid"}));
}

#[test]
fn a_term_follows_on_the_last() {
    let mut ledger = ready();
    let start = now().plus_days(-60);
    for (next, words) in [
        (term(SECOND, start, end().plus_days(1)), "/validFrom is"),
        (term(SECOND, start.plus_days(1), end()), "/validUntil is"),
        (term(SECOND, end(), end()), "/validUntil is"),
        (term("", end(), end().plus_days(1)), "/number is"),
        (term(&"x".repeat(201), end(), end().plus_days(1)), "/number is"),
        (json!({"number": SECOND, "validFrom": end()}), "/validUntil is absent"),
        (
            json!({"number": SECOND, "validFrom": end(), "validUntil": end().plus_days(1), "scope": {}}),
            "/scope is",
        ),
        (json!("x"), "it is no JSON object"),
    ] {
        let response = renew(&mut ledger, &next, "why");
        assert_eq!(response.status, 400, "{next}: {}", response.message);
        assert!(response.message.contains(words), "{next}: {}", response.message);
    }
    let right = term(SECOND, end(), end().plus_days(1));
    let response = renew(&mut ledger, &right, "");
    assert!(response.status == 400 && response.message.contains("/reason"), "{}", response.message);
    let unknown = ["LabMSP", demo::SCHEME_ID, &right.to_string(), "why"];
    refused(&mut ledger, accreditor(), "accreditation:renew", &unknown, 404, "has no accreditation");
    for number in 0..100 {
        renewed(&mut ledger, &term(SECOND, end().plus_days(number), end().plus_days(number + 1)));
    }
    let again = renew(&mut ledger, &term(SECOND, end().plus_days(100), end().plus_days(101)), "why");
    assert!(again.status == 409 && again.message.contains("100 times"), "{}", again.message);
}

#[test]
fn the_accreditation_body_alone_renews() {
    let next = term(SECOND, end(), end().plus_days(1)).to_string();
    let laboratory = term("LAB-8", now().plus_days(-9), now().plus_days(90)).to_string();
    let calls: [(&str, &[&str]); 2] = [
        ("accreditation:renew", &[BODY, demo::SCHEME_ID, &next, "why"]),
        ("laboratory:renew", &["LabMSP", &laboratory, "why"]),
    ];
    for (function, arguments) in calls {
        for (endorsers, is_enough) in [
            (&[BODY][..], false),
            (&[BODY, "LabMSP", "IndustryMSP"], false),
            (&[ACCREDITATION], true),
            (&[ACCREDITATION, "LabMSP"], true),
        ] {
            let done =
                endorsed_by(&mut with_laboratory(), endorsers, accreditor(), now(), function, arguments);
            assert_eq!(done, is_enough, "{function} {endorsers:?}");
        }
    }
}

fn with_laboratory() -> Memory {
    let mut ledger = ready();
    let request = json!({
        "organisation": "LabMSP", "number": "LAB-7", "methods": ["TEM"], "validFrom": now().plus_days(-10),
        "validUntil": now().plus_days(10),
    });
    done(&mut ledger, accreditor(), "laboratory:register", &[&request.to_string()]);
    ledger
}

#[test]
fn a_laboratory_is_renewed_likewise() {
    let mut ledger = with_laboratory();
    let next = term("LAB-8", now().plus_days(10), now().plus_days(90)).to_string();
    let answer = done(&mut ledger, accreditor(), "laboratory:renew", &["LabMSP", &next, "assessed anew"]);
    assert_eq!(answer["number"], "LAB-8");
    assert_eq!(answer["formerTerms"][0]["number"], "LAB-7");
    refused(&mut ledger, accreditor(), "laboratory:renew", &["LabMSP", &next, "why"], 400, "/validFrom is");
    refused(&mut ledger, accreditor(), "laboratory:renew", &[BODY, &next, "why"], 404, "is not registered");
}
