//! What the command line says and does where no network stands yet.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use certificate::{
    Code, DateTime, canonical, demo,
    document::{Issuer, LedgerBinding, StatusEntry, Validity},
    draft::Particulars,
    multikey, proof,
};
use fabric::types::blockfile::BlockFile;
use prost::Message;
use serde_json::{Value, json};
use tests::{interrupt, nanotrace};

/// Of Data Integrity EdDSA Cryptosuites v1.0, section B.2.
const PRIVATE_KEY: &str = "z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq";

/// Exit code, standard output and standard error; there is no terminal.
fn run(data: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(nanotrace()).args(arguments).env("NANOTRACE_DATA", data).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn code() -> Code {
    Code::from_random([7; 16])
}

fn draft() -> Value {
    let decided = DateTime::parse("2026-11-21T12:00:00Z").unwrap();
    demo::document(&Particulars {
        code: code(),
        issuer: Issuer { id: "did:web:body.example".into(), name: "Body".into() },
        ledger: LedgerBinding { channel: "test".into(), genesis: format!("sha256:{}", "ab".repeat(32)) },
        status: StatusEntry { lists: "https://body.example/status".into(), list: 0, index: 1 },
        decided,
        validity: Validity { from: decided, until: decided.plus_days(365) },
    })
}

#[test]
fn a_broken_connection_profile_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("network.json");
    let status = || run(folder.path(), &["status"]);

    let (exit, _, message) = status();
    assert_eq!(exit, Some(2));
    assert!(message.contains("network.json") && message.contains("nanotrace up"), "{message}");
    for broken in ["", "{}", "hello", "[1"] {
        fs::write(&profile, broken).unwrap();
        let (exit, _, message) = status();
        assert_eq!(exit, Some(2));
        assert!(message.contains("network.json is no connection profile"), "{message}");
        assert!(message.contains("written anew"), "{message}");
    }
}

#[test]
fn a_file_is_no_data_directory() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for command in [["status"].as_slice(), &["up", "--port", "0", "--verifier", "localhost:0"]] {
        let (exit, _, message) = run(file.path(), command);
        assert_eq!(exit, Some(2), "{message}");
        assert!(message.contains("is no directory"), "{message}");
    }
}

#[test]
fn a_file_that_is_no_genesis_block_is_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("genesis.block");
    fs::write(&file, "hello").unwrap();
    let (exit, _, message) = run(folder.path(), &["up", "--port", "0", "--verifier", "127.0.0.1:0"]);
    assert_eq!(exit, Some(4), "{message}");
    assert!(message.contains("genesis.block is no block"), "{message}");
    assert_eq!(fs::read(&file).unwrap(), b"hello");
}

#[test]
fn a_network_half_begun_stops_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Command::new(nanotrace())
        .args(["up", "--port", "0", "--verifier", "127.0.0.1:0"])
        .env("NANOTRACE_DATA", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It is there before the contract is deployed, which takes far longer than to see it.
    while !folder.path().join("network.json").exists() {
        assert_eq!(up.try_wait().unwrap(), None);
        thread::yield_now();
    }
    interrupt(up.id());
    let output = up.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("Stopping"), "{said}");
    assert!(!said.contains("NanoTrace is running"), "{said}");
}

#[test]
fn nobody_is_told_what_will_be() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, _, message) = run(folder.path(), &["cert", "show", &code().to_string(), "--at", "9000-01-31"]);
    assert_eq!(exit, Some(2), "{message}");
    assert!(message.contains("--at") && message.contains("lies in the future"), "{message}");
}

#[test]
fn nothing_is_withdrawn_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let withdraw = ["cert", "withdraw", &code().to_string(), "--reason", "why"];
    let (exit, _, message) = run(folder.path(), &withdraw);
    assert_eq!(exit, Some(2));
    assert!(message.contains("--yes") && message.contains("cannot be undone"), "{message}");
    // Told so, it looks for the network.
    let (exit, _, message) = run(folder.path(), &[&withdraw[..], &["--yes"]].concat());
    assert_eq!(exit, Some(2));
    assert!(message.contains("network.json"), "{message}");
}

#[test]
fn a_check_says_how_far_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("draft.json");
    let file = file.to_str().unwrap();
    let mut document = draft();
    document["validUntil"] = "soon".into();
    document["credentialSubject"]["listing"] = "perhaps".into();
    fs::write(file, document.to_string()).unwrap();

    let (exit, text, _) = run(folder.path(), &["cert", "check", file]);
    assert_eq!((exit, text.lines().count()), (Some(1), 3), "{text}");
    assert!(text.contains("the draft breaks 2 rules; the ledger's rules were not tried"), "{text}");
    let (exit, text, _) = run(folder.path(), &["cert", "check", "--json", file]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((exit, &answer["broken"]), (Some(1), &json!(2)));
    assert_eq!(answer["ledgerRulesTried"], false);
}

