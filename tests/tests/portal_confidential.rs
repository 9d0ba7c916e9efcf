//! The confidential part of an application by the portal of a running network: handed in once, read by the persons on duty with keys
//! that their browsers hold, and found nowhere else. Planted canaries are searched for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tests::{
    Network,
    bodies::Bodies,
    files_below,
    people::People,
    visitor::{Visitor, application},
};

/// Keeps two fields, and hands them in.
fn confide(visitor: &mut Visitor, path: &str, canaries: &[String; 2]) {
    for (name, canary) in ["formulation", "customers"].into_iter().zip(canaries) {
        let fields = [("name", name), ("confidential", canary.as_str())];
        let kept = visitor.post(path, &format!("{path}/confidential"), &fields);
        assert_eq!(kept.status, 303, "{}", kept.body);
    }
    let sent = visitor.post(path, &format!("{path}/confidential/hand-in"), &[]);
    assert_eq!((sent.status, &*sent.location), (303, path), "{}", sent.body);
}

fn canaries() -> [String; 2] {
    [(); 2].map(|()| {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).unwrap();
        format!("canary {}", hex::encode(bytes))
    })
}

/// Nowhere but in the database of the node, which holds the private data of both bodies.
fn search(data: &Path, log: &PathBuf, canaries: &[String; 2], may_have: impl Fn(&Path) -> bool) {
    let index = data.join("ledger/index");
    let files = files_below(data, |folder| folder != index);
    assert!(files.iter().any(|file| file.starts_with(data.join("ledger/blocks"))), "{files:?}");
    assert!(files.iter().any(|file| file.starts_with(data.join("portal"))), "{files:?}");
    for file in files.iter().chain([log]).filter(|file| !may_have(file)) {
        // RocksDB removes files while it runs.
        let Ok(bytes) = fs::read(file) else { continue };
        for canary in canaries {
            let is_there = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!is_there, "a canary is in {}", file.display());
        }
    }
}

#[test]
fn what_a_company_confides_is_read_by_persons_on_duty_and_stands_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let mut network = Network::start_logged(&data, &["--portal", "0"], &log);
    let entrances = network.entrances();
    let bodies = Bodies::over(network);
    let mut company = Visitor::welcomed(&entrances["applicant"]);
    let path = application(&mut company, &bodies.network.code().to_string(), "Confided");
    let id = path.rsplit('/').next().unwrap().to_owned();
    company.wait_for(&path, "<strong>Submitted</strong>");
    let canaries = canaries();
    confide(&mut company, &path, &canaries);
    company.wait_for(&path, "<h3>Hand in the confidential part <span class=\"tag\">done</span>");
    let page = company.get(&path).body;
    assert_eq!(page.matches("The ledger has this hash.").count(), 2, "{page}");
    let kept: Value = serde_json::from_str(&company.get(&format!("{path}/confidential")).body).unwrap();
    let read = bodies.done(&format!("application confidential {id}"));
    for (place, field) in kept.as_array().unwrap().iter().enumerate() {
        assert!(
            read["fields"].as_array().unwrap().iter().any(|it| it["private"] == *field),
            "{place} {read}"
        );
        assert!(page.contains(read["fields"][place]["hash"].as_str().unwrap()), "{page}");
    }
    // What the company downloaded is what `cert disclose --kept` takes.
    assert_eq!(kept[0]["salt"].as_str().unwrap().len(), 32);
    let same = company.post(&path, &format!("{path}/confidential/hand-in"), &[]);
    assert_eq!(same.location, format!("{path}#confidential"), "there is nothing to hand in");
    search(&data, &log, &canaries, |file| file.starts_with(data.join("portal/portal.db")) || is_log(file));

    let mut people = People::start();
    let queued = format!("/queue/CertBodyMSP/{id}");
    for part in ["evaluator", "accreditor"] {
        people.at(part, "enter", json!({ "link": entrances[part] }));
        people.at(part, "makeKey", json!({}));
        let declined = people.at(part, "read", json!({ "path": queued, "decline": true }));
        assert!(declined["said"].as_str().unwrap().contains("nothing was read"), "{declined}");
        let keep = format!("confidential-read-{part}");
        let read = people.at(part, "read", json!({ "path": queued, "keep": keep }));
        let said = read["said"].as_str().unwrap();
        assert!(canaries.iter().all(|canary| said.contains(canary.as_str())), "{said}");
        assert_eq!(said.matches("Its hash is on the ledger.").count(), 2, "{said}");
        assert_eq!(read["shown"][2], json!(["Function", "confidential:get"]), "{read}");
        assert!(read["words"].as_str().unwrap().contains("nothing of it goes to the ledger"), "{read}");
        // What a lying portal passes on is told.
        let lie = json!({ "application": id, "fields": [{ "private": {
            "application": id, "field": "formulation", "salt": "0".repeat(32), "value": "water" } }] });
        let lie = json!({ "path": "/question$", "body": {
            "state": "evaluated", "answer": STANDARD.encode(lie.to_string()) } });
        let told = people.at(part, "read", json!({ "path": queued, "answer": lie }));
        let told = told["said"].as_str().unwrap();
        assert!(told.contains("this is not what was handed in"), "{told}");
        assert_eq!(told.matches("The answer lacks the field of the hash").count(), 2, "{told}");
        let steps = people.at(part, "open", json!({ "path": "/acts", "keep": format!("{keep}-acts") }));
        let steps = steps.as_str().unwrap();
        assert!(steps.contains("shown once; nothing is on the ledger"), "{steps}");
        assert!(steps.contains("not asked: nothing was read"), "{steps}");
        assert!(canaries.iter().all(|canary| !steps.contains(canary.as_str())), "{steps}");
    }
    nothing_else_is_evaluated(&mut people, &id);

    // To another organisation there is no such page.
    people.at("customs", "enter", json!({ "link": entrances["customs"] }));
    assert_eq!(people.at("customs", "status", json!({ "path": queued })), 404);

    // The company removes the portal's copies: names and hashes stay.
    for field in read["fields"].as_array().unwrap() {
        let hash = [("hash", field["hash"].as_str().unwrap())];
        assert_eq!(company.post(&path, &format!("{path}/confidential/remove"), &hash).status, 303);
    }
    let page = company.get(&path).body;
    assert_eq!(page.matches("copy was removed").count(), 2, "{page}");
    assert_eq!(page.matches("The ledger has this hash.").count(), 2, "{page}");
    search(&data, &log, &canaries, |_| false);
    assert!(bodies.network.stop());
    search(&data, &log, &canaries, |_| false);
}

