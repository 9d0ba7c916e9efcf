//! Views find what the database holds at their height, whatever was read before and is committed meanwhile.

use std::thread;

use super::{
    super::{
        Ledger,
        database::STATE,
        state,
        view::{MAX_KNOWN_BYTES, View},
    },
    chain::{Tx, begin, tx},
};

const KEYS: [&str; 3] = ["a", "b", "c"];
const BLOCKS: usize = 200;

#[test]
fn readers_are_not_misled_by_what_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    thread::scope(|scope| {
        let committer = scope.spawn(|| {
            for number in 0..BLOCKS {
                chain.commit(&ledger, &[change(number)]).unwrap();
            }
        });
        let mut older = ledger.view().unwrap();
        while !committer.is_finished() {
            check_ids(&ledger);
            let view = ledger.view().unwrap();
            [&view, &older, &view].into_iter().for_each(check);
            older = view;
        }
    });
    check_ids(&ledger);
    check(&ledger.view().unwrap());
    assert_eq!(ledger.height(), BLOCKS as u64 + 1);
}

#[test]
fn long_values_are_left_to_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    let (short, long) = (vec![b'a'; MAX_KNOWN_BYTES], vec![b'a'; MAX_KNOWN_BYTES + 1]);
    chain.commit(&ledger, &[tx("1", "cc").put_bytes("short", &short).put_bytes("long", &long)]).unwrap();
    let view = ledger.view().unwrap();
    let read = |key| view.get("cc", key).unwrap().unwrap().value;
    assert_eq!((read("short"), read("long")), (short.into(), long.into()));
    let known = |key| ledger.known_state.get(view.height(), &state::public_key("cc", key)).is_some();
    assert_eq!((known("short"), known("long")), (true, false));
}

/// Each key in turn is written, written again and deleted.
fn change(number: usize) -> Tx {
    let (transaction, key) = (tx(&number.to_string(), "cc"), KEYS[number % KEYS.len()]);
    match number / KEYS.len() % 3 {
        2 => transaction.delete(key),
        _ => transaction.put(key, &number.to_string()),
    }
}

/// Asks for the ids of the newest blocks, and for those that come next.
fn check_ids(ledger: &Ledger) {
    let height = ledger.height();
    for block in height.saturating_sub(3).max(1)..height + 3 {
        let found = ledger.transaction(&(block - 1).to_string()).unwrap().map(|location| location.block);
        assert!(
            found == Some(block) || found.is_none() && block >= height,
            "block {block} at height {height}"
        );
    }
}

fn check(view: &View<'_>) {
    for key in KEYS {
        let record = view.snapshot.get_cf(view.family(STATE).unwrap(), state::public_key("cc", key)).unwrap();
        let stored = record.map(|record| state::decode_value(record).unwrap());
        assert_eq!(view.get("cc", key).unwrap(), stored, "{key} at height {}", view.height());
    }
}