/// More rules are broken than the contract's messages list.
#[test]
fn every_broken_rule_is_named_before_a_certificate_is_signed_or_issued() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, key) = (path("draft.json"), path("key"));
    let mut document = draft();
    let members: Vec<String> = (0..25).map(|number| format!("unknown{number}")).collect();
    members.iter().for_each(|member| document[member] = json!(1));
    fs::write(&file, document.to_string()).unwrap();
    assert_eq!(run(folder.path(), &["cert", "key", "generate", &key]).0, Some(0));
    for arguments in [vec!["cert", "sign", &file, "--key", &key], vec!["cert", "issue", &file]] {
        let (exit, _, message) = run(folder.path(), &arguments);
        assert_eq!(exit, Some(1), "{message}");
        let is_named = |member| message.contains(&format!("\n/{member} is 1: is not a member here"));
        assert!(members.iter().all(is_named), "{message}");
    }
}

#[test]
fn a_copy_laid_out_anew_is_the_same_certificate_in_other_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let key = multikey::private_from_text(PRIVATE_KEY).unwrap();
    let method = format!("did:web:body.example#{}", multikey::public_to_text(&key.verifying_key()));
    let signed = proof::sign(&draft(), &key, &method, DateTime::from_seconds(1_800_000_000)).unwrap();
    let indented = serde_json::to_vec_pretty(&signed).unwrap();
    for (bytes, is_canonical) in [(canonical::to_canonical(&signed).unwrap(), true), (indented, false)] {
        let file = folder.path().join("certificate.json");
        fs::write(&file, bytes).unwrap();
        let verify = ["cert", "verify", "--offline", file.to_str().unwrap()];
        let (exit, text, _) = run(folder.path(), &verify);
        assert_eq!(exit, Some(0), "{text}");
        assert_eq!(!text.contains("not in canonical form"), is_canonical, "{text}");
        let (_, text, _) = run(folder.path(), &[&verify[..], &["--json"]].concat());
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["canonical"], is_canonical);
    }
}

#[test]
fn an_empty_text_is_not_called_absent() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, named) in
        [(["cert", "check", ""], "<FILE>"), (["cert", "template", "--out="], "--out <FILE>")]
    {
        let (exit, _, message) = run(folder.path(), &arguments);
        assert_eq!(exit, Some(2));
        assert!(message.contains(&format!("the value of {named} is an empty text")), "{message}");
    }
}

#[test]
fn a_fault_in_a_file_is_told_without_the_parsers_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("draft.json");
    let file = file.to_str().unwrap();
    for (content, fault) in [
        ("{hello}", "it is no JSON: see line 1, column 2"),
        ("{\"a\": 1", "it is no JSON: it ends too early"),
        (r#"{"a": 1, "a": 2}"#, "the member \"a\" stands there twice"),
    ] {
        fs::write(file, content).unwrap();
        let (exit, _, message) = run(folder.path(), &["cert", "check", file]);
        assert_eq!(exit, Some(2), "{message}");
        assert!(message.contains(fault) && !message.contains("expected"), "{message}");
    }
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let block = tests::repository().join("tests/golden/small/blockfile_000000");
    let recorded = fs::read(block).unwrap();
    let block = BlockFile::new(&recorded[..]).next().unwrap().unwrap();
    let file = folder.path().join("genesis.block");
    fs::write(&file, block.encode_to_vec()).unwrap();
    let file = file.to_str().unwrap();
    let signed = folder.path().join("draft.json");
    fs::write(&signed, draft().to_string()).unwrap();
    for arguments in [
        &["channel", "inspect", file][..],
        &["cert", "check", signed.to_str().unwrap()],
        &["cert", "template", "--offline"],
        &["cert", "show", "nothing"],
        &["status"],
        &["--help"],
    ] {
        let mut program = Command::new(nanotrace())
            .args(arguments)
            .env("NANOTRACE_DATA", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Neither has a reader.
        drop((program.stdout.take(), program.stderr.take()));
        let exit = program.wait().unwrap().code();
        assert!(exit.is_some_and(|code| code < 4), "{arguments:?}: {exit:?}");
    }
}

#[test]
fn a_network_goes_on_when_nobody_reads_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Command::new(nanotrace())
        .args(["--log", "info", "up", "--port", "0", "--verifier", "127.0.0.1:0"])
        .env("NANOTRACE_DATA", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((up.stdout.take(), up.stderr.take()));
    // The last that a start writes.
    while !folder.path().join("demonstration/qr.png").exists() {
        assert_eq!(up.try_wait().unwrap(), None);
        thread::yield_now();
    }
    let (exit, said, _) = run(folder.path(), &["status"]);
    assert_eq!(exit, Some(0), "{said}");
    interrupt(up.id());
    assert_eq!(up.wait().unwrap().code(), Some(0));
}

#[test]
fn what_a_ledger_keeps_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // As it was left by an earlier version.
    fs::create_dir_all(data.join("ledger")).unwrap();
    fs::set_permissions(data.join("ledger"), Permissions::from_mode(0o755)).unwrap();
    assert!(tests::Network::start_in(&data).stop());
    let mut folders = vec![data.join("ledger"), data.join("verifier"), data.join("demonstration")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
                files += 1;
            }
        }
    }
    assert!(files > 20);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
