//! The confidential part of an application: who hands it in, who reads it, who purges it, and what others see of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::confidential::{ConfidentialField, MAXIMUM_FIELD_BYTES, MAXIMUM_FIELDS};
use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY as BODY};
use certificate::record::{Confidential, FieldHash};
use certificate::state::State;
use certificate::{Creator, Duty, Response, Role, demo, dispatch, keys};
use common::*;
use futures::executor::block_on;
use serde_json::{Value, json};

const CANARY: &str = "canary-of-zinc-and-silane";
const ORGANISATIONS: [&str; 5] = [BODY, ACCREDITATION_BODY, INDUSTRY, "LabMSP", "CustomsMSP"];

fn field(name: &str, number: u8) -> ConfidentialField {
    ConfidentialField {
        application: code(200),
        field: name.into(),
        salt: format!("{number:02x}").repeat(16),
        value: json!({"secret": format!("{CANARY} of {name}")}),
    }
}

fn formulation() -> Vec<ConfidentialField> {
    vec![field("formulation", 1), field("customers", 2)]
}

fn entry(fields: &[ConfidentialField]) -> Value {
    serde_json::to_value(fields).unwrap()
}

fn submitted() -> Memory {
    let mut ledger = ready();
    let request = json!({
        "id": id(), "body": BODY, "title": "Zinc oxide NM-110", "schemeId": demo::SCHEME_ID,
        "schemeVersion": demo::SCHEME_VERSION, "dossier": format!("sha256:{}", "01".repeat(32)),
    });
    done(&mut ledger, applicant(), "application:submit", &[&request.to_string()]);
    ledger
}

fn confided() -> Memory {
    let mut ledger = submitted();
    assert_eq!(confide(&mut ledger, applicant(), entry(&formulation())).status, 200);
    ledger
}

/// Runs a function with a transient entry and does not commit it.
fn run(
    ledger: &mut Memory,
    caller: Creator,
    function: &str,
    arguments: &[&str],
    entry: Option<Vec<u8>>,
) -> Response {
    ledger.begin(caller, now());
    if let Some(entry) = entry {
        ledger.hand_over("fields", entry);
    }
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.as_bytes().to_vec().into()).collect();
    block_on(dispatch(ledger, function, &arguments))
}

fn confide(ledger: &mut Memory, caller: Creator, entry: Value) -> Response {
    let entry = entry.to_string().into_bytes();
    let response = run(ledger, caller, "confidential:submit", &[&id()], Some(entry));
    if response.status == Response::OK {
        ledger.commit(&[BODY, ACCREDITATION_BODY]).unwrap();
    }
    response
}

fn record(ledger: &mut Memory) -> Confidential {
    let key = keys::confidential(code(200));
    let [value] = block_on(ledger.get(&[&key])).unwrap().try_into().unwrap();
    Confidential::decode(&value.unwrap()).unwrap()
}

/// What a function answers and emits, as text.
fn shown(ledger: &Memory, response: &Response) -> String {
    let event = ledger.event().map(|(_, payload)| payload.clone()).unwrap_or_default();
    let parts = [response.message.as_bytes(), &response.payload, &event];
    String::from_utf8(parts.concat()).unwrap()
}

#[test]
fn both_bodies_hold_the_fields_and_the_public_has_salted_hashes() {
    let mut ledger = submitted();
    let response = confide(&mut ledger, applicant(), entry(&formulation()));
    let hashes: Vec<String> = formulation().iter().map(|field| field.hash().unwrap()).collect();
    let answer: Value = serde_json::from_slice(&response.payload).unwrap();
    assert_eq!(answer["fields"], json!(hashes));
    assert_eq!(answer["submitted"][0]["person"], "i-1");
    assert_eq!(ledger.event().unwrap(), &("ConfidentialSubmitted".into(), response.payload.clone()));
    assert!(!shown(&ledger, &response).contains(CANARY));
    for organisation in ORGANISATIONS {
        let held: Vec<_> = ledger.private(organisation).map(|(_, value)| value.to_vec()).collect();
        let holds = [BODY, ACCREDITATION_BODY].contains(&organisation);
        let fields: Vec<_> = formulation().iter().map(|field| field.canonical().unwrap()).collect();
        assert_eq!(held, if holds { fields } else { Vec::new() }, "{organisation}");
        for (key, _) in ledger.private(organisation) {
            assert!(!key.contains("formulation") && !key.contains("customers"), "{key}");
        }
    }
    let public = done(&mut ledger, person("CustomsMSP", "", ""), "confidential:hashes", &[&id()]);
    assert_eq!(public["fields"], json!(hashes));
}

