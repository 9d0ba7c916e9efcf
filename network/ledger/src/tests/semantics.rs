//! What blocks do to the state: the rules of `validation/tx_ops.go`, and who may be read where.

use fabric::{proto::protos::TxValidationCode, types::Height};
use proptest::prelude::*;

use super::{
    super::{DefectKind, Ledger, LedgerError},
    chain::{Tx, begin, define, hash, tx},
};

/// Commits one block after another and shows what is left of key `k`: value, metadata there or not.
fn check(blocks: &[&[Tx]], expected: Option<(&str, bool)>) {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    for transactions in blocks {
        chain.commit(&ledger, transactions).unwrap();
    }
    let state = ledger.view().unwrap().get("cc", "k").unwrap();
    let found =
        state.map(|state| (String::from_utf8(state.value.to_vec()).unwrap(), !state.metadata.is_empty()));
    assert_eq!(found, expected.map(|(value, metadata)| (value.to_owned(), metadata)));
}

fn stops(before: &[Tx], block: &[Tx]) {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    chain.commit(&ledger, before).unwrap();
    let error = chain.commit(&ledger, block).unwrap_err();
    let LedgerError::Defect(defect) = error else { panic!("{error}") };
    assert!(matches!(defect.kind, DefectKind::WriteWithoutValue { .. }), "{defect}");
    assert_eq!(defect.at, Height::new(2, block.len() as u64 - 1));
    assert_eq!(ledger.height(), 2);
}

fn put(id: &str, value: &str) -> Tx {
    tx(id, "cc").put("k", value)
}

#[test]
fn a_value_alone_keeps_the_metadata() {
    check(&[&[put("1", "a").metadata("k", Some("p"))], &[put("2", "b")]], Some(("b", true)));
    check(&[&[put("1", "a").metadata("k", Some("p")), put("2", "b")]], Some(("b", true)));
}

#[test]
fn metadata_alone_keep_the_value() {
    check(&[&[put("1", "a")], &[tx("2", "cc").metadata("k", Some("p"))]], Some(("a", true)));
    check(
        &[&[put("1", "a").metadata("k", Some("p"))], &[tx("2", "cc").metadata("k", None)]],
        Some(("a", false)),
    );
}

#[test]
fn metadata_of_a_missing_key_are_nothing() {
    check(&[&[tx("1", "cc").metadata("k", Some("p"))]], None);
}

#[test]
fn a_deletion_takes_the_metadata_along() {
    let with_policy = || put("1", "a").metadata("k", Some("p"));
    check(&[&[with_policy()], &[tx("2", "cc").delete("k")], &[put("3", "b")]], Some(("b", false)));
    check(&[&[with_policy()], &[tx("2", "cc").delete("k"), put("3", "b")]], Some(("b", false)));
}

#[test]
fn an_empty_value_deletes() {
    check(&[&[put("1", "a")], &[put("2", "")]], None);
}

#[test]
fn invalid_transactions_change_nothing() {
    let invalid = put("2", "b").with_code(TxValidationCode::MvccReadConflict);
    check(&[&[put("1", "a"), invalid]], Some(("a", false)));
}

#[test]
fn flags_are_added_up() {
    // put + put = metadata update: the key keeps the value it had, and is nothing if it had none.
    check(&[&[put("1", "a")], &[put("2", "b").put("k", "c")]], Some(("a", false)));
    check(&[&[put("1", "a").put("k", "b")]], None);
    // put + put + put = put and metadata update: the last value, without metadata.
    let thrice = put("2", "b").put("k", "c").put("k", "d");
    check(&[&[put("1", "a").metadata("k", Some("p"))], &[thrice]], Some(("d", false)));
    // metadata deletion, twice, = deletion.
    check(&[&[put("1", "a")], &[tx("2", "cc").metadata("k", None).metadata("k", None)]], None);
    // deletion, twice, = nothing known: the value as committed.
    check(&[&[put("1", "a")], &[tx("2", "cc").delete("k").delete("k")]], Some(("a", false)));
}

#[test]
fn the_sum_of_flags_overflows_as_a_byte() {
    // 32 deletions are 256, so 0, so a put without a value.
    let deletions = (0..32).fold(tx("2", "cc"), |tx, _| tx.delete("k"));
    stops(&[put("1", "a")], std::slice::from_ref(&deletions));
    check(&[&[deletions.put("k", "b")]], Some(("b", false)));
}

#[test]
fn a_write_without_value_after_a_deletion_stops_the_channel() {
    let delete = || tx("2", "cc").delete("k");
    stops(&[put("1", "a")], &[delete(), tx("3", "cc").metadata("k", Some("p"))]);
    stops(&[put("1", "a")], &[delete(), put("3", "b").put("k", "c")]);
}

