//! The read model's records are those of the ledger's state, after every block: whatever its transactions do to their
//! keys, and whether the blocks come as they are committed or out of the ledger's log.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::path::Path;

use bytes::Bytes;
use certificate::keys;
use certificate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use certificate::record::{Event, Stop, Suspension, Withdrawal};
use common::*;
use fabric::proto::kvrwset::{KvMetadataEntry, KvMetadataWrite, KvWrite, KvrwSet};
use fabric::proto::protos::TxValidationCode;
use follower::replay::{self, Replay};
use ledger::Ledger;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use tempfile::TempDir;
use verifier::{Channel as Identity, ReadModel};

const DAY: i64 = 86_400;

fn assert_same_records(model: &ReadModel, ledger: &Ledger) {
    assert_eq!(model.height(), ledger.height());
    let view = ledger.view().unwrap();
    let state = view.range(&model.channel().chaincode, "", "").unwrap().map(Result::unwrap);
    let state: Vec<(String, Bytes)> = state.map(|(key, state)| (key, state.value)).collect();
    let reading = model.read(start(), DAY).unwrap();
    let records: Vec<(String, Bytes)> =
        reading.records(&model.channel().chaincode).map(Result::unwrap).collect();
    assert_eq!(records, state, "block {}", ledger.height() - 1);
}

/// What one transaction does to one key: puts, deletions and policies, each any number of times.
#[derive(Clone, Debug)]
struct Deed {
    key: String,
    values: Vec<Option<Vec<u8>>>,
    policies: Vec<Vec<u8>>,
}

fn deed() -> impl Strategy<Value = Deed> {
    let (one, other) = (code(1), code(2));
    let keys = vec![
        keys::stop(one, CERTIFICATION_BODY),
        keys::stop(one, ACCREDITATION_BODY),
        keys::withdrawal(one, CERTIFICATION_BODY),
        keys::certificate(one),
        keys::certificate(other),
        keys::accreditation(CERTIFICATION_BODY, certificate::demo::SCHEME_ID),
        "nothing of ours".to_owned(),
    ];
    let event = |seconds: i64| Event {
        effective_at: start().plus_seconds(seconds),
        by: String::new(),
        role: String::new(),
        person: String::new(),
        reason: "why".into(),
        transaction_id: "ff".into(),
    };
    let value = prop_oneof![
        3 => (0..99i64).prop_map(move |at| {
            Some(Stop { suspensions: vec![Suspension { placed: event(at), lifted: None }] }.encode())
        }),
        3 => Just(Some(Stop::default().encode())),
        2 => (0..99i64).prop_map(move |at| Some(Withdrawal { withdrawn: Some(event(at)) }.encode())),
        1 => Just(Some(b"garbage".to_vec())),
        1 => Just(Some(Vec::new())),
        2 => Just(None),
    ];
    let policies = prop::collection::vec(prop_oneof![Just(b"policy".to_vec()), Just(Vec::new())], 0..3);
    (prop::sample::select(keys), prop::collection::vec(value, 0..4), policies)
        .prop_map(|(key, values, policies)| Deed { key, values, policies })
}

fn rwset(deeds: &[Deed]) -> KvrwSet {
    let mut rwset = KvrwSet::default();
    for Deed { key, values, policies } in deeds {
        rwset.writes.extend(values.iter().map(|value| KvWrite {
            key: key.clone(),
            is_delete: value.is_none(),
            value: value.clone().unwrap_or_default().into(),
        }));
        rwset.metadata_writes.extend(policies.iter().map(|policy| KvMetadataWrite {
            key: key.clone(),
            entries: match policy.is_empty() {
                true => Vec::new(),
                false => vec![KvMetadataEntry {
                    name: "VALIDATION_PARAMETER".into(),
                    value: policy.clone().into(),
                }],
            },
        }));
    }
    rwset
}

#[test]
fn records_are_the_states_after_every_block_of_a_generated_chain() {
    let mut world = World::new();
    world.issue(1, |_| {});
    assert_same_records(&world.model, &world.ledger);
    let verdict =
        prop_oneof![4 => Just(TxValidationCode::Valid), 1 => Just(TxValidationCode::MvccReadConflict)];
    let block = prop::collection::vec((prop::collection::vec(deed(), 1..4), verdict), 1..4);
    let mut runner = TestRunner::new(Cases { cases: 150, failure_persistence: None, ..Cases::default() });
    let world = &world;
    let checked = runner.run(&block, |transactions| {
        let drafts = transactions.iter().map(|(deeds, verdict)| {
            let draft = Draft {
                namespace: CHANNEL,
                rwset: rwset(deeds),
                claimed: world.now(),
                endorsers: BOTH,
                forged_endorsers: &[],
            };
            (draft, *verdict)
        });
        let Some(block) = world.try_commit_all(drafts.collect()) else { return Ok(()) };
        world.model.apply(&block).unwrap();
        assert_same_records(&world.model, &world.ledger);
        Ok(())
    });
    checked.unwrap();
    assert!(world.ledger.height() > 100, "most blocks can be committed");
    let directory = TempDir::new().unwrap();
    let rebuilt = ReadModel::open(directory.path(), channel(world.genesis)).unwrap();
    rebuilt.catch_up(&world.ledger).unwrap();
    assert_same_records(&rebuilt, &world.ledger);
    assert_eq!(rebuilt.ledger_times(), world.model.ledger_times());
    let now = world.now();
    for number in [1, 2] {
        let entry = |model: &ReadModel| format!("{:?}", model.read(now, DAY).unwrap().entry(code(number)));
        assert_eq!(entry(&rebuilt), entry(&world.model), "and so is what was derived from them");
    }
}

/// The chaincodes of the recorded chains.
const NAMESPACES: [&str; 11] = [
    "_lifecycle",
    "andcc",
    "greedycc",
    "initcc",
    "orcc",
    "orcc2",
    "oucc",
    "pvtcc",
    "refcc",
    "sbecc",
    "twocc",
];

#[test]
fn records_are_the_states_after_every_block_of_the_recorded_chains() {
    for chain in ["small", "byhand", "alpha"] {
        if let Some(file) = recorded::block_file(chain) {
            follow(&file);
        }
    }
}

fn follow(file: &Path) {
    let directory = TempDir::new().unwrap();
    let mut replay = Replay::new(directory.path().join("ledger"));
    let mut models: Vec<ReadModel> = Vec::new();
    let mut written = 0;
    for block in replay::read(file).unwrap() {
        replay.block(block.unwrap()).unwrap();
        let ledger = replay.ledger().unwrap();
        if models.is_empty() {
            models = NAMESPACES.map(|namespace| open(directory.path(), ledger, namespace)).into();
        }
        for model in &models {
            model.catch_up(ledger).unwrap();
            assert_same_records(model, ledger);
        }
    }
    for model in &models {
        written += model.read(start(), DAY).unwrap().records(&model.channel().chaincode).count();
    }
    assert!(written >= 50, "{}: {written} records", file.display());
}

fn open(directory: &Path, ledger: &Ledger, namespace: &str) -> ReadModel {
    let identity = Identity {
        name: ledger.channel_id().to_owned(),
        genesis: ledger.genesis_hash(),
        chaincode: namespace.to_owned(),
        accreditation_body: ACCREDITATION_BODY.to_owned(),
    };
    ReadModel::open(&directory.join(namespace), identity).unwrap()
}
