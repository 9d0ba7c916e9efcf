//! Issuer keys that somebody else may have had: each body declares so alone, and nothing that the other writes hinders it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY as ACCREDITATION, CERTIFICATION_BODY as BODY};
use certificate::record::{Certificate, Compromise, Declaration, Event, IssuerKey};
use certificate::state::{KeyPolicy, State};
use certificate::{Creator, DateTime, EventLog, LedgerTime, Moment, Part, dispatch, keys, multikey};
use common::*;
use ed25519_dalek::SigningKey;
use futures::executor::block_on;
use serde_json::{Value, json};

const DECLARE: &str = "issuerKey:compromise";

/// With a certificate that was issued now.
fn issued() -> Memory {
    let mut ledger = ready();
    done(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(1)]);
    ledger
}

fn key_of(owner: &str) -> String {
    keys::compromise(BODY, &public_key(), owner)
}

fn parties() -> [(&'static str, &'static str, Creator); 2] {
    [(BODY, ACCREDITATION, decision_maker()), (ACCREDITATION, BODY, accreditor())]
}

/// Declares an hour after the issue, endorsed by these alone.
fn declared_by(ledger: &mut Memory, endorsers: &[&str], caller: &Creator, from: DateTime) -> bool {
    let later = now().plus_seconds(3600);
    let arguments = [BODY, &public_key(), &from.to_string(), "the laptop was stolen"];
    endorsed_by(ledger, endorsers, caller.clone(), later, DECLARE, &arguments)
}

fn verdict(ledger: &mut Memory, at: DateTime) -> Value {
    ledger.begin(certification_client(), at);
    let response = block_on(dispatch(ledger, "certificate:get", &[code(1).to_string().into()]));
    let answer: Value = serde_json::from_slice(&response.payload).unwrap();
    answer["verdict"].clone()
}

#[test]
fn each_body_declares_alone_and_what_was_issued_since_is_not_valid() {
    for (owner, _, caller) in parties() {
        let mut ledger = issued();
        let (before, later) = (now().plus_seconds(-1), now().plus_seconds(3600));
        // What was issued before stands.
        assert!(declared_by(&mut ledger, &[owner], &caller, now().plus_seconds(1)));
        assert_eq!(verdict(&mut ledger, later), json!({"result": "valid"}));
        // It is found that it began earlier.
        assert!(declared_by(&mut ledger, &[owner], &caller, now()));
        let reason = json!({
            "cause": "issuerKeyCompromised", "since": later, "by": owner, "why": "the laptop was stolen",
        });
        assert_eq!(verdict(&mut ledger, later), json!({"result": "notValid", "reasons": [reason]}));
        let name = ledger.event().map(|(name, _)| name.clone());
        assert_eq!(name, None, "reading emits nothing");
        let keys = done(&mut ledger, certification_client(), "issuerKey:list", &[]);
        let key = done(&mut ledger, certification_client(), "issuerKey:get", &[BODY, &public_key()]);
        assert_eq!((&keys[0], &key["compromised"][0]["by"]), (&key, &json!(owner)));
        assert_eq!(
            (&key["compromised"][0]["compromisedFrom"], &key["compromised"][1]),
            (&json!(NOW), &json!(null))
        );
        // A later time takes nothing back.
        let arguments = [BODY, &public_key(), &now().to_string(), "again"];
        let response = block_on(ledger.submit(caller.clone(), later, DECLARE, &arguments));
        assert_eq!(response.status, 409, "{}", response.message);
        assert!(declared_by(&mut ledger, &[owner], &caller, before));
    }
}

#[test]
fn who_may_declare() {
    let arguments = [BODY, &public_key(), NOW, "stolen"];
    for (caller, status) in [
        (decision_maker(), 200),
        (certification_admin(), 200),
        (accreditor(), 200),
        (accreditation_admin(), 200),
        (certification_client(), 403),
        (person(BODY, "evaluator", "e-1"), 403),
        (person(BODY, "service", ""), 403),
        (person(BODY, "accreditor", "a-1"), 403),
        (person(ACCREDITATION, "decision-maker", "d-1"), 403),
        (person("IndustryMSP", "decision-maker", "d-1"), 403),
    ] {
        let response = submit(&mut issued(), caller.clone(), DECLARE, &arguments);
        assert_eq!(response.status, status, "{caller:?}: {}", response.message);
    }
    let mut ledger = issued();
    let ahead = now().plus_seconds(1).to_string();
    for (place, value, status, words) in [
        (0, "LabMSP", 404, "has no key"),
        (1, "z6Mkforged", 400, "/publicKey"),
        (2, ahead.as_str(), 400, "must not be after the transaction's timestamp"),
        (2, "yesterday", 400, "/from"),
        (3, "", 400, "/reason"),
    ] {
        let mut arguments = arguments;
        arguments[place] = value;
        let caller = accreditor();
        refused(&mut ledger, caller, DECLARE, &arguments, status, words);
    }
}

