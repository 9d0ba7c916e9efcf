//! Private data from endorsement to purge.

use bytes::Bytes;
use fabric::proto::{
    kvrwset::{KvMetadataWrite, KvWrite, KvrwSet},
    rwset::{CollectionPvtReadWriteSet, NsPvtReadWriteSet, TxPvtReadWriteSet},
};
use prost::Message;

use super::{
    super::{Ledger, LedgerError, PrivateStore, Waiting, private::transient},
    chain::{Chain, Tx, begin, define, tx, write},
    semantics::grow,
};

/// A ledger with chaincode `cc` and collections `plain`, for ever, and `brief`, for two blocks.
pub(super) fn ledger() -> (tempfile::TempDir, Chain, std::sync::Arc<Ledger>) {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, ledger) = begin(directory.path());
    chain.commit(&ledger, &[define("cc", &[("plain", 0), ("brief", 2)])]).unwrap();
    (directory, chain, ledger)
}

fn set(writes: Vec<KvWrite>) -> Bytes {
    KvrwSet { writes, ..Default::default() }.encode_to_vec().into()
}

fn private(collection: &str, rwset: Bytes) -> TxPvtReadWriteSet {
    let set = CollectionPvtReadWriteSet { collection_name: collection.to_owned(), rwset };
    let namespace = NsPvtReadWriteSet { namespace: "cc".to_owned(), collection_pvt_rwset: vec![set] };
    TxPvtReadWriteSet { data_model: 0, ns_pvt_rwset: vec![namespace] }
}

/// A transaction that writes a private key, and what an endorser keeps of it.
pub(super) fn put(txid: &str, collection: &str, key: &str, value: &str) -> (Tx, TxPvtReadWriteSet) {
    let rwset = set(vec![write(key, value.as_bytes())]);
    let announced = tx(txid, "cc").private_put(collection, key, value).announce(collection, &rwset);
    (announced, private(collection, rwset))
}

fn delete(txid: &str, collection: &str, key: &str) -> (Tx, TxPvtReadWriteSet) {
    let rwset = set(vec![KvWrite { is_delete: true, ..write(key, b"") }]);
    (tx(txid, "cc").private_delete(collection, key).announce(collection, &rwset), private(collection, rwset))
}

pub(super) fn waiting<'a>(txid: &'a str, height: u64, private: &'a TxPvtReadWriteSet) -> Waiting<'a> {
    Waiting { txid, creator: "Org1MSP", height, private }
}

pub(super) fn get(store: PrivateStore<'_>, ledger: &Ledger, collection: &str, key: &str) -> Option<String> {
    let value = store.get(&ledger.view().unwrap(), "cc", collection, key).unwrap();
    value.map(|value| String::from_utf8(value.value.to_vec()).unwrap())
}

#[test]
fn private_data_are_promoted_with_their_transaction() {
    let (_directory, mut chain, ledger) = ledger();
    let store = ledger.private_store("Org1MSP");
    let (tx, data) = put("1", "plain", "k", "secret");
    store.keep(waiting("1", ledger.height(), &data)).unwrap();
    assert_eq!(get(store, &ledger, "plain", "k"), None);
    assert_eq!(store.kept(&ledger.view().unwrap(), "1").unwrap(), [data]);
    chain.commit(&ledger, &[tx]).unwrap();
    assert_eq!(get(store, &ledger, "plain", "k").as_deref(), Some("secret"));
    let view = ledger.view().unwrap();
    assert_eq!(store.get(&view, "cc", "plain", "k").unwrap().unwrap().version.block, 2);
    assert!(store.kept(&view, "1").unwrap().is_empty());
    let writes = store.writes_of_block(&view, 2).unwrap();
    assert_eq!((writes.len(), writes[0].tx, writes[0].collection.as_str()), (1, 0, "plain"));
}

