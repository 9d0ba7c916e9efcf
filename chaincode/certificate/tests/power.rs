//! Who can change what on the ledger, by the key policies that the contract sets: with both bodies' endorsements,
//! and with one body's alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY as ACCREDITATION, CERTIFICATION_BODY as BODY};
use certificate::record::{Event, Stop, Suspension, Withdrawal};
use certificate::state::{KeyPolicy, State};
use certificate::{Creator, DateTime, Part, demo, keys};
use common::*;

fn issued() -> Memory {
    let mut ledger = ready();
    done(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(1)]);
    ledger
}

#[test]
fn one_body_alone_cannot_write_what_takes_both() {
    let both = [
        keys::LEDGER.to_owned(),
        keys::certificate(code(1)),
        keys::status(BODY, 0, 1),
        keys::issuer_key(BODY, &public_key()),
        // What does not exist yet falls to the chaincode's policy.
        keys::certificate(code(2)),
        keys::stop(code(2), BODY),
    ];
    for key in both {
        for endorsers in
            [vec![], vec![BODY], vec![ACCREDITATION], vec![BODY, "LabMSP", "IndustryMSP", "CustomsMSP"]]
        {
            assert!(!can_write(&mut issued(), &key, &endorsers), "{key} by {endorsers:?}");
        }
        assert!(can_write(&mut issued(), &key, &[BODY, ACCREDITATION]), "{key}");
    }
}

#[test]
fn what_one_body_holds_the_other_cannot_write() {
    let accreditation = keys::accreditation(BODY, demo::SCHEME_ID);
    let scheme = keys::scheme(demo::SCHEME_ID, demo::SCHEME_VERSION);
    for key in [
        &accreditation,
        &scheme,
        // What is not in the registry yet falls to its chaincode's policy.
        &keys::scheme("urn:x:y", "1"),
        &keys::laboratory("LabMSP"),
        &keys::stop(code(1), ACCREDITATION),
        &keys::withdrawal(code(1), ACCREDITATION),
    ] {
        assert!(!can_write(&mut issued(), key, &[BODY]), "{key}");
        assert!(can_write(&mut issued(), key, &[ACCREDITATION]), "{key}");
    }
    for key in [keys::stop(code(1), BODY), keys::withdrawal(code(1), BODY)] {
        assert!(!can_write(&mut issued(), &key, &[ACCREDITATION]), "{key}");
        assert!(can_write(&mut issued(), &key, &[BODY]), "{key}");
    }
}

/// Each body stops alone: suspension, and withdrawal both from a valid and from a suspended certificate.
#[test]
fn each_body_stops_alone() {
    let code = code(1).to_string();
    for (body, caller) in [(BODY, decision_maker as fn() -> Creator), (ACCREDITATION, accreditor)] {
        let mut ledger = issued();
        let withdraw = ["certificate:withdraw"].as_slice();
        for functions in [withdraw, &["certificate:stop", "certificate:withdraw"]] {
            let mut copy = issued();
            for function in functions {
                assert!(
                    endorsed_by(&mut copy, &[body], caller(), now(), function, &[&code, "why"]),
                    "{function}"
                );
            }
        }
        assert!(endorsed_by(&mut ledger, &[body], caller(), now(), "certificate:stop", &[&code, "why"]));
        assert_eq!(
            ledger.policy(Part::Body, &keys::stop(common::code(1), body)),
            Some(&KeyPolicy::all(&[BODY, ACCREDITATION]))
        );
        assert!(!endorsed_by(&mut ledger, &[body], caller(), now(), "certificate:lift", &[&code, "why"]));
        assert!(endorsed_by(
            &mut ledger,
            &[BODY, ACCREDITATION],
            caller(),
            now(),
            "certificate:lift",
            &[&code, "why"]
        ));
        assert_eq!(
            ledger.policy(Part::Body, &keys::stop(common::code(1), body)),
            Some(&KeyPolicy::all(&[body]))
        );
        assert!(endorsed_by(&mut ledger, &[body], caller(), now(), "certificate:stop", &[&code, "again"]));
    }
}

