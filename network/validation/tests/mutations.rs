//! A valid transaction with every field of every message dropped, doubled, emptied, corrupted or cut off,
//! signed again so that deep layers are reached: always a verdict or a halt, never a panic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::proto::{
    kvrwset::{
        KvMetadataEntry, KvMetadataWrite, KvMetadataWriteHash, KvRead, KvReadHash, KvWriteHash, QueryReads,
        QueryReadsMerkleSummary, RangeQueryInfo, Version, range_query_info::ReadsInfo,
    },
    protos::{ChaincodeEvent, Response, TxValidationCode},
};
use prost::{
    Message,
    encoding::{decode_varint, encode_varint},
};
use testkit::{CHAINCODE, COLLECTION, Draft, Stopped, TestChannel, draft::Layer, write};

const LAYERS: [Layer; 14] = [
    Layer::PublicRwSet,
    Layer::HashedRwSet,
    Layer::Results,
    Layer::Extension,
    Layer::ChannelHeader,
    Layer::SignatureHeader,
    Layer::ActionHeader,
    Layer::ChaincodeAction,
    Layer::ResponsePayload,
    Layer::ActionPayload,
    Layer::Transaction,
    Layer::Header,
    Layer::Payload,
    Layer::Envelope,
];
/// How deep messages in messages are looked for.
const MAX_DEPTH: usize = 5;

/// A valid transaction with something in every field that validation reads.
fn rich_draft(channel: &TestChannel) -> Draft<'_> {
    let version = Some(Version { block_num: 2, tx_num: 0 });
    let read = |key: &str| KvRead { key: key.to_owned(), version };
    let query = |exhausted, reads| RangeQueryInfo {
        start_key: "a".to_owned(),
        end_key: "m".to_owned(),
        itr_exhausted: exhausted,
        reads_info: Some(reads),
    };
    let policy = KvMetadataEntry { name: "VALIDATION_PARAMETER".to_owned(), value: Bytes::new() };
    let mut draft = channel.draft(CHAINCODE);
    let public = draft.public(CHAINCODE);
    public.reads = vec![read("b"), KvRead { key: "missing".to_owned(), version: None }];
    let kv_reads = vec![read("b"), read("c")];
    public.range_queries_info = vec![query(true, ReadsInfo::RawReads(QueryReads { kv_reads }))];
    public.writes = vec![write("new", "value"), testkit::delete("b")];
    public.metadata_writes = vec![KvMetadataWrite { key: "new".to_owned(), entries: vec![policy.clone()] }];
    let key_hash = Bytes::from_static(&[3; 32]);
    let hashed = draft.hashed(CHAINCODE, COLLECTION);
    hashed.hashed_reads = vec![KvReadHash { key_hash: key_hash.clone(), version: None }];
    hashed.hashed_writes = vec![KvWriteHash {
        key_hash: key_hash.clone(),
        value_hash: Bytes::from_static(&[4; 32]),
        is_purge: true,
        ..Default::default()
    }];
    hashed.metadata_writes = vec![KvMetadataWriteHash { key_hash, entries: vec![policy] }];
    draft.action.response = Some(Response { status: 200, message: "fine".to_owned(), payload: Bytes::new() });
    draft.action.events = ChaincodeEvent {
        chaincode_id: CHAINCODE.to_owned(),
        tx_id: draft.txid(),
        event_name: "happened".to_owned(),
        payload: Bytes::from_static(b"it"),
    }
    .encode_to_vec()
    .into();
    draft
}

/// The place of each field in a message, `None` if it is no message.
fn fields(message: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let start = message.len() - rest.len();
        let tag = decode_varint(&mut rest).ok()?;
        let value = message.len() - rest.len();
        let mut content = None;
        match tag & 7 {
            0 => drop(decode_varint(&mut rest).ok()?),
            2 => {
                let length = decode_varint(&mut rest).ok()? as usize;
                let begin = message.len() - rest.len();
                rest = rest.get(length..)?;
                content = Some(begin..begin + length);
            }
            _ => return None,
        }
        if tag >> 3 == 0 {
            return None;
        }
        fields.push(Field { number: tag >> 3, start, value, end: message.len() - rest.len(), content });
    }
    Some(fields)
}

struct Field {
    number: u64,
    start: usize,
    value: usize,
    end: usize,
    content: Option<std::ops::Range<usize>>,
}

