//! Plans: made of whole files, with rows that are certificates of their own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use certificate::{
    Code, DateTime, demo,
    document::{Issuer, LedgerBinding, StatusEntry, Validity, check_signed},
    draft::Particulars,
};
use ed25519_dalek::SigningKey;
use issuing::{
    background::random_code,
    input::{Format, Input, InputError},
    plan::{Entry, Making, Plan, PlanError, make},
    sign::sign,
};
use serde_json::Value;
use tempfile::TempDir;

fn now() -> DateTime {
    DateTime::parse("2026-11-21T12:00:00Z").unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn draft() -> Value {
    demo::document(&Particulars {
        code: random_code().unwrap(),
        issuer: Issuer { id: "did:web:body.example".into(), name: "Body".into() },
        ledger: LedgerBinding { channel: "nanotrace".into(), genesis: format!("sha256:{}", "0".repeat(64)) },
        status: StatusEntry { lists: "https://body.example/status".into(), list: 1, index: 7 },
        decided: now(),
        validity: Validity { from: now(), until: now().plus_years(3).unwrap() },
    })
}

fn csv(text: &str) -> Input {
    Input { format: Format::Csv, bytes: text.into() }
}

fn lines(documents: &[Value]) -> Input {
    let text: String = documents.iter().map(|document| format!("{document}\n")).collect();
    Input { format: Format::JsonLines, bytes: text.into() }
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan");
    (folder, path)
}

fn plan(path: &Path, input: &Input, key: Option<&SigningKey>) -> Result<Plan, PlanError> {
    let template = draft();
    make(path, &Making { input, template: &template, key, now: now() }, || true)?;
    Ok(Plan::open(path).unwrap().unwrap())
}

fn refusal(input: &Input, key: Option<&SigningKey>) -> String {
    let (folder, path) = place();
    let Err(error) = plan(&path, input, key) else { panic!("a plan was made") };
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a file is left");
    error.to_string()
}

#[test]
fn each_row_becomes_a_certificate_of_its_own() {
    let rows: String = (0..300).map(|serial| format!("S-{serial}\n")).collect();
    let input = csv(&format!("product.serial\n{rows}"));
    let (_folder, path) = place();
    let plan = plan(&path, &input, Some(&key())).unwrap();
    assert_eq!((plan.rows(), plan.is_of(&input)), (300, true));
    let entries: Vec<Entry> = plan.entries().map(Result::unwrap).collect();
    let (mut codes, mut places, mut lists) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (index, entry) in entries.iter().enumerate() {
        let document = check_signed(entry.document.as_bytes()).unwrap().document;
        assert_eq!(entry.line, index as u64 + 2);
        assert_eq!(entry.certificate.parse::<Code>().unwrap(), document.code);
        assert!(entry.document.contains(&format!("\"serial\":\"S-{index}\"")));
        codes.insert(document.code);
        places.insert(document.status.index);
        lists.insert((document.status.lists, document.status.list));
    }
    assert_eq!((codes.len(), places.len(), lists.len()), (300, 300, 1));
}

#[test]
fn every_wrong_row_is_named_and_no_plan_is_left() {
    let told = refusal(&csv("product.serial,product.gtin\nA,\nB b,123\nC\nD,09506000134352\n"), Some(&key()));
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("line 3: column product.gtin is \"123\": must"), "{told}");
    assert!(lines[1].starts_with("line 3: column product.serial is \"B b\": must"), "{told}");
    assert_eq!(lines[2], "line 4: 1 cells, where the first line names 2 columns");
    assert_eq!(lines.len(), 3, "{told}");

    let (mut wrong, unknown) = (draft(), csv("colour\nred\n"));
    wrong["validUntil"] = "tomorrow".into();
    assert!(refusal(&lines_of(&wrong), Some(&key())).starts_with("line 1: /validUntil is \"tomorrow\""));
    assert!(
        refusal(&unknown, Some(&key())).starts_with("line 2: column colour is"),
        "{}",
        refusal(&unknown, Some(&key()))
    );
    assert_eq!(refusal(&csv("product.serial\n"), Some(&key())), "there are no rows in it");
    let many = refusal(&csv(&format!("product.serial\n{}", "a b\n".repeat(150))), Some(&key()));
    assert!(many.ends_with("… and 50 more"), "{many}");
}

fn lines_of(document: &Value) -> Input {
    lines(std::slice::from_ref(document))
}

#[test]
fn signed_rows_go_as_they_are_and_others_are_signed() {
    let signed = sign(&draft(), &key(), now()).unwrap();
    let mut other = draft();
    other["credentialStatus"][1]["statusListIndex"] = "8".into();
    let input = lines(&[serde_json::from_slice(&signed).unwrap(), other.clone()]);
    assert_eq!(refusal(&input, None), "line 2 is not signed: name the issuer's key with --key");
    let (_folder, path) = place();
    let plan = plan(&path, &input, Some(&key())).unwrap();
    let entries: Vec<Entry> = plan.entries().map(Result::unwrap).collect();
    assert_eq!(entries[0].document.as_bytes(), signed);
    assert_eq!(entries[1].document.as_bytes(), sign(&other, &key(), now()).unwrap());
}

#[test]
fn a_certificate_stands_in_a_file_once() {
    let (one, other) = (draft(), draft());
    let told = refusal(&lines(&[one.clone(), one.clone()]), Some(&key()));
    assert_eq!(told, "line 2: the id is that of line 1: each certificate has its own");
    let told = refusal(&lines(&[one, other]), Some(&key()));
    assert_eq!(told, "line 2: the place in the status list is that of another line");
}

#[test]
fn a_changed_file_is_refused() {
    let (_folder, path) = place();
    let (before, after) = (csv("product.serial\nA\n"), csv("product.serial\nB\n"));
    let plan = plan(&path, &before, Some(&key())).unwrap();
    assert!(plan.is_of(&before) && !plan.is_of(&after));
    fs::write(&path, "{\"plan\":2,\"input\":\"\"}\n").unwrap();
    assert!(Plan::open(&path).is_err());
}

#[test]
fn who_stops_while_a_plan_is_made_leaves_none() {
    let (folder, path) = place();
    let (input, template, key) = (csv("product.serial\nA\nB\n"), draft(), key());
    let mut rows = 0;
    let made =
        make(&path, &Making { input: &input, template: &template, key: Some(&key), now: now() }, || {
            rows += 1;
            rows < 2
        });
    assert!(matches!(made, Err(PlanError::Stopped)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_is_known_by_its_ending() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in
        [("a.CSV", Format::Csv), ("a.jsonl", Format::JsonLines), ("a.ndjson", Format::JsonLines)]
    {
        fs::write(folder.path().join(name), "").unwrap();
        assert_eq!(Input::read(&folder.path().join(name)).unwrap().0.format, format);
    }
    assert!(matches!(Input::read(Path::new("a.xlsx")), Err(InputError::Ending(_))));
    let _held = Input::read(&folder.path().join("a.jsonl")).unwrap();
    assert!(matches!(Input::read(&folder.path().join("a.jsonl")), Err(InputError::InUse(_))));
}
