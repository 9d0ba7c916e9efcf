//! Complaints and appeals: anyone named files them, a person who had no part in the case decides. And anchors of logs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY as ACCREDITATION, CERTIFICATION_BODY as BODY};
use certificate::{Creator, Role, keys};
use common::*;
use futures::executor::block_on;
use serde_json::{Value, json};

/// With a certificate, issued by the decision-maker `d-1`.
fn issued() -> Memory {
    let mut ledger = ready();
    done(&mut ledger, decision_maker(), "certificate:issue", &[&demonstration(1)]);
    ledger
}

fn complaint() -> String {
    code(77).to_string()
}

fn complainant() -> Creator {
    person("CustomsMSP", "", "c-1")
}

fn uninvolved() -> Creator {
    person(BODY, "decision-maker", "d-2")
}

fn filing() -> Value {
    json!({
        "id": complaint(), "kind": "appeal", "certificate": code(1).to_string(), "summary": "the size is another",
    })
}

fn filed() -> Memory {
    let mut ledger = issued();
    done(&mut ledger, complainant(), "complaint:file", &[&filing().to_string()]);
    ledger
}

#[test]
fn from_filing_to_decision() {
    let mut ledger = filed();
    let id = complaint();
    let acknowledged =
        done(&mut ledger, evaluator(), "complaint:acknowledge", &[&id, "the reviewer looks into it"]);
    assert_eq!(acknowledged["state"], "acknowledged");
    let decided = done(&mut ledger, uninvolved(), "complaint:decide", &[&id, "upheld", "measured again"]);
    let expected = json!({
        "complaint": id, "kind": "appeal", "certificate": code(1).to_string(), "filedBy": "CustomsMSP",
        "state": "upheld", "effectiveAt": NOW, "by": BODY, "role": "decision-maker", "person": "d-2",
        "reason": "measured again", "transactionId": decided["transactionId"],
    });
    assert_eq!(decided, expected);
    let found = done(&mut ledger, accreditor(), "complaint:get", &[&id]);
    let states: Vec<_> =
        found["steps"].as_array().unwrap().iter().map(|step| step["state"].clone()).collect();
    assert_eq!(states, ["filed", "acknowledged", "upheld"]);
    let listed = |ledger: &mut Memory, state| done(ledger, accreditor(), "complaint:list", &[state]);
    assert_eq!(listed(&mut ledger, "upheld")["complaints"][0], found);
    assert_eq!(listed(&mut ledger, "filed")["complaints"], json!([]));
    refused(&mut ledger, accreditor(), "complaint:list", &["open"], 400, "must be one of filed");
    for (caller, function, arguments) in [
        (evaluator(), "complaint:acknowledge", vec![id.as_str(), "again"]),
        (uninvolved(), "complaint:decide", vec![&id, "dismissed", "again"]),
        (complainant(), "complaint:withdraw", vec![&id, "again"]),
    ] {
        refused(&mut ledger, caller, function, &arguments, 409, "is upheld");
    }
}

/// A person's name in any part of the case keeps it from deciding: who decided, evaluated or suspended, and who filed.
#[test]
fn who_had_a_part_in_the_case_does_not_decide() {
    let decide = [&complaint(), "dismissed", "nothing to it"].map(|text: &str| text.to_owned());
    let decide = decide.each_ref().map(String::as_str);
    refused(&mut filed(), decision_maker(), "complaint:decide", &decide, 403, "d-1 had one");
    // The accreditation body decides, too; but not who suspended it, whichever body certified the person.
    let mut ledger = filed();
    done(&mut ledger, accreditor(), "certificate:stop", &[&code(1).to_string(), "why"]);
    refused(&mut ledger, accreditor(), "complaint:decide", &decide, 403, "a-1 had one");
    refused(
        &mut ledger,
        person(BODY, "decision-maker", "a-1"),
        "complaint:decide",
        &decide,
        403,
        "a-1 had one",
    );
    done(&mut ledger, person(ACCREDITATION, "accreditor", "a-2"), "complaint:decide", &decide);
    // Nor who filed it.
    let mut ledger = issued();
    done(&mut ledger, uninvolved(), "complaint:file", &[&filing().to_string()]);
    refused(&mut ledger, uninvolved(), "complaint:decide", &decide, 403, "d-2 had one");
}

