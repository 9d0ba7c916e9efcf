//! A damaged or shortened chain: what the operator is told, that nothing is served, and how to go on.

use std::{fs, path::Path, sync::Arc};

use super::{
    super::{Ledger, LedgerError, Recovery, check_ledger, files::Files, recovery},
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
    for entry in fs::read_dir(&index).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("MANIFEST") {
            fs::write(path, b"garbage").unwrap();
        }
    }
    let error = refused(directory.path());
    assert!(matches!(error, LedgerError::IndexUnusable { .. }), "{error}");
    assert_advice(&error, &["move the `index` directory aside"]);
    fs::rename(&index, directory.path().join("index.aside")).unwrap();
    assert_eq!(Ledger::open(directory.path(), None).unwrap().1.height, 5);
}
