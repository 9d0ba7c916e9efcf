//! Surveillance: what is due, who records it, and a certificate that is overdue.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY as ACCREDITATION, CERTIFICATION_BODY as BODY};
use certificate::{Code, Creator, DateTime, demo, dispatch, keys};
use common::*;
use futures::executor::block_on;
use serde_json::{Value, json};

const VERSION: &str = "2";

/// With a certificate that was issued now, under a scheme with this rule.
fn issued(rule: Value) -> Memory {
    let mut ledger = ready();
    let mut scheme = demo::scheme();
    scheme["version"] = VERSION.into();
    scheme["surveillance"] = rule;
    done(&mut ledger, accreditation_admin(), "scheme:register", &[&scheme.to_string()]);
    let mut document = demo::document(&particulars(1));
    document["credentialSubject"]["scheme"]["version"] = VERSION.into();
    done(&mut ledger, certification_client(), "certificate:issue", &[&sign(&document)]);
    ledger
}

fn yearly() -> Memory {
    issued(json!({"everyDays": 365, "graceDays": 30}))
}

fn id() -> String {
    code(1).to_string()
}

fn at(days: i64) -> DateTime {
    now().plus_days(days)
}

fn call(ledger: &mut Memory, caller: Creator, time: DateTime, function: &str, arguments: &[&str]) -> Value {
    let response = block_on(ledger.submit(caller, time, function, arguments));
    assert_eq!(response.status, 200, "{function}: {}", response.message);
    serde_json::from_slice(&response.payload).unwrap()
}

fn certificate_at(ledger: &mut Memory, time: DateTime, asked: Option<DateTime>) -> Value {
    ledger.begin(certification_client(), time);
    let arguments = [Some(id()), asked.map(|asked| asked.to_string())];
    let arguments: Vec<_> = arguments.into_iter().flatten().map(Into::into).collect();
    let response = block_on(dispatch(ledger, "certificate:get", &arguments));
    serde_json::from_slice(&response.payload).unwrap()
}

fn result(ledger: &mut Memory, days: i64) -> String {
    certificate_at(ledger, at(days), None)["verdict"]["result"].as_str().unwrap().to_owned()
}

#[test]
fn an_overdue_certificate_holds_no_more_until_it_is_surveilled() {
    let mut ledger = yearly();
    assert_eq!(certificate_at(&mut ledger, now(), None)["surveillanceDue"], json!(at(365)));
    assert_eq!((result(&mut ledger, 366), result(&mut ledger, 394)), ("valid".into(), "valid".into()));
    let reason = json!({"cause": "surveillanceOverdue", "since": at(395)});
    let verdict = json!({"result": "notValid", "reasons": [reason]});
    assert_eq!(certificate_at(&mut ledger, at(395), None)["verdict"], verdict);

    let arguments = [&id(), "all as certified", "conforming"].map(|text: &str| text.to_owned());
    let arguments = arguments.each_ref().map(String::as_str);
    let recorded = call(&mut ledger, evaluator(), at(400), "surveillance:record", &arguments);
    let expected = (&json!(at(765)), &json!("conforming"), &json!("e-1"), &json!("all as certified"));
    let found = (&recorded["due"], &recorded["conclusion"], &recorded["person"], &recorded["reason"]);
    assert_eq!(found, expected);
    assert_eq!(result(&mut ledger, 400), "valid");
    // The past stays what it was.
    let asked =
        |ledger: &mut Memory, days| certificate_at(ledger, at(401), Some(at(days)))["verdict"].clone();
    assert_eq!(asked(&mut ledger, 394)["result"], "valid");
    assert_eq!(asked(&mut ledger, 397)["result"], "notValid");
    assert_eq!(asked(&mut ledger, 400)["result"], "valid");
    assert_eq!(result(&mut ledger, 794), "valid");
    assert_eq!(result(&mut ledger, 795), "notValid");
}

#[test]
fn a_scheme_may_only_show_it_or_ask_for_none() {
    let mut shown = issued(json!({"everyDays": 365}));
    assert_eq!(result(&mut shown, 800), "valid");
    assert_eq!(certificate_at(&mut shown, at(800), None)["surveillanceDue"], json!(at(365)));
    let mut none = ready();
    done(&mut none, certification_client(), "certificate:issue", &[&demonstration(1)]);
    assert_eq!(certificate_at(&mut none, at(800), None)["surveillanceDue"], json!(null));
    let due = at(100).to_string();
    call(&mut none, evaluator(), now(), "surveillance:plan", &[&id(), &due, "a complaint"]);
    assert_eq!(certificate_at(&mut none, at(800), None)["surveillanceDue"], json!(at(100)));
    call(&mut none, evaluator(), at(90), "surveillance:record", &[&id(), "fine", "conforming"]);
    assert_eq!(certificate_at(&mut none, at(800), None)["surveillanceDue"], json!(null));
}

