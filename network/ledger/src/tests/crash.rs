//! What is left after a crash, or after somebody touched the directory, and what opening makes of it.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    super::{Ledger, LedgerError, Recovery, check_ledger, check_log, logged_blocks},
    chain::{Chain, Tx, begin, define, hash, tx},
    semantics::grow,
};

/// A directory as a power cut leaves it: the log as synced, the database as of its last flush.
pub(super) fn cut_power(directory: &Path) -> tempfile::TempDir {
    loop {
        let before = names(directory);
        let copy = tempfile::tempdir().unwrap();
        copy_directory(directory, copy.path());
        // A cut is a moment, and a copy takes its time: RocksDB may have gone from some files to others meanwhile.
        if names(directory) == before {
            return copy;
        }
    }
}

/// The paths of all files.
fn names(directory: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .flat_map(|entry| match entry.file_type().unwrap().is_dir() {
            true => names(&entry.path()),
            false => BTreeSet::from([entry.path()]),
        })
        .collect()
}

pub(super) fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_directory(&entry.path(), &target),
            // RocksDB may remove a file behind the ledger's back between the listing and here; then it is gone at the cut.
            false => match fs::copy(entry.path(), target) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            },
        }
    }
}

fn reopen(directory: &Path) -> (std::sync::Arc<Ledger>, Recovery) {
    Ledger::open(directory, None).unwrap()
}

fn assert_whole(ledger: &Ledger) {
    check_ledger(ledger, tempfile::tempdir().unwrap().path()).unwrap();
}

/// Blocks with everything that is derived: state, metadata, deletions, hashed keys, expiry, history.
fn fill(chain: &mut Chain, ledger: &Ledger) {
    chain.commit(ledger, &[define("cc", &[("brief", 2), ("plain", 0)])]).unwrap();
    let blocks: [&[Tx]; 4] = [
        &[tx("1", "cc").put("k", "a").metadata("k", Some("p")), tx("2", "cc").put("l", "a")],
        &[tx("3", "cc").private_put("brief", "k", "a").private_put("plain", "k", "a")],
        &[tx("4", "cc").put("k", "b"), tx("5", "cc").delete("l")],
        &[tx("6", "cc").private_delete("plain", "k").metadata("k", None)],
    ];
    for block in blocks {
        chain.commit(ledger, block).unwrap();
    }
    grow(chain, ledger, 9);
}

#[test]
fn a_clean_start_replays_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    fill(&mut chain, &ledger);
    let (hash, commit_hash) = (ledger.last_hash(), ledger.commit_hash());
    drop(ledger);
    let (ledger, recovery) = reopen(directory.path());
    assert_eq!(recovery, Recovery { created: false, height: 9, replayed: 0, ..Recovery::default() });
    assert_eq!((ledger.last_hash(), ledger.commit_hash()), (hash, commit_hash));
    assert_eq!(ledger.channel_id(), "mychannel");
    assert_whole(&ledger);
}

#[test]
fn after_a_power_cut_blocks_are_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    fill(&mut chain, &ledger);
    let copy = cut_power(directory.path());
    let (recovered, recovery) = reopen(copy.path());
    assert_eq!(recovery, Recovery { created: false, height: 9, replayed: 9, ..Recovery::default() });
    assert_eq!(recovered.commit_hash(), ledger.commit_hash());
    assert_whole(&recovered);
    let block = chain.block(&[tx("new", "cc").put("k", "c")]);
    let one = super::chain::commit(&ledger, block.clone()).unwrap();
    assert_eq!(super::chain::commit(&recovered, block).unwrap(), one);
}

#[test]
fn a_database_of_any_earlier_block_catches_up() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    fill(&mut chain, &ledger);
    drop(ledger);
    let log = directory.path().join("blocks");
    for height in 1..9 {
        // The same blocks up to a height give a database of that height.
        let old = tempfile::tempdir().unwrap();
        let (_, ledger) = begin(old.path());
        let target = reopen(directory.path()).0;
        for number in 1..height {
            super::chain::commit(&ledger, target.block(number).unwrap().unwrap()).unwrap();
        }
        drop((target, ledger));
        fs::remove_dir_all(old.path().join("blocks")).unwrap();
        copy_directory(&log, &old.path().join("blocks"));
        let (ledger, recovery) = reopen(old.path());
        assert_eq!((recovery.height, recovery.replayed), (9, 9 - height));
        assert_whole(&ledger);
    }
}

#[test]
fn a_lost_database_is_rebuilt() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    fill(&mut chain, &ledger);
    drop(ledger);
    fs::remove_dir_all(directory.path().join("index")).unwrap();
    let (ledger, recovery) = reopen(directory.path());
    assert_eq!((recovery.height, recovery.replayed, recovery.created), (9, 9, false));
    assert_whole(&ledger);
    let view = ledger.view().unwrap();
    assert_eq!(view.get("cc", "k").unwrap().unwrap().value, "b");
    assert_eq!(view.get("cc", "l").unwrap(), None);
    assert_eq!(view.get_hashed("cc", "brief", &hash(b"k")).unwrap(), None, "expired");
    assert_eq!(view.history("cc", "l").unwrap().count(), 2);
}

