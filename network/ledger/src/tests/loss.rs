//! A damaged or shortened chain: what the operator is told, that nothing is served, and how to go on.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use fabric::proto::rwset::TxPvtReadWriteSet;

use super::{
    super::{Ledger, LedgerError, Recovery, Waiting, check_ledger, database, files::Files, recovery},
    chain::{Chain, begin, tx},
    crash::{copy_directory, cut_power},
    semantics::grow,
};

const SEGMENT: &str = "blocks/00000000000000000000.log";

/// A ledger of so many blocks, left by a process that was killed: its database was never flushed.
fn killed(blocks: u64) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    grow(&mut chain, &ledger, blocks);
    cut_power(directory.path())
}

fn refused(directory: &Path) -> LedgerError {
    Ledger::open(directory, None).unwrap_err()
}

fn accept(directory: &Path, block: u64) -> Result<(Arc<Ledger>, Recovery), LedgerError> {
    Ledger::open_accepting_loss(directory, None, block)
}

/// Never names the deletion of what may be the only copy.
fn assert_advice(error: &LedgerError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    assert!(!text.contains("remove") && !text.contains("delete"), "{text}");
}

#[test]
fn a_confirmed_block_that_is_cut_is_not_taken_for_an_interrupted_write() {
    let directory = killed(9);
    let file = directory.path().join(SEGMENT);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 100]).unwrap();
    let error = refused(directory.path());
    assert_eq!(error.first_lost(), Some(8));
    assert_advice(
        &error,
        &["block 8 ", "blocks 0 to 7 are whole", "behind it no whole block follows", "--accept-loss-from 8"],
    );
    assert_eq!(fs::read(&file).unwrap().len(), whole.len() - 100, "nothing is changed");
}

#[test]
fn a_chain_shorter_than_confirmed_is_refused() {
    let directory = killed(9);
    let earlier = killed(5);
    fs::remove_dir_all(directory.path().join("blocks")).unwrap();
    copy_directory(&earlier.path().join("blocks"), &directory.path().join("blocks"));
    let error = refused(directory.path());
    assert!(matches!(error, LedgerError::Shorter { confirmed: 9, logged: 5 }), "{error}");
    assert_advice(&error, &["ends before block 5", "up to 8 were confirmed", "--accept-loss-from 5"]);
}

#[test]
fn a_chain_of_another_course_is_refused() {
    let directory = killed(5);
    let other = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(other.path());
    for number in 0..6 {
        chain.commit(&ledger, &[tx(&format!("other {number}"), "cc").put("k", "v")]).unwrap();
    }
    fs::remove_dir_all(directory.path().join("blocks")).unwrap();
    copy_directory(&other.path().join("blocks"), &directory.path().join("blocks"));
    let error = refused(directory.path());
    assert!(matches!(error, LedgerError::OtherCourse { number: 4 }), "{error}");
    assert_advice(&error, &["block 4 "]);
}

#[test]
fn damage_in_the_middle_names_the_block_and_what_is_whole() {
    let directory = killed(9);
    let file = directory.path().join(SEGMENT);
    let third = fs::read(killed(3).path().join(SEGMENT)).unwrap().len();
    let mut damaged = fs::read(&file).unwrap();
    damaged[third + 30] ^= 1;
    fs::write(&file, &damaged).unwrap();
    let error = refused(directory.path());
    assert_advice(
        &error,
        &["block 3 ", "blocks 0 to 2 are whole", "the last of them block 8", "--accept-loss-from 3"],
    );
}

#[test]
fn blocks_of_a_copy_restore_the_ledger() {
    let directory = killed(9);
    let copy = killed(9);
    let file = directory.path().join(SEGMENT);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    refused(directory.path());
    fs::rename(directory.path().join("blocks"), directory.path().join("blocks.damaged")).unwrap();
    copy_directory(&copy.path().join("blocks"), &directory.path().join("blocks"));
    let (ledger, recovery) = Ledger::open(directory.path(), None).unwrap();
    assert_eq!(recovery.height, 9);
    check_ledger(&ledger, tempfile::tempdir().unwrap().path()).unwrap();
}

#[test]
fn a_loss_is_accepted_only_by_its_block_and_keeps_what_is_left() {
    for cut in [5, 100] {
        let directory = killed(9);
        let file = directory.path().join(SEGMENT);
        let third = fs::read(killed(3).path().join(SEGMENT)).unwrap().len();
        let mut damaged = fs::read(&file).unwrap();
        damaged[third + cut] ^= 1;
        fs::write(&file, &damaged).unwrap();
        for wrong in [0, 2, 4, 9] {
            assert_eq!(accept(directory.path(), wrong).unwrap_err().first_lost(), Some(3));
            assert_eq!(fs::read(&file).unwrap(), damaged, "nothing is changed");
        }
        let (ledger, recovery) = accept(directory.path(), 3).unwrap();
        assert_eq!((ledger.height(), recovery.height), (3, 3));
        let aside = recovery.set_aside.unwrap();
        assert_eq!(fs::read(aside.join("00000000000000000000.log")).unwrap(), damaged);
        assert!(aside.join("index").is_dir());
        check_ledger(&ledger, tempfile::tempdir().unwrap().path()).unwrap();
        drop(ledger);
        // The next start needs the flag no more, and a flag that was left does nothing.
        let (ledger, recovery) = accept(directory.path(), 3).unwrap();
        assert_eq!((ledger.height(), recovery.set_aside), (3, None));
    }
}

