//! A body ends, and another takes over its certificates: what the successor may do with them, and who may not take any over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY as ACCREDITATION, CERTIFICATION_BODY as SUCCESSOR};
use certificate::{KeyPolicy, Part, Role, demo, keys};
use common::*;
use futures::executor::block_on;
use serde_json::{Value, json};

/// The body that has ended. Its chaincode is not there: nothing here may need it.
const ENDED: &str = "OldMSP";
const BOTH: &[&str] = &[SUCCESSOR, ACCREDITATION];

/// Its certificate.
fn document() -> String {
    demonstration(9)
}

fn end(ledger: &mut Memory, body: &str, successor: &str) -> Value {
    let arguments = [body, successor, "nanotrace", "It gave up its business"];
    done(ledger, accreditor(), "body:end", &arguments)
}

fn ended() -> Memory {
    let mut ledger = ready();
    end(&mut ledger, ENDED, SUCCESSOR);
    ledger
}

fn adopted() -> Memory {
    let mut ledger = ended();
    done(&mut ledger, decision_maker(), "certificate:adopt", &[ENDED, &document(), "Taken over"]);
    ledger
}

fn adoption(ledger: &mut Memory) -> Value {
    done(ledger, creator("CustomsMSP", Role::Client), "certificate:adoption", &[&code(9).to_string()])
}

/// Its own lists have what it issued; what it took over is in one of its own.
#[test]
fn what_was_taken_over_is_listed() {
    let anyone = || creator("CustomsMSP", Role::Client);
    assert_eq!(done(&mut ended(), anyone(), "certificate:adoptions", &[]), json!({"adoptions": []}));
    let listed = done(&mut adopted(), anyone(), "certificate:adoptions", &[]);
    let found = adoption(&mut adopted());
    for member in ["certificate", "body", "document", "adopted"] {
        assert_eq!(listed["adoptions"][0][member], found[member]);
    }
    let text = code(9).to_string();
    let after = done(&mut adopted(), anyone(), "certificate:adoptions", &[&text]);
    assert_eq!(after, json!({"adoptions": []}));
    let words = "was taken over from OldMSP, in whose chaincode";
    refused(&mut adopted(), anyone(), "certificate:get", &[&text], 404, words);
    refused(&mut adopted(), anyone(), "certificate:adoptions", &["x"], 400, "27 letters");
}

#[test]
fn the_successor_stops_alone_and_lifts_with_the_accreditation_body() {
    let mut ledger = ended();
    let arguments = [ENDED, &document(), "Taken over"];
    let answer = done(&mut ledger, decision_maker(), "certificate:adopt", &arguments);
    assert_eq!(
        (&answer["certificate"], &answer["by"], &answer["body"], &answer["adopted"]["reason"]),
        (&json!(code(9)), &json!(SUCCESSOR), &json!(ENDED), &json!("Taken over"))
    );
    let found = adoption(&mut ledger);
    assert_eq!((&found["verdict"]["result"], &found["document"]), (&json!("valid"), &answer["document"]));

    // It rests on the successor's accreditation from now on, and about yesterday the other body answers.
    let suspend = [SUCCESSOR, demo::SCHEME_ID, "allCertificates", "why"];
    let mut suspended = ledger.clone();
    done(&mut suspended, accreditor(), "accreditation:suspend", &suspend);
    assert_eq!(adoption(&mut suspended)["verdict"]["reasons"][0]["cause"], "accreditationSuspended");
    let yesterday = [code(9).to_string(), now().plus_days(-1).to_string()];
    let yesterday = yesterday.each_ref().map(String::as_str);
    let found = done(&mut suspended, decision_maker(), "certificate:adoption", &yesterday);
    assert_eq!(found["verdict"]["result"], "valid");

    let about = [&code(9).to_string(), "why"];
    let alone = [SUCCESSOR];
    assert!(endorsed_by(&mut ledger, &alone, decision_maker(), now(), "certificate:stop", &about));
    assert_eq!(adoption(&mut ledger)["verdict"]["reasons"][0]["cause"], "suspended");
    assert!(!endorsed_by(&mut ledger, &alone, decision_maker(), now(), "certificate:lift", &about));
    assert!(endorsed_by(&mut ledger, BOTH, decision_maker(), now(), "certificate:lift", &about));
    assert_eq!(adoption(&mut ledger)["verdict"]["result"], "valid");
    assert!(endorsed_by(&mut ledger, &alone, decision_maker(), now(), "certificate:withdraw", &about));
    assert_eq!(adoption(&mut ledger)["verdict"]["reasons"][0]["cause"], "withdrawn");
    assert!(!can_write(&mut ledger, &keys::withdrawal(code(9), SUCCESSOR), BOTH), "it is final");
}

