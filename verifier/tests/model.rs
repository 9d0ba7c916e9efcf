//! The read model: where it belongs, what it refuses, and that it comes back as it went.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::fs;

use bytes::Bytes;
use certificate::chaincode::REGISTRY;
use certificate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use certificate::record::{Accreditation, Scope, Stop, Suspension, Term, Withdrawal};
use certificate::{DateTime, Moment, Verdict, demo, keys};
use common::*;
use fabric::proto::kvrwset::{KvMetadataEntry, KvMetadataWrite, KvWrite, KvrwSet};
use fabric::proto::protos::TxValidationCode;
use ledger::CommittedBlock;
use tempfile::TempDir;
use verifier::{CaughtUp, Doubt, ModelError, ReadModel};

const DAY: i64 = 86_400;

#[test]
fn another_channels_directory_is_refused() {
    let directory = TempDir::new().unwrap();
    drop(ReadModel::open(directory.path(), channel([1; 32])).unwrap());
    let error = ReadModel::open(directory.path(), channel([2; 32])).err().unwrap();
    assert!(matches!(error, ModelError::OtherChannel { .. }), "{error}");
    assert!(error.to_string().contains(&"02".repeat(32)), "{error}");
    let mut renamed = channel([1; 32]);
    renamed.name = "other".into();
    assert!(matches!(ReadModel::open(directory.path(), renamed), Err(ModelError::OtherChannel { .. })));
    ReadModel::open(directory.path(), channel([1; 32])).unwrap();
}

#[test]
fn a_directory_in_use_is_refused() {
    let directory = TempDir::new().unwrap();
    let _first = ReadModel::open(directory.path(), channel([1; 32])).unwrap();
    let error = ReadModel::open(directory.path(), channel([1; 32])).err().unwrap();
    assert!(matches!(error, ModelError::InUse { .. }), "{error}");
}

/// A lock's file that cannot be opened, here because it is a directory, is no lock that somebody holds.
#[test]
fn an_error_of_the_disk_on_the_lock_is_not_told_as_another_process() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("LOCK")).unwrap();
    let error = ReadModel::open(directory.path(), channel([1; 32])).err().unwrap();
    assert!(matches!(error, ModelError::Database(_)), "{error}");
    assert!(error.to_string().contains("Is a directory"), "{error}");
}

#[test]
fn blocks_out_of_order_or_of_another_chain_are_refused_and_make_it_doubtful() {
    let mut world = World::new();
    world.issue(1, |_| {});
    let skipped = world.commit(CHANNEL, Vec::new(), TxValidationCode::Valid);
    let ahead = world.commit(CHANNEL, Vec::new(), TxValidationCode::Valid);
    assert!(matches!(world.model.apply(&ahead), Err(ModelError::WrongNumber { expected: 7, got: 8 })));
    let mut other = CommittedBlock::clone(&skipped);
    let mut message = other.block.into_message();
    message.header.as_mut().unwrap().previous_hash = Bytes::from_static(&[9; 32]);
    other.block = message.try_into().unwrap();
    assert!(matches!(world.model.apply(&other), Err(ModelError::OtherChain { number: 7 })));
    assert_eq!(world.model.doubt(world.now(), DAY), Some(Doubt::Broken));
    assert_eq!(world.model.height(), 7);
    world.model.apply(&skipped).unwrap();
    world.model.apply(&ahead).unwrap();
    assert_eq!(world.model.doubt(world.now(), DAY), None);
}

#[test]
fn what_was_missed_is_read_from_the_ledger_and_comes_to_the_same() {
    let mut world = World::new();
    let code = world.issue(1, |_| {}).to_string();
    world.submit(accreditor(), "certificate:stop", &[&code, "A closer look"]);
    world.issue(2, |_| {});
    let key = keys::certificate(common::code(9));
    let write = KvWrite { key, is_delete: false, value: Bytes::from_static(b"never happened") };
    world.model.apply(&world.commit(CHANNEL, vec![write], TxValidationCode::MvccReadConflict)).unwrap();

    let directory = TempDir::new().unwrap();
    let rebuilt = ReadModel::open(directory.path(), channel(world.genesis)).unwrap();
    let caught_up = rebuilt.catch_up(&world.ledger).unwrap();
    assert_eq!(caught_up, CaughtUp { from: 0, to: world.ledger.height(), rebuilt: false });
    assert_eq!(rebuilt.catch_up(&world.ledger).unwrap().from, world.ledger.height(), "nothing left to do");
    for number in [1, 2, 9] {
        let entry =
            |model: &ReadModel| model.read(world.now(), DAY).unwrap().entry(common::code(number)).unwrap();
        assert_eq!(format!("{:?}", entry(&rebuilt)), format!("{:?}", entry(&world.model)));
        assert_eq!(entry(&rebuilt).is_some(), number < 9);
    }
}

