//! The read model: where it belongs, what it refuses, and that it comes back as it went.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use bytes::Bytes;
use certificate::keys;
use common::*;
use fabric::proto::kvrwset::KvWrite;
use tempfile::TempDir;
use verifier::{Doubt, ModelError, ReadModel};

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
    let mut ahead = world.next_block(Vec::new());
    ahead.number += 1;
    assert!(matches!(world.model.apply(&ahead), Err(ModelError::WrongNumber { expected: 7, got: 8 })));
    let mut other = world.next_block(Vec::new());
    other.block.header.as_mut().unwrap().previous_hash = Bytes::from_static(&[9; 32]);
    assert!(matches!(world.model.apply(&other), Err(ModelError::OtherChain { number: 7 })));
    assert_eq!(world.model.doubt(world.now(), DAY), Some(Doubt::Broken));
    assert_eq!(world.model.height(), 7);
    world.add_block(Vec::new());
    assert_eq!(world.model.doubt(world.now(), DAY), None);
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
    let model = ReadModel::open(directory.path(), channel(genesis)).unwrap();
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
    let mut block = world.next_block(vec![KvWrite {
        key: keys::certificate(code),
        is_delete: false,
        value: Bytes::from(document),
    }]);
    block.transactions[0].rwset.as_mut().unwrap().namespaces[0].namespace = "other".into();
    world.model.apply(&block).unwrap();
    assert!(world.model.read(world.now(), DAY).unwrap().entry(code).unwrap().is_none());
}
