//! The first start is durable step by step, and goes on wherever it was interrupted.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tests::{
    Network, assert_success,
    durability::{Recorded, assert_durable, assert_synced_before_acknowledged, durable_files},
    nanotrace, nanotrace_with_files_up_to, random, setting,
};

/// How often the first start is interrupted, unless NANOTRACE_INTERRUPTS says otherwise.
const INTERRUPTS: usize = 24;
/// The blocks of a first start: at most six for each of the two chaincodes, which all organisations approve at once, and at least two
/// for both; six for what the demonstration certificate rests on, and seven steps from its application to the grant.
const BLOCKS: RangeInclusive<usize> = 15..=25;

#[test]
fn nothing_is_named_or_acknowledged_before_it_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    // Neither folder is there yet: their names must outlive a loss of power as well.
    let directory = folder.path().join("above").join("data");
    let mut network = Recorded::start(&directory);
    while !directory.join("demonstration/qr.png").exists() {
        assert!(network.next_event().is_some(), "the network ended before it was ready");
    }
    let (status, events) = network.stop();
    assert!(status.success());

    let blocks = assert_synced_before_acknowledged(&events);
    assert!(BLOCKS.contains(&blocks), "{blocks}");
    let files = durable_files(&directory);
    assert!(files.len() > 100, "{files:?}");
    for path in files.iter().chain([&folder.path().join("above")]) {
        assert_durable(&events, path);
    }
    // What the ledger rests on is durable before the ledger begins, and a key before anything rests on it.
    let named = |name: &str| {
        let path = directory.join(name);
        events.iter().position(|event| event.operation == "rename" && event.to == path).unwrap()
    };
    let first_block = events.iter().position(|event| event.operation == "create").unwrap();
    assert!(named("crypto-config.yaml") < named("crypto-config"));
    assert!(named("crypto-config") < named("genesis.block"));
    assert!(named("genesis.block") < first_block);
    let acknowledged: Vec<_> =
        (0..events.len()).filter(|at| events[*at].operation == "acknowledge").collect();
    let first_of_the_demonstration = acknowledged[acknowledged.len() - 13];
    assert!(named("demonstration/issuer-key.txt") < first_of_the_demonstration);
    assert!(*acknowledged.last().unwrap() < named("demonstration/certificate.json"));
}

/// Interrupts after a random number of file operations, again and again until a start gets through.
#[test]
fn a_start_goes_on_wherever_it_was_interrupted() {
    let interrupts = setting("NANOTRACE_INTERRUPTS", INTERRUPTS);
    let mut random = random();
    let mut done = 0;
    while done < interrupts {
        let folder = tempfile::tempdir().unwrap();
        // Small steps interrupt every part of the start, large ones those of a start that is far on.
        let step = random.usize(5..120);
        while done < interrupts && interrupted(folder.path(), random.usize(1..=step), random.bool()) {
            done += 1;
        }
        let network = Network::start_in(folder.path());
        let code = network.code().to_string();
        assert!(assert_success(&network.nanotrace(&["cert", "show", &code])).contains("VALID"), "{code}");
        assert_success(&network.nanotrace(&["status"]));
        assert!(network.stop());
    }
}

/// Starts, and ends the process after so many file operations; `false` if it was through before.
fn interrupted(directory: &Path, operations: usize, by_force: bool) -> bool {
    let mut network = Recorded::start(directory);
    for _ in 0..operations {
        // After the first one the process listens to signals.
        assert!(network.next_event().is_some(), "the start failed: {:?}", network.stop().0);
        if directory.join("demonstration/qr.png").exists() {
            assert!(network.stop().0.success());
            return false;
        }
    }
    match by_force {
        true => network.kill(),
        false => assert!(network.stop().0.success()),
    }
    true
}

