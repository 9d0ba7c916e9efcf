//! Customs at the portal of a running network: what is scanned and typed is answered by the verifier.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Network, bodies::Bodies, people::People};

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
