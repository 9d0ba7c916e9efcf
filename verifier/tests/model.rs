//! The read model: where it belongs, what it refuses, and that it comes back as it went.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::fs;

use bytes::Bytes;
use certificate::keys;
use common::*;
use fabric::proto::kvrwset::KvWrite;
use fabric::proto::protos::TxValidationCode;
use network::ledger::CommittedBlock;
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
    world.submit(accreditation_client(), "certificate:stop", &[&code, "A closer look"]);
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
    let mut other = World::new();
    assert_eq!(one.genesis, other.genesis, "two courses of one channel");
    let code = one.issue(1, |_| {});
    other.issue(2, |_| {});
    one.issue(3, |_| {});
    assert!(one.model.catch_up(&other.ledger).unwrap().rebuilt, "the model is longer");
    assert_eq!(one.model.height(), other.ledger.height());
    let reading = one.model.read(one.now(), DAY).unwrap();
    assert!(reading.entry(code).unwrap().is_none() && reading.entry(common::code(2)).unwrap().is_some());
    assert_eq!(one.model.doubt(one.now(), DAY), Some(Doubt::NeverConfirmed));
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
    assert_eq!(model.doubt(now, DAY), None, "answers go on while nobody can be asked");
    let entry = model.read(now, DAY).unwrap().entry(code).unwrap().unwrap();
    assert_eq!(entry.verdict(now), certificate::Verdict::Valid);
}

#[test]
fn records_that_cannot_be_read_stop_one_answer_and_not_the_verifier() {
    let mut world = World::new();
    let good = world.issue(1, |_| {});
    let bad = code(2);
    let garbage = |key: String| KvWrite { key, is_delete: false, value: Bytes::from_static(b"\xffgarbage") };
    world.add_block(vec![garbage(keys::certificate(bad)), garbage("certificate/not-a-code".into())]);
    let reading = world.model.read(world.now(), DAY).unwrap();
    assert!(matches!(reading.entry(bad), Err(ModelError::Record { .. })));
    assert!(reading.entry(good).unwrap().is_some());
}

#[tokio::test]
async fn a_certificate_with_damaged_records_is_answered_cannot_tell() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let key = keys::stop(code, "AccreditationMSP");
    world.add_block(vec![KvWrite { key, is_delete: false, value: Bytes::from_static(b"\xff") }]);
    let (status, answer) = world.serve().await.json(&format!("/c/{code}")).await;
    assert_eq!((status, answer["result"].as_str()), (503, Some("cannotTell")));
    assert!(answer.get("lastKnown").is_none());
}

#[test]
fn a_deleted_certificate_is_unknown() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let key = keys::certificate(code);
    world.add_block(vec![KvWrite { key, is_delete: true, value: Bytes::new() }]);
    let reading = world.model.read(world.now(), DAY).unwrap();
    assert!(reading.entry(code).unwrap().is_none());
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
