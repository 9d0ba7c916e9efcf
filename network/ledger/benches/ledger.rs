//! How fast blocks become durable, and what of it is the disk.
//!
//! `commit` is the ledger alone: updates, log with one sync, database; no signatures. `sync` is the disk
//! under it: one append and one fdatasync of as many bytes.

#![allow(clippy::expect_used)]

use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fabric::{
    proto::{
        common::{BlockHeader, BlockMetadata, ChannelHeader, Envelope, Header, HeaderType, Payload},
        kvrwset::{KvWrite, KvrwSet},
        protos::TxValidationCode,
    },
    types::{
        HeadedBlock, Height,
        block::data_hash,
        rwset::{NamespaceRwSet, TxRwSet},
    },
};
use ledger::{Ledger, Transaction, UpdateBatch, ValidatedBlock};
use prost::Message;

const TRANSACTIONS: usize = 500;
/// What an envelope with two endorsements measures.
const ENVELOPE_BYTES: usize = 3500;

fn commit(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let (ledger, _) = Ledger::open(directory.path(), Some(&genesis())).expect("a ledger");
    let mut group = criterion.benchmark_group("ledger");
    group.sample_size(20).throughput(Throughput::Elements(TRANSACTIONS as u64));
    group.bench_function("commit, 500 transactions", |bencher| {
        bencher.iter_custom(|iterations| (0..iterations).map(|_| commit_one(&ledger)).sum());
    });
    group.finish();
}

fn sync(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("disk");
    group.sample_size(20);
    for bytes in [4 << 10, TRANSACTIONS * ENVELOPE_BYTES] {
        let mut file = tempfile::tempfile().expect("a file");
        let content = vec![7; bytes];
        group.bench_function(format!("append and sync {bytes} bytes"), |bencher| {
            bencher.iter(|| {
                file.write_all(&content).expect("write");
                file.sync_data().expect("sync");
            });
        });
    }
    group.finish();
}

/// Validates nothing, commits one block, and tells how long that took.
fn commit_one(ledger: &Arc<Ledger>) -> Duration {
    let (block, transactions) = next_block(ledger);
    let number = ledger.height();
    let begin = Instant::now();
    let mut updates = UpdateBatch::default();
    {
        let committed = ledger.view().expect("a view");
        for (index, transaction) in transactions.iter().enumerate() {
            let rwset = transaction.rwset.as_ref().expect("a read-write set");
            updates.apply(rwset, Height::new(number, index as u64), &committed).expect("valid");
        }
    }
    let codes = vec![TxValidationCode::Valid; transactions.len()];
    ledger.commit(ValidatedBlock { block, codes, transactions, updates }).expect("durable");
    begin.elapsed()
}

fn next_block(ledger: &Ledger) -> (HeadedBlock, Vec<Transaction>) {
    let number = ledger.height();
    let transactions: Vec<_> = (0..TRANSACTIONS).map(|index| transaction(number, index)).collect();
    let data: Vec<_> = transactions.iter().map(|transaction| envelope(&transaction.txid)).collect();
    (block(number, &ledger.last_hash(), data), transactions)
}

fn transaction(number: u64, index: usize) -> Transaction {
    let txid = fabric::types::txid::compute(&number.to_be_bytes(), &index.to_be_bytes());
    let write = |key: String| KvWrite { key, is_delete: false, value: Bytes::from(vec![b'v'; 200]) };
    let writes = vec![write(format!("key-{txid}")), write(format!("counter-{index}"))];
    let public = KvrwSet { writes, ..Default::default() };
    let namespace = NamespaceRwSet { namespace: "cc".to_owned(), public, collections: Vec::new() };
    Transaction { txid, rwset: Some(TxRwSet { namespaces: vec![namespace] }) }
}

fn genesis() -> HeadedBlock {
    let channel_header = ChannelHeader {
        r#type: HeaderType::Config as i32,
        channel_id: "bench".to_owned(),
        ..Default::default()
    };
    let header =
        Header { channel_header: channel_header.encode_to_vec().into(), signature_header: Bytes::new() };
    let payload = Payload { header: Some(header), data: Bytes::from_static(b"config") };
    let envelope = Envelope { payload: payload.encode_to_vec().into(), signature: Bytes::new() };
    block(0, &[], vec![envelope.encode_to_vec().into()])
}

fn block(number: u64, previous: &[u8], data: Vec<Bytes>) -> HeadedBlock {
    let data_hash = Bytes::copy_from_slice(&data_hash(&data));
    let header = BlockHeader { number, previous_hash: Bytes::copy_from_slice(previous), data_hash };
    HeadedBlock::new(header, data, BlockMetadata::default())
}

fn envelope(txid: &str) -> Bytes {
    let mut bytes = txid.as_bytes().to_vec();
    bytes.resize(ENVELOPE_BYTES, b'e');
    bytes.into()
}

criterion_group!(benches, sync, commit);
criterion_main!(benches);