/// Small limits stop the configuration files, larger ones keys, databases and the block log.
#[test]
fn a_full_disk_at_any_moment_of_the_first_start_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    for limit in [0, 100, 1_000, 3_000, 10_000, 30_000, 60_000, 100_000] {
        let output = nanotrace_with_files_up_to(Some(limit))
            .args(["up", "--port", "0", "--verifier", "127.0.0.1:0", "--no-portal"])
            .env("NANOTRACE_DATA", folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{limit} bytes: {said}");
        assert!(said.contains("File too large") && !said.contains("panicked"), "{limit} bytes: {said}");
    }
    let network = Network::start_in(folder.path());
    let code = network.code().to_string();
    assert!(assert_success(&network.nanotrace(&["cert", "show", &code])).contains("VALID"));
    assert!(network.stop());
}

#[test]
fn the_network_is_ready_when_the_chaincode_is_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Recorded::start(folder.path());
    let profile = folder.path().join("network.json");
    while !profile.exists() {
        assert!(network.next_event().is_some());
    }
    let verifier = peer_client::ConnectionProfile::load(&profile).unwrap().verifier.unwrap();
    let first = ready(&verifier);
    assert!(first.starts_with("HTTP/1.1 503"), "{first}");
    assert!(first.contains("the chaincode is not in force yet"), "{first}");
    while !ready(&verifier).starts_with("HTTP/1.1 200") {
        assert!(network.next_event().is_some());
    }
    // A contract that is in force answers.
    let output = run(folder.path(), &["cert", "scheme", "list"]);
    assert_success(&output);
    assert!(network.stop().0.success());
}

#[test]
fn what_a_loss_of_power_took_is_made_again_from_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data with spaces and Ümläute");
    let network = Network::start_in(&directory);
    let code = network.code().to_string();
    assert!(network.stop());
    let path = |name: &str| directory.join(name);
    let genesis = fs::read(path("genesis.block")).unwrap();
    let yaml = fs::read(path("crypto-config.yaml")).unwrap();
    let packages = |organisation: &str| {
        let entries = fs::read_dir(path("ledger/packages").join(organisation)).unwrap();
        entries.map(|entry| entry.unwrap().path()).next().unwrap()
    };

    // None, empty, and the zeroes of blocks that were never written.
    for damage in [None, Some(vec![]), Some(vec![0; 4096])] {
        for name in ["genesis.block", "crypto-config.yaml"] {
            spoil(&path(name), damage.as_deref());
        }
        spoil(&packages("CertBodyMSP"), damage.as_deref());
        let network = Network::start_in(&directory);
        let shown = assert_success(&network.nanotrace(&["cert", "show", &code]));
        assert!(shown.contains("VALID"), "{shown}");
        assert!(network.stop());
        assert_eq!(fs::read(path("genesis.block")).unwrap(), genesis);
        assert_eq!(fs::read(path("crypto-config.yaml")).unwrap(), yaml);
        assert!(fs::metadata(packages("CertBodyMSP")).unwrap().len() > 100);
    }
}

#[test]
fn what_cannot_be_made_again_is_named_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    assert!(Network::start_in(directory).stop());
    let yaml = directory.join("crypto-config.yaml");
    let text = fs::read_to_string(&yaml).unwrap();
    let before = contents(directory);

    // A file that lost its end may read well, and name fewer organisations.
    let shorter = text.rfind("\n  - Name:").unwrap();
    for (content, reason) in [
        ("PeerOrgs: [", "crypto-config.yaml"),
        (&text[..shorter], "does not name"),
        ("%&", "crypto-config.yaml"),
    ] {
        fs::write(&yaml, content).unwrap();
        let (exit, message) = up(directory);
        assert_eq!(exit, Some(2), "{message}");
        assert!(message.contains(reason) && message.contains("put it back"), "{message}");
        assert!(!message.contains("--reset"), "{message}");
        fs::write(&yaml, &text).unwrap();
        assert_eq!(contents(directory), before);
    }

    let (keys, elsewhere) = (directory.join("crypto-config"), directory.join("elsewhere"));
    fs::rename(&keys, &elsewhere).unwrap();
    let (exit, message) = up(directory);
    assert_eq!(exit, Some(4), "{message}");
    assert!(
        message.contains("crypto-config is missing") && message.contains("put the folder back"),
        "{message}"
    );
    assert!(!keys.exists());
    // As in the data directory of a verifier.
    fs::remove_file(&yaml).unwrap();
    let (exit, message) = up(directory);
    assert_eq!(exit, Some(4), "{message}");
    assert!(
        message.contains("crypto-config is missing") && message.contains("nanotrace verifier"),
        "{message}"
    );
    assert!(!yaml.exists());
    fs::rename(&elsewhere, &keys).unwrap();
    assert!(Network::start_in(directory).stop());
}

