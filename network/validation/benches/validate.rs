//! How fast a block of 500 transactions is validated, beside what its bare signature checks cost.
//!
//! `cargo bench -p validation --bench validate`. The signatures of a transaction are its creator's and one an
//! endorsement; verifying them and nothing else, on as many cores, is the most that any validator reaches.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::{hint::black_box, thread, time::Duration};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fabric::{
    crypto::PublicKey,
    proto::{
        common::{Block, Envelope},
        kvrwset::{KvRead, Version},
        protos::{ChaincodeActionPayload, Transaction},
    },
};
use prost::Message;
use testkit::{BOTH, CHAINCODE, TestChannel, write};

const TRANSACTIONS: usize = 500;

/// One signature with what it is over.
struct Signed {
    key: PublicKey,
    message: Bytes,
    signature: Bytes,
}

fn transactions(channel: &TestChannel, chaincode: &str) -> Vec<Bytes> {
    let transaction = |index: usize| {
        let mut draft = channel.draft(chaincode);
        if chaincode == BOTH {
            draft.endorsers.push((&channel.b.peer).into());
        }
        let public = draft.public(chaincode);
        public.reads.push(KvRead { key: format!("missing{index}"), version: None });
        public.writes.push(write(&format!("key{index}"), vec![7; 1000]));
        let version = Some(Version { block_num: 1, tx_num: 0 });
        let key = format!("namespaces/fields/{CHAINCODE}/Sequence");
        draft.public("_lifecycle").reads.push(KvRead { key, version });
        draft.seal()
    };
    (0..TRANSACTIONS).map(transaction).collect()
}

fn signatures(channel: &TestChannel, envelopes: &[Bytes]) -> Vec<Signed> {
    let mut signatures = Vec::new();
    let keys = [&channel.a.client, &channel.a.peer, &channel.b.peer];
    let key = |serialized: &[u8]| {
        let signer = keys.iter().find(|signer| signer.serialized() == serialized);
        signer.unwrap().public_key()
    };
    for envelope in envelopes {
        let envelope = Envelope::decode(envelope.clone()).unwrap();
        let payload = fabric::proto::common::Payload::decode(envelope.payload.clone()).unwrap();
        let transaction = Transaction::decode(payload.data).unwrap();
        let action = ChaincodeActionPayload::decode(transaction.actions[0].payload.clone()).unwrap();
        let endorsed = action.action.unwrap();
        for endorsement in endorsed.endorsements {
            let message = [endorsed.proposal_response_payload.clone(), endorsement.endorser.clone()].concat();
            let (key, signature) = (key(&endorsement.endorser), endorsement.signature);
            signatures.push(Signed { key, message: message.into(), signature });
        }
        let key = channel.a.client.public_key();
        signatures.push(Signed { key, message: envelope.payload, signature: envelope.signature });
    }
    signatures
}

/// Verifies on all cores.
fn verify(signatures: &[Signed]) {
    let cores = thread::available_parallelism().unwrap().get();
    thread::scope(|scope| {
        for part in signatures.chunks(signatures.len().div_ceil(cores)) {
            scope.spawn(move || {
                for Signed { key, message, signature } in part {
                    key.verify(black_box(message), signature).unwrap();
                }
            });
        }
    });
}

fn validate(channel: &TestChannel, block: Block) {
    let validation = channel.validate(block).unwrap();
    assert!(validation.reasons.iter().all(String::is_empty), "all are valid");
}

fn blocks_of_500(criterion: &mut Criterion) {
    let channel = TestChannel::new();
    let mut group = criterion.benchmark_group("block of 500");
    group.throughput(Throughput::Elements(TRANSACTIONS as u64));
    group.sample_size(20).measurement_time(Duration::from_secs(10));
    for (endorsements, chaincode) in [(1, CHAINCODE), (2, BOTH)] {
        let envelopes = transactions(&channel, chaincode);
        let signatures = signatures(&channel, &envelopes);
        let block = channel.block(envelopes);
        let name = format!("{endorsements} endorsement(s)");
        group.bench_function(BenchmarkId::new("signatures alone", &name), |bencher| {
            bencher.iter(|| verify(&signatures));
        });
        group.bench_function(BenchmarkId::new("validation", &name), |bencher| {
            bencher.iter(|| validate(&channel, block.clone()));
        });
    }
    group.finish();
}

criterion_group!(benches, blocks_of_500);
criterion_main!(benches);
