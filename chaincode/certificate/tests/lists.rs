//! Finding certificates by product, client, scheme and application, page by page.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY as ACCREDITATION, CERTIFICATION_BODY as BODY};
use certificate::state::State;
use certificate::{demo, dispatch, keys};
use common::*;
use futures::executor::block_on;
use serde_json::{Value, json};

const GTIN: &str = "09520123456788";
const OTHER_GTIN: &str = "09520123456795";
const LEI: &str = "506700GE1G29325QX363";
const EORI: &str = "BE0123456789";

fn document(number: u8, product: Value, client: Value) -> String {
    let mut document = demo::document(&particulars(number));
    let subject = &mut document["credentialSubject"];
    for (member, values) in [("product", product), ("client", client)] {
        for (name, value) in values.as_object().unwrap() {
            subject[member][name] = value.clone();
        }
    }
    sign(&document)
}

/// Five certificates: three of one product, of which one has no batch; one of another; one that names nothing.
fn stocked() -> Memory {
    let mut ledger = ready();
    let items = [
        (json!({"gtin": GTIN, "batch": "A/1", "serial": "1"}), json!({"lei": LEI})),
        (json!({"gtin": GTIN, "batch": "A", "serial": "1"}), json!({"lei": LEI, "eori": EORI})),
        (json!({"gtin": GTIN}), json!({"eori": EORI})),
        (json!({"gtin": OTHER_GTIN, "batch": "A"}), json!({})),
        (json!({}), json!({})),
    ];
    for (number, (product, client)) in (1..).zip(items) {
        let text = document(number, product, client);
        done(&mut ledger, certification_client(), "certificate:issue", &[&text]);
    }
    ledger
}

fn list(ledger: &mut Memory, request: &Value) -> Value {
    ledger.begin(applicant(), now());
    let response = block_on(dispatch(ledger, "certificate:list", &[request.to_string().into()]));
    assert_eq!(response.status, 200, "{request}: {}", response.message);
    serde_json::from_slice(&response.payload).unwrap()
}