#[test]
fn so_it_does_with_hashed_keys() {
    let before = [define("cc", &[("plain", 0)]), tx("0", "cc").private_put("plain", "k", "a")];
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    chain.commit(&ledger, &before[..1]).unwrap();
    chain.commit(&ledger, &before[1..]).unwrap();
    let delete = tx("1", "cc").private_delete("plain", "k");
    let error =
        chain.commit(&ledger, &[delete, tx("2", "cc").private_metadata("plain", "k", "p")]).unwrap_err();
    assert!(error.to_string().contains("block 3 stops the channel: transaction 1"), "{error}");
}

#[test]
fn a_hashed_write_to_an_undefined_collection_stops_the_channel() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    chain.commit(&ledger, &[define("cc", &[("plain", 0)])]).unwrap();
    let try_commit = |tx: Tx| chain.clone().commit(&ledger, &[tx]).map(|block| block.number);
    for wrong in [
        tx("1", "cc").private_put("other", "k", "v"),
        tx("1", "cc").private_delete("other", "k"),
        tx("1", "unknown").private_put("plain", "k", "v"),
    ] {
        let Err(LedgerError::Defect(defect)) = try_commit(wrong) else { panic!() };
        assert!(matches!(defect.kind, DefectKind::UndefinedCollection { .. }), "{defect}");
    }
    assert_eq!(try_commit(tx("1", "cc").private_put("_implicit_org_Org1", "k", "v")).unwrap(), 2);
}

#[test]
fn the_first_transaction_with_an_id_keeps_it() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    let invalid = put("1", "a").with_code(TxValidationCode::BadCreatorSignature);
    chain.commit(&ledger, &[invalid, put("1", "b")]).unwrap();
    chain.commit(&ledger, &[put("1", "c")]).unwrap();
    let location = ledger.transaction("1").unwrap().unwrap();
    assert_eq!((location.block, location.index), (1, 0));
    assert_eq!(location.code, TxValidationCode::BadCreatorSignature);
    assert!(!ledger.contains_txid("2").unwrap());
}

#[test]
fn history_is_newest_first_and_knows_deletions() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    chain.commit(&ledger, &[put("1", "a"), tx("other", "cc").put("kk", "x"), put("2", "b")]).unwrap();
    let invalid = put("4", "c").with_code(TxValidationCode::MvccReadConflict);
    let metadata_only = tx("5", "cc").metadata("k", Some("p"));
    chain.commit(&ledger, &[metadata_only, tx("3", "cc").delete("k"), invalid]).unwrap();
    let view = ledger.view().unwrap();
    let history: Vec<_> = view.history("cc", "k").unwrap().collect::<Result<_, _>>().unwrap();
    let short =
        history.iter().map(|found| (found.txid.as_str(), &found.value[..], found.is_delete, found.at));
    assert_eq!(
        short.collect::<Vec<_>>(),
        [
            ("3", &b""[..], true, Height::new(2, 1)),
            ("2", b"b", false, Height::new(1, 2)),
            ("1", b"a", false, Height::new(1, 0)),
        ]
    );
}

#[test]
fn a_view_stands_still() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    chain.commit(&ledger, &[put("1", "a")]).unwrap();
    let view = ledger.view().unwrap();
    chain.commit(&ledger, &[put("2", "b"), tx("3", "cc").put("l", "x")]).unwrap();
    assert_eq!(view.height(), 2);
    assert_eq!(view.get("cc", "k").unwrap().unwrap().value, "a");
    assert_eq!(view.range("cc", "", "").unwrap().count(), 1);
    assert_eq!(view.history("cc", "k").unwrap().count(), 1);
    assert_eq!(ledger.view().unwrap().range("cc", "", "").unwrap().count(), 2);
}

/// What async code needs: a view held over an `await` on a runtime with several threads.
#[test]
fn a_view_can_be_sent() {
    fn assert_send<T: Send>(_: &T) {}
    fn assert_share<T: Send + Sync>(_: &T) {}
    let directory = tempfile::tempdir().unwrap();
    let (_, ledger) = begin(directory.path());
    let view = ledger.view().unwrap();
    assert_share(&ledger);
    assert_share(&view);
    assert_send(&view.range("cc", "", "").unwrap());
    assert_send(&view.history("cc", "k").unwrap());
}

#[test]
fn blocks_are_found_by_number_and_hash() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    let committed = chain.commit(&ledger, &[put("1", "a")]).unwrap();
    assert_eq!(ledger.block(1).unwrap().unwrap(), committed.block);
    assert_eq!(ledger.block_by_hash(&committed.header_hash).unwrap().unwrap(), committed.block);
    assert_eq!(ledger.block_by_hash(b"nothing").unwrap(), None);
    assert_eq!(ledger.block(2).unwrap(), None);
    let envelope = ledger.view().unwrap().envelope(1, 0).unwrap();
    assert_eq!(Some(&envelope), committed.block.envelopes().first());
    assert!(ledger.view().unwrap().envelope(1, 1).is_err());
}