#[test]
fn a_model_that_does_not_fit_the_ledger_is_built_anew() {
    let mut one = World::new();
    let mut other = World::beside(&one);
    let code = one.issue(1, |_| {});
    other.issue(2, |_| {});
    assert!(one.model.catch_up(&other.ledger).unwrap().rebuilt);
    assert_eq!(one.model.height(), other.ledger.height());
    let reading = one.model.read(one.now(), DAY).unwrap();
    assert!(reading.entry(code).unwrap().is_none() && reading.entry(common::code(2)).unwrap().is_some());
    assert_eq!(one.model.doubt(one.now(), DAY), Some(Doubt::NeverConfirmed));
}

#[test]
fn a_ledger_shorter_than_what_was_answered_from_is_refused() {
    let mut one = World::new();
    let mut other = World::beside(&one);
    one.issue(1, |_| {});
    other.issue(1, |_| {});
    let code = one.issue(2, |_| {});
    let (confirmed, logged) = (one.ledger.height(), other.ledger.height());
    let error = one.model.catch_up(&other.ledger).unwrap_err();
    assert!(matches!(error, ModelError::LedgerShorter { .. }), "{error}");
    assert!(error.to_string().contains(&format!("up to block {}", confirmed - 1)), "{error}");
    assert!(error.to_string().contains(&format!("--accept-loss-from {logged}")), "{error}");
    assert!(
        one.model.read(one.now(), DAY).unwrap().entry(code).unwrap().is_some(),
        "nothing was thrown away"
    );

    one.model.accept_loss(confirmed).unwrap();
    one.model.catch_up(&other.ledger).unwrap_err();
    one.model.accept_loss(logged).unwrap();
    assert_eq!(one.model.catch_up(&other.ledger).unwrap().to, logged);
    assert!(one.model.read(one.now(), DAY).unwrap().entry(code).unwrap().is_none());
}

#[test]
fn a_damaged_read_model_is_rebuilt_from_the_ledger() {
    for damage in ["MANIFEST", "CURRENT"] {
        let mut world = World::new();
        let code = world.issue(1, |_| {});
        let (genesis, now) = (world.genesis, world.now());
        let World { model, directory, ledger, .. } = world;
        drop(model);
        let path = directory.path().join("model");
        for entry in fs::read_dir(&path).unwrap() {
            let file = entry.unwrap().path();
            if file.file_name().unwrap().to_str().unwrap().starts_with(damage) {
                fs::write(file, b"garbage").unwrap();
            }
        }
        let model = ReadModel::open(&path, channel(genesis)).unwrap();
        assert_eq!(model.doubt(now, DAY), Some(Doubt::NeverConfirmed));
        assert_eq!(model.catch_up(&ledger).unwrap().from, 0, "{damage}");
        assert!(model.read(now, DAY).unwrap().entry(code).unwrap().is_some());
    }
}

#[test]
fn it_comes_back_with_its_height_and_its_last_confirmation() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    world.set_time(start().plus_seconds(3600));
    world.confirm();
    let (genesis, now) = (world.genesis, world.now());
    let World { model, directory, .. } = world;
    let as_of = model.as_of();
    drop(model);
    let model = ReadModel::open(&directory.path().join("model"), channel(genesis)).unwrap();
    assert_eq!(model.as_of(), as_of);
    assert_eq!(model.as_of().confirmed_at, Some(now));
    assert_eq!(model.doubt(now, DAY), None, "answers go on while no source can be asked");
    let entry = model.read(now, DAY).unwrap().entry(code).unwrap().unwrap();
    assert_eq!(entry.verdict(Moment::Now(now)), Verdict::Valid);
}

#[test]
fn records_that_cannot_be_read_stop_one_answer_and_not_the_verifier() {
    let mut world = World::new();
    let good = world.issue(1, |_| {});
    let bad = code(2);
    let garbage = |key: String| KvWrite { key, is_delete: false, value: Bytes::from_static(b"\xffgarbage") };
    world.add_block(vec![garbage(keys::certificate(bad)), garbage("certificate/not-a-code".into())]);
    let reading = world.model.read(world.now(), DAY).unwrap();
    assert!(matches!(reading.entry(bad), Err(ModelError::Certificate { .. })));
    assert!(reading.entry(good).unwrap().is_some());
}

