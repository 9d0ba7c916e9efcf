//! What a transaction reads and writes, as a chaincode on the committed state would.

use bytes::Bytes;
use endorsement::range_reads::RangeReads;
use fabric::{
    proto::{
        kvrwset::{
            KvMetadataEntry, KvMetadataWrite, KvMetadataWriteHash, KvRead, KvReadHash, KvWriteHash,
            RangeQueryInfo, Version,
        },
        protos::ChaincodeEvent,
    },
    types::Height,
};
use fastrand::Rng;
use ledger::View;
use prost::Message;
use sha2::{Digest, Sha256};
use testkit::{Draft, write};

use super::{
    channel::{CHANNEL, Channel},
    definitions::{CHAINCODES, Chaincode},
    identities::{Identities, Org, Person},
    policies::some_key_policy,
};

/// Keys of a namespace: few enough that transactions meet.
const KEYS: usize = 40;
/// In `rangecc`, so many that queries leave a Merkle summary.
pub const RANGE_KEYS: usize = 160;
const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";

/// Writes drafts against one state.
pub struct Author<'a> {
    pub channel: &'a Channel,
    pub view: View<'a>,
}

impl<'a> Author<'a> {
    pub fn new(channel: &'a Channel) -> Self {
        Self { channel, view: channel.ledger.view().unwrap() }
    }

    /// A transaction on some chaincode, most often endorsed as it should be.
    pub fn draft(&self, rng: &mut Rng, nonce: Vec<u8>) -> Draft<'a> {
        let chaincode = rng.choice(&CHAINCODES).unwrap();
        let org = rng.choice(&self.channel.identities.orgs).unwrap();
        let creator = if rng.u8(..4) == 0 { self.anybody(rng) } else { &org.client };
        let mut draft = Draft::new(CHANNEL, chaincode.name, nonce, creator, self.endorsers(rng, chaincode));
        self.act(rng, &mut draft, chaincode);
        // Chaincode to chaincode.
        if rng.u8(..6) == 0 {
            self.act(rng, &mut draft, rng.clone().choice(&CHAINCODES).unwrap());
        }
        if rng.u8(..4) == 0 {
            draft.action.events = event(&draft).encode_to_vec().into();
        }
        draft
    }

    fn endorsers(&self, rng: &mut Rng, chaincode: &Chaincode) -> Vec<&'a Person> {
        let [a, b, c] = &self.channel.identities.orgs[..] else { unreachable!("three organisations") };
        let enough: Vec<&Person> = match chaincode.name {
            "rolecc" => vec![&a.admin, &b.client, &a.client],
            "greedycc" => vec![&a.peer, &b.peer, &b.client],
            "refcc" => vec![&a.peer, &a.admin],
            "twocc" if rng.bool() => vec![&c.client, &b.peer],
            _ => vec![&a.peer, &b.peer, &c.peer],
        };
        match rng.u8(..10) {
            0 => (0..rng.usize(1..4)).map(|_| self.anybody(rng)).collect(),
            1 => enough.into_iter().take(rng.usize(1..4)).collect(),
            2 => {
                let mut shuffled = enough;
                rng.shuffle(&mut shuffled);
                shuffled
            }
            _ => enough,
        }
    }

    pub fn anybody(&self, rng: &mut Rng) -> &'a Person {
        let org: &Org = rng.choice(&self.channel.identities.orgs).unwrap();
        match rng.u8(..4) {
            0 => &org.client,
            1 => &org.peer,
            2 => &org.admin,
            _ => rng.choice(&self.channel.identities.odd).unwrap(),
        }
    }

    /// Some reads and writes in the chaincode's namespace.
    pub fn act(&self, rng: &mut Rng, draft: &mut Draft<'_>, chaincode: &Chaincode) {
        for _ in 0..rng.usize(1..5) {
            let key = some_key(rng, chaincode.name);
            match rng.u8(..20) {
                0..=5 => self.read(rng, draft, chaincode.name, &key),
                6..=12 => put(rng, draft, chaincode.name, &key),
                13 | 14 => {
                    let writes = &mut draft.namespace(chaincode.name).public.writes;
                    writes.retain(|write| write.key != key);
                    writes.push(fabric::proto::kvrwset::KvWrite {
                        key,
                        is_delete: true,
                        value: Bytes::new(),
                    });
                }
                15 => {
                    let entries = some_policy(rng, &self.channel.identities);
                    let set = &mut draft.namespace(chaincode.name).public;
                    set.metadata_writes.retain(|write| write.key != key);
                    set.metadata_writes.push(KvMetadataWrite { key, entries });
                }
                _ if !chaincode.collections.is_empty() => self.act_privately(rng, draft, chaincode),
                _ if chaincode.name == "rangecc" || rng.u8(..3) == 0 => {
                    self.query(rng, draft, chaincode.name)
                }
                _ => self.read(rng, draft, chaincode.name, &key),
            }
        }
    }

    fn read(&self, rng: &mut Rng, draft: &mut Draft<'_>, namespace: &str, key: &str) {
        let committed = self.view.get(namespace, key).unwrap().map(|state| version(state.version));
        let version = some_version(rng, committed);
        draft.namespace(namespace).public.reads.push(KvRead { key: key.to_owned(), version });
    }

    fn query(&self, rng: &mut Rng, draft: &mut Draft<'_>, namespace: &str) {
        let mut bounds = [some_key(rng, namespace), some_key(rng, namespace)];
        if rng.u8(..3) == 0 {
            bounds[0].clear();
        }
        bounds.sort();
        let [start_key, mut end_key] = bounds;
        let limit = if rng.bool() { usize::MAX } else { rng.usize(1..80) };
        let mut reads = RangeReads::default();
        let mut results = self.view.range(namespace, &start_key, &end_key).unwrap();
        for (key, state) in results.by_ref().take(limit).map(Result::unwrap) {
            reads.add(&key, state.version);
            if limit != usize::MAX {
                end_key = key;
            }
        }
        let itr_exhausted = limit == usize::MAX || results.next().is_none();
        let reads_info = reads.finish();
        let query = RangeQueryInfo { start_key, end_key, itr_exhausted, reads_info };
        draft.namespace(namespace).public.range_queries_info.push(query);
    }

    fn act_privately(&self, rng: &mut Rng, draft: &mut Draft<'_>, chaincode: &Chaincode) {
        let collection = match rng.u8(..6) {
            0 => "_implicit_org_AMSP",
            1 => "_implicit_org_BMSP",
            _ => rng.choice(chaincode.collections).unwrap().0,
        };
        let key_hash = hash(some_key(rng, chaincode.name).as_bytes());
        match rng.u8(..8) {
            0 | 1 => {
                let committed = self.view.get_hashed(chaincode.name, collection, &key_hash).unwrap();
                let version = some_version(rng, committed.map(|state| version(state.version)));
                let reads = &mut draft.hashed(chaincode.name, collection).hashed_reads;
                reads.push(KvReadHash { key_hash, version });
            }
            2 => {
                let entries = some_policy(rng, &self.channel.identities);
                let writes = &mut draft.hashed(chaincode.name, collection).metadata_writes;
                writes.retain(|write| write.key_hash != key_hash);
                writes.push(KvMetadataWriteHash { key_hash, entries });
            }
            kind => {
                let is_delete = kind > 5;
                let value_hash = if is_delete { Bytes::new() } else { hash(&rng.u64(..).to_be_bytes()) };
                let writes = &mut draft.hashed(chaincode.name, collection).hashed_writes;
                writes.retain(|write| write.key_hash != key_hash);
                writes.push(KvWriteHash { key_hash, is_delete, value_hash, is_purge: kind == 7 });
            }
        }
    }
}