#[test]
fn the_applicants_organisation_alone_hands_in() {
    for organisation in ORGANISATIONS {
        for duty in Duty::ALL.map(Duty::name).into_iter().chain([""]) {
            let caller = person(organisation, duty, "x-1");
            let response = confide(&mut submitted(), caller, entry(&formulation()));
            let may = organisation == INDUSTRY && ["applicant", "service"].contains(&duty);
            assert_eq!(response.status, if may { 200 } else { 403 }, "{duty} of {organisation}");
        }
    }
}

#[test]
fn fields_are_added_and_never_changed() {
    let mut ledger = confided();
    let again = confide(&mut ledger, applicant(), entry(&formulation()));
    assert_eq!((again.status, again.message.contains("handed in already")), (409, true), "{}", again.message);
    done(&mut ledger, evaluator(), "application:return", &[&id(), "the coating is missing"]);
    assert_eq!(confide(&mut ledger, applicant(), entry(&[field("coating", 3)])).status, 200);
    let record = record(&mut ledger);
    assert_eq!((record.fields.len(), record.submitted.len()), (3, 2));
    assert_eq!(record.fields[2].0, field("coating", 3).hash().unwrap());
    assert_eq!(ledger.private(BODY).count(), 3);
}

#[test]
fn what_is_late_is_refused_with_the_state() {
    let mut ledger = submitted();
    done(&mut ledger, evaluator(), "application:accept", &[&id()]);
    let late = confide(&mut ledger, applicant(), entry(&formulation()));
    assert_eq!(late.status, 409);
    assert!(late.message.contains("the application is accepted"), "{}", late.message);
}

/// No refusal quotes a secret, or the name of a field.
#[test]
fn what_is_no_list_of_fields_is_refused_without_a_word_of_it() {
    let changed = |change: fn(&mut Value)| {
        let mut entry = entry(&formulation());
        change(&mut entry);
        entry
    };
    let many: Vec<_> =
        (0..=MAXIMUM_FIELDS as u8).map(|number| field(&format!("{CANARY} {number}"), number)).collect();
    let cases = [
        (json!([]), "must be 1 to 32"),
        (entry(&many), "must be 1 to 32"),
        (json!({"formulation": CANARY}), "is no list of"),
        (json!(CANARY), "is no list of"),
        (changed(|entry| entry[0]["salt"] = json!(CANARY)), "must have a salt"),
        (changed(|entry| entry[0]["salt"] = json!("AA".repeat(16))), "must have a salt"),
        (changed(|entry| entry[1]["salt"] = entry[0]["salt"].clone()), "confidential field 1 has the name"),
        (changed(|entry| entry[1]["field"] = entry[0]["field"].clone()), "confidential field 1 has the name"),
        (changed(|entry| entry[1]["field"] = json!("a\nb")), "must have a name"),
        (changed(|entry| entry[1]["field"] = json!(CANARY.repeat(10))), "must have a name"),
        (changed(|entry| entry[0]["application"] = json!(code(201))), "names another application"),
        (changed(|entry| entry[0]["more"] = json!(CANARY)), "is no list of"),
        (changed(|entry| entry[0]["application"] = json!(CANARY)), "is no list of"),
        (
            changed(|entry| entry[0]["value"] = json!(CANARY.repeat(MAXIMUM_FIELD_BYTES / 20))),
            "at most 16384 bytes",
        ),
        (changed(|entry| entry[0]["value"] = json!(u64::MAX)), "a whole number beyond 2^53"),
        (json!(CANARY.repeat(100_000)), "is over"),
    ];
    for (entry, words) in cases {
        let mut ledger = submitted();
        let response = confide(&mut ledger, applicant(), entry);
        assert_eq!(response.status, 400, "{words}");
        assert!(response.message.contains(words), "{}: {words}", response.message);
        for secret in [CANARY, "formulation", "customers"] {
            assert!(!response.message.contains(secret), "{}", response.message);
        }
    }
    let response = run(&mut submitted(), applicant(), "confidential:submit", &[&id()], None);
    assert_eq!((response.status, response.message.contains("has no entry")), (400, true));
}

#[test]
fn an_application_has_a_bounded_number_of_fields() {
    let mut ledger = submitted();
    let most: Vec<_> =
        (0..MAXIMUM_FIELDS as u8).map(|number| field(&format!("field {number}"), number)).collect();
    assert_eq!(confide(&mut ledger, applicant(), entry(&most)).status, 200);
    let more = confide(&mut ledger, applicant(), entry(&[field("more", 99)]));
    assert_eq!((more.status, more.message.contains("are over 32")), (409, true), "{}", more.message);
}

