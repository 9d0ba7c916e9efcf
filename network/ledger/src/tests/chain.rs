//! Chains made up for tests: blocks of unsigned transactions with verdicts of the test's choice.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use fabric::{
    proto::{
        common::{BlockHeader, BlockMetadata, ChannelHeader, Envelope, Header, HeaderType, Payload},
        kvrwset::{
            HashedRwSet, KvMetadataEntry, KvMetadataWrite, KvMetadataWriteHash, KvWrite, KvWriteHash, KvrwSet,
        },
        lifecycle::{StateData, StateMetadata, state_data},
        protos::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, CollectionConfig,
            CollectionConfigPackage, ProposalResponsePayload, StaticCollectionConfig,
            Transaction as ActionList, TransactionAction, TxValidationCode, collection_config,
        },
        rwset::{CollectionHashedReadWriteSet, NsReadWriteSet, TxReadWriteSet},
    },
    types::{
        HeadedBlock,
        block::{data_hash, header_hash},
    },
};
use prost::Message;
use sha2::{Digest, Sha256};

use super::super::{CommittedBlock, Ledger, LedgerError, ValidatedBlock};

/// One transaction, in one namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Tx {
    txid: String,
    namespace: String,
    public: KvrwSet,
    collections: Vec<(String, HashedRwSet, Bytes)>,
    code: TxValidationCode,
}

pub(super) fn tx(txid: &str, namespace: &str) -> Tx {
    Tx { txid: txid.to_owned(), namespace: namespace.to_owned(), ..Tx::default() }
}

impl Tx {
    pub(super) fn put(mut self, key: &str, value: &str) -> Self {
        self.public.writes.push(write(key, value.as_bytes()));
        self
    }

    pub(super) fn put_bytes(mut self, key: &str, value: &[u8]) -> Self {
        self.public.writes.push(write(key, value));
        self
    }

    pub(super) fn delete(mut self, key: &str) -> Self {
        self.public.writes.push(KvWrite { is_delete: true, ..write(key, b"") });
        self
    }

    /// Sets the metadata entry `VALIDATION_PARAMETER`, or without a policy deletes all metadata.
    pub(super) fn metadata(mut self, key: &str, policy: Option<&str>) -> Self {
        let entries = policy.map(entry).into_iter().collect();
        self.public.metadata_writes.push(KvMetadataWrite { key: key.to_owned(), entries });
        self
    }

    /// A write of a private key, as everybody sees it: by hashes.
    pub(super) fn private_put(self, collection: &str, key: &str, value: &str) -> Self {
        self.hashed(collection, |hashed| hashed.hashed_writes.push(hashed_write(key, Some(value))))
    }

    pub(super) fn private_delete(self, collection: &str, key: &str) -> Self {
        self.hashed(collection, |hashed| hashed.hashed_writes.push(hashed_write(key, None)))
    }

    pub(super) fn private_purge(self, collection: &str, key: &str) -> Self {
        let write = KvWriteHash { is_purge: true, ..hashed_write(key, None) };
        self.hashed(collection, |hashed| hashed.hashed_writes.push(write))
    }

    pub(super) fn private_metadata(self, collection: &str, key: &str, policy: &str) -> Self {
        let write = KvMetadataWriteHash { key_hash: hash(key.as_bytes()), entries: vec![entry(policy)] };
        self.hashed(collection, |hashed| hashed.metadata_writes.push(write))
    }

    /// Announces the hash of a private read-write set.
    pub(super) fn announce(mut self, collection: &str, rwset: &[u8]) -> Self {
        let found = self.collections.iter_mut().find(|(name, ..)| name == collection);
        found.expect("a private write comes first").2 = hash(rwset);
        self
    }

    pub(super) fn with_code(mut self, code: TxValidationCode) -> Self {
        self.code = code;
        self
    }

    fn hashed(mut self, collection: &str, change: impl FnOnce(&mut HashedRwSet)) -> Self {
        match self.collections.iter_mut().find(|(name, ..)| name == collection) {
            Some((_, hashed, _)) => change(hashed),
            None => {
                let mut hashed = HashedRwSet::default();
                change(&mut hashed);
                self.collections.push((collection.to_owned(), hashed, Bytes::new()));
            }
        }
        self
    }

    fn envelope(&self) -> Bytes {
        let collections =
            self.collections.iter().map(|(name, hashed, announced)| CollectionHashedReadWriteSet {
                collection_name: name.clone(),
                hashed_rwset: hashed.encode_to_vec().into(),
                pvt_rwset_hash: announced.clone(),
            });
        let namespace = NsReadWriteSet {
            namespace: self.namespace.clone(),
            rwset: self.public.encode_to_vec().into(),
            collection_hashed_rwset: collections.collect(),
        };
        let results = TxReadWriteSet { data_model: 0, ns_rwset: vec![namespace] }.encode_to_vec().into();
        let extension = ChaincodeAction { results, ..Default::default() }.encode_to_vec().into();
        let response = ProposalResponsePayload { extension, ..Default::default() };
        let proposal_response_payload = response.encode_to_vec().into();
        let endorsed = ChaincodeEndorsedAction { proposal_response_payload, ..Default::default() };
        let action = ChaincodeActionPayload { action: Some(endorsed), ..Default::default() };
        let action = TransactionAction { payload: action.encode_to_vec().into(), ..Default::default() };
        envelope(&self.txid, HeaderType::EndorserTransaction, ActionList { actions: vec![action] })
    }
}