#[test]
fn organisations_do_not_see_each_other() {
    let (_directory, mut chain, ledger) = ledger();
    let (tx, data) = put("1", "plain", "k", "secret");
    ledger.private_store("Org1MSP").keep(waiting("1", 2, &data)).unwrap();
    chain.commit(&ledger, &[tx]).unwrap();
    let view = ledger.view().unwrap();
    let other = ledger.private_store("Org2MSP");
    let error = other.get(&view, "cc", "plain", "k").unwrap_err();
    assert_eq!(
        error.to_string(),
        "private data matching public hash version is not available. \
         Public hash version = {BlockNum: 2, TxNum: 0}, Private data version = <nil>"
    );
    assert!(other.range(&view, "cc", "plain", "", "").unwrap().is_empty());
    assert!(other.writes_of_block(&view, 2).unwrap().is_empty());
    assert_eq!(other.get(&view, "cc", "plain", "unwritten").unwrap(), None);
}

#[test]
fn only_what_the_transaction_announced_moves_in() {
    let (_directory, mut chain, ledger) = ledger();
    let store = ledger.private_store("Org1MSP");
    let (tx, right) = put("1", "plain", "k", "right");
    store.keep(waiting("1", 2, &put("1", "plain", "k", "wrong").1)).unwrap();
    store.keep(waiting("1", 2, &right)).unwrap();
    store.keep(waiting("1", 2, &put("1", "plain", "l", "wrong").1)).unwrap();
    chain.commit(&ledger, &[tx]).unwrap();
    assert_eq!(get(store, &ledger, "plain", "k").as_deref(), Some("right"));
    assert_eq!(get(store, &ledger, "plain", "l"), None);
    assert!(store.kept(&ledger.view().unwrap(), "1").unwrap().is_empty());
}

#[test]
fn an_overwritten_value_is_never_served() {
    let (_directory, mut chain, ledger) = ledger();
    let store = ledger.private_store("Org1MSP");
    let (first, data) = put("1", "plain", "k", "old");
    store.keep(waiting("1", 2, &data)).unwrap();
    chain.commit(&ledger, &[first]).unwrap();
    // The other members' data did not reach this organisation.
    chain.commit(&ledger, &[put("2", "plain", "k", "new").0]).unwrap();
    let view = ledger.view().unwrap();
    let error = store.get(&view, "cc", "plain", "k").unwrap_err();
    assert!(matches!(error, LedgerError::PrivateDataUnavailable { .. }), "{error}");
    assert!(store.range(&view, "cc", "plain", "", "").unwrap().is_empty());
}

#[test]
fn metadata_alone_keep_the_value_and_renew_its_version() {
    let (_directory, mut chain, ledger) = ledger();
    let store = ledger.private_store("Org1MSP");
    let (first, data) = put("1", "plain", "k", "secret");
    store.keep(waiting("1", 2, &data)).unwrap();
    chain.commit(&ledger, &[first]).unwrap();
    let metadata_writes = vec![KvMetadataWrite { key: "k".to_owned(), entries: Vec::new() }];
    let rwset: Bytes = KvrwSet { metadata_writes, ..Default::default() }.encode_to_vec().into();
    let second = tx("2", "cc").private_metadata("plain", "k", "p").announce("plain", &rwset);
    store.keep(waiting("2", 3, &private("plain", rwset))).unwrap();
    chain.commit(&ledger, &[second]).unwrap();
    let value = store.get(&ledger.view().unwrap(), "cc", "plain", "k").unwrap().unwrap();
    assert_eq!(
        (&value.value[..], value.version.block, value.metadata.is_empty()),
        (&b"secret"[..], 3, false)
    );
}

#[test]
fn ranges_are_in_the_order_of_bytes_and_have_no_end_key() {
    let (_directory, mut chain, ledger) = ledger();
    let store = ledger.private_store("Org1MSP");
    let keys = ["a", "b", "b\u{0}", "c", "\u{10ffff}"];
    let transactions: Vec<_> = keys.iter().map(|key| put(key, "plain", key, "v")).collect();
    for ((_, data), key) in transactions.iter().zip(keys) {
        store.keep(waiting(key, 2, data)).unwrap();
    }
    chain.commit(&ledger, &transactions.into_iter().map(|(tx, _)| tx).collect::<Vec<_>>()).unwrap();
    let view = ledger.view().unwrap();
    let range = |start: &str, end: &str| {
        store.range(&view, "cc", "plain", start, end).unwrap().into_keys().collect::<Vec<_>>()
    };
    assert_eq!(range("", ""), keys);
    assert_eq!(range("b", "c"), ["b", "b\u{0}"]);
    assert_eq!(range("d", "a"), [""; 0]);
}