#[test]
fn persons_on_duty_of_either_body_read_at_their_own_peer() {
    for organisation in ORGANISATIONS {
        for duty in Duty::ALL.map(Duty::name).into_iter().chain([""]) {
            let caller = person(organisation, duty, "x-1");
            let response = run(&mut confided(), caller, "confidential:get", &[&id()], None);
            let may = match organisation {
                BODY => ["evaluator", "reviewer", "decision-maker", "auditor"].contains(&duty),
                ACCREDITATION_BODY => ["accreditor", "auditor"].contains(&duty),
                _ => false,
            };
            assert_eq!(response.status, if may { 200 } else { 403 }, "{duty} of {organisation}");
            let text = String::from_utf8(response.payload).unwrap();
            assert_eq!(text.contains(CANARY), may);
        }
    }
    for role in [Role::Admin, Role::Peer, Role::Orderer] {
        let response = run(&mut confided(), creator(BODY, role), "confidential:get", &[&id()], None);
        assert_eq!(response.status, 403, "{role}");
    }
    let mut ledger = confided();
    let answer = done(&mut ledger, evaluator(), "confidential:get", &[&id()]);
    assert_eq!(answer["fields"][1]["index"], 1);
    assert_eq!(answer["fields"][1]["private"], serde_json::to_value(field("customers", 2)).unwrap());
    assert_eq!(answer["fields"][1]["hash"], json!(field("customers", 2).hash().unwrap()));
    assert_eq!(ledger.keys_written(), Vec::<&str>::new());
    assert_eq!(ledger.event(), None);
}

/// The collection read is that of the caller's organisation, whichever peer is asked.
#[test]
fn no_peer_of_another_organisation_answers() {
    for (caller, others) in [
        (evaluator(), [ACCREDITATION_BODY, INDUSTRY, "CustomsMSP"]),
        (accreditor(), [BODY, INDUSTRY, "CustomsMSP"]),
    ] {
        for peer in others {
            let mut ledger = confided();
            ledger.begin(caller.clone(), now());
            ledger.at_peer_of(peer);
            let response = block_on(dispatch(&mut ledger, "confidential:get", &[id().into_bytes().into()]));
            assert_eq!(response.status, 500, "{peer}");
            assert!(response.message.contains("are read at a peer of"), "{}", response.message);
            assert!(!shown(&ledger, &response).contains(CANARY));
        }
    }
}

fn ended(with: &str) -> Memory {
    let mut ledger = confided();
    match with {
        "application:withdraw" => done(&mut ledger, applicant(), with, &[&id(), "no market"]),
        _ => done(&mut ledger, decision_maker(), with, &[&id(), "incomplete"]),
    };
    ledger
}

#[test]
fn the_body_purges_when_the_application_has_ended() {
    let id = id();
    let purge = [id.as_str(), "the time for keeping it is over"];
    refused(
        &mut confided(),
        decision_maker(),
        "confidential:purge",
        &purge,
        409,
        "the application is submitted",
    );
    for with in ["application:withdraw", "application:refuse"] {
        for (caller, status) in [
            (decision_maker(), 200),
            (certification_admin(), 200),
            (evaluator(), 403),
            (certification_client(), 403),
            (person(BODY, "service", ""), 403),
            (accreditor(), 403),
            (accreditation_admin(), 403),
            (applicant(), 403),
        ] {
            let mut ledger = ended(with);
            let response = submit(&mut ledger, caller.clone(), "confidential:purge", &purge);
            assert_eq!(response.status, status, "{caller:?}: {}", response.message);
            let held = ORGANISATIONS.map(|organisation| ledger.private(organisation).count());
            assert_eq!(held, if status == 200 { [0; 5] } else { [2, 2, 0, 0, 0] });
        }
    }
    let mut ledger = ended("application:withdraw");
    let answer = done(&mut ledger, decision_maker(), "confidential:purge", &purge);
    assert_eq!(answer["purged"]["person"], "d-1");
    assert_eq!(answer["fields"].as_array().unwrap().len(), 2);
    refused(&mut ledger, decision_maker(), "confidential:purge", &purge, 409, "were purged on");
    refused(&mut ledger, evaluator(), "confidential:get", &purge[..1], 404, "were purged on");
    let late = confide(&mut ledger, applicant(), entry(&[field("more", 9)]));
    assert_eq!(late.status, 409, "{}", late.message);
}