#[test]
fn only_the_next_block_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    let mut other = chain.clone();
    let (first, second) = (chain.block(&[put("1", "a")]), chain.block(&[put("2", "b")]));
    let error = super::chain::commit(&ledger, second.clone()).unwrap_err();
    assert!(matches!(error, LedgerError::WrongNumber { expected: 1, got: 2 }), "{error}");
    super::chain::commit(&ledger, other.block(&[put("3", "c")])).unwrap();
    let error = super::chain::commit(&ledger, second).unwrap_err();
    assert!(matches!(error, LedgerError::WrongPrevious { number: 2 }), "{error}");
    assert!(super::chain::commit(&ledger, first).is_err());
}

fn keys() -> impl Strategy<Value = String> {
    // Composite keys have NUL and U+10FFFF in them; neighbours of the separators are what could go wrong.
    proptest::collection::vec(prop_oneof!["\u{0}", "\u{1}", "a", "b", "\u{ff}", "\u{10ffff}"], 0..5)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The state iterates as Fabric's LevelDB does: by the bytes of the keys, inside one namespace.
    #[test]
    fn ranges_are_in_the_order_of_bytes(
        written in proptest::collection::btree_set(keys(), 1..20),
        start in keys(),
        end in keys(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let (mut chain, ledger) = begin(directory.path());
        let neighbours = ["c", "cc$$hplain", "cc\u{1}", "ccc"];
        let mut transactions: Vec<_> = neighbours.iter().map(|name| tx(name, name).put("a", "x")).collect();
        transactions.push(written.iter().fold(tx("1", "cc"), |tx, key| tx.put(key, "v")));
        let committed = chain.commit(&ledger, &transactions).unwrap();
        let expected: Vec<String> = written
            .iter()
            .filter(|key| **key >= start && (end.is_empty() || **key < end))
            .cloned()
            .collect();
        let view = ledger.view().unwrap();
        let found = view.range("cc", &start, &end).unwrap().map(|item| item.unwrap().0);
        prop_assert_eq!(found.collect::<Vec<_>>(), expected.clone());
        // And so does a batch that is not committed yet.
        let batch = committed.updates.range("cc", &start, &end).map(|(key, _)| key.to_owned());
        prop_assert_eq!(batch.collect::<Vec<_>>(), expected);
    }
}

/// Commits empty blocks until the ledger has this many.
pub(super) fn grow(chain: &mut super::chain::Chain, ledger: &Ledger, height: u64) {
    while ledger.height() < height {
        let txid = format!("grow-{}", ledger.height());
        chain.commit(ledger, &[tx(&txid, "other").put("x", "y")]).unwrap();
    }
}

#[test]
fn every_step_of_a_key_within_a_block_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    let transactions = [
        tx("0", "cc").put("b", "1").put("a", "1"),
        tx("1", "other").put("b", "x"),
        tx("2", "cc").put("b", "2"),
        tx("3", "cc").delete("b"),
    ];
    let committed = chain.commit(&ledger, &transactions).unwrap();
    let steps = committed.updates.steps("cc");
    let steps: Vec<_> =
        steps.iter().map(|(key, step)| (*key, step.version.tx, step.value.as_deref())).collect();
    let value = |value: &'static str| Some(value.as_bytes());
    assert_eq!(steps, [("a", 0, value("1")), ("b", 0, value("1")), ("b", 2, value("2")), ("b", 3, None)]);
}

#[test]
fn hashed_keys_expire() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    chain.commit(&ledger, &[define("cc", &[("brief", 2), ("plain", 0)])]).unwrap();
    let write = |id: &str| {
        tx(id, "cc")
            .private_put("brief", "k", "a")
            .private_put("brief", "l", "a")
            .private_put("plain", "k", "a")
    };
    chain.commit(&ledger, &[write("1")]).unwrap();
    let there = |collection: &str, key: &str| {
        ledger.view().unwrap().get_hashed("cc", collection, &hash(key.as_bytes())).unwrap().is_some()
    };
    chain.commit(&ledger, &[tx("2", "cc").private_metadata("brief", "l", "p")]).unwrap();
    // Written in block 2 for 2 blocks: purged with block 5. The other key was touched in block 3.
    grow(&mut chain, &ledger, 5);
    assert!(there("brief", "k") && there("brief", "l"));
    let committed = chain.commit(&ledger, &[tx("4", "other").put("x", "z")]).unwrap();
    assert_eq!((committed.number, committed.updates.len()), (5, 1));
    assert!(!there("brief", "k") && there("brief", "l"));
    grow(&mut chain, &ledger, 7);
    assert!(!there("brief", "l") && there("plain", "k"));
}

#[test]
fn a_key_written_as_it_expires_stays() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    chain.commit(&ledger, &[define("cc", &[("brief", 2)])]).unwrap();
    chain.commit(&ledger, &[tx("1", "cc").private_put("brief", "k", "a")]).unwrap();
    grow(&mut chain, &ledger, 5);
    chain.commit(&ledger, &[tx("2", "cc").private_put("brief", "k", "b")]).unwrap();
    let view = ledger.view().unwrap();
    assert_eq!(view.get_hashed("cc", "brief", &hash(b"k")).unwrap().unwrap().value, hash(b"b"));
}