#[test]
fn deleted_private_data_are_gone() {
    let (_directory, mut chain, ledger) = ledger();
    let store = ledger.private_store("Org1MSP");
    for (txid, key) in [("1", "k"), ("2", "l")] {
        let (tx, data) = put(txid, "plain", key, "secret");
        store.keep(waiting(txid, 2, &data)).unwrap();
        chain.commit(&ledger, &[tx]).unwrap();
    }
    // One deletion whose private half is here, one whose is not; and a put that the same block undoes.
    let (deletion, data) = delete("3", "plain", "k");
    store.keep(waiting("3", 4, &data)).unwrap();
    let (short, data) = put("5", "plain", "m", "short");
    store.keep(waiting("5", 4, &data)).unwrap();
    let undone = [deletion, delete("4", "plain", "l").0, short, delete("6", "plain", "m").0];
    chain.commit(&ledger, &undone).unwrap();
    assert_eq!(clear_text(&ledger, "v"), 0);
    for key in ["k", "l", "m"] {
        assert_eq!(get(store, &ledger, "plain", key), None);
    }
}

#[test]
fn expired_private_data_are_gone() {
    let (_directory, mut chain, ledger) = ledger();
    let store = ledger.private_store("Org1MSP");
    for collection in ["brief", "plain"] {
        let (tx, data) = put(collection, collection, "k", "secret");
        store.keep(waiting(collection, ledger.height(), &data)).unwrap();
        chain.commit(&ledger, &[tx]).unwrap();
    }
    grow(&mut chain, &ledger, 5);
    assert_eq!((clear_text(&ledger, "v"), clear_text(&ledger, "s")), (2, 2));
    grow(&mut chain, &ledger, 6);
    assert_eq!(get(store, &ledger, "brief", "k"), None);
    assert_eq!(get(store, &ledger, "plain", "k").as_deref(), Some("secret"));
    assert_eq!((clear_text(&ledger, "v"), clear_text(&ledger, "s")), (1, 1));
    assert_eq!((clear_text(&ledger, "h"), clear_text(&ledger, "w"), clear_text(&ledger, "x")), (1, 1, 0));
}

#[test]
fn a_purge_reaches_the_sets_of_earlier_transactions() {
    let (_directory, mut chain, ledger) = ledger();
    let store = ledger.private_store("Org1MSP");
    let rwset = set(vec![write("k", b"old secret"), write("l", b"kept"), write("m", b"old too")]);
    let first = tx("1", "cc").private_put("plain", "k", "old secret").private_put("plain", "l", "kept");
    let first = first.private_put("plain", "m", "old too").announce("plain", &rwset);
    store.keep(waiting("1", 2, &private("plain", rwset))).unwrap();
    chain.commit(&ledger, &[first]).unwrap();
    let (second, data) = put("2", "plain", "k", "new secret");
    store.keep(waiting("2", 3, &data)).unwrap();
    // In one block: the key is written once more, then purged together with another.
    let purge = tx("3", "cc").private_purge("plain", "k").private_purge("plain", "m");
    chain.commit(&ledger, &[second, purge]).unwrap();
    let view = ledger.view().unwrap();
    let keys_in = |block| {
        let sets = store.writes_of_block(&view, block).unwrap();
        let sets = sets.into_iter().map(|set| KvrwSet::decode(set.rwset).unwrap());
        sets.flat_map(|set| set.writes).map(|write| write.key).collect::<Vec<_>>()
    };
    assert_eq!((keys_in(2), keys_in(3)), (vec!["l".to_owned()], vec![]));
    assert_eq!(get(store, &ledger, "plain", "k"), None);
    assert_eq!(get(store, &ledger, "plain", "l").as_deref(), Some("kept"));
}