#[test]
fn a_compromised_key_signs_nothing_more() {
    for (owner, _, caller) in parties() {
        let mut ledger = issued();
        assert!(declared_by(&mut ledger, &[owner], &caller, now()));
        let words = format!("must not be compromised, but {owner} declares it so");
        refused(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(2)], 400, &words);
    }
}

/// An approval makes the two records, and would take the declaration back.
#[test]
fn a_key_that_is_declared_compromised_is_not_approved() {
    for (_, _, caller) in parties() {
        let mut ledger = ready();
        let text = multikey::public_to_text(&SigningKey::from_bytes(&[8; 32]).verifying_key());
        let key =
            json!({"publicKey": text, "issuerId": ISSUER, "issuerName": ISSUER_NAME, "statusLists": LISTS});
        done(&mut ledger, decision_maker(), "issuerKey:propose", &[&key.to_string()]);
        done(&mut ledger, caller, DECLARE, &[BODY, &text, NOW, "stolen"]);
        refused(&mut ledger, accreditor(), "issuerKey:approve", &[BODY, &text], 409, "declared compromised");
    }
}

#[test]
fn no_body_writes_the_others_declaration() {
    for (owner, other, _) in parties() {
        let mut ledger = issued();
        assert_eq!(ledger.policy(Part::Body, &key_of(owner)), Some(&KeyPolicy::all(&[owner])));
        assert!(!can_write(&mut ledger.clone(), &key_of(owner), &[other, "LabMSP", "IndustryMSP"]));
        assert!(can_write(&mut ledger, &key_of(owner), &[owner]));
    }
}

/// What a body can write into its own record past the contract: a time of the year 9999, garbage. None of it hinders the other,
/// nor the body itself.
#[test]
fn no_record_of_one_body_hinders_the_others_declaration() {
    let far = DateTime::parse("9999-12-31T23:59:59Z").unwrap();
    let event = Event {
        effective_at: far,
        by: BODY.into(),
        role: String::new(),
        person: String::new(),
        reason: "later".into(),
        transaction_id: "ff".into(),
    };
    let ahead = Compromise { declared: Some(Declaration { compromised_from: far, event }) };
    for (attacker, victim, caller) in parties().into_iter().map(|(owner, other, _)| {
        let caller = if other == BODY { decision_maker() } else { accreditor() };
        (owner, other, caller)
    }) {
        for value in [ahead.encode(), b"garbage".to_vec()] {
            let mut ledger = issued();
            ledger.begin(certification_client(), now());
            ledger.put(&key_of(attacker), value);
            ledger.commit(&[attacker]).unwrap();
            assert!(declared_by(&mut ledger, &[victim], &caller, now()));
            assert_eq!(verdict(&mut ledger, now())["reasons"][0]["by"], victim);
            let own = if attacker == BODY { decision_maker() } else { accreditor() };
            assert!(declared_by(&mut ledger, &[attacker], &own, now()), "the owner makes it whole");
        }
    }
}

#[test]
fn a_declaration_reads_and_writes_the_callers_own_record() {
    for (owner, _, caller) in parties() {
        let mut ledger = issued();
        ledger.begin(caller, now());
        let arguments = [BODY.to_owned(), public_key(), NOW.into(), "why".into()].map(Into::into);
        assert_eq!(block_on(ledger.run(DECLARE, &arguments)).status, 200);
        assert_eq!(ledger.keys_written(), [key_of(owner)]);
        assert_eq!(ledger.keys_read(), [keys::issuer_key(BODY, &public_key()), key_of(owner)]);
    }
}