/// Only both bodies together can do it, and the contract never does.
#[tokio::test]
async fn a_certificate_that_is_written_again_or_deleted_is_answered_cannot_tell() {
    let mut world = World::new();
    let overwritten = world.issue(1, |_| {});
    let deleted = world.issue(2, |_| {});
    let value = Bytes::from(certificate_record(&world, 3).encode());
    world.add_block(vec![
        KvWrite { key: keys::certificate(overwritten), is_delete: false, value },
        KvWrite { key: keys::certificate(deleted), is_delete: true, value: Bytes::new() },
    ]);
    let site = world.serve().await;
    for code in [overwritten, deleted] {
        let (status, answer) = site.json(&format!("/c/{code}")).await;
        assert_eq!((status, answer["result"].as_str()), (503, Some("cannotTell")));
        assert!(answer["doubt"].as_str().unwrap().contains("overwritten"), "{answer}");
    }
}

fn certificate_record(world: &World, number: u8) -> certificate::record::Certificate {
    certificate::record::Certificate {
        body: CERTIFICATION_BODY.into(),
        scheme_id: demo::SCHEME_ID.into(),
        valid_from: start(),
        valid_until: start().plus_days(365),
        issued: event(world.now(), ""),
        application: None,
        surveillance: None,
        category: None,
        document: world.document(number, |_| {}).into(),
    }
}

/// A new policy leaves the value as it was: both bodies may set one, and nothing was written again.
#[test]
fn a_new_policy_is_no_new_value() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let metadata_writes =
        [keys::certificate(code), keys::stop(code, CERTIFICATION_BODY)].map(|key| KvMetadataWrite {
            key,
            entries: vec![KvMetadataEntry {
                name: "VALIDATION_PARAMETER".into(),
                value: Bytes::from_static(b"any"),
            }],
        });
    let rwset = KvrwSet { metadata_writes: metadata_writes.into(), ..KvrwSet::default() };
    let draft =
        Draft { namespace: CHANNEL, rwset, claimed: world.now(), endorsers: BOTH, forged_endorsers: &[] };
    let block = world.commit_all(vec![(draft, TxValidationCode::Valid)]);
    world.model.apply(&block).unwrap();
    let entry = world.model.read(world.now(), DAY).unwrap().entry(code).unwrap().unwrap();
    assert_eq!(entry.verdict(Moment::Now(world.now())), Verdict::Valid);
}

/// A record as long as a state value may be, of as many suspensions as fit: no answer and no block takes long for it.
#[test]
fn a_record_of_more_suspensions_than_the_contract_writes_is_unreadable() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let placed = |index: i64| Suspension { placed: event(start().plus_seconds(index), ""), lifted: None };
    let stop = Stop { suspensions: (0..101).map(placed).collect() };
    world.alone(
        CERTIFICATION_BODY,
        world.now(),
        vec![put(keys::stop(code, CERTIFICATION_BODY), stop.encode())],
    );
    let entry = world.model.read(world.now(), DAY).unwrap().entry(code).unwrap().unwrap();
    assert!(matches!(entry.verdict(Moment::Now(world.now())), Verdict::CannotTell { .. }));
}

/// What each body can write into its own keys past the contract, and what a scan then says.
#[tokio::test]
async fn a_bodys_own_unreadable_record_is_cannot_tell_unless_the_other_says_not_valid() {
    let mut world = World::new();
    let code = world.issue(1, |document| {
        document["credentialSubject"]["product"]["gtin"] = serde_json::json!("09520123456788");
    });
    // With one certificate the link leads to it; a list takes two.
    world.issue(2, |document| {
        document["credentialSubject"]["product"]["gtin"] = serde_json::json!("09520123456788");
    });
    world.alone(
        CERTIFICATION_BODY,
        world.now(),
        vec![put(keys::stop(code, CERTIFICATION_BODY), b"\xff".into())],
    );
    let site = world.serve().await;
    let (status, answer) = site.json(&format!("/c/{code}")).await;
    assert_eq!((status, answer["result"].as_str()), (503, Some("cannotTell")));
    assert!(answer["doubt"].as_str().unwrap().contains(CERTIFICATION_BODY), "{answer}");
    assert!(answer.get("lastKnown").is_none());
    // It stays on its product's list.
    site.get("/01/09520123456788").await.says("Cannot tell").says(&code.grouped());
    world.submit(accreditor(), "certificate:stop", &[&code.to_string(), "A closer look"]);
    let (status, answer) = site.json(&format!("/c/{code}")).await;
    assert_eq!((status, answer["result"].as_str()), (200, Some("notValid")));
    assert_eq!(answer["reasons"][0]["by"], ACCREDITATION_BODY);
}