/// Superseded by a certificate of its own, surveilled, complained about.
#[test]
fn the_successor_answers_for_it() {
    let mut ledger = adopted();
    done(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(1)]);
    let (old, new) = (code(9).to_string(), code(1).to_string());
    let later = now().plus_days(1).to_string();
    let plan = [old.as_str(), &later, "why"];
    refused(&mut ledger, evaluator(), "surveillance:plan", &plan, 409, "before it plans one");
    let done_well = [old.as_str(), "as it should be", "conforming"];
    done(&mut ledger, evaluator(), "surveillance:record", &done_well);
    done(&mut ledger, evaluator(), "surveillance:plan", &plan);
    assert_eq!(adoption(&mut ledger)["surveillance"][0]["conclusion"], "conforming");
    let complaint = json!({"id": code(20), "kind": "complaint", "certificate": old, "summary": "It dusts"});
    done(&mut ledger, person("CustomsMSP", "auditor", "c-1"), "complaint:file", &[&complaint.to_string()]);
    let other = ["certificate:supersede", "certificate:supersede"];
    refused(&mut ledger, decision_maker(), other[0], &[&new, &old, "why"], 404, "no certificate");
    done(&mut ledger, decision_maker(), "certificate:supersede", &[&old, &new, "A new one"]);
    let found = adoption(&mut ledger);
    assert_eq!(found["verdict"]["reasons"][0]["supersededBy"], new.as_str());
    refused(&mut ledger, decision_maker(), other[1], &[&old, &new, "again"], 409, "is superseded by");
    let history = done(&mut ledger, decision_maker(), "certificate:history", &[&old]);
    let records = history.as_array().unwrap().iter().map(|entry| &entry["record"]);
    let has = |name: &str| records.clone().any(|record| record[name].is_object());
    assert!(has("adopted") && has("superseded") && !has("issued"), "{history}");
}

#[test]
fn who_takes_nothing_over() {
    let refuse = |mut ledger: Memory, document: &str, status: i32, words: &str| {
        let arguments = [ENDED, document, "Taken over"];
        refused(&mut ledger, decision_maker(), "certificate:adopt", &arguments, status, words);
        let written = ledger.clone();
        assert!(written.policy(Part::Body, &keys::adopted(code(9))).is_none() || status == 409);
    };
    let body = format!("/body is {ENDED}: must be a body");
    refuse(ready(), &document(), 400, &format!("{body} that has ended, as the accreditation body declares"));
    let mut another = ready();
    end(&mut another, ENDED, "BetaMSP");
    refuse(another, &document(), 400, &format!("{body} whose successor is {SUCCESSOR}, but it is BetaMSP"));
    let mut both = ended();
    end(&mut both, SUCCESSOR, "BetaMSP");
    refuse(both, &document(), 400, &format!("{SUCCESSOR} has ended itself"));
    refuse(adopted(), &document(), 409, "is taken over");
    let mut issued = ended();
    done(&mut issued, certification_client(), "certificate:issue", &[&document()]);
    refuse(issued, &document(), 409, "is issued here");

    // What it could not have issued itself.
    let mut suspended = ended();
    let suspend = [SUCCESSOR, demo::SCHEME_ID, "newGrants", "why"];
    done(&mut suspended, accreditor(), "accreditation:suspend", &suspend);
    refuse(suspended, &document(), 400, "/credentialSubject/scheme/id");
    let mut outside = ended();
    let scope = [SUCCESSOR, demo::SCHEME_ID, r#"{"standards":["urn:x:y"]}"#, "why"];
    done(&mut outside, accreditor(), "accreditation:changeScope", &scope);
    refuse(outside, &document(), 400, "/credentialSubject/standards/0");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut document = demo::document(&particulars(9));
        change(&mut document);
        sign(&document)
    };
    let other = changed(&|document| document["credentialSubject"]["scheme"]["id"] = "urn:another".into());
    refuse(ended(), &other, 400, &format!("for which {SUCCESSOR} is accredited"));
    let other = format!("sha256:{}", "cd".repeat(32));
    let other = changed(&|document| document["credentialStatus"][0]["genesis"] = other.as_str().into());
    refuse(ended(), &other, 400, "/credentialStatus/0/genesis");
    refuse(ended(), &document().replace("nanomaterial", "nonamaterial"), 400, "");
    refuse(ended(), "{}", 400, "");
    let late = now().plus_years(4).unwrap();
    let response = block_on(ended().submit(
        decision_maker(),
        late,
        "certificate:adopt",
        &[ENDED, &document(), "Taken over"],
    ));
    assert!(response.message.contains("/validUntil"), "{}", response.message);
    // A certificate that was not taken over is none of the successor's.
    for function in ["certificate:stop", "certificate:withdraw", "certificate:lift"] {
        refused(
            &mut ended(),
            decision_maker(),
            function,
            &[&code(9).to_string(), "why"],
            404,
            "no certificate",
        );
    }
    refused(
        &mut ended(),
        decision_maker(),
        "certificate:adoption",
        &[&code(9).to_string()],
        404,
        "no certificate",
    );
}

/// The accreditation body stops it where it was issued: its records there have stood since the issue.
#[test]
fn the_accreditation_body_has_no_second_stop() {
    for function in ["certificate:stop", "certificate:withdraw", "certificate:lift"] {
        let about = [&code(9).to_string(), "why"];
        refused(&mut adopted(), accreditor(), function, &about, 403, "in the chaincode of OldMSP");
    }
}

