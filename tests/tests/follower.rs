//! A regulator's own verifier follows the network from its genesis block, whatever happens to either.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use certificate::{Code, DateTime};
use serde_json::Value;
use tests::{Network, assert_success, follower::Settings};

/// Longer than a follower waits before it asks for the newest block again.
const SECONDS_BETWEEN_CONFIRMATIONS: i64 = 6;

#[test]
fn a_follower_goes_on_whatever_happens() {
    let (folder, own_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let network = Network::start_in(folder.path());
    let code = network.code();
    let follower = Settings::new(&network, own_folder.path()).start();
    let valid = follower.wait_for(code, |answer| answer["result"] == "valid");

    // No block comes, and yet the newest one is confirmed anew.
    let later = follower.wait_for(code, |answer| confirmed_at(answer) > confirmed_at(&valid));
    assert_eq!(block(&later), block(&valid));

    act(&network, "stop", code, "a closer look");
    let stopped = follower.wait_for(code, |answer| answer["result"] == "notValid");
    assert_eq!(stopped["reasons"][0]["why"], "a closer look");
    assert!(block(&stopped) > block(&valid));

    // While nobody delivers, it goes on answering and claims nothing newer than what it last heard.
    network.kill();
    let last = follower.answer(code);
    let then = confirmed_at(&last).plus_seconds(SECONDS_BETWEEN_CONFIRMATIONS);
    let dark = follower.wait_for(code, |_| now() > then);
    assert_eq!((&dark["result"], &dark["asOf"]), (&last["result"], &last["asOf"]));

    // Both come back where they were; the network's ports are new ones.
    follower.kill();
    let network = Network::start_in(folder.path());
    let follower = Settings::new(&network, own_folder.path()).start();
    let back = follower.wait_for(code, |answer| confirmed_at(answer) > confirmed_at(&last));
    assert_eq!((&back["result"], block(&back)), (&last["result"], block(&last)));
    act(&network, "lift", code, "all is well");
    follower.wait_for(code, |answer| answer["result"] == "valid");
}

fn act(network: &Network, action: &str, code: Code, reason: &str) {
    assert_success(&network.nanotrace(&["cert", action, &code.to_string(), "--reason", reason]));
}

fn block(answer: &Value) -> u64 {
    answer["asOf"]["block"].as_u64().unwrap()
}

/// 1970 before the first confirmation.
fn confirmed_at(answer: &Value) -> DateTime {
    answer["asOf"]["confirmedAt"]
        .as_str()
        .map_or(DateTime::from_seconds(0), |text| DateTime::parse(text).unwrap())
}

fn now() -> DateTime {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    DateTime::from_seconds(since_1970.as_secs() as i64)
}