/// The numbers of the certificates that are found.
fn found(ledger: &mut Memory, request: Value) -> Vec<u8> {
    let answer = list(ledger, &request);
    let codes = answer["certificates"].as_array().unwrap().iter().map(|it| it["certificate"].clone());
    let number = |id: Value| (1..=255).find(|number| id == json!(code(*number))).unwrap();
    let mut numbers: Vec<u8> = codes.map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_certificate_is_found_by_each_member_and_by_several_together() {
    let mut ledger = stocked();
    let scheme = demo::scheme()["id"].clone();
    let cases = [
        (json!({}), vec![1, 2, 3, 4, 5]),
        (json!({"scheme": scheme}), vec![1, 2, 3, 4, 5]),
        (json!({"scheme": "urn:other"}), vec![]),
        (json!({"gtin": GTIN}), vec![1, 2, 3]),
        (json!({"gtin": OTHER_GTIN}), vec![4]),
        (json!({"gtin": GTIN, "batch": "A"}), vec![2]),
        (json!({"gtin": GTIN, "batch": "A/1"}), vec![1]),
        (json!({"gtin": GTIN, "serial": "1"}), vec![1, 2]),
        (json!({"gtin": GTIN, "serial": "1", "batch": "A"}), vec![2]),
        (json!({"batch": "A"}), vec![2, 4]),
        (json!({"client": LEI}), vec![1, 2]),
        (json!({"client": EORI}), vec![2, 3]),
        (json!({"client": LEI, "gtin": OTHER_GTIN}), vec![]),
        (json!({"client": EORI, "scheme": scheme, "gtin": GTIN, "batch": "A"}), vec![2]),
    ];
    for (request, expected) in cases {
        assert_eq!(found(&mut ledger, request.clone()), expected, "{request}");
    }
}

#[test]
fn an_entry_shows_who_what_and_whether_it_holds() {
    let mut ledger = stocked();
    let answer = list(&mut ledger, &json!({"gtin": OTHER_GTIN}));
    let shown = &answer["certificates"][0];
    assert_eq!(shown["product"]["batch"], "A");
    assert_eq!(shown["client"]["name"], "Demonstration, no real client");
    assert_eq!((&shown["issued"]["by"], &shown["verdict"]), (&json!(BODY), &json!({"result": "valid"})));
}

/// A state is no entry: it is computed for each certificate, and a stop goes on writing one key.
#[test]
fn a_list_has_the_results_that_are_asked_for() {
    let mut ledger = stocked();
    let stopped = [code(2).to_string(), "contaminated".to_owned()];
    let stopped = stopped.each_ref().map(String::as_str);
    let caller = creator(ACCREDITATION, certificate::Role::Admin);
    assert!(endorsed_by(&mut ledger, &[ACCREDITATION], caller, now(), "certificate:stop", &stopped));
    assert_eq!(found(&mut ledger, json!({"gtin": GTIN, "result": "notValid"})), [2]);
    assert_eq!(found(&mut ledger, json!({"gtin": GTIN, "result": "valid"})), [1, 3]);
    assert_eq!(found(&mut ledger, json!({"result": "cannotTell"})), Vec::<u8>::new());
}

#[test]
fn a_list_goes_on_behind_its_bookmark() {
    let mut ledger = ready();
    for number in 1..=120 {
        let text = document(number, json!({"gtin": GTIN, "batch": format!("B{}", number % 3)}), json!({}));
        done(&mut ledger, certification_client(), "certificate:issue", &[&text]);
    }
    for wanted in [json!({}), json!({"gtin": GTIN}), json!({"scheme": demo::scheme()["id"]})] {
        let (mut codes, mut pages, mut request) = (Vec::new(), 0, wanted.clone());
        loop {
            let answer = list(&mut ledger, &request);
            pages += 1;
            codes.extend(
                answer["certificates"].as_array().unwrap().iter().map(|it| it["certificate"].to_string()),
            );
            match &answer["bookmark"] {
                Value::Null => break,
                bookmark => request["bookmark"] = bookmark.clone(),
            }
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!((codes.len(), pages), (120, 3), "{wanted}");
    }
}

#[test]
fn what_is_asked_for_must_be_able_to_exist() {
    let mut ledger = stocked();
    for (request, words) in [
        (json!({"gtin": "09520123456789"}), "/gtin"),
        (json!({"batch": ""}), "/batch"),
        (json!({"serial": "ä"}), "/serial"),
        (json!({"client": "506700GE1G29325QX364"}), "/client"),
        (json!({"application": "x"}), "/application"),
        (json!({"result": "fine"}), "/result"),
        (json!({"bookmark": "\u{10ffff}\u{7}"}), "/bookmark"),
        (json!({"owner": "me"}), "/owner"),
    ] {
        refused(&mut ledger, applicant(), "certificate:list", &[&request.to_string()], 400, words);
    }
    // A bookmark that the contract never gave leads nowhere else.
    assert_eq!(found(&mut ledger, json!({"gtin": GTIN, "bookmark": "~~~"})), Vec::<u8>::new());
}

fn entries(ledger: &mut Memory) -> Vec<String> {
    ledger.begin(applicant(), now());
    let (start, end) = keys::range_of(keys::INDEX);
    let entries = block_on(ledger.range(&start, &end, usize::MAX)).unwrap();
    entries.into_iter().map(|(key, _)| key).collect()
}

/// As a ledger is that was written before there were entries.
#[test]
fn earlier_certificates_get_their_entries_later() {
    let mut ledger = stocked();
    let written = entries(&mut ledger);
    ledger.forget(keys::INDEX);
    assert_eq!(found(&mut ledger, json!({"gtin": GTIN})), Vec::<u8>::new());
    assert_eq!(found(&mut ledger, json!({})), [1, 2, 3, 4, 5], "found without an entry");
    for _ in 0..2 {
        let request = json!({"certificates": ([1, 2, 3, 4, 5].map(code))}).to_string();
        done(&mut ledger, decision_maker(), "certificate:index", &[&request]);
        assert_eq!(entries(&mut ledger), written);
    }
}

#[test]
fn entries_are_written_by_the_body_alone_for_certificates_that_exist() {
    let mut ledger = stocked();
    let request =
        |numbers: &[u8]| json!({"certificates": numbers.iter().map(|it| code(*it)).collect::<Vec<_>>()});
    let one = request(&[1]).to_string();
    for stranger in [applicant(), accreditor(), accreditation_admin(), evaluator()] {
        refused(&mut ledger, stranger, "certificate:index", &[&one], 403, "");
    }
    let service = person(BODY, "service", "");
    done(&mut ledger, service.clone(), "certificate:index", &[&one]);
    refused(
        &mut ledger,
        service.clone(),
        "certificate:index",
        &[&request(&[9]).to_string()],
        404,
        "no certificate",
    );
    refused(&mut ledger, service, "certificate:index", &[&request(&[]).to_string()], 400, "/certificates");
    let key = entries(&mut ledger)[0].clone();
    for alone in [BODY, ACCREDITATION] {
        assert!(!can_write(&mut ledger, &key, &[alone]), "{alone}");
    }
    assert!(can_write(&mut ledger, &key, &[BODY, ACCREDITATION]));
}

/// Each read is a round trip to the peer, or a key of one: what certificates have in common is read once for a page of them.
#[test]
fn what_certificates_have_in_common_is_read_once_for_a_page() {
    let mut ledger = stocked();
    let answer = list(&mut ledger, &json!({}));
    assert_eq!(answer["certificates"].as_array().unwrap().len(), 5);
    let scheme = demo::scheme()["id"].as_str().unwrap().to_owned();
    let read = |ledger: &Memory, wanted: &str| ledger.keys_read().iter().filter(|key| *key == wanted).count();
    // In the registry and in the body's own chaincode.
    assert_eq!(read(&ledger, &keys::accreditation(BODY, &scheme)), 2);
    assert_eq!(read(&ledger, &keys::ended(BODY)), 1);
    assert_eq!(read(&ledger, &keys::stop(code(1), BODY)), 1);
}