#[test]
fn a_loss_over_several_files_can_be_accepted_even_if_that_is_interrupted() {
    let small = || Files { segment_bytes: 400, ..Files::default() };
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, genesis) = Chain::begin("mychannel");
    let (ledger, _) = recovery::open(directory.path(), Some(&genesis), None, small()).unwrap();
    grow(&mut chain, &ledger, 9);
    let copy = cut_power(directory.path());
    let mut segments: Vec<_> =
        fs::read_dir(copy.path().join("blocks")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    assert!(segments.len() >= 4, "{segments:?}");
    let first: u64 = segments[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let rest: Vec<_> = segments[2..].iter().map(|path| fs::read(path).unwrap()).collect();

    // A whole file is gone; and as if a first attempt had been interrupted, the last one is aside already.
    fs::remove_file(&segments[1]).unwrap();
    let error = recovery::open(copy.path(), None, None, small()).unwrap_err();
    assert_eq!(error.first_lost(), Some(first), "{error}");
    assert_advice(&error, &["the file is missing", "the last of them block 8"]);
    let aside = copy.path().join(format!("lost-from-block-{first}"));
    let unfinished = aside.with_extension("unfinished");
    fs::create_dir(&unfinished).unwrap();
    let last = segments.last().unwrap();
    fs::rename(last, unfinished.join(last.file_name().unwrap())).unwrap();
    let (ledger, recovery) = recovery::open(copy.path(), None, Some(first), small()).unwrap();
    assert_eq!(recovery.height, first);
    check_ledger(&ledger, tempfile::tempdir().unwrap().path()).unwrap();
    let kept: Vec<_> =
        segments[2..].iter().map(|path| fs::read(aside.join(path.file_name().unwrap())).unwrap()).collect();
    assert_eq!(kept, rest);
}

#[test]
fn a_damaged_database_is_named_and_rebuilt_once_it_is_aside() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    grow(&mut chain, &ledger, 5);
    drop(ledger);
    let index = directory.path().join("index");
    fs::write(manifest(directory.path()), b"garbage").unwrap();
    let error = refused(directory.path());
    assert!(matches!(error, LedgerError::IndexUnusable { .. }), "{error}");
    assert_advice(&error, &["move the `index` directory aside"]);
    fs::rename(&index, directory.path().join("index.aside")).unwrap();
    assert_eq!(Ledger::open(directory.path(), None).unwrap().1.height, 5);
}

/// A loss of power while RocksDB appended an edit: what was there before is whole, and nothing rests on the edit yet.
#[test]
fn a_torn_end_of_the_manifest_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    grow(&mut chain, &ledger, 5);
    database::flush(&ledger.database).unwrap();
    let set = TxPvtReadWriteSet::default();
    ledger
        .private_store("Org1MSP")
        .keep(Waiting { txid: "t", creator: "Org1MSP", height: 5, private: &set })
        .unwrap();
    // RocksDB reads past what ends too early, or is zero, by itself; a record whose checksum is wrong it refuses.
    let torn: [(&[u8], bool); 4] = [
        (b"ends", false),
        (&[0; 4096], false),
        (b"\x01\x02\x03\x04\x05\x00\x01wrong", true),
        (b"\x01\x02\x03\x04\x05\x00\x01wrong, and garbage behind it", true),
    ];
    for (end, is_cut) in torn {
        let copy = cut_power(directory.path());
        let manifest = manifest(copy.path());
        let whole = fs::read(&manifest).unwrap();
        fs::write(&manifest, [&whole, end].concat()).unwrap();
        let (opened, recovery) = Ledger::open(copy.path(), None).unwrap();
        assert_eq!(recovery.height, 5);
        let kept = opened.private_store("Org1MSP").kept(&opened.view().unwrap(), "t").unwrap();
        assert_eq!(kept.len(), 1, "private data are lost");
        check_ledger(&opened, tempfile::tempdir().unwrap().path()).unwrap();
        let kept = copy.path().join(manifest.file_name().unwrap()).with_extension("torn");
        assert_eq!(kept.exists(), is_cut, "{end:x?}");
        if is_cut {
            assert_eq!(fs::read(kept).unwrap(), [&whole, end].concat());
        }
    }
}

/// Damage elsewhere may be in an edit that tables and logs rest on: that is for the operator.
#[test]
fn a_manifest_that_is_damaged_before_its_end_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    grow(&mut chain, &ledger, 5);
    drop(ledger);
    let path = manifest(directory.path());
    let whole = fs::read(&path).unwrap();
    let mut first = whole.clone();
    first[9] ^= 1;
    // An edit that follows in the next block was written after the damage was.
    let mut middle = whole.clone();
    middle.resize(32 << 10, 0xa7);
    middle.extend_from_slice(&whole);
    for damaged in [first, middle] {
        fs::write(&path, &damaged).unwrap();
        assert!(matches!(refused(directory.path()), LedgerError::IndexUnusable { .. }));
        assert_eq!(fs::read(&path).unwrap(), damaged, "nothing was changed");
    }
}

fn manifest(ledger: &Path) -> PathBuf {
    let index = ledger.join("index");
    let name = fs::read_to_string(index.join("CURRENT")).unwrap();
    index.join(name.trim_end())
}
