//! Chains that real peers recorded: by their verdicts, our commit hash must be theirs in every block.

use fabric::types::HeadedBlock;

use super::super::{Ledger, ValidatedBlock, check_ledger};

#[test]
fn small() {
    replay("small");
}

#[test]
fn byhand() {
    replay("byhand");
}

#[test]
fn alpha() {
    replay("alpha");
}

#[test]
fn fabric_v20_sample() {
    replay("fabric-v20-sample");
}

fn replay(chain: &str) {
    let Some(blocks) = recorded::blocks(chain) else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut blocks = blocks.into_iter().map(|block| HeadedBlock::try_from(block).unwrap());
    let genesis = blocks.next().unwrap();
    let (ledger, recovery) = Ledger::open(directory.path(), Some(&genesis)).unwrap();
    assert!(recovery.created);
    let mut count = 1;
    for block in blocks {
        commit(&ledger, block);
        count += 1;
    }
    let check = check_ledger(&ledger, tempfile::tempdir().unwrap().path()).unwrap();
    assert_eq!(check.blocks, count);
    println!("{chain}: {check}");
}

/// Commits a block by its recorded verdicts and compares the commit hashes.
fn commit(ledger: &Ledger, recorded: HeadedBlock) {
    let number = recorded.number();
    let validated = ValidatedBlock::replay(recorded.clone(), &ledger.view().unwrap()).unwrap();
    let committed = ledger.commit(validated).unwrap();
    assert_eq!(committed.number, number);
    assert_eq!(committed.commit_hash, recorded.commit_hash().unwrap(), "block {number}");
    assert_eq!(committed.block, recorded, "block {number}");
    assert_eq!(ledger.block(number).unwrap().unwrap(), recorded);
}