/// Its certificates hold, and its first declaration takes both bodies.
#[test]
fn a_key_that_was_approved_before_there_were_declarations() {
    let mut ledger = issued();
    let [key] = block_on(ledger.get(&[&keys::issuer_key(BODY, &public_key())])).unwrap().try_into().unwrap();
    let earlier = IssuerKey { body: "OtherMSP".into(), ..IssuerKey::decode(&key.unwrap()).unwrap() };
    ledger.begin(certification_client(), now());
    ledger.put(&keys::issuer_key("OtherMSP", &public_key()), earlier.encode());
    ledger.commit(&[BODY, ACCREDITATION]).unwrap();
    let arguments = ["OtherMSP", &public_key(), NOW, "stolen"];
    for (endorsers, enough) in [(&[ACCREDITATION][..], false), (&[BODY, ACCREDITATION], true)] {
        let declared = endorsed_by(&mut ledger, endorsers, accreditor(), now(), DECLARE, &arguments);
        assert_eq!(declared, enough, "{endorsers:?}");
    }
    let alone = [ACCREDITATION];
    let earlier = now().plus_seconds(-1).to_string();
    let arguments = ["OtherMSP", &public_key(), &earlier, "stolen"];
    assert!(endorsed_by(&mut ledger, &alone, accreditor(), now(), DECLARE, &arguments));
}

#[test]
fn the_signing_key_is_found_in_the_document() {
    let mut ledger = issued();
    let key = keys::certificate(code(1));
    let [record] = block_on(ledger.get(&[&key])).unwrap().try_into().unwrap();
    let certificate = Certificate::decode(&record.unwrap()).unwrap();
    assert_eq!(certificate.public_key(), Some(public_key().as_str()));
    for document in ["", "{}", "\u{fffd}", r#"{"proof":{"verificationMethod":"did:web:x"}}"#] {
        let other = Certificate { document: document.as_bytes().to_vec().into(), ..certificate.clone() };
        assert_eq!(other.public_key(), None, "{document}");
    }
}

fn declaration(from: i64, claimed: i64, transaction: &str) -> Compromise {
    let event = Event {
        effective_at: DateTime::from_seconds(claimed),
        by: BODY.into(),
        role: String::new(),
        person: String::new(),
        reason: "stolen".into(),
        transaction_id: transaction.into(),
    };
    let compromised_from = DateTime::from_seconds(from);
    Compromise { declared: Some(Declaration { compromised_from, event }) }
}

/// By the verifier's log: it counts from the declaration's own counted time, so that no settled answer changes, and what was
/// once declared is neither struck out nor redated.
#[test]
fn a_declaration_stays_whatever_its_owner_writes_over_it() {
    let at = DateTime::from_seconds;
    let time = |seconds| LedgerTime(Some(at(seconds)));
    let mut log = EventLog::default();
    assert!(!log.see_compromise(Some(&Compromise::default().encode().into()), BODY, time(0)));
    assert!(log.see_compromise(Some(&declaration(5_000, 10_000, "a").encode().into()), BODY, time(10_000)));
    let stands = |log: &EventLog| {
        let now = Moment::Now(at(20_000));
        assert!(log.compromised(at(5_000), now).is_some() && log.compromised(at(9_000), now).is_some());
        assert!(log.compromised(at(4_999), now).is_none());
        // What was answered before about the past.
        assert!(log.compromised(at(5_000), Moment::At(at(9_999))).is_none());
        assert!(log.compromised(at(5_000), Moment::At(at(10_000))).is_some());
    };
    stands(&log);
    let later = time(12_000);
    for value in [
        Compromise::default(),
        declaration(9_999_999, 10_000, "a"),
        declaration(9_999_999, 10_001, "b"),
        declaration(5_000, 999_999_999, "c"),
    ] {
        let mut log = log.clone();
        log.see_compromise(Some(&value.encode().into()), BODY, later);
        stands(&log);
        assert_eq!(EventLog::decode(&log.encode().into()), Ok(log));
    }
    for garbage in [None, Some(b"garbage".to_vec().into())] {
        let mut log = log.clone();
        assert!(log.see_compromise(garbage.as_ref(), BODY, later));
        stands(&log);
    }
    // Neither a date long past nor one far ahead moves from when it counts by more than a quarter of an hour.
    for (claimed, from) in [(0, 9_100), (9_999_999, 10_000)] {
        let mut log = EventLog::default();
        log.see_compromise(Some(&declaration(0, claimed, "d").encode().into()), BODY, time(10_000));
        assert_eq!(log.compromised(at(1), Moment::Now(at(20_000))).unwrap().from, at(from));
    }
}