#[test]
fn a_plan_lies_ahead_and_puts_nothing_off() {
    let mut ledger = yearly();
    let mut plan = |time: DateTime, due: DateTime| {
        let due = due.to_string();
        block_on(ledger.submit(evaluator(), time, "surveillance:plan", &[&id(), &due, "moved"]))
    };
    assert_eq!(plan(now(), at(100)).status, 200);
    assert_eq!(plan(now(), at(365)).status, 200, "up to the day of the scheme");
    for (time, due) in [(now(), now()), (now(), at(366)), (at(370), at(371))] {
        let response = plan(time, due);
        assert_eq!(response.status, 400, "{}", response.message);
        assert!(response.message.contains("/due"), "{}", response.message);
    }
    let overview = done(&mut ledger, accreditor(), "surveillance:get", &[&id()]);
    assert_eq!((&overview["due"], &overview["activities"][0]["due"]), (&json!(at(365)), &json!(at(100))));
}

/// What was planned for an earlier day counts, too.
#[test]
fn an_earlier_plan_makes_it_overdue_earlier() {
    let mut ledger = yearly();
    call(
        &mut ledger,
        decision_maker(),
        now(),
        "surveillance:plan",
        &[&id(), &at(10).to_string(), "a complaint"],
    );
    assert_eq!((result(&mut ledger, 39), result(&mut ledger, 40)), ("valid".into(), "notValid".into()));
}

#[test]
fn who_may() {
    let due = at(10).to_string();
    let plan = [&id(), due.as_str(), "why"].map(str::to_owned);
    let record = [&id(), "findings", "nonconforming"].map(|text: &str| text.to_owned());
    for (caller, may_plan, may_record) in [
        (evaluator(), 200, 200),
        (person(BODY, "reviewer", "r-1"), 200, 403),
        (decision_maker(), 200, 403),
        (person(BODY, "service", ""), 403, 403),
        (certification_admin(), 403, 403),
        (certification_client(), 403, 403),
        (accreditor(), 403, 403),
        (person(ACCREDITATION, "evaluator", "e-1"), 403, 403),
        (person("LabMSP", "evaluator", "e-1"), 403, 403),
    ] {
        for (function, arguments, status) in
            [("surveillance:plan", &plan, may_plan), ("surveillance:record", &record, may_record)]
        {
            let arguments = arguments.each_ref().map(String::as_str);
            let response = submit(&mut yearly(), caller.clone(), function, &arguments);
            assert_eq!(response.status, status, "{function} by {caller:?}: {}", response.message);
        }
    }
}

#[test]
fn bad_input_is_named() {
    let mut ledger = yearly();
    let unknown = code(9).to_string();
    for (function, arguments, status, words) in [
        ("surveillance:plan", [&id(), "tomorrow", "why"], 400, "/due"),
        ("surveillance:plan", [unknown.as_str(), &at(1).to_string(), "why"], 404, "no certificate"),
        ("surveillance:record", [&id(), "", "conforming"], 400, "/findings"),
        ("surveillance:record", [&id(), "x", "fine"], 400, "/conclusion"),
        ("surveillance:record", ["x", "x", "conforming"], 400, "/certificate"),
    ] {
        refused(&mut ledger, evaluator(), function, &arguments, status, words);
    }
    for (rule, pointer) in [
        (json!({"everyDays": 0}), "/surveillance/everyDays"),
        (json!({"everyDays": "365"}), "/surveillance/everyDays"),
        (json!({"everyDays": 1.5}), "/surveillance/everyDays"),
        (json!({"everyDays": 365, "graceDays": 9999}), "/surveillance/graceDays"),
        (json!({"graceDays": 1}), "/surveillance/everyDays"),
        (json!([]), "/surveillance"),
    ] {
        let mut scheme = demo::scheme();
        scheme["version"] = "3".into();
        scheme["surveillance"] = rule;
        refused(&mut ledger, accreditation_admin(), "scheme:register", &[&scheme.to_string()], 400, pointer);
    }
}

#[test]
fn no_body_alone_writes_it() {
    let key = keys::surveillance(Code::from_random([1; 16]));
    for before in [false, true] {
        for endorsers in [vec![BODY], vec![ACCREDITATION], vec![BODY, "LabMSP"]] {
            let mut ledger = yearly();
            if before {
                call(&mut ledger, evaluator(), now(), "surveillance:record", &[&id(), "fine", "conforming"]);
            }
            assert!(!can_write(&mut ledger, &key, &endorsers), "{endorsers:?}");
        }
    }
}
