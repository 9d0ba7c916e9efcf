//! Chains recorded from real Fabric, replayed: every validation code and commit hash must come out again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use network::replay::{self, BlockReport, Replay};

/// What the recording says was done in a transaction, by block and index.
type Labels = BTreeMap<(u64, usize), String>;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Chains too large for the repository lie beside it.
fn shared(chain: &str) -> Option<PathBuf> {
    let path = repository().parent()?.join("shared/golden").join(chain);
    if !path.exists() {
        println!("skipped: no recorded chain {}", path.display());
        return None;
    }
    Some(path)
}

fn labels(chain: &Path) -> Labels {
    let Ok(expected) = fs::read_to_string(chain.join("expected.jsonl")) else { return Labels::new() };
    let label = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let place = (line["block"].as_u64().unwrap(), line["index"].as_u64().unwrap() as usize);
        (place, format!("{} (recorded {})", line["label"], line["name"]))
    };
    expected.lines().map(label).collect()
}

/// Replays a chain and gives the number of its transactions.
fn replay(chain: &Path, file: &str) -> usize {
    let labels = labels(chain);
    let directory = tempfile::tempdir().unwrap();
    let mut replay = Replay::new(directory.path().to_owned());
    let mut transactions = 0;
    let mut differences = Vec::new();
    for block in replay::read(&chain.join(file)).unwrap() {
        let report = replay.block(block.unwrap()).unwrap();
        transactions += report.transactions;
        let recorded = report.recorded.as_ref().expect("the block carries verdicts");
        assert_eq!(recorded.commit_hash.is_empty(), report.number == 0, "block {}", report.number);
        differences.extend(explain(&report, &labels));
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
    assert_eq!(replay(&repository().join("tests/golden/small"), "blockfile_000000"), 61);
}

#[test]
fn alpha() {
    if let Some(chain) = shared("alpha") {
        assert_eq!(replay(&chain, "blockfile_000000.gz"), 2164);
    }
}

#[test]
fn byhand() {
    if let Some(chain) = shared("byhand") {
        assert_eq!(replay(&chain, "blockfile_000000"), 999);
    }
}

#[test]
fn fabric_v20_sample() {
    if let Some(chain) = shared("fabric-v20-sample") {
        assert!(replay(&chain, "blockfile_000000") > 0);
    }
}