#[test]
fn who_may() {
    let id = complaint();
    for (caller, file, acknowledge, decide, withdraw) in [
        (complainant(), 200, 403, 403, 200),
        (person("CustomsMSP", "", "c-2"), 200, 403, 403, 403),
        (person("LabMSP", "", "c-1"), 200, 403, 403, 403),
        (evaluator(), 200, 200, 403, 403),
        (uninvolved(), 200, 200, 200, 403),
        (accreditor(), 200, 200, 200, 403),
        (person(ACCREDITATION, "decision-maker", "d-3"), 200, 403, 403, 403),
        (person(BODY, "accreditor", "d-3"), 200, 403, 403, 403),
        (person(BODY, "service", "s-1"), 403, 403, 403, 403),
        (certification_client(), 403, 403, 403, 403),
        (certification_admin(), 403, 403, 403, 403),
        (creator("CustomsMSP", Role::Peer).with_attributes("", "c-1"), 403, 403, 403, 403),
    ] {
        let of = |mut ledger: Memory, function: &str, arguments: &[&str]| {
            let response = block_on(ledger.submit(caller.clone(), now(), function, arguments));
            (response.status, response.message)
        };
        for (found, expected) in [
            (of(issued(), "complaint:file", &[&filing().to_string()]), file),
            (of(filed(), "complaint:acknowledge", &[&id, "seen"]), acknowledge),
            (of(filed(), "complaint:decide", &[&id, "dismissed", "why"]), decide),
            (of(filed(), "complaint:withdraw", &[&id, "settled"]), withdraw),
        ] {
            assert_eq!(found.0, expected, "{caller:?}: {}", found.1);
        }
    }
}

#[test]
fn bad_input_is_named() {
    let mut ledger = filed();
    let altered = |name: &str, value: Value| {
        let mut filing = filing();
        filing["id"] = code(78).to_string().into();
        filing[name] = value;
        filing.to_string()
    };
    for (request, status, words) in [
        (filing().to_string(), 409, "is filed"),
        (altered("certificate", json!(code(9).to_string())), 404, "no certificate"),
        (altered("certificate", json!(null)), 400, "/certificate"),
        (altered("application", json!(code(9).to_string())), 400, "/application"),
        (altered("kind", json!("rant")), 400, "/kind"),
        (altered("summary", json!("")), 400, "/summary"),
        (altered("id", json!("x")), 400, "/id"),
        (altered("extra", json!(1)), 400, "/extra"),
    ] {
        refused(&mut ledger, complainant(), "complaint:file", &[&request], status, words);
    }
    let unknown = code(9).to_string();
    refused(&mut ledger, uninvolved(), "complaint:decide", &[&unknown, "upheld", "why"], 404, "no complaint");
    refused(&mut ledger, uninvolved(), "complaint:decide", &[&complaint(), "right", "why"], 400, "/outcome");
}

#[test]
fn no_body_alone_writes_it() {
    for key in [keys::complaint(code(77)), keys::complaint(code(78)), keys::anchor("CustomsMSP", "portal")] {
        for endorsers in [vec![BODY], vec![ACCREDITATION], vec!["CustomsMSP", BODY]] {
            assert!(!can_write(&mut filed(), &key, &endorsers), "{key} by {endorsers:?}");
        }
        assert!(can_write(&mut filed(), &key, &[BODY, ACCREDITATION]), "{key}");
    }
}

#[test]
fn a_log_is_anchored_and_only_grows() {
    let mut ledger = ready();
    let head = "ab".repeat(32);
    let auditor = || person("IndustryMSP", "auditor", "u-1");
    let anchored = done(&mut ledger, auditor(), "audit:anchor", &["portal", &head, "12"]);
    assert_eq!((&anchored["count"], &anchored["anchored"]["by"]), (&json!(12), &json!("IndustryMSP")));
    assert_eq!(done(&mut ledger, accreditor(), "audit:get", &["IndustryMSP", "portal"]), anchored);
    for (arguments, words) in [
        (["portal", &head, "12"], "/count"),
        (["portal", &head, "11"], "/count"),
        (["portal", &head, "013"], "/count"),
        (["portal", &head, "9007199254740992"], "/count"),
        (["portal", "ab", "13"], "/head"),
        (["", &head, "13"], "/log"),
    ] {
        refused(&mut ledger, auditor(), "audit:anchor", &arguments, 400, words);
    }
    // Each organisation has logs of its own.
    let service = person(BODY, "service", "");
    done(&mut ledger, service, "audit:anchor", &["portal", &head, "1"]);
    refused(&mut ledger, applicant(), "audit:anchor", &["portal", &head, "20"], 403, "auditor or service");
    refused(&mut ledger, applicant(), "audit:get", &["LabMSP", "portal"], 404, "has anchored no log");
}