#[test]
fn an_application_without_confidential_fields() {
    for (caller, function) in [(evaluator(), "confidential:get"), (applicant(), "confidential:hashes")] {
        refused(&mut submitted(), caller, function, &[&id()], 404, "has no confidential fields");
    }
    refused(&mut ready(), evaluator(), "confidential:get", &[&id()], 404, "no application");
}

/// What endorsers can do past the contract: nothing in another organisation's collection, and nothing to the public hashes
/// without both.
#[test]
fn hostile_endorsers_reach_their_own_collection_and_no_other() {
    let coalition = [BODY, ACCREDITATION_BODY];
    for (organisation, endorsers, enough) in [
        (BODY, &[BODY][..], true),
        (ACCREDITATION_BODY, &[ACCREDITATION_BODY], true),
        (BODY, &[ACCREDITATION_BODY], false),
        (ACCREDITATION_BODY, &[BODY], false),
        ("LabMSP", &coalition, false),
        (INDUSTRY, &coalition, false),
    ] {
        for purges in [false, true] {
            let mut ledger = confided();
            ledger.begin(certification_client(), now());
            let key = keys::confidential_field(code(200), 0);
            match purges {
                true => ledger.purge_private(organisation, &key),
                false => ledger.put_private(organisation, &key, CANARY.into()),
            }
            assert_eq!(ledger.commit(endorsers).is_ok(), enough, "{organisation} by {endorsers:?}");
        }
    }
    let key = keys::confidential(code(200));
    for endorsers in [&[BODY][..], &[ACCREDITATION_BODY], &[BODY, INDUSTRY], &[ACCREDITATION_BODY, INDUSTRY]]
    {
        assert!(!can_write(&mut confided(), &key, endorsers), "{endorsers:?}");
        for (caller, function, arguments) in [
            (applicant(), "confidential:submit", vec![id()]),
            (decision_maker(), "confidential:purge", vec![id(), "why".into()]),
        ] {
            let mut ledger =
                if function == "confidential:submit" { submitted() } else { ended("application:refuse") };
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let entry = Some(entry(&formulation()).to_string().into_bytes());
            assert_eq!(run(&mut ledger, caller, function, &arguments, entry).status, 200);
            assert!(ledger.commit(endorsers).is_err(), "{function} by {endorsers:?}");
        }
    }
    assert!(can_write(&mut confided(), &key, &coalition));
}

/// What one body alone did to its own copy shows, and does nothing to the other's.
#[test]
fn a_copy_that_is_not_what_was_handed_in_is_not_shown() {
    let key = keys::confidential_field(code(200), 1);
    let other = field("customers", 77).canonical().unwrap();
    for (value, words) in [
        (Some(other), "is not what was handed in"),
        (Some(b"garbage".to_vec()), "is not what was"),
        (None, "is not in"),
    ] {
        let mut ledger = confided();
        ledger.begin(certification_client(), now());
        match value {
            Some(value) => ledger.put_private(BODY, &key, value),
            None => ledger.purge_private(BODY, &key),
        }
        ledger.commit(&[BODY]).unwrap();
        refused(&mut ledger, evaluator(), "confidential:get", &[&id()], 500, words);
        done(&mut ledger, accreditor(), "confidential:get", &[&id()]);
    }
    // Both together can write a wrong hash, and are found out by it.
    let mut ledger = confided();
    let mut record = record(&mut ledger);
    record.fields[0] = FieldHash(format!("sha256:{}", "00".repeat(32)));
    ledger.begin(certification_client(), now());
    ledger.put(&keys::confidential(code(200)), record.encode());
    ledger.commit(&[BODY, ACCREDITATION_BODY]).unwrap();
    refused(&mut ledger, evaluator(), "confidential:get", &[&id()], 500, "confidential field 0 is not what");
}

/// A read of the one body's records does not depend on what the other does to its own collection.
#[test]
fn a_purge_reads_no_private_data() {
    let mut ledger = ended("application:refuse");
    ledger.begin(accreditor(), now());
    ledger.put_private(ACCREDITATION_BODY, &keys::confidential_field(code(200), 0), b"garbage".to_vec());
    ledger.commit(&[ACCREDITATION_BODY]).unwrap();
    done(&mut ledger, decision_maker(), "confidential:purge", &[&id(), "why"]);
    assert_eq!(ORGANISATIONS.map(|organisation| ledger.private(organisation).count()), [0; 5]);
}