/// Makes blocks, each of which continues the one before.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    number: u64,
    previous_hash: Bytes,
}

impl Chain {
    /// A chain and its genesis block.
    pub(super) fn begin(channel: &str) -> (Self, HeadedBlock) {
        let mut chain = Self { number: 0, previous_hash: Bytes::new() };
        let config = envelope(channel, HeaderType::Config, BlockHeader { number: 7, ..Default::default() });
        let genesis = chain.assemble(vec![config], vec![0]);
        (chain, genesis)
    }

    /// The next block, with its verdicts in its metadata.
    pub(super) fn block(&mut self, transactions: &[Tx]) -> HeadedBlock {
        let filter = transactions.iter().map(|tx| tx.code as i32 as u8).collect();
        self.assemble(transactions.iter().map(Tx::envelope).collect(), filter)
    }

    /// Makes the next block and commits it.
    pub(super) fn commit(
        &mut self,
        ledger: &Ledger,
        transactions: &[Tx],
    ) -> Result<Arc<CommittedBlock>, LedgerError> {
        let block = self.block(transactions);
        commit(ledger, block)
    }

    fn assemble(&mut self, data: Vec<Bytes>, filter: Vec<u8>) -> HeadedBlock {
        let previous_hash = self.previous_hash.clone();
        let data_hash = Bytes::copy_from_slice(&data_hash(&data));
        let header = BlockHeader { number: self.number, previous_hash, data_hash };
        self.number += 1;
        self.previous_hash = Bytes::copy_from_slice(&header_hash(&header));
        let mut metadata = vec![Bytes::new(); 5];
        metadata[2] = filter.into();
        HeadedBlock::new(header, data, BlockMetadata { metadata })
    }
}

pub(super) fn commit(ledger: &Ledger, block: HeadedBlock) -> Result<Arc<CommittedBlock>, LedgerError> {
    let validated = ValidatedBlock::replay(block, &ledger.view()?)?;
    ledger.commit(validated)
}

/// A new ledger in a directory.
pub(super) fn begin(directory: &Path) -> (Chain, Arc<Ledger>) {
    let (chain, genesis) = Chain::begin("mychannel");
    let (ledger, _) = Ledger::open(directory, Some(&genesis)).unwrap();
    (chain, ledger)
}

/// The `_lifecycle` records that define a chaincode with collections, each with its blocks to live.
pub(super) fn define(chaincode: &str, collections: &[(&str, u64)]) -> Tx {
    let config = collections.iter().map(|(name, block_to_live)| {
        let config = StaticCollectionConfig {
            name: name.to_string(),
            block_to_live: *block_to_live,
            ..Default::default()
        };
        CollectionConfig { payload: Some(collection_config::Payload::StaticCollectionConfig(config)) }
    });
    let package = CollectionConfigPackage { config: config.collect() }.encode_to_vec();
    let data = StateData { r#type: Some(state_data::Type::Bytes(package.into())) };
    let metadata = StateMetadata { datatype: "ChaincodeDefinition".to_owned(), fields: Vec::new() };
    tx(&format!("define-{chaincode}"), "_lifecycle")
        .put_bytes(&format!("namespaces/metadata/{chaincode}"), &metadata.encode_to_vec())
        .put_bytes(&format!("namespaces/fields/{chaincode}/Collections"), &data.encode_to_vec())
}

pub(super) fn hash(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(bytes))
}

pub(super) fn write(key: &str, value: &[u8]) -> KvWrite {
    KvWrite { key: key.to_owned(), is_delete: false, value: Bytes::copy_from_slice(value) }
}

fn hashed_write(key: &str, value: Option<&str>) -> KvWriteHash {
    let value_hash = value.map(|value| hash(value.as_bytes())).unwrap_or_default();
    KvWriteHash { key_hash: hash(key.as_bytes()), is_delete: value.is_none(), value_hash, is_purge: false }
}

fn entry(policy: &str) -> KvMetadataEntry {
    let value = Bytes::copy_from_slice(policy.as_bytes());
    KvMetadataEntry { name: "VALIDATION_PARAMETER".to_owned(), value }
}

fn envelope(txid: &str, kind: HeaderType, data: impl Message) -> Bytes {
    let channel_header = ChannelHeader {
        r#type: kind as i32,
        channel_id: "mychannel".to_owned(),
        tx_id: txid.to_owned(),
        ..Default::default()
    };
    let channel_header = channel_header.encode_to_vec().into();
    let header = Header { channel_header, signature_header: Bytes::new() };
    let payload = Payload { header: Some(header), data: data.encode_to_vec().into() };
    let envelope = Envelope { payload: payload.encode_to_vec().into(), signature: Bytes::new() };
    envelope.encode_to_vec().into()
}