#[test]
fn what_never_commits_is_dropped() {
    let (_directory, mut chain, ledger) = ledger();
    let store = ledger.private_store("Org1MSP");
    store.keep(waiting("never", ledger.height(), &put("never", "plain", "k", "v").1)).unwrap();
    store.keep(waiting("invalid", ledger.height(), &put("invalid", "plain", "k", "v").1)).unwrap();
    let invalid = put("invalid", "plain", "k", "v").0;
    let code = fabric::proto::protos::TxValidationCode::MvccReadConflict;
    chain.commit(&ledger, &[invalid.with_code(code)]).unwrap();
    assert!(store.kept(&ledger.view().unwrap(), "invalid").unwrap().is_empty());
    let view = ledger.view().unwrap();
    let dropped_with = |block| {
        let mut batch = rocksdb::WriteBatch::default();
        transient::drop_old(&view, block, &mut batch).unwrap();
        batch.len()
    };
    assert_eq!((dropped_with(3), dropped_with(transient::RETENTION + 2)), (0, 0));
    assert_eq!(dropped_with(transient::RETENTION + 3), 3);
}

/// One organisation's clients propose and never submit; what they write is for the eyes of all members.
#[test]
fn an_organisation_fills_its_own_share_of_the_transient_store() {
    let (_directory, mut chain, ledger) = ledger();
    let store = ledger.private_store("Org1MSP");
    let rwset = set(vec![write("k", &vec![7; transient::SHARE_BYTES as usize / 4])]);
    let large = private("plain", rwset);
    let hostile = |txid| Waiting { creator: "HostileMSP", ..waiting(txid, 2, &large) };
    for (txid, organisation) in [("a", "Org1MSP"), ("b", "Org1MSP"), ("c", "Org2MSP"), ("d", "Org1MSP")] {
        ledger.private_store(organisation).keep(hostile(txid)).unwrap();
    }
    let error = store.keep(hostile("e")).unwrap_err();
    assert!(matches!(&error, LedgerError::TooMuchWaits { creator, sets: 4, .. } if creator == "HostileMSP"));

    let (tx, data) = put("1", "plain", "k", "secret");
    store.keep(waiting("1", 2, &data)).unwrap();
    chain.commit(&ledger, &[tx]).unwrap();
    assert_eq!(get(store, &ledger, "plain", "k").as_deref(), Some("secret"));
    // What is dropped makes room again, whatever dropped it.
    let code = fabric::proto::protos::TxValidationCode::MvccReadConflict;
    chain.commit(&ledger, &[put("a", "plain", "x", "v").0.with_code(code)]).unwrap();
    store.keep(hostile("f")).unwrap();
    store.keep(hostile("g")).unwrap_err();
    let mut batch = rocksdb::WriteBatch::default();
    transient::drop_old(&ledger.view().unwrap(), transient::RETENTION + 3, &mut batch).unwrap();
    ledger.view().unwrap().database.write(batch).unwrap();
    store.keep(hostile("g")).unwrap();
}

#[test]
fn private_data_survive_a_power_cut() {
    let (directory, mut chain, ledger) = ledger();
    let store = ledger.private_store("Org1MSP");
    let (tx, data) = put("1", "plain", "k", "secret");
    store.keep(waiting("1", 2, &data)).unwrap();
    store.keep(waiting("2", 2, &put("2", "plain", "l", "waiting").1)).unwrap();
    chain.commit(&ledger, &[tx]).unwrap();
    let (tx, data) = put("3", "plain", "k", "newer");
    store.keep(waiting("3", 3, &data)).unwrap();
    chain.commit(&ledger, &[tx]).unwrap();
    store.keep(waiting("4", 4, &put("4", "plain", "l", "waiting too").1)).unwrap();
    // Nothing was flushed: the copy has what was kept, in RocksDB's log, and the block, in ours.
    let copy = super::crash::cut_power(directory.path());
    let (recovered, recovery) = Ledger::open(copy.path(), None).unwrap();
    assert_eq!(recovery.replayed, 4);
    let store = recovered.private_store("Org1MSP");
    assert_eq!(get(store, &recovered, "plain", "k").as_deref(), Some("newer"));
    let waiting = |txid| store.kept(&recovered.view().unwrap(), txid).unwrap().len();
    assert_eq!(["1", "2", "3", "4"].map(waiting), [0, 1, 0, 1]);
}

/// How many records with this tag lie in the private column family.
fn clear_text(ledger: &Ledger, tag: &str) -> usize {
    let view = ledger.view().unwrap();
    view.scan("private", tag.as_bytes().to_vec()).unwrap().count()
}