/// The accreditation body alone may write the scheme. What it spoils there hides no stop of the other body from a page.
#[tokio::test]
async fn a_spoilt_scheme_hides_no_stop() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    world.submit(decision_maker(), "certificate:stop", &[&code.to_string(), "A closer look"]);
    let scheme = keys::scheme(demo::SCHEME_ID, demo::SCHEME_VERSION);
    for value in [b"\xff".to_vec(), vec![1; 2 << 20]] {
        world.alone_in(REGISTRY, ACCREDITATION_BODY, world.now(), vec![put(scheme.clone(), value)]);
        let page = world.serve().await.get(&format!("/c/{code}")).await;
        assert_eq!(page.status, 200);
        page.says("<h1 class=\"word\">Not valid</h1>").says("A closer look");
    }
}

/// A withdrawal of the year 9999, by the body that issued: in force at once, and the other body's power is whole.
#[tokio::test]
async fn a_withdrawal_dated_into_the_future_counts_from_its_block() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let site = world.serve().await;
    let far = DateTime::parse("9999-12-31T23:59:59Z").unwrap();
    let withdrawal = Withdrawal { withdrawn: Some(event(far, "never")) }.encode();
    let key = keys::withdrawal(code, CERTIFICATION_BODY);
    world.set_time(start().plus_seconds(3600));
    world.tick();
    world.alone(CERTIFICATION_BODY, world.now(), vec![put(key, withdrawal)]);
    let (_, answer) = site.json(&format!("/c/{code}")).await;
    assert_eq!(answer["result"], "notValid");
    assert_eq!(answer["reasons"][0]["cause"], "withdrawn");
    assert_eq!(answer["reasons"][0]["since"], start().plus_seconds(3600).to_string());
    // Who acted is who owns the key, whatever the record says.
    assert_eq!(answer["reasons"][0]["by"], CERTIFICATION_BODY);
    world.submit(accreditor(), "certificate:stop", &[&code.to_string(), "A closer look"]);
    world.submit(accreditor(), "certificate:withdraw", &[&code.to_string(), "Proven"]);
}

/// A stop that a clock some minutes fast dated: its page does not go on saying valid until then.
#[tokio::test]
async fn a_stop_dated_minutes_ahead_is_in_force_at_once() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let stop =
        Stop { suspensions: vec![Suspension { placed: event(start().plus_seconds(600), ""), lifted: None }] };
    world.alone(
        CERTIFICATION_BODY,
        world.now(),
        vec![put(keys::stop(code, CERTIFICATION_BODY), stop.encode())],
    );
    let (_, answer) = world.serve().await.json(&format!("/c/{code}")).await;
    assert_eq!(
        (answer["result"].as_str(), answer["reasons"][0]["since"].as_str()),
        (Some("notValid"), Some(NOW))
    );
}

#[tokio::test]
async fn a_reason_that_deceives_or_floods_reaches_no_page() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    for reason in ["\u{1b}[2K\u{1b}[1GVALID".to_owned(), "x".repeat(1 << 20)] {
        let stop = Stop { suspensions: vec![Suspension { placed: event(start(), &reason), lifted: None }] };
        world.alone(
            CERTIFICATION_BODY,
            world.now(),
            vec![put(keys::stop(code, CERTIFICATION_BODY), stop.encode())],
        );
        let page = world.serve().await.get(&format!("/c/{code}")).await;
        assert_eq!(page.status, 503);
        assert!(page.body.len() < 50_000 && !page.body.contains(&0x1b), "{} bytes", page.body.len());
    }
}

