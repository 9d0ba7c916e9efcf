//! The life of an application, from the table of its steps: who may take each in which state, and who may not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY as BODY};
use certificate::record::ApplicationState::{self, *};
use certificate::transition::{SUBMIT, Side, TABLE, Transition, functions_from};
use certificate::{Creator, Duty, Role, canonical, demo, keys};
use common::*;
use futures::executor::block_on;
use serde_json::{Value, json};

const LAB: &str = "LabMSP";
const DOSSIER: &str = "sha256:0101010101010101010101010101010101010101010101010101010101010101";
const CHANGED: &str = "sha256:0202020202020202020202020202020202020202020202020202020202020202";
const FINDINGS: &str = "The figures are plausible";

fn reviewer() -> Creator {
    person(BODY, "reviewer", "r-1")
}

fn lab() -> Creator {
    person(LAB, "lab", "l-1")
}

/// Without a pseudonym.
fn service() -> Creator {
    person(BODY, "service", "")
}

/// The unsigned document of this number, under the scheme that takes an application; decided now.
fn document(number: u8) -> Value {
    let mut particulars = particulars(number);
    particulars.decided = now();
    let mut document = demo::document(&particulars);
    document["credentialSubject"]["scheme"]["version"] = "2".into();
    document
}

fn unsigned(document: &Value) -> String {
    String::from_utf8(canonical::to_canonical(document).unwrap()).unwrap()
}

fn submission() -> Value {
    json!({
        "id": id(), "body": BODY, "title": "Zinc oxide NM-110", "schemeId": demo::SCHEME_ID, "schemeVersion": "2",
        "dossier": DOSSIER,
    })
}

fn report() -> Value {
    let hash = &document(1)["credentialSubject"]["testReports"][0]["sha256"];
    json!({"sha256": hash, "method": "TEM", "number": "R-1", "date": "2026-11-01"})
}

/// The scheme's version 2 takes an application, and a laboratory is registered.
fn open() -> Memory {
    open_under(json!({"directIssue": false}))
}

fn open_under(rules: Value) -> Memory {
    let mut ledger = ready();
    let mut scheme = demo::scheme();
    scheme["version"] = "2".into();
    scheme.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
    done(&mut ledger, accreditation_admin(), "scheme:register", &[&scheme.to_string()]);
    let laboratory = json!({
        "organisation": LAB, "number": "LAB-7", "methods": ["TEM"], "validFrom": now().plus_days(-100),
        "validUntil": now().plus_days(100),
    });
    done(&mut ledger, accreditor(), "laboratory:register", &[&laboratory.to_string()]);
    ledger
}

/// What a function takes, and who may call it.
fn call(function: &str) -> (Creator, Vec<String>) {
    let why = || "why".to_owned();
    match function {
        "application:submit" => (applicant(), vec![submission().to_string()]),
        "application:return" => (evaluator(), vec![id(), why()]),
        "application:complete" => (applicant(), vec![id(), DOSSIER.into()]),
        "application:accept" => (evaluator(), vec![id()]),
        "application:refuse" => (decision_maker(), vec![id(), why()]),
        "application:report" => (lab(), vec![id(), report().to_string()]),
        "application:evaluate" => (evaluator(), vec![id(), FINDINGS.into(), "grant".into()]),
        "application:review" => (reviewer(), vec![id(), why()]),
        "application:decide" => (decision_maker(), vec![id(), unsigned(&document(1))]),
        "application:change" => (applicant(), vec![id(), CHANGED.into(), why()]),
        "application:withdraw" => (applicant(), vec![id(), why()]),
        "certificate:grant" => (service(), vec![id(), sign(&document(1))]),
        other => panic!("{other}"),
    }
}

fn act(ledger: &mut Memory, function: &str) -> Value {
    let (caller, arguments) = call(function);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    done(ledger, caller, function, &arguments)
}

const TO_DECISION: [&str; 6] = [
    "application:submit",
    "application:accept",
    "application:report",
    "application:evaluate",
    "application:review",
    "application:decide",
];

