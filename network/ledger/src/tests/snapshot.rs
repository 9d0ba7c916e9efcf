//! A ledger that is made of what was read of another one while that was open.

use std::path::Path;

use fabric::types::HeadedBlock;

use super::{
    super::{
        ChainCheck, Ledger, LedgerError, Loss, Restored, ResumeError, Snapshot, accept_loss, check_private,
        complete, database, losses, restore,
    },
    chain::{Chain, begin, tx},
    private::{get, ledger, put, waiting},
};

const ORGANISATION: &str = "Org1MSP";

/// What a backup has of it.
struct Copy {
    blocks: Vec<HeadedBlock>,
    private: Vec<u8>,
}

fn copy(ledger: &Path) -> Copy {
    let snapshot = Snapshot::open(ledger).unwrap().unwrap();
    let mut private = Vec::new();
    snapshot.private().unwrap().write_to(&mut private).unwrap();
    Copy { blocks: snapshot.blocks().unwrap().map(Result::unwrap).collect(), private }
}

fn restored(copy: &Copy, directory: &Path) -> Result<ChainCheck, LedgerError> {
    let blocks = copy.blocks.iter().cloned().map(Ok::<_, LedgerError>);
    restore(directory, blocks, Some(&mut copy.private.as_slice()))
}

fn keep_and_commit(ledger: &Ledger, chain: &mut Chain, txid: &str, key: &str, value: &str) {
    let (tx, data) = put(txid, "plain", key, value);
    ledger.private_store(ORGANISATION).keep(waiting(txid, ledger.height(), &data)).unwrap();
    chain.commit(ledger, &[tx]).unwrap();
}

#[test]
fn a_ledger_is_made_again_with_the_private_data_of_before_and_after_a_flush() {
    let (directory, mut chain, open) = ledger();
    keep_and_commit(&open, &mut chain, "1", "overwritten", "old");
    keep_and_commit(&open, &mut chain, "2", "overwritten", "new");
    keep_and_commit(&open, &mut chain, "3", "kept", "of before");
    database::flush(&open.database).unwrap();
    keep_and_commit(&open, &mut chain, "4", "later", "of after");
    keep_and_commit(&open, &mut chain, "5", "kept", "changed after");
    let (late, data) = put("6", "plain", "late", "endorsed");
    open.private_store(ORGANISATION).keep(waiting("6", open.height(), &data)).unwrap();

    let taken = copy(directory.path());
    let height = open.height();
    assert_eq!(taken.blocks.len() as u64, height);
    assert_eq!(check_private(&mut taken.private.as_slice()).unwrap().0, 5, "as of the flush");
    // The other one goes on.
    keep_and_commit(&open, &mut chain, "7", "kept", "too late");

    let other = tempfile::tempdir().unwrap();
    let checked = restored(&taken, other.path()).unwrap();
    assert_eq!((checked.blocks, checked.genesis_hash), (height, open.genesis_hash()));
    let (again, recovery) = Ledger::open(other.path(), None).unwrap();
    assert_eq!((again.height(), again.last_hash()), (height, checked.last_hash));
    assert_eq!(recovery.replayed, height - 5);
    let store = again.private_store(ORGANISATION);
    for (key, value) in [("overwritten", "new"), ("kept", "changed after"), ("later", "of after")] {
        assert_eq!(get(store, &again, "plain", key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(store.kept(&again.view().unwrap(), "6").unwrap(), [data], "it may still be submitted");
    drop(late);
    // Older blocks beside what was confirmed by the backup are refused, as ever.
    drop(again);
    let blocks = other.path().join("blocks/00000000000000000000.log");
    let length = std::fs::metadata(&blocks).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&blocks).unwrap().set_len(length - 1).unwrap();
    assert!(Ledger::open(other.path(), None).unwrap_err().is_damage());
}

#[test]
fn private_data_that_were_changed_are_refused() {
    let (directory, mut chain, open) = ledger();
    keep_and_commit(&open, &mut chain, "1", "k", "v");
    let whole = copy(directory.path());
    for (length, name) in
        [(0, "nothing"), (7, "a part of the height"), (whole.private.len() - 1, "all but the last")]
    {
        let cut = whole.private[..length].to_vec();
        assert!(check_private(&mut cut.as_slice()).is_err(), "{name}");
    }
    let mut later = whole.private.clone();
    later[0] = 200;
    let folder = tempfile::tempdir().unwrap();
    let refusal = restored(&Copy { private: later, ..whole }, folder.path()).unwrap_err().to_string();
    assert!(refusal.contains("as of 200 blocks"), "{refusal}");
}

#[test]
fn blocks_that_do_not_follow_make_no_ledger() {
    let (directory, mut chain, open) = ledger();
    chain.commit(&open, &[tx("1", "cc").put("k", "v")]).unwrap();
    let Copy { blocks, private } = copy(directory.path());
    let without = |left_out: usize| {
        let mut blocks = blocks.clone();
        blocks.remove(left_out);
        let folder = tempfile::tempdir().unwrap();
        restored(&Copy { blocks, private: private.clone() }, folder.path()).is_err()
    };
    assert!(without(0) && without(1));
}

#[test]
fn the_operators_word_is_for_the_last_block_alone_and_a_loss_is_written_down_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut chain, open) = begin(folder.path());
    chain.commit(&open, &[tx("1", "cc").put("k", "v")]).unwrap();
    let hash = open.last_hash();
    let waits = Restored { block: 1, hash, at: 7 };
    assert!(matches!(complete(folder.path(), 1), Err(ResumeError::NotRestored(_))));
    waits.write(folder.path()).unwrap();
    assert_eq!(Restored::read(folder.path()).unwrap(), Some(waits));
    assert!(matches!(accept_loss(folder.path(), 1, 9), Err(ResumeError::Ledger(LedgerError::InUse { .. }))));
    drop(open);
    for block in [0, 2] {
        assert!(matches!(complete(folder.path(), block), Err(ResumeError::OtherBlock { last: 1, .. })));
        assert!(accept_loss(folder.path(), block, 9).is_err());
    }
    let loss = Loss { after: 1, hash, at: 9 };
    assert_eq!(accept_loss(folder.path(), 1, 9).unwrap(), loss);
    assert_eq!(Restored::read(folder.path()).unwrap(), None);
    // The process died between the two files.
    waits.write(folder.path()).unwrap();
    accept_loss(folder.path(), 1, 11).unwrap();
    assert_eq!(losses(folder.path()).unwrap(), [loss]);
    waits.write(folder.path()).unwrap();
    complete(folder.path(), 1).unwrap();
    assert_eq!((Restored::read(folder.path()).unwrap(), losses(folder.path()).unwrap()), (None, vec![loss]));
    // What cannot be read does not let the orderer go on.
    for damaged in ["", "1", "1 00 7", "x"] {
        std::fs::write(folder.path().join("restored"), damaged).unwrap();
        Restored::read(folder.path()).unwrap_err();
    }
}