/// Issued under an accreditation that ends, endorsed in time, held back and submitted when it had ended.
#[tokio::test]
async fn an_issue_that_was_held_back_until_the_accreditation_had_ended_is_not_valid() {
    let mut world = World::new();
    let accreditation = Accreditation {
        body: CERTIFICATION_BODY.into(),
        scheme_id: demo::SCHEME_ID.into(),
        term: Term {
            number: demo::ACCREDITATION_NUMBER.into(),
            valid_from: start().plus_days(-60),
            valid_until: start().plus_days(1),
        },
        registered: event(start().plus_days(-60), ""),
        suspensions: Vec::new(),
        scope: Scope::default(),
        former_scopes: Vec::new(),
        former_terms: Vec::new(),
    };
    let key = keys::accreditation(CERTIFICATION_BODY, demo::SCHEME_ID);
    world.alone_in(REGISTRY, ACCREDITATION_BODY, world.now(), vec![put(key, accreditation.encode())]);
    let held_back = world.execute(certification_client(), "certificate:issue", &[&world.document(1, |_| {})]);
    let in_time = world.issue(2, |_| {});
    world.set_time(start().plus_days(30));
    world.tick();
    world.add_block(held_back);
    let site = world.serve().await;
    let (_, answer) = site.json(&format!("/c/{}", code(1))).await;
    assert_eq!(answer["result"], "notValid", "{answer}");
    assert_eq!(answer["reasons"][0]["cause"], "issuedOutsideAccreditation");
    site.get(&format!("/c/{}", code(1))).await.says("was not accredited for it when the ledger took it in");
    let (_, answer) = site.json(&format!("/c/{in_time}")).await;
    assert_eq!(answer["result"], "valid");
}

/// A lift that was endorsed at once and submitted a month later does not make the month between a valid one.
#[tokio::test]
async fn a_lift_that_was_held_back_does_not_change_the_past() {
    let mut world = World::new();
    let code = world.issue(1, |_| {}).to_string();
    world.submit(decision_maker(), "certificate:stop", &[&code, "A closer look"]);
    let lifted = world.execute(decision_maker(), "certificate:lift", &[&code, "All is well"]);
    let site = world.serve().await;
    world.set_time(start().plus_days(30));
    world.tick();
    let middle = format!("/c/{code}?at={}", start().plus_days(15));
    let (_, then) = site.json(&middle).await;
    assert_eq!(then["result"], "notValid");
    world.add_block(lifted);
    let (_, now) = site.json(&format!("/c/{code}")).await;
    assert_eq!(now["result"], "valid");
    let (_, then) = site.json(&middle).await;
    assert_eq!(then["result"], "notValid", "{then}");
    assert_eq!(then["settled"], true);
    let (_, just_now) = site.json(&format!("/c/{code}?at={}", world.now())).await;
    assert_eq!(just_now["settled"], false);
    let response = site.get_with(&middle, &[("Accept", "application/json")]).await;
    assert_eq!(response.header("content-location"), middle);
}

/// One clock a year ahead, in the hands of one body, moves nothing; nor do another chaincode's transactions, an
/// endorsement that does not verify, or a transaction that is not valid.
#[test]
fn one_honest_body_keeps_ledger_time_honest() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    assert_eq!(world.ledger_time(), Some(start()));
    let ahead = start().plus_days(365);
    let rwset = || KvrwSet {
        writes: vec![put(keys::stop(code, CERTIFICATION_BODY), Stop::default().encode())],
        ..KvrwSet::default()
    };
    let draft = |namespace, endorsers, forged_endorsers| Draft {
        namespace,
        rwset: rwset(),
        claimed: ahead,
        endorsers,
        forged_endorsers,
    };
    let (valid, invalid) = (TxValidationCode::Valid, TxValidationCode::MvccReadConflict);
    for (draft, verdict) in [
        (draft(CHANNEL, &[CERTIFICATION_BODY], &[]), valid),
        (draft(CHANNEL, &[ACCREDITATION_BODY], &[]), valid),
        (draft(CHANNEL, &[CERTIFICATION_BODY], &[ACCREDITATION_BODY]), valid),
        (draft(CHANNEL, &[CERTIFICATION_BODY, "LabMSP"], &[]), valid),
        (draft("other", BOTH, &[]), valid),
        (draft(CHANNEL, BOTH, &[]), invalid),
    ] {
        let block = world.commit_all(vec![(draft, verdict)]);
        world.model.apply(&block).unwrap();
        assert_eq!(world.ledger_time(), Some(start()));
    }
    let block = world.commit_all(vec![(draft(CHANNEL, BOTH, &[]), valid)]);
    world.model.apply(&block).unwrap();
    assert_eq!(world.ledger_time(), Some(ahead));
}

#[test]
fn a_tick_moves_ledger_time_and_writes_nothing() {
    let mut world = World::new();
    world.set_time(start().plus_seconds(700));
    let before = world.ledger.height();
    world.tick();
    assert_eq!(world.ledger_time(), Some(start().plus_seconds(700)));
    let block = world.ledger.block(before).unwrap().unwrap();
    let (_, transactions) = CommittedBlock::recorded(&block).unwrap();
    let namespaces = transactions.iter().flat_map(|it| &it.rwset).flat_map(|rwset| &rwset.namespaces);
    assert!(namespaces.clone().all(|namespace| namespace.public.writes.is_empty()));
}

