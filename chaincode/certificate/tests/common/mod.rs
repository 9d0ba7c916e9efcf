//! A ledger in memory that is set up as a network sets itself up, and documents to issue on it.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::LazyLock;

use certificate::document::{Issuer, LedgerBinding, StatusEntry, Validity};
use certificate::draft::Particulars;
use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use certificate::state::{KeyPolicy, State};
use certificate::{Code, Creator, DateTime, Part, Response, Role, canonical, demo, keys, multikey, proof};
use ed25519_dalek::SigningKey;
use futures::executor::block_on;
use serde_json::{Value, json};

pub const CHANNEL: &str = "nanotrace";
pub const ISSUER: &str = "did:web:certbody.example";
pub const ISSUER_NAME: &str = "CertBody";
pub const LISTS: &str = "https://certbody.example/status";
/// Whose people apply.
pub const INDUSTRY: &str = "IndustryMSP";
pub const NOW: &str = "2026-11-21T12:00:00Z";

pub fn genesis() -> String {
    format!("sha256:{}", "ab".repeat(32))
}

pub fn now() -> DateTime {
    DateTime::parse(NOW).unwrap()
}

pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub fn public_key() -> String {
    multikey::public_to_text(&key().verifying_key())
}

pub fn code(number: u8) -> Code {
    Code::from_random([number; 16])
}

pub fn particulars(number: u8) -> Particulars {
    Particulars {
        code: code(number),
        issuer: Issuer { id: ISSUER.into(), name: ISSUER_NAME.into() },
        ledger: LedgerBinding { channel: CHANNEL.into(), genesis: genesis() },
        status: StatusEntry { lists: LISTS.into(), list: 0, index: number.into() },
        decided: now().plus_days(-1),
        validity: Validity { from: now(), until: now().plus_years(3).unwrap() },
    }
}

pub fn sign(document: &Value) -> String {
    sign_with(document, &key())
}

pub fn sign_with(document: &Value, key: &SigningKey) -> String {
    let issuer = document["issuer"]["id"].as_str().unwrap_or(ISSUER);
    let method = format!("{issuer}#{}", multikey::public_to_text(&key.verifying_key()));
    let signed = proof::sign(document, key, &method, now()).unwrap();
    String::from_utf8(canonical::to_canonical(&signed).unwrap()).unwrap()
}

/// The signed demonstration certificate with this number.
pub fn demonstration(number: u8) -> String {
    static FIRST: LazyLock<String> = LazyLock::new(|| sign(&demo::document(&particulars(1))));
    if number == 1 { FIRST.clone() } else { sign(&demo::document(&particulars(number))) }
}

pub fn creator(msp_id: &str, role: Role) -> Creator {
    Creator::new(msp_id, Some(role))
}

/// A client of this organisation whose certificate names these duties and this pseudonym.
pub fn person(msp_id: &str, duties: &str, person: &str) -> Creator {
    creator(msp_id, Role::Client).with_attributes(duties, person)
}

pub fn certification_client() -> Creator {
    creator(CERTIFICATION_BODY, Role::Client)
}

pub fn certification_admin() -> Creator {
    creator(CERTIFICATION_BODY, Role::Admin)
}

/// The application that the tests are about.
pub fn id() -> String {
    code(200).to_string()
}

pub fn applicant() -> Creator {
    person(INDUSTRY, "applicant", "i-1")
}

pub fn evaluator() -> Creator {
    person(CERTIFICATION_BODY, "evaluator", "e-1")
}

pub fn decision_maker() -> Creator {
    person(CERTIFICATION_BODY, "decision-maker", "d-1")
}

pub fn accreditor() -> Creator {
    person(ACCREDITATION_BODY, "accreditor", "a-1")
}

pub fn accreditation_admin() -> Creator {
    creator(ACCREDITATION_BODY, Role::Admin)
}

/// A ledger with its binding, the demonstration scheme, the accreditation and an approved issuer key.
pub fn ready() -> Memory {
    let mut ledger = Memory::new(CHANNEL);
    let start = now().plus_days(-60);
    let steps: [(Creator, &str, Vec<String>); 5] = [
        (accreditation_admin(), "ledger:bind", vec![genesis(), CERTIFICATION_BODY.into()]),
        (accreditation_admin(), "scheme:register", vec![demo::scheme().to_string()]),
        (accreditation_admin(), "accreditation:register", vec![demo::accreditation(start).to_string()]),
        (certification_admin(), "issuerKey:propose", vec![issuer_key().to_string()]),
        (accreditation_admin(), "issuerKey:approve", vec![CERTIFICATION_BODY.into(), public_key()]),
    ];
    for (caller, function, arguments) in steps {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let response = block_on(ledger.submit(caller, start, function, &arguments));
        assert_eq!(response.status, 200, "{function}: {}", response.message);
    }
    ledger
}

pub fn issuer_key() -> Value {
    json!({"publicKey": public_key(), "issuerId": ISSUER, "issuerName": ISSUER_NAME, "statusLists": LISTS})
}

/// Submits now, endorsed by both bodies.
pub fn submit(ledger: &mut Memory, caller: Creator, function: &str, arguments: &[&str]) -> Response {
    block_on(ledger.submit(caller, now(), function, arguments))
}

/// Submits and expects success; the answer as JSON.
pub fn done(ledger: &mut Memory, caller: Creator, function: &str, arguments: &[&str]) -> Value {
    let response = submit(ledger, caller, function, arguments);
    assert_eq!(response.status, 200, "{function}: {}", response.message);
    serde_json::from_slice(&response.payload).unwrap()
}

/// Submits and expects this status and these words.
pub fn refused(
    ledger: &mut Memory,
    caller: Creator,
    function: &str,
    arguments: &[&str],
    status: i32,
    words: &str,
) {
    let response = submit(ledger, caller, function, arguments);
    assert_eq!(response.status, status, "{function}: {}", response.message);
    assert!(response.message.contains(words), "{function}: {} does not say {words:?}", response.message);
}

/// Runs one function at `time` and commits it, if it succeeds, with the endorsements of `endorsers` alone.
pub fn endorsed_by(
    ledger: &mut Memory,
    endorsers: &[&str],
    caller: Creator,
    time: DateTime,
    function: &str,
    arguments: &[&str],
) -> bool {
    ledger.begin(caller, time);
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.as_bytes().to_vec().into()).collect();
    let response = block_on(ledger.run(function, &arguments));
    assert_eq!(response.status, 200, "{function}: {}", response.message);
    ledger.commit(endorsers).is_ok()
}

/// Which chaincode's records have such keys.
pub fn part_of_key(key: &str) -> Part {
    let of_registry = [keys::SCHEME, keys::ACCREDITATION, keys::LABORATORY, keys::ENDED];
    if of_registry.iter().any(|prefix| key.starts_with(prefix)) { Part::Registry } else { Part::Body }
}

/// Whether a transaction made by hand, without the contract, can write this key with these endorsements.
pub fn can_write(ledger: &mut Memory, key: &str, endorsers: &[&str]) -> bool {
    ledger.begin(certification_client(), now());
    ledger.enter(part_of_key(key));
    ledger.put(key, b"anything".to_vec());
    let value = ledger.commit(endorsers).is_ok();
    ledger.begin(certification_client(), now());
    ledger.enter(part_of_key(key));
    ledger.set_policy(key, &KeyPolicy::all(endorsers));
    let policy = ledger.commit(endorsers).is_ok();
    assert_eq!(value, policy, "{key}");
    value
}