/// A transaction that stops may not write a second key: it could fall under a policy of both.
#[test]
fn a_stop_writes_one_key() {
    let code = code(1).to_string();
    let arguments = [code.as_bytes().to_vec().into(), b"why".to_vec().into()];
    for (function, prefix) in [("certificate:stop", keys::STOP), ("certificate:withdraw", keys::WITHDRAWAL)] {
        let mut ledger = issued();
        ledger.begin(accreditor(), now());
        futures::executor::block_on(ledger.run(function, &arguments));
        assert_eq!(ledger.keys_written(), [format!("{prefix}{code}/{ACCREDITATION}")]);
    }
}

/// A key of the other body in a stop's read set would let that body make every stop fail, by writing it again and
/// again.
#[test]
fn a_stop_reads_its_own_keys_and_the_certificate_alone() {
    for (owner, caller) in [(BODY, decision_maker()), (ACCREDITATION, accreditor())] {
        for function in ["certificate:stop", "certificate:withdraw"] {
            let mut ledger = issued();
            ledger.begin(caller.clone(), now());
            let arguments = [code(1).to_string(), "why".to_owned()].map(Into::into);
            let response = futures::executor::block_on(ledger.run(function, &arguments));
            assert_eq!(response.status, 200, "{}", response.message);
            let code = code(1);
            let allowed = [keys::certificate(code), keys::stop(code, owner), keys::withdrawal(code, owner)];
            for key in ledger.keys_read() {
                assert!(allowed.contains(key), "{function} by {owner} reads {key}");
            }
        }
    }
}

/// What a body can write into its own keys past the contract: a withdrawal of the year 9999, garbage, a stop of the
/// year 9999 under its own policy. None of it hinders the other body, nor the body itself.
#[test]
fn no_record_of_one_body_hinders_the_others_stop() {
    let far = DateTime::parse("9999-12-31T23:59:59Z").unwrap();
    let event = || Event {
        effective_at: far,
        by: BODY.into(),
        role: String::new(),
        person: String::new(),
        reason: "later".into(),
        transaction_id: "ff".into(),
    };
    let withdrawn = Withdrawal { withdrawn: Some(event()) }.encode();
    let stopped = Stop { suspensions: vec![Suspension { placed: event(), lifted: None }] }.encode();
    for (attacker, victim, caller) in
        [(BODY, ACCREDITATION, accreditor as fn() -> Creator), (ACCREDITATION, BODY, decision_maker)]
    {
        let code = code(1);
        let attacks = [
            (keys::withdrawal(code, attacker), withdrawn.clone()),
            (keys::withdrawal(code, attacker), b"garbage".to_vec()),
            (keys::stop(code, attacker), stopped.clone()),
            (keys::stop(code, attacker), b"\xff".to_vec()),
        ];
        for (key, value) in attacks {
            for functions in [
                ["certificate:stop"].as_slice(),
                &["certificate:withdraw"],
                &["certificate:stop", "certificate:withdraw"],
            ] {
                let mut ledger = issued();
                ledger.begin(certification_client(), now());
                ledger.put(&key, value.clone());
                ledger.commit(&[attacker]).unwrap();
                for function in functions {
                    let arguments = [&code.to_string(), "why"];
                    assert!(
                        endorsed_by(&mut ledger, &[victim], caller(), now(), function, &arguments),
                        "{key}"
                    );
                }
            }
        }
    }
}

