//! Chains that real peers recorded: by their verdicts, our commit hash must be theirs in every block.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use fabric::types::{HeadedBlock, blockfile::BlockFile};
use flate2::read::GzDecoder;

use super::super::{CommittedBlock, Ledger, ValidatedBlock, check_ledger};

#[test]
fn small() {
    replay("small", "blockfile_000000");
}

#[test]
fn byhand() {
    replay("byhand", "blockfile_000000");
}

#[test]
fn alpha() {
    replay("alpha", "blockfile_000000.gz");
}

#[test]
fn fabric_v20_sample() {
    replay("fabric-v20-sample", "blockfile_000000");
}

fn replay(chain: &str, file: &str) {
    let Some(path) = golden(chain, file) else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut blocks = read(&path).into_iter();
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
    assert_eq!(committed.commit_hash, CommittedBlock::recorded_commit_hash(&recorded), "block {number}");
    assert_eq!(committed.block, recorded, "block {number}");
    assert_eq!(ledger.block(number).unwrap().unwrap(), recorded);
}

fn read(path: &Path) -> Vec<HeadedBlock> {
    let file = BufReader::new(File::open(path).unwrap());
    let reader: Box<dyn Read> = match path.extension().is_some_and(|extension| extension == "gz") {
        true => Box::new(GzDecoder::new(file)),
        false => Box::new(file),
    };
    BlockFile::new(reader).map(|block| block.unwrap().try_into().unwrap()).collect()
}

/// The recorded chains lie beside the repository; without them there is nothing to compare with.
fn golden(chain: &str, file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden").join(chain).join(file);
    if !path.exists() {
        println!("skipped: no recorded chain at {}", path.display());
        return None;
    }
    Some(path)
}
