//! Chains recorded from real Fabric, replayed: every validation code and commit hash must come out again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{collections::BTreeMap, fs, path::Path};

use follower::replay::{self, BlockReport, Replay};
use ledger::ExportError;
use recorded::Expected;

/// What the recording says was done in a transaction, by block and index.
type Labels = BTreeMap<(u64, usize), String>;

fn labels(chain: &str) -> Labels {
    let label = |it: Expected| (it.place, format!("{} (recorded {})", it.label, it.name));
    recorded::expected(chain).into_iter().map(label).collect()
}

/// Replays a recorded chain and gives the number of its transactions.
fn replay(chain: &str) -> Option<usize> {
    Some(replay_from(&recorded::block_file(chain)?, &labels(chain)))
}

fn replay_from(path: &Path, labels: &Labels) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let mut replay = Replay::new(directory.path().to_owned());
    let mut transactions = 0;
    let mut differences = Vec::new();
    for block in replay::read(path).unwrap() {
        let report = replay.block(block.unwrap()).unwrap();
        transactions += report.transactions;
        let recorded = report.recorded.as_ref().expect("the block carries verdicts");
        assert_eq!(recorded.commit_hash.is_empty(), report.number == 0, "block {}", report.number);
        differences.extend(explain(&report, labels));
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    transactions
}

fn explain(report: &BlockReport, labels: &Labels) -> Vec<String> {
    if report.equal == Some(true) {
        return Vec::new();
    }
    let mut differences = Vec::new();
    let recorded = report.recorded.as_ref().expect("the block carries verdicts");
    for (index, (ours, theirs)) in report.ours.filter.iter().zip(&recorded.filter).enumerate() {
        if ours != theirs {
            let label = labels.get(&(report.number, index)).map(String::as_str).unwrap_or_default();
            differences.push(format!("{}:{index} ours {ours}, recorded {theirs}: {label}", report.number));
        }
    }
    differences.push(report.to_string());
    differences
}

#[test]
fn small() {
    assert_eq!(replay("small"), Some(61));
}

#[test]
fn alpha() {
    assert!(replay("alpha").is_none_or(|transactions| transactions == 2164));
}

#[test]
fn byhand() {
    assert!(replay("byhand").is_none_or(|transactions| transactions == 999));
}

#[test]
fn fabric_v20_sample() {
    assert!(replay("fabric-v20-sample").is_none_or(|transactions| transactions > 0));
}

/// A ledger in a folder of its own, made from the recorded chain that is in the repository.
fn small_ledger() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut replay = Replay::new(directory.path().to_owned());
    for block in replay::read(&recorded::block_file("small").unwrap()).unwrap() {
        replay.block(block.unwrap()).unwrap();
    }
    directory
}

#[test]
fn a_ledger_is_exported_as_the_block_file_that_a_peer_had() {
    let (directory, out) = (small_ledger(), tempfile::tempdir().unwrap());
    let exported = ledger::export(directory.path(), out.path()).unwrap();
    assert_eq!(exported.blocks, 14);
    let folder = out.path().join("ledgersData/chains/chains").join(&exported.channel_id);
    assert_eq!(exported.folder, folder);
    let ours = fs::read(folder.join("blockfile_000000")).unwrap();
    assert!(ours == recorded::content("small").unwrap(), "byte for byte");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1, "nothing else is left");
    let again = ledger::export(directory.path(), out.path()).unwrap_err();
    assert!(matches!(again, ExportError::Exists(_)), "{again}");
    let none = ledger::export(out.path(), directory.path()).unwrap_err();
    assert!(matches!(none, ExportError::NoLedger(_)), "{none}");
}

#[test]
fn a_ledger_is_replayed_from_its_own_folder() {
    let directory = small_ledger();
    let labels = labels("small");
    for folder in [directory.path().to_owned(), directory.path().join("blocks")] {
        assert_eq!(replay_from(&folder, &labels), 61);
    }
    let data = tempfile::tempdir().unwrap();
    fs::rename(directory.path(), data.path().join("ledger")).unwrap();
    assert_eq!(replay_from(data.path(), &labels), 61);
    assert_eq!(ledger::check_log(data.path()).unwrap().unwrap().transactions, 61);

    // A chain whose end is damaged is not called whole.
    let segment = data.path().join("ledger/blocks/00000000000000000000.log");
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, &bytes[..bytes.len() - 100]).unwrap();
    let error = ledger::check_log(data.path()).unwrap_err();
    assert_eq!(error.first_lost(), Some(13), "{error}");
    let last = replay::read(data.path()).unwrap().last().unwrap();
    assert!(last.is_err());
}