/// A body whose own record was spoilt can still stop, and the record is whole again.
#[test]
fn a_spoilt_record_of_ones_own_does_not_keep_one_from_stopping() {
    let mut ledger = issued();
    let key = keys::stop(code(1), BODY);
    ledger.begin(certification_client(), now());
    ledger.put(&key, b"garbage".to_vec());
    ledger.commit(&[BODY]).unwrap();
    let arguments = [&code(1).to_string(), "why"];
    assert!(endorsed_by(&mut ledger, &[BODY], decision_maker(), now(), "certificate:stop", &arguments));
    let answer = done(&mut ledger, certification_client(), "certificate:get", &[&code(1).to_string()]);
    assert_eq!(answer["verdict"]["reasons"][0]["cause"], "suspended");
}

/// A stop is never refused for its time: not for that of the issue, nor for that of an earlier stop.
#[test]
fn a_stop_is_not_refused_for_its_time() {
    let mut ledger = issued();
    let earlier = now().plus_seconds(-900);
    let arguments = [&code(1).to_string(), "why"];
    assert!(endorsed_by(&mut ledger, &[BODY], decision_maker(), earlier, "certificate:stop", &arguments));
    assert!(endorsed_by(&mut ledger, &[BODY], decision_maker(), earlier, "certificate:withdraw", &arguments));
    let later = now().plus_seconds(600);
    let about = [BODY, demo::SCHEME_ID, "newGrants", "why"];
    let alone = [ACCREDITATION];
    assert!(endorsed_by(&mut ledger, &alone, accreditor(), later, "accreditation:suspend", &about));
    let about = [BODY, demo::SCHEME_ID, "allCertificates", "why"];
    assert!(endorsed_by(&mut ledger, &alone, accreditor(), now(), "accreditation:suspend", &about));
}

#[test]
fn a_withdrawal_is_final_for_everybody() {
    let mut ledger = issued();
    let code = code(1).to_string();
    done(&mut ledger, decision_maker(), "certificate:withdraw", &[&code, "why"]);
    assert!(!can_write(&mut ledger, &keys::withdrawal(common::code(1), BODY), &[BODY, ACCREDITATION]));
}

#[test]
fn the_accreditation_body_alone_suspends_and_restores() {
    let mut ledger = issued();
    let about = [BODY, demo::SCHEME_ID];
    let suspend = [about[0], about[1], "allCertificates", "why"];
    let alone = [ACCREDITATION];
    assert!(endorsed_by(&mut ledger, &alone, accreditor(), now(), "accreditation:suspend", &suspend));
    let restore = [about[0], about[1], "why"];
    assert!(!endorsed_by(&mut ledger, &[BODY], accreditor(), now(), "accreditation:restore", &restore));
    assert!(endorsed_by(&mut ledger, &alone, accreditor(), now(), "accreditation:restore", &restore));
}

#[test]
fn issue_takes_both() {
    for (endorsers, enough) in
        [(vec![BODY], false), (vec![ACCREDITATION], false), (vec![BODY, ACCREDITATION], true)]
    {
        let mut ledger = ready();
        let document = demonstration(1);
        let caller = certification_client();
        assert_eq!(
            endorsed_by(&mut ledger, &endorsers, caller, now(), "certificate:issue", &[&document]),
            enough
        );
    }
}

/// No key is left to the chaincode's policy once it is written.
#[test]
fn every_key_has_a_policy() {
    let mut ledger = ready();
    ledger.begin(certification_client(), now());
    let argument = [demonstration(1).into_bytes().into()];
    futures::executor::block_on(ledger.run("certificate:issue", &argument));
    let keys: Vec<String> = ledger.keys_written().into_iter().map(str::to_owned).collect();
    assert_eq!(keys.len(), 7);
    ledger.commit(&[BODY, ACCREDITATION]).unwrap();
    let set_up = [
        keys::LEDGER.to_owned(),
        keys::scheme(demo::SCHEME_ID, demo::SCHEME_VERSION),
        keys::accreditation(BODY, demo::SCHEME_ID),
        keys::issuer_key(BODY, &public_key()),
    ];
    for key in keys.iter().chain(&set_up) {
        assert!(ledger.policy(part_of_key(key), key).is_some(), "{key}");
    }
}