#[test]
fn a_torn_block_is_cut_off_and_taken_again() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    grow(&mut chain, &ledger, 3);
    let before = cut_power(directory.path());
    let last = chain.block(&[tx("last", "cc").put("k", "v")]);
    super::chain::commit(&ledger, last.clone()).unwrap();
    drop(ledger);
    let name = "blocks/00000000000000000000.log";
    let whole = fs::read(directory.path().join(name)).unwrap();
    let begin = fs::read(before.path().join(name)).unwrap().len();
    // Every byte is tried on the log alone; here some, with the database behind it.
    for length in (begin..whole.len()).step_by(41) {
        let copy = cut_power(before.path());
        fs::write(copy.path().join(name), &whole[..length]).unwrap();
        let (ledger, recovery) = reopen(copy.path());
        assert_eq!(recovery.height, 3);
        assert_eq!(
            recovery.torn.map(|torn| torn.bytes),
            Some((length - begin) as u64).filter(|bytes| *bytes > 0)
        );
        super::chain::commit(&ledger, last.clone()).unwrap();
        assert_whole(&ledger);
    }
}

#[test]
fn one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let (_, ledger) = begin(directory.path());
    let error = Ledger::open(directory.path(), None).unwrap_err();
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(ledger);
    assert!(Ledger::open(directory.path(), None).is_ok());
}

#[test]
fn another_channel_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(begin(directory.path()));
    let (_, other) = Chain::begin("otherchannel");
    let error = Ledger::open(directory.path(), Some(&other)).unwrap_err();
    assert!(matches!(&error, LedgerError::OtherChannel { found, .. } if found == "mychannel"), "{error}");
    let (_, same) = Chain::begin("mychannel");
    assert!(Ledger::open(directory.path(), Some(&same)).is_ok());
}

#[test]
fn a_ledger_begins_with_a_genesis_block() {
    let directory = tempfile::tempdir().unwrap();
    let error = Ledger::open(directory.path(), None).unwrap_err();
    assert!(matches!(error, LedgerError::NoGenesis { .. }), "{error}");
    let (mut chain, _) = Chain::begin("mychannel");
    let error = Ledger::open(directory.path(), Some(&chain.block(&[tx("1", "cc")]))).unwrap_err();
    assert!(matches!(error, LedgerError::BadGenesis { .. }), "{error}");
    let (_, genesis) = Chain::begin("mychannel");
    assert!(Ledger::open(directory.path(), Some(&genesis)).unwrap().1.created);
}

#[test]
fn a_log_behind_the_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    grow(&mut chain, &ledger, 3);
    let earlier = cut_power(directory.path());
    grow(&mut chain, &ledger, 5);
    drop(ledger);
    fs::remove_dir_all(directory.path().join("blocks")).unwrap();
    copy_directory(&earlier.path().join("blocks"), &directory.path().join("blocks"));
    let error = Ledger::open(directory.path(), None).unwrap_err();
    assert!(matches!(error, LedgerError::Shorter { confirmed: 5, logged: 3 }), "{error}");
}

#[test]
fn a_database_of_another_chain_is_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (directory, value) in [(&one, "a"), (&two, "b")] {
        let (mut chain, ledger) = begin(directory.path());
        chain.commit(&ledger, &[tx(value, "cc").put("k", value)]).unwrap();
    }
    fs::remove_dir_all(one.path().join("index")).unwrap();
    copy_directory(&two.path().join("index"), &one.path().join("index"));
    let error = Ledger::open(one.path(), None).unwrap_err();
    assert!(matches!(error, LedgerError::IndexDiffers { number: 1 }), "{error}");
}

#[test]
fn a_wrong_record_in_the_database_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    fill(&mut chain, &ledger);
    let state = super::super::database::family(&ledger.database, "state").unwrap();
    ledger.database.put_cf(state, "cc\0forged", "x").unwrap();
    let error = check_ledger(&ledger, tempfile::tempdir().unwrap().path()).unwrap_err();
    assert!(matches!(error, LedgerError::IndexWrong { family: "state", .. }), "{error}");
}

#[test]
fn a_write_that_a_process_died_in_is_no_damage_to_who_reads_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    fill(&mut chain, &ledger);
    let height = ledger.height();
    drop(ledger);
    let segment = directory.path().join("blocks/00000000000000000000.log");
    let whole = fs::read(&segment).unwrap();
    let record = &whole[whole.len() - 200..];
    let checked = || check_log(directory.path()).map(|check| check.unwrap().blocks);
    for length in [0, 1, 19, 20, 200] {
        fs::write(&segment, [&whole[..], &record[..length]].concat()).unwrap();
        assert_eq!(checked().unwrap(), height, "{length} bytes of the next block");
        assert_eq!(logged_blocks(directory.path()).unwrap().unwrap().count() as u64, height);
    }

    // A confirmed block that is cut is damage, and so is any where it is not known what was confirmed.
    fs::write(&segment, &whole[..whole.len() - 1]).unwrap();
    assert!(checked().unwrap_err().is_damage());
    fs::write(&segment, [&whole[..], &record[..19]].concat()).unwrap();
    fs::remove_file(directory.path().join("confirmed")).unwrap();
    assert!(checked().unwrap_err().is_damage());
}

#[test]
fn a_file_that_a_process_died_in_beginning_is_no_damage_to_who_reads_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    fill(&mut chain, &ledger);
    let height = ledger.height();
    drop(ledger);
    for length in [0, 7] {
        fs::write(directory.path().join(format!("blocks/{height:020}.log")), vec![0; length]).unwrap();
        assert_eq!(check_log(directory.path()).unwrap().unwrap().blocks, height, "{length} bytes");
    }
}