fn after(steps: &[&str]) -> Memory {
    let mut ledger = open();
    for step in steps {
        act(&mut ledger, step);
    }
    ledger
}

fn in_state(state: ApplicationState) -> Memory {
    let path = |length: usize, last: &[&'static str]| after(&[&TO_DECISION[..length], last].concat());
    match state {
        Submitted => path(1, &[]),
        Returned => path(1, &["application:return"]),
        // With a report, so that it can be evaluated.
        Accepted => path(3, &[]),
        Refused => path(1, &["application:refuse"]),
        Evaluated => path(4, &[]),
        Reviewed => path(5, &[]),
        Decided => path(6, &[]),
        Granted => path(6, &["certificate:grant"]),
        Withdrawn => path(1, &["application:withdraw"]),
    }
}

fn state(ledger: &mut Memory) -> String {
    let answer = done(ledger, person("CustomsMSP", "", ""), "application:get", &[&id()]);
    answer["state"].as_str().unwrap().to_owned()
}

fn may(row: &Transition, organisation: &str, duty: Option<Duty>) -> bool {
    let belongs = match row.side {
        Side::Applicant => organisation == INDUSTRY,
        Side::Body => organisation == BODY,
        Side::Laboratory => organisation != INDUSTRY,
    };
    belongs && duty.is_some_and(|duty| row.duties.contains(&duty))
}

/// What the table says of a step by this caller on an application in this state.
fn expected(function: &str, state: ApplicationState, organisation: &str, duty: Option<Duty>) -> i32 {
    let rows = || TABLE.into_iter().filter(|row| row.function == function);
    let now: Vec<_> = rows().filter(|row| row.from.contains(&state)).collect();
    let judged = if now.is_empty() { rows().collect() } else { now.clone() };
    let Some(row) = judged.into_iter().find(|row| may(row, organisation, duty)) else { return 403 };
    match now.is_empty() {
        true => 409,
        false if row.side == Side::Laboratory && organisation != LAB => 403,
        false => 200,
    }
}

fn functions() -> Vec<&'static str> {
    let mut functions: Vec<_> =
        TABLE.into_iter().map(|row| row.function).filter(|function| *function != SUBMIT.function).collect();
    functions.dedup();
    functions
}