/// A picture is no reason not to run: it can be drawn again.
#[test]
fn a_picture_that_cannot_be_written_ends_no_start() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Network::start_in(folder.path()).stop());
    for name in ["qr.svg", "qr.png"] {
        let picture = folder.path().join("demonstration").join(name);
        fs::remove_file(&picture).unwrap();
        fs::create_dir(&picture).unwrap();
        let mut network = Network::start_in(folder.path());
        let said = network.said_until("What to try next");
        assert!(said.contains("QR code      could not be written: Is a directory"), "{said}");
        let code = network.code().to_string();
        assert!(assert_success(&network.nanotrace(&["cert", "show", &code])).contains("VALID"));
        assert!(network.stop());
        fs::remove_dir(&picture).unwrap();
    }
    let mut network = Network::start_in(folder.path());
    assert!(network.said_until("What to try next").contains("qr.png\n"));
    assert!(network.stop());
}

/// Each lock's file is a directory, which is no lock that somebody holds.
#[test]
fn a_disk_that_fails_at_a_lock_is_not_told_as_another_process() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Network::start_in(folder.path()).stop());
    for name in ["nanotrace.pid", "ledger/lock", "ledger/index/LOCK"] {
        let lock = folder.path().join(name);
        fs::remove_file(&lock).unwrap();
        fs::create_dir(&lock).unwrap();
        let (exit, message) = up(folder.path());
        assert_eq!(exit, Some(4), "{name}: {message}");
        assert!(message.contains("Is a directory") && message.contains(name), "{name}: {message}");
        assert!(!message.contains("another process"), "{name}: {message}");
        fs::remove_dir(&lock).unwrap();
    }
    assert!(Network::start_in(folder.path()).stop());
}

#[test]
fn a_ledger_without_its_blocks_is_not_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    assert!(Network::start_in(directory).stop());
    let (blocks, elsewhere) = (directory.join("ledger/blocks"), directory.join("blocks"));
    fs::rename(&blocks, &elsewhere).unwrap();
    fs::remove_file(directory.join("genesis.block")).unwrap();
    let (exit, message) = up(directory);
    assert_eq!(exit, Some(4), "{message}");
    assert!(!directory.join("genesis.block").exists());
    fs::remove_dir_all(&blocks).unwrap();
    fs::rename(&elsewhere, &blocks).unwrap();
    assert!(Network::start_in(directory).stop());
}

fn spoil(path: &Path, content: Option<&[u8]>) {
    match content {
        Some(content) => fs::write(path, content).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
}

/// The files that a network rests on, and what is in them.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = durable_files(directory);
    files.retain(|path| path.is_file());
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(nanotrace()).args(arguments).env("NANOTRACE_DATA", directory).output().unwrap()
}

/// Exit code and standard error of a start that must fail.
fn up(directory: &Path) -> (Option<i32>, String) {
    let output = run(directory, &["up", "--port", "0", "--verifier", "127.0.0.1:0"]);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The answer to `GET /readyz`.
fn ready(verifier: &str) -> String {
    let address = verifier.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}
