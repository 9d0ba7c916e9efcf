//! Programs of other projects look at a running network.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;

use tests::{Network, assert_success, repository, witness};

#[test]
fn the_official_client_evaluates_submits_and_listens() {
    let network = Network::start();
    let output = witness("official-client.mjs", &[network.profile_file().to_str().unwrap()]);
    let said = assert_success(&output);
    for step in [
        "submitted",
        "evaluated",
        "refused",
        "repeated",
        "event",
        "block event",
        "filtered event",
        "private data",
        "offline",
        "confidential",
    ] {
        assert!(said.contains(&format!("\"step\":\"{step}\"")), "no step {step} in\n{said}");
    }
}

#[test]
fn the_w3c_cryptosuite_accepts_a_certificate_and_refuses_a_tampered_one() {
    let network = Network::start();
    let file = network.certificate_file();
    let document: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let method = document["proof"]["verificationMethod"].as_str().unwrap();
    let public_key = method.split_once('#').unwrap().1;
    assert_success(&witness("cryptosuite.mjs", &[file.to_str().unwrap(), public_key]));

    let mut tampered = document.clone();
    tampered["validUntil"] = "2099-01-01T00:00:00Z".into();
    let file = network.directory().join("tampered.json");
    fs::write(&file, tampered.to_string()).unwrap();
    let output = witness("cryptosuite.mjs", &[file.to_str().unwrap(), public_key]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_browser_shows_each_page_and_axe_finds_nothing() {
    let network = Network::start();
    let (base, code) = (network.verifier(), network.code());
    let pages = [
        format!("front={base}/"),
        format!("valid={base}/c/{code}"),
        format!("unknown={base}/c/{}", certificate::Code::from_bytes([0; 16])),
        format!("mistyped={base}/c/ABC"),
    ];
    let screenshots = repository().join("artifacts/screenshots");
    let mut arguments = vec![screenshots.to_str().unwrap()];
    arguments.extend(pages.iter().map(String::as_str));
    let said = assert_success(&witness("browser.mjs", &arguments));
    assert_eq!(said.lines().count(), pages.len() * 3);
}