/// Every step from every state, by every duty of every organisation.
#[test]
fn each_step_in_each_state_by_each_caller() {
    let (mut refused, mut taken) = (0, 0);
    for before in ApplicationState::ALL {
        let ledger = in_state(before);
        for function in functions() {
            let (_, mut arguments) = call(function);
            if function == "application:report" {
                arguments[1] =
                    arguments[1].replacen(&report()["sha256"].as_str().unwrap()[..8], "00000000", 1);
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            for organisation in [BODY, ACCREDITATION_BODY, INDUSTRY, LAB, "CustomsMSP"] {
                for duty in Duty::ALL.into_iter().map(Some).chain([None]) {
                    let told = format!("{function} of {before} by {duty:?} of {organisation}");
                    let caller = person(organisation, duty.map(Duty::name).unwrap_or_default(), "x-1");
                    let mut copy = ledger.clone();
                    let response = submit(&mut copy, caller, function, &arguments);
                    let expected = expected(function, before, organisation, duty);
                    assert_eq!(response.status, expected, "{told}: {}", response.message);
                    let row = TABLE.into_iter().find(|row| {
                        row.function == function && row.from.contains(&before) && may(row, organisation, duty)
                    });
                    match row.filter(|_| expected == 200) {
                        Some(row) => {
                            assert_eq!(state(&mut copy), row.to.unwrap_or(before).name(), "{told}");
                            taken += 1;
                        }
                        None => refused += 1,
                    }
                    if expected == 409 {
                        assert!(response.message.contains(&format!("the application is {before}")), "{told}");
                        for next in functions_from(before) {
                            assert!(response.message.contains(next), "{told}: {}", response.message);
                        }
                    }
                }
            }
        }
    }
    assert_eq!((refused + taken, taken), (9 * 11 * 5 * 9, 50));
}

/// Attributes of a node's certificate count for nothing, and a person needs a pseudonym.
#[test]
fn a_duty_takes_a_client_and_a_pseudonym() {
    for function in functions() {
        let from = TABLE.into_iter().find(|row| row.function == function).unwrap().from[0];
        let ledger = in_state(from);
        let (caller, arguments) = call(function);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        for role in [Some(Role::Peer), Some(Role::Orderer), None] {
            let caller = Creator { role, ..caller.clone() };
            refused(&mut ledger.clone(), caller, function, &arguments, 403, "nanotrace.role");
        }
        if caller.person.is_some() {
            let caller = Creator { person: None, ..caller };
            refused(&mut ledger.clone(), caller, function, &arguments, 403, "no attribute nanotrace.person");
        }
    }
}

#[test]
fn who_may_apply() {
    let request = submission().to_string();
    for (organisation, duty, status) in [
        (INDUSTRY, "applicant", 200),
        (INDUSTRY, "service", 200),
        (LAB, "applicant", 200),
        (INDUSTRY, "lab", 403),
        (INDUSTRY, "", 403),
        (BODY, "applicant", 403),
        (BODY, "service", 403),
    ] {
        let caller = person(organisation, duty, "x-1");
        let response = submit(&mut open(), caller, "application:submit", &[&request]);
        assert_eq!(response.status, status, "{duty} of {organisation}: {}", response.message);
    }
    let mut ledger = in_state(Submitted);
    refused(&mut ledger, applicant(), "application:submit", &[&request], 409, "is submitted");
}

/// Application to grant, the certificate valid, and who did what on the ledger.
#[test]
fn the_whole_way_to_a_certificate() {
    let mut ledger = in_state(Granted);
    let (name, event) = ledger.event().unwrap().clone();
    let event: Value = serde_json::from_slice(&event).unwrap();
    assert_eq!((name.as_str(), &event["application"]), ("CertificateIssued", &json!(id())));
    let answer = done(&mut ledger, applicant(), "certificate:get", &[&code(1).to_string()]);
    assert_eq!(answer["verdict"], json!({"result": "valid"}));
    assert_eq!(answer["application"], id());
    assert_eq!(answer["issued"]["role"], "service");
    let application = done(&mut ledger, applicant(), "application:get", &[&id()]);
    let steps = application["steps"].as_array().unwrap().iter();
    let told: Vec<String> = steps
        .map(|step| {
            let text = |name: &str| step[name].as_str().unwrap_or_default();
            format!("{} {} {} {}", text("step"), text("by"), text("role"), text("person"))
        })
        .collect();
    let expected = [
        "submit IndustryMSP applicant i-1",
        "accept CertBodyMSP evaluator e-1",
        "report LabMSP lab l-1",
        "evaluate CertBodyMSP evaluator e-1",
        "review CertBodyMSP reviewer r-1",
        "decide CertBodyMSP decision-maker d-1",
        "grant CertBodyMSP service ",
    ];
    assert_eq!(told, expected);
    assert_eq!(application["steps"][2]["method"], "TEM");
    assert_eq!(application["steps"][3]["recommendation"], "grant");
    assert_eq!(application["decision"]["certificate"], code(1).to_string());
}

/// From the first application to a certificate that another one, granted the same way, supersedes.
#[test]
fn a_granted_certificate_is_superseded_by_another() {
    let mut ledger = in_state(Granted);
    let (old, new) = (code(1).to_string(), code(2).to_string());
    let second = code(201).to_string();
    let mut request = submission();
    request["id"] = second.clone().into();
    request["replaces"] = old.clone().into();
    done(&mut ledger, applicant(), "application:submit", &[&request.to_string()]);
    for function in &TO_DECISION[1..5] {
        let (caller, mut arguments) = call(function);
        arguments[0] = second.clone();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        done(&mut ledger, caller, function, &arguments);
    }
    let supersede = [old.as_str(), &new, "another purity"];
    refused(&mut ledger, decision_maker(), "certificate:supersede", &supersede, 404, "no certificate");
    done(&mut ledger, decision_maker(), "application:decide", &[&second, &unsigned(&document(2))]);
    done(&mut ledger, service(), "certificate:grant", &[&second, &sign(&document(2))]);
    let answer = done(&mut ledger, decision_maker(), "certificate:supersede", &supersede);
    assert_eq!((&answer["certificate"], &answer["supersededBy"]), (&json!(old), &json!(new)));

    let shown = done(&mut ledger, applicant(), "certificate:get", &[&old]);
    let reason = json!({
        "cause": "superseded", "since": NOW, "by": BODY, "why": "another purity", "supersededBy": new,
    });
    assert_eq!(shown["verdict"], json!({"result": "notValid", "reasons": [reason]}));
    assert_eq!(shown["superseded"]["person"], "d-1");
    let shown = done(&mut ledger, applicant(), "certificate:get", &[&new]);
    assert_eq!((&shown["verdict"], &shown["application"]), (&json!({"result": "valid"}), &json!(second)));
    let history = done(&mut ledger, applicant(), "certificate:history", &[&old]);
    assert!(history.to_string().contains("\"supersededBy\""), "{history}");

    let words = format!("certificate {old} is superseded by {new}");
    refused(&mut ledger, decision_maker(), "certificate:supersede", &supersede, 409, &words);
    let circle = [new.as_str(), &old, "why"];
    refused(&mut ledger, decision_maker(), "certificate:supersede", &circle, 409, &words);
    let itself = [new.as_str(), &new, "why"];
    refused(
        &mut ledger,
        decision_maker(),
        "certificate:supersede",
        &itself,
        400,
        "must be another certificate",
    );
    assert!(!can_write(&mut ledger, &keys::superseded(code(1)), &[BODY, ACCREDITATION_BODY]), "final");
}

/// ISO/IEC 17065, 7.5.1 and 7.6.2.
#[test]
fn who_took_part_in_the_evaluation_neither_reviews_nor_decides() {
    let words = "takes a person who had no part in the evaluation";
    for involved in ["e-1", "l-1"] {
        let (_, arguments) = call("application:review");
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let caller = || person(BODY, "reviewer,decision-maker", involved);
        refused(&mut in_state(Evaluated), caller(), "application:review", &arguments, 403, words);
        refused(&mut in_state(Reviewed), caller(), "application:refuse", &arguments, 403, words);
        refused(&mut in_state(Decided), caller(), "application:refuse", &arguments, 403, words);
        let decision = [id(), unsigned(&document(1))];
        let decision = decision.each_ref().map(String::as_str);
        refused(&mut in_state(Reviewed), caller(), "application:decide", &decision, 403, words);
    }
    // A change does not make them impartial.
    let mut ledger = in_state(Evaluated);
    refused(
        &mut ledger,
        applicant(),
        "application:change",
        &[&id(), DOSSIER, "why"],
        409,
        "nothing is changed",
    );
    for step in ["application:change", "application:accept"] {
        act(&mut ledger, step);
    }
    let second = person(BODY, "evaluator", "e-2");
    done(&mut ledger, second, "application:evaluate", &[&id(), FINDINGS, "grant"]);
    let first = person(BODY, "reviewer", "e-1");
    refused(&mut ledger, first, "application:review", &[&id(), "why"], 403, words);
}

#[test]
fn a_scheme_says_whether_the_reviewer_decides() {
    for (may, status) in [(true, 200), (false, 403)] {
        let mut ledger = open_under(json!({"reviewerMayDecide": may}));
        TO_DECISION[..5].iter().for_each(|step| drop(act(&mut ledger, step)));
        let both = || person(BODY, "reviewer,decision-maker", "r-1");
        let decision = [id(), unsigned(&document(1))];
        let decision = decision.each_ref().map(String::as_str);
        let refusal = submit(&mut ledger.clone(), both(), "application:refuse", &[&id(), "why"]);
        assert_eq!(refusal.status, status, "{}", refusal.message);
        let decided = submit(&mut ledger, both(), "application:decide", &decision);
        assert_eq!(decided.status, status, "{}", decided.message);
    }
}

#[test]
fn a_report_is_within_the_scope_of_its_laboratory() {
    let ledger = after(&TO_DECISION[..2]);
    let anchor = |change: &dyn Fn(&mut Value), status: i32, words: &str| {
        let mut report = report();
        change(&mut report);
        refused(
            &mut ledger.clone(),
            lab(),
            "application:report",
            &[&id(), &report.to_string()],
            status,
            words,
        );
    };
    anchor(
        &|report| report["method"] = "BET".into(),
        400,
        "/method is BET: must be a method of the laboratory on that day: TEM",
    );
    anchor(
        &|report| report["date"] = "2026-08-01".into(),
        400,
        "must be within the laboratory's accreditation",
    );
    anchor(
        &|report| report["date"] = "2026-11-22".into(),
        400,
        "must not be after the transaction's timestamp",
    );
    anchor(&|report| report["date"] = "2026-11-22T00:00:00Z".into(), 400, "must be a date");
    anchor(&|report| report["sha256"] = DOSSIER.into(), 400, "/sha256");
    let mut suspended = ledger.clone();
    done(&mut suspended, accreditor(), "laboratory:suspend", &[LAB, "audit"]);
    let arguments = [id(), report().to_string()];
    let arguments = [arguments[0].as_str(), &arguments[1]];
    refused(&mut suspended, lab(), "application:report", &arguments, 403, "is suspended since");
    let mut twice = ledger.clone();
    act(&mut twice, "application:report");
    refused(&mut twice, lab(), "application:report", &arguments, 409, "has the report");
    let words = "has no test report";
    let evaluation = [&id(), FINDINGS, "grant"];
    refused(&mut ledger.clone(), evaluator(), "application:evaluate", &evaluation, 409, words);
}

/// A report counts by the methods of its day; on the day of a change by both.
#[test]
fn a_report_counts_by_the_methods_of_its_day() {
    let mut ledger = after(&TO_DECISION[..2]);
    let change = [LAB, "{\"methods\":[\"BET\"]}", "reassessed"];
    let changed = now().plus_days(-10);
    let response = block_on(ledger.submit(accreditor(), changed, "laboratory:changeScope", &change));
    assert_eq!(response.status, 200, "{}", response.message);
    for (method, day, is_taken) in [
        ("TEM", "2026-11-10", true),
        ("BET", "2026-11-10", false),
        ("TEM", "2026-11-11", true),
        ("BET", "2026-11-11", true),
        ("TEM", "2026-11-12", false),
        ("BET", "2026-11-12", true),
    ] {
        let mut report = report();
        (report["method"], report["date"]) = (method.into(), day.into());
        let arguments = [id(), report.to_string()];
        let arguments = arguments.each_ref().map(String::as_str);
        let response = submit(&mut ledger.clone(), lab(), "application:report", &arguments);
        assert_eq!(response.status == 200, is_taken, "{method} on {day}: {}", response.message);
    }
}

/// The category that an application names is within the scope at the decision, and at the grant.
#[test]
fn a_category_is_within_the_scope_at_decision_and_grant() {
    let scope = |ledger: &mut Memory, categories: Value, days: i64| {
        let scope = json!({"categories": categories}).to_string();
        let arguments = [BODY, demo::SCHEME_ID, &scope, "assessed"];
        let time = now().plus_days(days);
        let response = block_on(ledger.submit(accreditor(), time, "accreditation:changeScope", &arguments));
        assert_eq!(response.status, 200, "{}", response.message);
    };
    let reviewed = |category: Value| {
        let mut ledger = open();
        scope(&mut ledger, json!(["paint", "glass"]), -50);
        let mut request = submission();
        if category.is_string() {
            request["category"] = category;
        }
        done(&mut ledger, applicant(), "application:submit", &[&request.to_string()]);
        TO_DECISION[1..5].iter().for_each(|step| drop(act(&mut ledger, step)));
        ledger
    };
    let document = unsigned(&document(1));
    for (category, words) in [
        (
            json!("textiles"),
            "/category is textiles: must be a category in the scope of the accreditation: paint",
        ),
        (json!("Paint"), "/category is Paint: must be"),
        (Value::Null, "/category is absent: must be a category"),
    ] {
        let id = id();
        let arguments = [&id, &document].map(String::as_str);
        refused(&mut reviewed(category), decision_maker(), "application:decide", &arguments, 400, words);
    }
    let mut ledger = reviewed(json!("paint"));
    act(&mut ledger, "application:decide");
    // Between the decision and the grant.
    let mut narrower = ledger.clone();
    scope(&mut narrower, json!(["glass"]), 0);
    let (caller, arguments) = call("certificate:grant");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    refused(&mut narrower, caller, "certificate:grant", &arguments, 400, "/category is paint");
    let granted = act(&mut ledger, "certificate:grant");
    assert_eq!(granted["category"], "paint");
    let code = granted["certificate"].as_str().unwrap();
    scope(&mut ledger, json!(["glass"]), 0);
    let shown = done(&mut ledger, applicant(), "certificate:get", &[code]);
    assert_eq!((&shown["category"], &shown["verdict"]["result"]), (&json!("paint"), &json!("valid")));
    let shown = done(&mut ledger, applicant(), "application:get", &[&id()]);
    assert_eq!(shown["category"], "paint");
}

/// What a decision asks of a document beyond what an issue does.
#[test]
fn a_document_that_cannot_be_decided_on() {
    let ledger = in_state(Reviewed);
    let decide = |document: &str, words: &str| {
        refused(&mut ledger.clone(), decision_maker(), "application:decide", &[&id(), document], 400, words);
    };
    let changed = |pointer: &str, value: Value| {
        let mut document = document(1);
        *document.pointer_mut(pointer).unwrap() = value;
        unsigned(&document)
    };
    decide(&document(1).to_string().replace(':', ": "), "must be canonical JSON");
    decide(&sign(&document(1)), "/proof is");
    decide(&changed("/credentialSubject/scheme/version", "1".into()), "/credentialSubject/scheme is");
    let early = now().plus_days(-1).plus_seconds(-1).to_string();
    decide(&changed("/credentialSubject/decisionDate", early.into()), "must be within a day");
    let foreign = changed("/credentialSubject/testReports/0/sha256", "ab".repeat(32).into());
    decide(&foreign, "/credentialSubject/testReports/0/sha256 is abab");
    decide(&changed("/credentialSubject/accreditation/number", "DEMO-2".into()), "must be DEMO-0001");
    decide(&changed("/credentialSubject/size/mean", "-1".into()), "/credentialSubject/size/mean");
    let about = [BODY, demo::SCHEME_ID, "newGrants", "audit"];
    let mut suspended = ledger.clone();
    done(&mut suspended, accreditor(), "accreditation:suspend", &about);
    let decision = [id(), unsigned(&document(1))];
    let decision = decision.each_ref().map(String::as_str);
    refused(&mut suspended, decision_maker(), "application:decide", &decision, 400, "must not be suspended");
    let mut decided = in_state(Decided);
    done(&mut decided, accreditor(), "accreditation:suspend", &about);
    let grant = [id(), sign(&document(1))];
    let grant = grant.each_ref().map(String::as_str);
    refused(&mut decided, service(), "certificate:grant", &grant, 400, "must not be suspended");
}

#[test]
fn only_the_document_that_was_decided_on_is_granted_and_only_for_thirty_days() {
    let ledger = in_state(Decided);
    let mut other = document(1);
    other["credentialSubject"]["site"] = "Elsewhere".into();
    let words = "must be the document that was decided on";
    refused(&mut ledger.clone(), service(), "certificate:grant", &[&id(), &sign(&other)], 400, words);
    let key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let forged = sign_with(&document(1), &key);
    let words = "must be a key of this certification body";
    refused(&mut ledger.clone(), service(), "certificate:grant", &[&id(), &forged], 400, words);
    for (later, status) in [(0, 200), (1, 409)] {
        let (mut copy, at) = (ledger.clone(), now().plus_days(30).plus_seconds(later));
        let arguments = [id(), sign(&document(1))];
        let arguments = arguments.each_ref().map(String::as_str);
        let granted = copy.submit(service(), at, "certificate:grant", &arguments);
        let response = futures::executor::block_on(granted);
        assert_eq!(response.status, status, "{}", response.message);
    }
}

/// A decision reserves code and position; a refusal or withdrawal gives both back.
#[test]
fn a_decision_reserves_and_its_end_releases() {
    let decided = in_state(Decided);
    let issue = |ledger: &Memory, index: u32, number: u8| {
        let mut particulars = particulars(number);
        particulars.status.index = index;
        let document = sign(&demo::document(&particulars));
        submit(&mut ledger.clone(), certification_client(), "certificate:issue", &[&document])
    };
    let by_code = issue(&decided, 50, 1);
    assert_eq!(by_code.status, 409, "{}", by_code.message);
    assert!(
        by_code.message.contains(&format!("is reserved for application {}", id())),
        "{}",
        by_code.message
    );
    let by_position = issue(&decided, 1, 2);
    assert_eq!(by_position.status, 400, "{}", by_position.message);
    assert!(by_position.message.contains("/credentialStatus/1/statusListIndex"), "{}", by_position.message);
    for end in ["application:refuse", "application:withdraw"] {
        let mut ledger = decided.clone();
        act(&mut ledger, end);
        assert_eq!(issue(&ledger, 50, 1).status, 200, "{end}");
        assert_eq!(issue(&ledger, 1, 2).status, 200, "{end}");
        assert_eq!(issue(&ledger, 1, 1).status, 200, "{end}");
    }
    let mut granted = in_state(Granted);
    assert_eq!(issue(&granted, 50, 1).status, 409);
    assert_eq!(issue(&granted, 1, 2).status, 400);
    let again = [id(), sign(&document(1))];
    let again = again.each_ref().map(String::as_str);
    refused(
        &mut granted,
        service(),
        "certificate:grant",
        &again,
        409,
        "the application is granted; nothing more",
    );
}

/// Two applications of one scheme share no key that is written, so that neither fails for the other.
#[test]
fn applications_do_not_collide() {
    let other = code(201).to_string();
    for (index, function) in TO_DECISION.iter().chain(&["certificate:grant"]).enumerate() {
        let mut ledger = after(&[&TO_DECISION, &["certificate:grant"][..]].concat()[..index]);
        let (caller, arguments) = call(function);
        let arguments: Vec<_> = arguments.iter().map(|text| text.clone().into_bytes().into()).collect();
        ledger.begin(caller, now());
        let response = futures::executor::block_on(ledger.run(function, &arguments));
        assert_eq!(response.status, 200, "{function}: {}", response.message);
        let own = [id(), code(1).to_string(), keys::status(BODY, 0, 1)];
        for key in ledger.keys_written() {
            assert!(
                own.iter().any(|part| key.contains(part)) && !key.contains(&other),
                "{function} writes {key}"
            );
        }
    }
}

#[test]
fn requests_that_are_no_applications() {
    let cases: [(&str, Value, &str); 7] = [
        ("id", "x".into(), "/id is \"x\": is no application"),
        ("body", LAB.into(), "/body is LabMSP: must be CertBodyMSP, whose chaincode this is"),
        ("title", " ".into(), "/title is"),
        ("schemeVersion", "9".into(), "must be registered by the accreditation body"),
        ("dossier", "abc".into(), "/dossier is \"abc\": must be sha256:"),
        ("replaces", code(9).to_string().into(), "must be a certificate of CertBodyMSP"),
        ("person", "John Doe".into(), "/person is \"John Doe\": is not a member here"),
    ];
    for (member, value, words) in cases {
        let mut request = submission();
        request[member] = value;
        refused(&mut open(), applicant(), "application:submit", &[&request.to_string()], 400, words);
    }
    let unknown = code(9).to_string();
    refused(&mut open(), applicant(), "application:get", &[&unknown], 404, "no application");
}

#[test]
fn applications_are_listed_page_by_page() {
    let mut ledger = open();
    for number in 0..150 {
        let mut request = submission();
        request["id"] = code(number).to_string().into();
        done(&mut ledger, applicant(), "application:submit", &[&request.to_string()]);
    }
    let refusal = [code(120).to_string(), "why".into()];
    done(&mut ledger, decision_maker(), "application:refuse", &[&refusal[0], &refusal[1]]);
    let anyone = || person("CustomsMSP", "", "");
    let first = done(&mut ledger, anyone(), "application:list", &[]);
    let bookmark = first["bookmark"].as_str().unwrap();
    assert_eq!(first["applications"].as_array().unwrap().len(), 100);
    let second = done(&mut ledger, anyone(), "application:list", &["", bookmark]);
    assert_eq!((second["applications"].as_array().unwrap().len(), second.get("bookmark")), (50, None));
    assert!(bookmark < second["applications"][0]["application"].as_str().unwrap());
    let refused_ones = done(&mut ledger, anyone(), "application:list", &["refused", bookmark]);
    let [one] = refused_ones["applications"].as_array().unwrap().as_slice() else { panic!("{refused_ones}") };
    assert_eq!((&one["application"], &one["state"]), (&json!(refusal[0]), &json!("refused")));
    refused(&mut ledger, anyone(), "application:list", &["lost"], 400, "must be one of submitted, returned");
    refused(&mut ledger, anyone(), "application:list", &["", "", ""], 400, "takes 2 arguments");
}

/// Neither a body nor an applicant with its laboratory can begin or change an application, a reservation or a grant by
/// itself.
#[test]
fn no_organisation_alone_has_power_over_an_application() {
    let mut issued = in_state(Granted);
    let both = [
        keys::application(code(200)),
        keys::reservation(code(1)),
        keys::status(BODY, 0, 1),
        keys::certificate(code(1)),
        keys::application(code(201)),
        keys::reservation(code(201)),
    ];
    for key in both {
        for endorsers in [&[BODY][..], &[ACCREDITATION_BODY], &[BODY, INDUSTRY, LAB], &[INDUSTRY, LAB]] {
            assert!(!can_write(&mut issued, &key, endorsers), "{key} by {endorsers:?}");
        }
        assert!(can_write(&mut issued.clone(), &key, &[BODY, ACCREDITATION_BODY]), "{key}");
    }
    let laboratory = keys::laboratory(LAB);
    assert!(!can_write(&mut issued, &laboratory, &[BODY, LAB]));
    assert!(can_write(&mut issued, &laboratory, &[ACCREDITATION_BODY]));
    for (function, state) in [("application:submit", None), ("application:decide", Some(Reviewed))] {
        for (endorsers, enough) in
            [(&[BODY][..], false), (&[ACCREDITATION_BODY], false), (&[BODY, ACCREDITATION_BODY], true)]
        {
            let mut ledger = state.map_or_else(open, in_state);
            let (caller, arguments) = call(function);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let written = endorsed_by(&mut ledger, endorsers, caller, now(), function, &arguments);
            assert_eq!(written, enough, "{function} by {endorsers:?}");
        }
    }
}

/// The table of `docs/contract.md` is this one.
#[test]
fn the_table_is_documented() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let text = std::fs::read_to_string(std::path::Path::new(root).join("docs/contract.md")).unwrap();
    let list = |names: Vec<&str>| names.join(", ");
    for row in TABLE {
        let whose = match row.side {
            Side::Applicant => "of the applicant's organisation",
            Side::Body => "of the body",
            Side::Laboratory => "of a registered laboratory",
        };
        let duties = list(row.duties.iter().map(|duty| duty.name()).collect());
        let uninvolved = if row.uninvolved { "; had no part in the evaluation" } else { "" };
        let from = match row.from {
            [] => "—".to_owned(),
            states => list(states.iter().map(|state| state.name()).collect()),
        };
        let to = row.to.map_or("as before", ApplicationState::name);
        let line = format!(
            "| `{}` | {duties} {whose}{uninvolved} | {from} | {to} | `{}` |",
            row.function, row.event
        );
        assert!(text.contains(&line), "docs/contract.md has no line\n{line}");
    }
}
