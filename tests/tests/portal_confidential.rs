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

/// A certificate of the demonstration, on whose application two fields were handed in by the command line.
#[test]
fn customs_ask_for_one_field_and_get_that_one() {
    const VALUE: &str = "no real customer";
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let mut network = Network::start_logged(&data, &["--portal", "0", "--demo", "full"], &log);
    let entrances = network.entrances();
    let demonstrated = |name: &str| -> Value {
        let file = network.directory().join("demonstration").join(name);
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    };
    let code = demonstrated("disclosure.json")["certificate"].as_str().unwrap().to_owned();
    let kept = demonstrated("confidential.json").as_array().unwrap().clone();
    let text = |name: &str, part: &str| {
        let field = kept.iter().find(|field| field["field"] == name).unwrap();
        field[part].as_str().unwrap().to_owned()
    };
    let names: Vec<&str> = kept.iter().map(|field| field["field"].as_str().unwrap()).collect();
    assert!(names.contains(&"customers") && names.len() > 1, "{names:?}");

    // Customs look the certificate up, and ask.
    let mut people = People::start();
    people.at("customs", "enter", json!({ "link": entrances["customs"] }));
    let looked = json!({ "path": format!("/look-up?code={code}"), "keep": "disclosure-look-up" });
    let looked = people.at("customs", "open", looked);
    assert!(looked.as_str().unwrap().contains("Ask for one of them"), "{looked}");
    let new = json!({ "path": format!("/disclosures/new?certificate={code}"), "keep": "disclosure-new" });
    people.at("customs", "open", new);
    let fields =
        json!({ "wanted": "who buys it", "reason": "Case 17, Regulation (EU) No 952/2013, Article 15" });
    let form = "form[action=\"/disclosures\"]";
    let asked = people.at("customs", "send", json!({ "form": form, "fields": fields }));
    assert!(asked.as_str().unwrap().contains("It is with CertBodyMSP"), "{asked}");
    people.at("customs", "open", json!({ "path": "/disclosures", "keep": "disclosure-asked" }));
    let path = people.at("customs", "follow", json!({ "card": "who buys it" })).as_str().unwrap().to_owned();

    // An evaluator sees it; a decision-maker is told, reads the fields, and opens one.
    people.at("evaluator", "enter", json!({ "link": entrances["evaluator"] }));
    let seen = people.at("evaluator", "open", json!({ "path": path, "keep": "disclosure-evaluator" }));
    assert!(seen.as_str().unwrap().contains("Decision-makers of CertBodyMSP open it"), "{seen}");
    people.at("decision-maker", "enter", json!({ "link": entrances["decision-maker"] }));
    let told = people.at("decision-maker", "open", json!({ "path": "/notifications" }));
    assert!(told.as_str().unwrap().contains("Asked: a confidential field"), "{told}");
    let keyless = people.at("decision-maker", "open", json!({ "path": path, "keep": "disclosure-no-key" }));
    assert!(keyless.as_str().unwrap().contains("you need a key of your own"), "{keyless}");
    people.at("decision-maker", "makeKey", json!({}));
    let read = people.at("decision-maker", "read", json!({ "path": path, "keep": "disclosure-read" }));
    let said = read["said"].as_str().unwrap();
    assert_eq!(said.matches("Its hash is on the ledger.").count(), kept.len(), "{said}");
    assert_eq!(said.matches("Choose this field").count(), kept.len(), "{said}");
    // What is not on the ledger is not offered.
    let application = text("customers", "application");
    let lie = json!({ "application": application, "fields": [{ "private": {
        "application": application, "field": "customers", "salt": "0".repeat(32), "value": "nobody" } }] });
    let lie = json!({ "path": "/question$", "body": {
        "state": "evaluated", "answer": STANDARD.encode(lie.to_string()) } });
    let told = people.at("decision-maker", "read", json!({ "path": path, "answer": lie }));
    let told = told["said"].as_str().unwrap();
    assert!(told.contains("this is not what was handed in") && !told.contains("Choose this field"), "{told}");
    people.at("decision-maker", "read", json!({ "path": path }));
    let choose = |field: &str| json!({ "field": field, "keep": "disclosure-choose" });
    let other = names.iter().find(|name| **name != "customers").unwrap();
    people.at("decision-maker", "choose", choose(other));
    let chosen = people.at("decision-maker", "choose", choose("customers"));
    assert!(chosen.as_str().unwrap().contains("Open “customers” to Cleo Customs of CustomsMSP"), "{chosen}");
    let opened = people.at("decision-maker", "send", json!({ "form": "form[data-open]" }));
    assert!(opened.as_str().unwrap().contains("What was opened"), "{opened}");
    assert!(!opened.as_str().unwrap().contains(VALUE), "{opened}");
    let left = people.at("decision-maker", "back", json!({}));
    assert_eq!(left, json!(["", ""]), "nothing is left of it in the page that the browser keeps");

    // Customs read it: this field, genuine, and a file that the command takes.
    let page = people.at("customs", "open", json!({ "path": path, "keep": "disclosure-opened" }));
    assert!(!page.as_str().unwrap().contains(VALUE), "{page}");
    let shown = people.at("customs", "send", json!({ "form": "form[action$=\"/read\"]" }));
    let shown = shown.as_str().unwrap().to_owned();
    assert!(shown.contains("Genuine") && shown.contains(VALUE), "{shown}");
    people.at("customs", "kept", json!({ "keep": "disclosure-genuine" }));
    let file = people.at("customs", "fetch", json!({ "link": "a[href$=\"disclosure.json\"]" }));
    let opened = folder.path().join("opened.json");
    fs::write(&opened, file.as_str().unwrap()).unwrap();
    let verified = network.nanotrace(&["cert", "verify-disclosure", opened.to_str().unwrap()]);
    assert!(tests::assert_success(&verified).contains("GENUINE"));
    let pasted = json!({ "path": "/disclosures/check", "keep": "disclosure-check" });
    people.at("customs", "open", pasted);
    let form = "form[action=\"/disclosures/check\"]";
    let check = json!({ "form": form, "fields": { "confidential": file } });
    let checked = people.at("customs", "send", check);
    assert!(checked.as_str().unwrap().contains("Genuine"), "{checked}");
    people.at("customs", "open", json!({ "path": path }));
    let gone = people.at("customs", "send", json!({ "form": "form[action$=\"/remove\"]" }));
    assert!(gone.as_str().unwrap().contains("does not lie in this portal any more"), "{gone}");
    for part in ["customs", "evaluator", "decision-maker"] {
        assert_eq!(people.at(part, "problems", json!({})), json!([]), "{part}");
    }
    // Neither the field that was opened nor one of the others, in the portal's files, in blocks or in the log; salts are random.
    assert!(network.stop());
    let salts = kept.iter().map(|field| field["salt"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let files = files_below(&data, |folder| {
        folder != data.join("ledger/index") && folder != data.join("demonstration")
    });
    assert!(files.iter().any(|file| file.starts_with(data.join("portal"))), "{files:?}");
    let files = files.into_iter().filter(|file| !file.starts_with(data.join("demonstration")));
    for file in files.chain([log]) {
        let Ok(bytes) = fs::read(&file) else { continue };
        let has = |salt: &String| bytes.windows(salt.len()).any(|window| window == salt.as_bytes());
        assert!(!salts.iter().any(has), "a salt is in {}", file.display());
    }
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