/// Mostly what it should be.
fn some_version(rng: &mut Rng, committed: Option<Version>) -> Option<Version> {
    match rng.u8(..25) {
        0 => None,
        1 => Some(Version { block_num: rng.u64(..20), tx_num: rng.u64(..5) }),
        _ => committed,
    }
}

fn put(rng: &mut Rng, draft: &mut Draft<'_>, namespace: &str, key: &str) {
    let value = format!("{:x}", rng.u64(..));
    let writes = &mut draft.namespace(namespace).public.writes;
    writes.retain(|write| write.key != key);
    writes.push(write(key, value));
}

pub fn some_key(rng: &mut Rng, namespace: &str) -> String {
    match namespace {
        "rangecc" => format!("r{:03}", rng.usize(..RANGE_KEYS)),
        _ => format!("k{:02}", rng.usize(..KEYS)),
    }
}

fn some_policy(rng: &mut Rng, identities: &Identities) -> Vec<KvMetadataEntry> {
    let policy = some_key_policy(rng, identities);
    let entry = |name: &str, value: Vec<u8>| KvMetadataEntry { name: name.to_owned(), value: value.into() };
    match rng.u8(..8) {
        0 => Vec::new(),
        1 => vec![entry("OTHER", b"anything".to_vec())],
        2 => vec![entry("A", Vec::new()), entry(VALIDATION_PARAMETER, policy)],
        _ => vec![entry(VALIDATION_PARAMETER, policy)],
    }
}

fn event(draft: &Draft<'_>) -> ChaincodeEvent {
    ChaincodeEvent {
        chaincode_id: draft.chaincode().to_owned(),
        event_name: "happened".to_owned(),
        ..Default::default()
    }
}

pub fn version(height: Height) -> Version {
    Version { block_num: height.block, tx_num: height.tx }
}

pub fn hash(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(bytes))
}
