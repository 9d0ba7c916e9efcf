//! Who can change what on the ledger, by the key policies that the contract sets: with both bodies' endorsements,
//! and with one body's alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY as ACCREDITATION, CERTIFICATION_BODY as BODY};
use certificate::state::{KeyPolicy, State};
use certificate::{Creator, demo, keys};
use common::*;

fn issued() -> Memory {
    let mut ledger = ready();
    done(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(1)]);
    ledger
}

/// Whether a transaction made by hand, without the contract, can write this key with these endorsements.
fn can_write(ledger: &mut Memory, key: &str, endorsers: &[&str]) -> bool {
    ledger.begin(certification_client(), now());
    ledger.put(key, b"anything".to_vec());
    let value = ledger.commit(endorsers).is_ok();
    ledger.begin(certification_client(), now());
    ledger.set_policy(key, &KeyPolicy::all(endorsers));
    let policy = ledger.commit(endorsers).is_ok();
    assert_eq!(value, policy, "{key}");
    value
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
        keys::scheme("urn:x:y", "1"),
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
    for (body, caller) in
        [(BODY, certification_client as fn() -> Creator), (ACCREDITATION, accreditation_client)]
    {
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
            ledger.policy(&keys::stop(common::code(1), body)),
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
        assert_eq!(ledger.policy(&keys::stop(common::code(1), body)), Some(&KeyPolicy::all(&[body])));
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
        ledger.begin(accreditation_client(), now());
        futures::executor::block_on(certificate::dispatch(&mut ledger, function, &arguments));
        assert_eq!(ledger.keys_written(), [format!("{prefix}{code}/{ACCREDITATION}")]);
    }
}

#[test]
fn a_withdrawal_is_final_for_everybody() {
    let mut ledger = issued();
    let code = code(1).to_string();
    done(&mut ledger, certification_client(), "certificate:withdraw", &[&code, "why"]);
    assert!(!can_write(&mut ledger, &keys::withdrawal(common::code(1), BODY), &[BODY, ACCREDITATION]));
}

#[test]
fn the_accreditation_body_alone_suspends_and_restores() {
    let mut ledger = issued();
    let about = [BODY, demo::SCHEME_ID];
    let suspend = [about[0], about[1], "allCertificates", "why"];
    let alone = [ACCREDITATION];
    assert!(endorsed_by(
        &mut ledger,
        &alone,
        accreditation_client(),
        now(),
        "accreditation:suspend",
        &suspend
    ));
    let restore = [about[0], about[1], "why"];
    assert!(!endorsed_by(
        &mut ledger,
        &[BODY],
        accreditation_client(),
        now(),
        "accreditation:restore",
        &restore
    ));
    assert!(endorsed_by(
        &mut ledger,
        &alone,
        accreditation_client(),
        now(),
        "accreditation:restore",
        &restore
    ));
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
    futures::executor::block_on(certificate::dispatch(&mut ledger, "certificate:issue", &argument));
    let keys: Vec<String> = ledger.keys_written().into_iter().map(str::to_owned).collect();
    assert_eq!(keys.len(), 6);
    ledger.commit(&[BODY, ACCREDITATION]).unwrap();
    let set_up = [
        keys::LEDGER.to_owned(),
        keys::scheme(demo::SCHEME_ID, demo::SCHEME_VERSION),
        keys::accreditation(BODY, demo::SCHEME_ID),
        keys::issuer_key(BODY, &public_key()),
    ];
    for key in keys.iter().chain(&set_up) {
        assert!(ledger.policy(key).is_some(), "{key}");
    }
}
