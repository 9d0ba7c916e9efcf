//! A network whose ledger was damaged: it says so, serves nothing, and goes on from another node's copy, or
//! without what is lost where its operator says so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{fs, path::Path};

use serde_json::Value;
use tests::{Network, assert_success, follower::Settings};

const SEGMENT: &str = "00000000000000000000.log";

#[test]
fn a_damaged_ledger_is_restored_from_another_nodes_or_its_loss_accepted() {
    let (folder, own_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let blocks = folder.path().join("ledger/blocks");
    let network = Network::start_in(folder.path());
    let code = network.code();
    let follower = Settings::new(&network, own_folder.path()).start();
    follower.wait_for(code, |answer| answer["result"] == "valid");
    assert_success(&network.nanotrace(&["cert", "stop", &code.to_string(), "--reason", "a closer look"]));
    let stopped = follower.wait_for(code, |answer| answer["result"] == "notValid");
    let last = stopped["asOf"]["block"].as_u64().unwrap();
    follower.kill();
    network.kill();

    // The end of the last block, which recorded the stop, is gone: without it the certificate would be valid.
    cut(&blocks);
    let refusal = Network::refusal(folder.path());
    for part in [
        format!("block {last} cannot be read"),
        format!("blocks 0 to {} are whole", last - 1),
        "behind it no whole block follows".to_owned(),
        "docs/recovery.md".to_owned(),
        format!("--accept-loss-from {last}"),
    ] {
        assert!(refusal.contains(&part), "no {part:?} in: {refusal}");
    }
    let checked = tests::run(&["ledger", "check", folder.path().to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");

    fs::rename(&blocks, folder.path().join("ledger/blocks.damaged")).unwrap();
    fs::create_dir(&blocks).unwrap();
    fs::copy(own_folder.path().join("ledger/blocks").join(SEGMENT), blocks.join(SEGMENT)).unwrap();
    assert_success(&tests::run(&["ledger", "check", folder.path().to_str().unwrap()]));
    let network = Network::start_in(folder.path());
    assert_eq!(result(&network), "notValid");
    network.kill();

    cut(&blocks);
    let network = Network::start_with(folder.path(), &["--accept-loss-from", &last.to_string()]);
    assert_eq!(result(&network), "valid", "what the lost block recorded holds no longer");
    assert!(folder.path().join(format!("ledger/lost-from-block-{last}")).join(SEGMENT).exists());
    assert!(network.stop());
    let network = Network::start_in(folder.path());
    assert_eq!(result(&network), "valid");
}

#[test]
fn a_ledger_put_back_to_an_older_state_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start_in(folder.path());
    let code = network.code().to_string();
    assert!(network.stop());
    let ledger = folder.path().join("ledger");
    let older = tempfile::tempdir().unwrap();
    copy(&ledger, older.path());
    let network = Network::start_in(folder.path());
    assert_success(&network.nanotrace(&["cert", "stop", &code, "--reason", "a closer look"]));
    assert!(network.stop());

    fs::remove_dir_all(&ledger).unwrap();
    copy(older.path(), &ledger);
    let refusal = Network::refusal(folder.path());
    assert!(refusal.contains("blocks that were confirmed"), "{refusal}");
    let block =
        refusal.split("--accept-loss-from ").nth(1).unwrap().split(|letter: char| !letter.is_ascii_digit());
    let block = block.into_iter().next().unwrap();
    let network = Network::start_with(folder.path(), &["--accept-loss-from", block]);
    assert_eq!(result(&network), "valid");
}

/// Takes the last 100 bytes off the chain.
fn cut(blocks: &Path) {
    let path = blocks.join(SEGMENT);
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 100).unwrap();
}

/// What the network's own verifier answers about its demonstration certificate.
fn result(network: &Network) -> String {
    let answer: Value = serde_json::from_str(&tests::get(
        &network.verifier(),
        &format!("/api/v1/certificates/{}", network.code()),
    ))
    .unwrap();
    answer["result"].as_str().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
