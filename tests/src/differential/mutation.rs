//! Mutants of what a transaction states: each makes one thing odd, and everything around it is hashed,
//! endorsed and signed as if it were not.

use bytes::Bytes;
use fabric::proto::{
    common::SignatureHeader,
    kvrwset::{
        KvMetadataEntry, KvRead, KvReadHash, KvWriteHash, QueryReads, RangeQueryInfo, Version,
        range_query_info::ReadsInfo,
    },
    protos::ChaincodeId,
};
use fastrand::Rng;
use prost::Message;
use prost_types::Timestamp;
use testkit::{
    LIFECYCLE, Signer,
    draft::{Draft, Namespace},
    write,
};

use super::{
    definitions::CHAINCODES,
    mutation_inputs::MutationInputs,
    ordinary::{hash, some_key},
    signatures,
};

/// Makes one thing of a draft odd.
pub type Mutation = for<'a> fn(&mut MutationInputs<'a, '_>, &mut Draft<'a>);

/// Every mutation with its name.
pub const MUTATIONS: &[(&str, Mutation)] = &[
    ("creator:anybody", |inputs, draft| draft.creator = inputs.anybody()),
    ("creator:odd-pem", |inputs, draft| draft.creator.identity = inputs.odd_identity(&draft.creator)),
    ("creator:signature", |inputs, draft| draft.creator.tamper = signatures::some_change(inputs.rng)),
    ("creator:other-msp", |inputs, draft| draft.creator.identity = inputs.other_msp(&draft.creator)),
    ("endorser:anybody", |inputs, draft| {
        let index = inputs.rng.usize(..=draft.endorsers.len());
        draft.endorsers.insert(index, inputs.anybody());
    }),
    ("endorser:replaced", |inputs, draft| replace_endorser(inputs, draft, |inputs, _| inputs.anybody())),
    ("endorser:odd-pem", |inputs, draft| {
        replace_endorser(inputs, draft, |inputs, old| Signer { identity: inputs.odd_identity(&old), ..old })
    }),
    ("endorser:other-msp", |inputs, draft| {
        replace_endorser(inputs, draft, |inputs, old| Signer { identity: inputs.other_msp(&old), ..old })
    }),
    ("endorser:signature", |inputs, draft| {
        replace_endorser(inputs, draft, |inputs, old| Signer {
            tamper: signatures::some_change(inputs.rng),
            ..old
        })
    }),
    ("endorser:bad-then-good", |inputs, draft| {
        let Some(first) = draft.endorsers.first().cloned() else { return };
        draft.endorsers.insert(0, Signer { tamper: signatures::some_change(inputs.rng), ..first });
    }),
    ("endorser:twice", |_, draft| draft.endorsers.extend_from_within(..)),
    ("endorser:same-twice-alone", |_, draft| {
        draft.endorsers.truncate(1);
        draft.endorsers.extend_from_within(..);
    }),
    ("endorser:same-in-other-pem", |inputs, draft| {
        draft.endorsers.truncate(1);
        let Some(first) = draft.endorsers.first().cloned() else { return };
        draft.endorsers.push(Signer { identity: inputs.odd_identity(&first), ..first });
    }),
    ("endorser:reversed", |_, draft| draft.endorsers.reverse()),
    ("endorser:none", |_, draft| draft.endorsers.clear()),
    ("endorser:one-less", |_, draft| drop(draft.endorsers.pop())),
    ("txid:empty", |_, draft| draft.txid = Some(String::new())),
    ("txid:other", |inputs, draft| draft.txid = Some(format!("{:064x}", inputs.rng.u128(..)))),
    ("nonce:empty", |_, draft| draft.nonce.clear()),
    ("nonce:long", |_, draft| draft.nonce.resize(2000, 7)),
    ("header:epoch", |inputs, draft| draft.channel_header.epoch = inputs.rng.u64(1..)),
    ("header:version", |inputs, draft| draft.channel_header.version = inputs.rng.i32(..)),
    ("header:type", |inputs, draft| {
        draft.channel_header.r#type = *inputs.rng.choice(&[0, 1, 2, 4, 5, 6, 8, 9, -1, 77]).unwrap()
    }),
    ("header:timestamp", |inputs, draft| {
        let (seconds, nanos) = (inputs.rng.i64(..), inputs.rng.i32(..));
        draft.channel_header.timestamp = Some(Timestamp { seconds, nanos });
    }),
    ("header:tls-hash", |_, draft| draft.channel_header.tls_cert_hash = Bytes::from_static(&[1; 32])),
    ("header:other-channel", |_, draft| draft.channel_header.channel_id = "elsewhere".to_owned()),
    ("extension:no-chaincode", |_, draft| draft.extension.chaincode_id = None),
    ("extension:other-chaincode", |inputs, draft| {
        let name = inputs.some_name();
        draft.extension.chaincode_id = Some(ChaincodeId { name, ..Default::default() });
    }),
    ("extension:version-and-path", |_, draft| {
        let id = draft.extension.chaincode_id.get_or_insert_default();
        id.version = "77".to_owned();
        id.path = "somewhere".to_owned();
    }),
    ("action-header:without-nonce", |_, draft| {
        draft.action_header =
            Some(SignatureHeader { creator: draft.creator.identity.clone(), ..Default::default() });
    }),
    ("action-header:other", |_, draft| {
        let (creator, nonce) = (Bytes::from_static(b"somebody"), Bytes::from_static(b"something"));
        draft.action_header = Some(SignatureHeader { creator, nonce });
    }),
    ("action:twice", |_, draft| draft.actions = 2),
    ("action:none", |_, draft| draft.actions = 0),
    ("action:no-chaincode", |_, draft| draft.action.chaincode_id = None),
    ("action:other-chaincode", |inputs, draft| {
        draft.action.chaincode_id.get_or_insert_default().name = inputs.some_name()
    }),
    ("both:other-chaincode", |inputs, draft| {
        let name = inputs.some_name();
        draft.extension.chaincode_id.get_or_insert_default().name = name.clone();
        draft.action.chaincode_id.get_or_insert_default().name = name;
    }),
    ("action:no-version", |_, draft| draft.action.chaincode_id.get_or_insert_default().version.clear()),
    ("action:other-version", |_, draft| {
        draft.action.chaincode_id.get_or_insert_default().version = "99".to_owned()
    }),
    ("action:path", |_, draft| draft.action.chaincode_id.get_or_insert_default().path = "path".to_owned()),
    ("action:no-response", |_, draft| draft.action.response = None),
    ("action:bad-response", |inputs, draft| {
        draft.action.response.get_or_insert_default().status =
            *inputs.rng.choice(&[0, 199, 400, 500, -1]).unwrap();
    }),
    ("event:garbage", |inputs, draft| {
        draft.action.events = Bytes::copy_from_slice(&inputs.rng.u64(..).to_be_bytes())
    }),
    ("event:of-other", |inputs, draft| {
        let chaincode_id = inputs.some_name();
        let event = fabric::proto::protos::ChaincodeEvent { chaincode_id, ..Default::default() };
        draft.action.events = event.encode_to_vec().into();
    }),
    ("proposal:empty", |_, draft| draft.proposal_payload.clear()),
    ("proposal:other-hash", |inputs, draft| {
        draft.proposal_hash = Some(inputs.rng.u128(..).to_be_bytes().repeat(2))
    }),
    ("proposal:no-hash", |_, draft| draft.proposal_hash = Some(Vec::new())),
    ("namespace:twice", |_, draft| draft.namespaces.extend_from_within(..)),
    ("namespace:reversed", |_, draft| draft.namespaces.reverse()),
    ("namespace:renamed", |inputs, draft| {
        let name = inputs.some_name();
        if let Some(namespace) = draft.namespaces.first_mut() {
            namespace.name = name;
        }
    }),
    ("namespace:read-elsewhere", |inputs, draft| {
        let name = inputs.some_name();
        let key = some_key(inputs.rng, &name);
        draft.namespace(&name).public.reads.push(KvRead { key, version: None });
    }),
    ("namespace:write-elsewhere", |inputs, draft| {
        let name = inputs.some_name();
        let key = some_key(inputs.rng, &name);
        draft.namespace(&name).public.writes.push(write(&key, "elsewhere"));
    }),
    ("namespace:none", |_, draft| draft.namespaces.clear()),
    ("namespace:empty", |inputs, draft| {
        let name = inputs.some_name();
        draft.namespaces.push(Namespace { name, ..Default::default() });
    }),
    ("lifecycle:write", |inputs, draft| {
        let chaincode = inputs.rng.choice(&CHAINCODES).unwrap();
        let definition = chaincode.definition(inputs.rng.i64(1..5));
        draft.namespace(LIFECYCLE).public.writes.extend(definition);
    }),
    ("lifecycle:undefined-field", |_, draft| {
        let writes = &mut draft.namespace(LIFECYCLE).public.writes;
        writes.push(write("namespaces/fields/orcc/Nothing", "anything"));
    }),
    ("write:twice", |_, draft| each_set(draft, |set| set.public.writes.extend_from_within(..))),
    ("write:odd-key", |inputs, draft| {
        let key = odd_key(inputs.rng);
        each_set(draft, |set| set.public.writes.push(write(&key, "value")));
    }),
    ("write:odd-key-then-query", |inputs, draft| {
        let query = RangeQueryInfo {
            start_key: odd_key(inputs.rng),
            end_key: odd_key(inputs.rng),
            itr_exhausted: inputs.rng.bool(),
            ..Default::default()
        };
        each_set(draft, |set| set.public.range_queries_info.push(query.clone()));
    }),
    ("write:empty-value", |_, draft| {
        each_set(draft, |set| set.public.writes.iter_mut().for_each(|write| write.value.clear()));
    }),
    ("write:delete-with-value", |_, draft| {
        each_set(draft, |set| set.public.writes.iter_mut().for_each(|write| write.is_delete = true));
    }),
    ("write:and-delete", |_, draft| {
        each_set(draft, |set| {
            let mut deletes = set.public.writes.clone();
            deletes.iter_mut().for_each(|write| write.is_delete = true);
            set.public.writes.extend(deletes);
        })
    }),
    ("write:delete-and", |_, draft| {
        each_set(draft, |set| {
            let mut writes = set.public.writes.clone();
            writes.iter_mut().for_each(|write| write.is_delete = true);
            writes.extend(std::mem::take(&mut set.public.writes));
            set.public.writes = writes;
        })
    }),
    ("metadata:twice", |_, draft| each_set(draft, |set| set.public.metadata_writes.extend_from_within(..))),
    ("metadata:entries-twice", |_, draft| {
        each_set(draft, |set| {
            set.public.metadata_writes.iter_mut().for_each(|write| write.entries.extend_from_within(..));
        })
    }),
    ("metadata:odd-entries", |inputs, draft| {
        let name = ["", "VALIDATION_PARAMETER_V2", "validation_parameter", "\u{0}"][inputs.rng.usize(..4)]
            .to_owned();
        each_set(draft, |set| {
            set.public.metadata_writes.iter_mut().for_each(|write| {
                write
                    .entries
                    .insert(0, KvMetadataEntry { name: name.clone(), value: Bytes::from_static(b"x") });
            })
        });
    }),
    ("metadata:of-written-key", |_, draft| {
        each_set(draft, |set| {
            let keys: Vec<String> = set.public.writes.iter().map(|write| write.key.clone()).collect();
            set.public.metadata_writes.iter_mut().zip(keys).for_each(|(metadata, key)| metadata.key = key);
        })
    }),
    ("read:twice", |_, draft| each_set(draft, |set| set.public.reads.extend_from_within(..))),
    ("read:zero-version", |_, draft| {
        each_set(draft, |set| {
            set.public.reads.iter_mut().for_each(|read| read.version = Some(Version::default()));
        })
    }),
    ("read:odd-key", |inputs, draft| {
        let key = odd_key(inputs.rng);
        each_set(draft, |set| set.public.reads.push(KvRead { key: key.clone(), version: None }));
    }),
    ("query:whole-namespace", |_, draft| {
        each_set(draft, |set| {
            set.public.range_queries_info.push(RangeQueryInfo { itr_exhausted: true, ..Default::default() });
        })
    }),
    ("query:backwards", |inputs, draft| {
        let (start_key, end_key) = ("z".to_owned(), some_key(inputs.rng, "rangecc"));
        let query =
            RangeQueryInfo { start_key, end_key, itr_exhausted: inputs.rng.bool(), ..Default::default() };
        each_set(draft, |set| set.public.range_queries_info.push(query.clone()));
    }),
    ("query:exhausted-or-not", |_, draft| {
        each_set(draft, |set| {
            set.public
                .range_queries_info
                .iter_mut()
                .for_each(|query| query.itr_exhausted = !query.itr_exhausted);
        })
    }),
    ("query:empty-reads", |_, draft| {
        each_set(draft, |set| {
            let none = ReadsInfo::RawReads(QueryReads::default());
            set.public.range_queries_info.iter_mut().for_each(|query| query.reads_info = Some(none.clone()));
        })
    }),
    ("query:other-degree", |inputs, draft| {
        let (degree, level) = (inputs.rng.u32(2..60), inputs.rng.u32(..4));
        each_set(draft, |set| {
            set.public.range_queries_info.iter_mut().for_each(|query| {
                if let Some(ReadsInfo::ReadsMerkleHashes(summary)) = &mut query.reads_info {
                    summary.max_degree = degree;
                    summary.max_level = level;
                }
            })
        });
    }),
    ("query:one-result-less", |_, draft| {
        each_set(draft, |set| {
            set.public.range_queries_info.iter_mut().for_each(|query| match &mut query.reads_info {
                Some(ReadsInfo::RawReads(reads)) => drop(reads.kv_reads.pop()),
                Some(ReadsInfo::ReadsMerkleHashes(summary)) => drop(summary.max_level_hashes.pop()),
                None => {}
            });
        })
    }),
    ("private:unknown-collection-read", |inputs, draft| {
        let key_hash = hash(&inputs.rng.u8(..).to_be_bytes());
        let chaincode = draft.chaincode().to_owned();
        draft.hashed(&chaincode, "nothing").hashed_reads.push(KvReadHash { key_hash, version: None });
    }),
    ("private:odd-implicit", |inputs, draft| {
        let name = ["_implicit_org_", "_implicit_org_XMSP", "_implicit_org_OrdererMSP", "_implicit_org_CMSP"]
            [inputs.rng.usize(..4)];
        let key_hash = hash(&inputs.rng.u8(..).to_be_bytes());
        let write = KvWriteHash { value_hash: key_hash.clone(), key_hash, ..Default::default() };
        let chaincode = draft.chaincode().to_owned();
        draft.hashed(&chaincode, name).hashed_writes.push(write);
    }),
    ("private:odd-hashes", |inputs, draft| {
        let write = KvWriteHash {
            key_hash: Bytes::copy_from_slice(&vec![7; inputs.rng.usize(..40)]),
            value_hash: [Bytes::new(), hash(b""), Bytes::from_static(b"short")][inputs.rng.usize(..3)]
                .clone(),
            is_delete: inputs.rng.bool(),
            is_purge: inputs.rng.bool(),
        };
        draft.hashed("pvtcc", "open").hashed_writes.push(write);
    }),
    ("private:twice", |_, draft| {
        each_set(draft, |set| {
            set.collections.iter_mut().for_each(|(_, hashed)| hashed.hashed_writes.extend_from_within(..));
        })
    }),
    ("private:collection-twice", |_, draft| each_set(draft, |set| set.collections.extend_from_within(..))),
];

fn replace_endorser<'a>(
    inputs: &mut MutationInputs<'a, '_>,
    draft: &mut Draft<'a>,
    new: impl Fn(&mut MutationInputs<'a, '_>, Signer<'a>) -> Signer<'a>,
) {
    if !draft.endorsers.is_empty() {
        let index = inputs.rng.usize(..draft.endorsers.len());
        draft.endorsers[index] = new(inputs, draft.endorsers[index].clone());
    }
}

fn each_set(draft: &mut Draft<'_>, change: impl Fn(&mut Namespace)) {
    draft.namespaces.iter_mut().for_each(change);
}

fn odd_key(rng: &mut Rng) -> String {
    let keys = [
        "",
        "\u{0}",
        "\u{0}composite\u{0}key\u{0}",
        "_under",
        "\u{10ffff}",
        "k00\u{0}",
        "k 0",
        "ключ",
        "k05\n",
    ];
    match rng.u8(..10) {
        0 => "k".repeat(70_000),
        _ => (*rng.choice(&keys).unwrap()).to_owned(),
    }
}