fn is_log(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("portal.db-"))
}

/// Past the pages' scripts: a secret answer is never endorsed, and a step is not evaluated.
fn nothing_else_is_evaluated(people: &mut People, id: &str) {
    // A page whose policy lets scripts ask this site.
    people.at("evaluator", "open", json!({ "path": format!("/queue/CertBodyMSP/{id}") }));
    let mut post = |path: String, fields: Value| {
        people.at("evaluator", "post", json!({ "path": format!("../../../acts{path}"), "fields": fields }))
    };
    for (act, function, refusals) in [
        ("1".repeat(32), "confidential:get", [("proposal", 409), ("question", 422)]),
        ("2".repeat(32), "application:accept", [("question", 409), ("proposal", 422)]),
    ] {
        let arguments = STANDARD.encode(json!([function, id]).to_string());
        let new = json!({ "act": act, "chaincode": "nanotrace", "arguments": arguments });
        let begun = post(String::new(), new);
        assert_eq!(begun["body"]["state"], "prepared", "{begun}");
        for (signed, status) in refusals {
            let answer = post(format!("/{act}/{signed}"), json!({ "signature": "MAYCAQECAQE=" }));
            assert_eq!(answer["status"], status, "{function} {signed}: {answer}");
            assert_eq!(answer["body"]["answer"], Value::Null, "{answer}");
        }
    }
}

/// With `kill -9`, while the call is on its way to the ledger or before.
#[test]
fn a_portal_that_is_killed_hands_in_once() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let mut network = Network::start_with(folder.path(), &["--portal", "0"]);
        let link = network.entrance("applicant");
        (Bodies::over(network), Visitor::welcomed(&link))
    };
    let (mut bodies, mut visitor) = start();
    let code = bodies.network.code().to_string();
    for (round, pause) in [0, 40, 120].into_iter().enumerate() {
        let path = application(&mut visitor, &code, &format!("Killed {round}"));
        let id = path.rsplit('/').next().unwrap().to_owned();
        visitor.wait_for(&path, "<strong>Submitted</strong>");
        confide(&mut visitor, &path, &canaries());
        std::thread::sleep(Duration::from_millis(pause));
        bodies.network.kill();
        (bodies, visitor) = start();
        visitor.wait_for(&path, "<h3>Hand in the confidential part <span class=\"tag\">done</span>");
        let page = visitor.get(&path).body;
        assert_eq!(page.matches("Hand in the confidential part").count(), 1, "{page}");
        assert_eq!(page.matches("The ledger has this hash.").count(), 2, "{page}");
        let read = bodies.done(&format!("application confidential {id}"));
        assert_eq!(read["fields"].as_array().unwrap().len(), 2, "{read}");
    }
    assert!(bodies.network.stop());
}