/// Every message that is one defect away.
fn mutants(message: &[u8], depth: usize) -> Vec<Vec<u8>> {
    let mut mutants = vec![Vec::new(), [message, &[0x0a]].concat(), [message, &[0xa2, 0x06, 1, 7]].concat()];
    for field in fields(message).into_iter().flatten() {
        let around = |inside: &[u8]| [&message[..field.start], inside, &message[field.end..]].concat();
        let whole = &message[field.start..field.end];
        mutants.push(around(&[]));
        mutants.push(around(&[whole, whole].concat()));
        mutants.push(message[..field.end - 1].to_vec());
        for other in [vec![0], vec![1], vec![0xff; 9], vec![0xff; 11]] {
            mutants.push(around(&[tag(field.number, 0), other].concat()));
        }
        mutants.push(around(&[tag(field.number, 5), vec![0; 4]].concat()));
        for position in [field.value, field.end - 1] {
            let mut flipped = message.to_vec();
            flipped[position] ^= 0x55;
            mutants.push(flipped);
        }
        let Some(content) = field.content.filter(|_| depth < MAX_DEPTH) else { continue };
        for inner in mutants_within(&message[content], depth) {
            let length = inner.len() as u64;
            let mut replaced = tag(field.number, 2);
            encode_varint(length, &mut replaced);
            replaced.extend(inner);
            mutants.push(around(&replaced));
        }
    }
    mutants
}

fn mutants_within(content: &[u8], depth: usize) -> Vec<Vec<u8>> {
    let simple = vec![Vec::new(), vec![0xff], vec![0; 300]];
    if fields(content).is_some() { [simple, mutants(content, depth + 1)].concat() } else { simple }
}

fn tag(number: u64, wire_type: u64) -> Vec<u8> {
    let mut tag = Vec::new();
    encode_varint(number << 3 | wire_type, &mut tag);
    tag
}

#[test]
fn no_mutant_panics() {
    let mut channel = TestChannel::new();
    channel.submit(vec![channel.put(&[("b", "1"), ("c", "2"), ("n", "3")])]);
    let draft = rich_draft(&channel);
    assert_eq!(channel.codes(vec![draft.seal()]), [TxValidationCode::Valid]);

    let mut outcomes = BTreeMap::<String, usize>::new();
    for layer in LAYERS {
        let original = std::cell::RefCell::new(Vec::new());
        draft.seal_with(|found, encoded| {
            if found == layer {
                original.replace(encoded.clone());
            }
            encoded
        });
        for mutant in mutants(&original.take(), 0) {
            let envelope =
                draft.seal_with(|found, encoded| if found == layer { mutant.clone() } else { encoded });
            let last = vec![channel.put(&[("z", "v")]), envelope];
            // A write behind it makes peers read it even if it is bad.
            let followed = [last.clone(), vec![channel.put(&[("new", "v")])]].concat();
            for block in [last, followed] {
                *outcomes.entry(outcome(&channel, block)).or_default() += 1;
            }
        }
    }
    println!("{outcomes:#?}");
    // Deep layers were reached: nearly every code that a transaction can get, and halts.
    let halts = outcomes.keys().filter(|outcome| outcome.starts_with("halt")).count();
    assert!(halts >= 6 && outcomes.len() - halts >= 14, "{outcomes:#?}");
}

/// What becomes of the second transaction of a block.
fn outcome(channel: &TestChannel, block: Vec<Bytes>) -> String {
    match channel.validate(channel.block(block)) {
        Ok(validation) => validation.block.codes[1].as_str_name().to_owned(),
        Err(Stopped::Halted(halt)) => format!("halt: {:?}", std::mem::discriminant(&halt.defect)),
        Err(Stopped::Rejected(_)) => "rejected".to_owned(),
    }
}

/// Merkle summaries of any shape, over a range of any size.
#[test]
fn no_merkle_summary_panics() {
    let mut channel = TestChannel::new();
    let keys: Vec<String> = (0..30).map(|index| format!("k{index:02}")).collect();
    let writes: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    channel.submit(vec![channel.put(&writes)]);
    for max_degree in [0, 1, 2, 3, u32::MAX] {
        for max_level in [0, 1, 2, 3, 4, u32::MAX] {
            for hashes in 0..4 {
                let mut draft = channel.draft(CHAINCODE);
                draft.public(CHAINCODE).range_queries_info.push(RangeQueryInfo {
                    reads_info: Some(ReadsInfo::ReadsMerkleHashes(QueryReadsMerkleSummary {
                        max_degree,
                        max_level,
                        max_level_hashes: vec![Bytes::from_static(&[0; 32]); hashes],
                    })),
                    ..Default::default()
                });
                match channel.validate(channel.block(vec![draft.seal()])) {
                    Ok(validation) => {
                        assert_eq!(validation.block.codes, [TxValidationCode::PhantomReadConflict]);
                    }
                    Err(stopped) => assert!(matches!(stopped, Stopped::Halted(_)) && max_degree < 2),
                }
            }
        }
    }
}
