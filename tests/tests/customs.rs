//! Customs at the portal of a running network: what is scanned and typed is answered by the verifier.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    fs,
    time::{Duration, Instant},
};

use certificate::Code;
use serde_json::{Value, json};
use tests::{Network, assert_success, bodies::Bodies, people::People, witness};

/// Waits until the verifier answers so.
fn tells(bodies: &Bodies, code: &str, result: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    while bodies.scanned(code, "").0 != result {
        assert!(Instant::now() < until, "it is not told as {result}");
    }
}

#[test]
fn customs_look_up_what_the_camera_sees_and_what_is_typed() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::start_with(folder.path(), &["--portal", "0"]);
    let entrances = network.entrances();
    let bodies = Bodies::over(network);
    let (code, verifier) = (bodies.network.code().to_string(), bodies.network.verifier());
    tells(&bodies, &code, "valid");
    let film = bodies.file("label.y4m");
    let mut people = People::with_camera(&film);
    people.at("customs", "enter", json!({ "link": entrances["customs"] }));

    people.at("customs", "film", json!({ "image": format!("{verifier}/c/{code}/qr.png") }));
    let scanned = people.at("customs", "scan", json!({ "keep": "look-up-scanned" }));
    let text = scanned["text"].as_str().unwrap();
    // Debian's Chromium has no reader of its own, and ours has read it then.
    println!("the browser's own reader: {}", scanned["own"]);
    assert!(text.contains("Valid") && text.contains(&code) && text.contains("Read at block"), "{text}");
    assert!(!text.contains("Be wary"), "{text}");

    bodies.done(&format!("cert stop {code} --reason Sample --org Accreditation"));
    tells(&bodies, &code, "notValid");
    let typed = json!({ "form": "form[data-look-up]", "fields": { "code": code.to_lowercase() } });
    let text = people.at("customs", "send", typed);
    let text = text.as_str().unwrap();
    assert!(text.contains("Not valid") && text.contains("Reason given: “Sample”"), "{text}");
    let mistyped = json!({ "form": "form[data-look-up]", "fields": { "code": "ABC" } });
    let text = people.at("customs", "send", mistyped);
    assert!(text.as_str().unwrap().contains("here are 3"), "{text}");
    let problems = people.at("customs", "problems", json!({}));
    // What is mistyped is answered with 422, which the browser notes.
    let others: Vec<_> =
        problems.as_array().unwrap().iter().filter(|it| !it.to_string().contains("422")).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn customs_check_a_shipment_on_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::start_with(folder.path(), &["--portal", "0"]);
    let entrances = network.entrances();
    let bodies = Bodies::over(network);
    let (code, verifier) = (bodies.network.code().to_string(), bodies.network.verifier());
    tells(&bodies, &code, "valid");
    let unknown = Code::from_random([7; 16]);
    let list = format!("{code}\n{verifier}/c/{code}\n{unknown}\nABC\n");
    let mut people = People::start();
    people.at("customs", "enter", json!({ "link": entrances["customs"] }));
    people.at("customs", "open", json!({ "path": "/shipments" }));
    let form =
        json!({ "form": "form[action='/shipments']", "fields": { "list": list }, "keep": "shipments" });
    let page = people.at("customs", "send", form);
    let page = page.as_str().unwrap();
    assert!(
        page.contains("2 Valid") && page.contains("1 Unknown certificate") && page.contains("line 4."),
        "{page}"
    );
    let jws = people.at("customs", "fetch", json!({ "link": "a[href$='.jws']" }));
    let file = bodies.file("result.jws");
    fs::write(&file, jws.as_str().unwrap()).unwrap();
    let said = assert_success(&witness("jws.mjs", &[file.to_str().unwrap()]));
    let said: Value = serde_json::from_str(&said).unwrap();
    let content = &said["content"];
    let row = &content["lines"][0]["answer"];
    assert_eq!((&row["result"], &row["code"]), (&json!("valid"), &json!(code)));
    assert!(row["block"].as_u64().unwrap() > 0, "{row}");
    assert_eq!(content["genesis"], bodies.network.profile().genesis.as_str());

    bodies.done(&format!("cert stop {code} --reason Sample --org Accreditation"));
    tells(&bodies, &code, "notValid");
    people.at("customs", "open", json!({ "path": "/shipments" }));
    let form = json!({ "form": "form[action='/shipments']", "fields": { "list": list } });
    let page = people.at("customs", "send", form);
    assert!(page.as_str().unwrap().contains("2 Not valid"), "{page}");
    let path = people.at("customs", "place", json!({}));
    people.at("customs", "open", json!({ "path": path, "keep": "shipment-not-valid" }));
}