/// What hostile endorsers write past the contract: one alone nothing, and not even both an adoption once more.
#[test]
fn neither_takes_over_alone_and_none_is_rewritten() {
    for endorsers in [&[SUCCESSOR][..], &[ACCREDITATION], &["OldMSP", ACCREDITATION], &[SUCCESSOR, "OldMSP"]]
    {
        for key in [keys::adopted(code(9)), keys::stop(code(9), SUCCESSOR)] {
            assert!(!can_write(&mut ended(), &key, endorsers), "{key} by {endorsers:?}");
        }
        let arguments = [ENDED, &document(), "Taken over"];
        let function = "certificate:adopt";
        assert!(!endorsed_by(&mut ended(), endorsers, decision_maker(), now(), function, &arguments));
    }
    let ledger = adopted();
    assert_eq!(ledger.policy(Part::Body, &keys::adopted(code(9))), Some(&KeyPolicy::Nobody));
    assert!(!can_write(&mut ledger.clone(), &keys::adopted(code(9)), BOTH));
    for key in [keys::stop(code(9), SUCCESSOR), keys::withdrawal(code(9), SUCCESSOR)] {
        assert!(!can_write(&mut ledger.clone(), &key, &[ACCREDITATION, "OldMSP"]), "{key}");
        assert!(can_write(&mut ledger.clone(), &key, &[SUCCESSOR]), "{key}");
    }
}

/// Nothing that the accreditation body writes hinders the successor's stop, nor anything of the body that has ended.
#[test]
fn a_stop_of_it_reads_its_own_keys_and_the_adoption_alone() {
    for function in ["certificate:stop", "certificate:withdraw"] {
        let mut ledger = adopted();
        ledger.begin(decision_maker(), now());
        let arguments = [code(9).to_string(), "why".to_owned()].map(Into::into);
        assert_eq!(block_on(ledger.run(function, &arguments)).status, 200);
        let code = code(9);
        let own = [keys::stop(code, SUCCESSOR), keys::withdrawal(code, SUCCESSOR)];
        let allowed = [&own[..], &[keys::certificate(code), keys::adopted(code)]].concat();
        assert!(ledger.keys_read().iter().all(|key| allowed.contains(key)), "{:?}", ledger.keys_read());
        assert_eq!(ledger.keys_written().len(), 1);
    }
}

#[test]
fn a_body_that_has_ended_issues_nothing() {
    let mut ledger = ready();
    done(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(1)]);
    end(&mut ledger, SUCCESSOR, "BetaMSP");
    let words = "/credentialSubject/accreditation/number is DEMO-0001: must be of a body that goes on";
    refused(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(2)], 400, words);
    let shown = done(&mut ledger, certification_client(), "certificate:get", &[&code(1).to_string()]);
    assert_eq!(shown["verdict"]["result"], "valid", "what was issued stands");
    assert_eq!(shown["bodyEnded"][0]["successor"], "BetaMSP");
}

#[test]
fn an_end_is_declared_by_the_accreditation_body_alone_and_once() {
    let arguments = [ENDED, SUCCESSOR, "nanotrace", "why"];
    for (endorsers, is_enough) in
        [(&[SUCCESSOR][..], false), (&[SUCCESSOR, ENDED], false), (&[ACCREDITATION], true)]
    {
        let declared = endorsed_by(&mut ready(), endorsers, accreditor(), now(), "body:end", &arguments);
        assert_eq!(declared, is_enough, "{endorsers:?}");
    }
    let mut ledger = ended();
    for (arguments, status, words) in [
        ([ENDED, SUCCESSOR, "nanotrace", "why"], 409, "is the successor of"),
        ([ENDED, ENDED, "x", "why"], 400, "/successor is OldMSP: must be another certification body"),
        ([ENDED, ACCREDITATION, "x", "why"], 400, "/successor is AccreditationMSP: must be another"),
        (["BetaMSP", ENDED, "x", "why"], 400, "/successor is OldMSP: must be a body that goes on"),
        (["", SUCCESSOR, "x", "why"], 400, "/body"),
        (["BetaMSP", SUCCESSOR, "", "why"], 400, "/chaincode"),
        (["BetaMSP", SUCCESSOR, "x", ""], 400, "/reason"),
    ] {
        refused(&mut ledger, accreditor(), "body:end", &arguments, status, words);
    }
    // Another successor, who takes over what is left: the first may take nothing over any more.
    let answer = end(&mut ledger, ENDED, "BetaMSP");
    assert_eq!(answer["successors"].as_array().map(Vec::len), Some(2));
    let adopt = [ENDED, &document(), "why"];
    refused(&mut ledger, decision_maker(), "certificate:adopt", &adopt, 400, "but it is BetaMSP");
    let anyone = creator("CustomsMSP", Role::Client);
    assert_eq!(done(&mut ledger, anyone.clone(), "body:get", &[ENDED]), answer);
    assert_eq!(done(&mut ledger, anyone.clone(), "body:list", &[]), json!([answer]));
    refused(&mut ledger, anyone, "body:get", &[SUCCESSOR], 404, "no end of CertBodyMSP is declared");
}