/// With both bodies silent, an answer says how far the ledger's own time is behind.
#[tokio::test]
async fn a_page_says_when_ledger_time_stands_still() {
    let mut world = World::new();
    let page = format!("/c/{}", world.issue(1, |_| {}));
    let site = world.serve().await;
    let sentence = "The ledger's own time stands at 21 November 2026, 12:00:00 UTC.";
    world.set_time(start().plus_seconds(20 * 60));
    world.confirm();
    assert!(!site.get(&page).await.text().contains("own time"));
    world.set_time(start().plus_seconds(20 * 60 + 1));
    world.confirm();
    site.get(&page).await.says(&sentence.replace('\'', "&#39;"));
    world.tick();
    assert!(!site.get(&page).await.text().contains("own time"));
}

/// The ledger joins what a transaction does to a key as Fabric does: two puts leave the old value, a put after a
/// delete deletes.
#[test]
fn what_a_transaction_does_twice_is_read_as_the_ledger_commits_it() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let key = || keys::stop(code, CERTIFICATION_BODY);
    let stopped =
        Stop { suspensions: vec![Suspension { placed: event(start(), "why"), lifted: None }] }.encode();
    world.alone(CERTIFICATION_BODY, world.now(), vec![put(key(), stopped)]);
    let free = || put(key(), Stop::default().encode());
    world.alone(CERTIFICATION_BODY, world.now(), vec![free(), free()]);
    let entry = world.model.read(world.now(), DAY).unwrap().entry(code).unwrap().unwrap();
    assert!(matches!(entry.verdict(Moment::Now(world.now())), Verdict::NotValid { .. }));
    assert_records_are_the_ledgers(&world);
    let delete = KvWrite { key: key(), is_delete: true, value: Bytes::new() };
    world.alone(CERTIFICATION_BODY, world.now(), vec![delete, free()]);
    assert_records_are_the_ledgers(&world);
}

fn assert_records_are_the_ledgers(world: &World) {
    let view = world.ledger.view().unwrap();
    let state: Vec<(String, Bytes)> = view
        .range(CHANNEL, "", "")
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|(key, state)| (key, state.value))
        .collect();
    let reading = world.model.read(world.now(), DAY).unwrap();
    let records: Vec<(String, Bytes)> = reading.records(CHANNEL).collect::<Result<_, _>>().unwrap();
    assert_eq!(records, state);
}

#[test]
fn other_namespaces_are_not_ours() {
    let world = World::new();
    let code = code(1);
    let document = world.document(1, |_| {});
    let write = KvWrite { key: keys::certificate(code), is_delete: false, value: Bytes::from(document) };
    world.model.apply(&world.commit("other", vec![write], TxValidationCode::Valid)).unwrap();
    assert!(world.model.read(world.now(), DAY).unwrap().entry(code).unwrap().is_none());
}

#[test]
fn after_a_crash_it_reads_the_ledger_again_and_still_knows_its_last_confirmation() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    for second in 0..25 {
        world.set_time(start().plus_seconds(3600 + second));
        let block = world.commit(CHANNEL, Vec::new(), TxValidationCode::Valid);
        world.model.apply(&block).unwrap();
        world.confirm();
    }
    // What a process leaves that does not come to close its files.
    let crashed = TempDir::new().unwrap();
    for file in fs::read_dir(world.directory.path().join("model")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), crashed.path().join(file.file_name())).unwrap();
    }
    let model = ReadModel::open(crashed.path(), channel(world.genesis)).unwrap();
    assert!(model.height() < world.model.height(), "blocks are in the ledger's log alone");
    assert_eq!(model.doubt(world.now(), DAY), Some(Doubt::NeverConfirmed));
    assert!(!model.catch_up(&world.ledger).unwrap().rebuilt);
    assert_eq!(model.height(), world.model.height());
    let confirmed_at = model.as_of().confirmed_at.unwrap();
    assert!(confirmed_at > world.now().plus_seconds(-10), "{confirmed_at}: one in ten seconds is kept");
    assert_eq!(model.doubt(world.now(), DAY), None);
    assert!(model.read(world.now(), DAY).unwrap().entry(code).unwrap().is_some());
}
