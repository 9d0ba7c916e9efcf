//! A channel of two organisations whose keys a test holds all: blocks of any content, signed by its orderer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::new_without_default
)]

pub mod configtx;
pub mod definition;
pub mod draft;
pub mod material;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use ::material::CryptoConfig;
use bytes::Bytes;
use channel::Bundle;
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::{
        common::{
            Block, BlockData, BlockHeader, BlockMetadata, Config, ConfigEnvelope, Envelope, Metadata,
            MetadataSignature, Payload, SignatureHeader,
        },
        kvrwset::KvWrite,
        lifecycle::{ChaincodeEndorsementInfo, ChaincodeValidationInfo},
        protos::{StaticCollectionConfig, TxValidationCode},
    },
    types::{
        HeadedBlock,
        block::{data_hash, header_bytes},
    },
};
use ledger::Ledger;
use msp::SigningIdentity;
use prost::Message;
use tempfile::TempDir;
use validation::{self, BlockRejected, Halt, Validation};

pub use configtx::Configtx;
pub use definition::{Definition, LIFECYCLE, built_in_validation};
pub use draft::{Draft, Signer};
pub use material::{Org, make_genesis, make_keys, of_the_project, read_orderer};

pub const CHANNEL: &str = "test";
/// A chaincode that either organisation endorses, with collection [`COLLECTION`].
pub const CHAINCODE: &str = "basic";
/// A chaincode that both organisations endorse.
pub const BOTH: &str = "both";
pub const COLLECTION: &str = "secrets";

const ORDERER: &str = "orderer.test";
/// When the channel began, in Unix seconds.
const BEGIN: i64 = 1_700_000_000;

const CRYPTO_CONFIG: &str = "
OrdererOrgs:
  - { Name: Orderer, Domain: orderer.test, EnableNodeOUs: true, Specs: [{ Hostname: orderer0 }] }
PeerOrgs:
  - { Name: A, Domain: a.test, EnableNodeOUs: true, Template: { Count: 1 }, Users: { Count: 1 } }
  - { Name: B, Domain: b.test, EnableNodeOUs: true, Template: { Count: 1 }, Users: { Count: 1 } }
";

/// A running channel.
pub struct TestChannel {
    pub a: Org,
    pub b: Org,
    pub orderer: SigningIdentity,
    pub ledger: Arc<Ledger>,
    pub bundle: Arc<Bundle>,
    pub memo: VerifiedSignatureCache,
    nonces: AtomicU64,
    directory: TempDir,
}

/// What can come of a block before it is committed.
#[derive(Debug)]
pub enum Stopped {
    Rejected(BlockRejected),
    Halted(Halt),
}

impl TestChannel {
    /// A channel on which [`CHAINCODE`] and [`BOTH`] are defined.
    pub fn new() -> Self {
        let mut channel = Self::without_chaincodes("V2_5");
        let codes = channel.submit(vec![
            channel.definition(CHAINCODE, "OR('AMSP.peer', 'BMSP.peer')"),
            channel.definition(BOTH, "AND('AMSP.peer', 'BMSP.peer')"),
        ]);
        assert_eq!(codes, [TxValidationCode::Valid; 2]);
        channel
    }

    /// A channel whose application is at this level of capabilities.
    pub fn without_chaincodes(level: &str) -> Self {
        Self::configured(level, |_, _| {})
    }

    /// A channel whose first configuration is changed before it begins; the orderer's identity is at hand.
    pub fn configured(level: &str, change: impl Fn(&mut Config, &SigningIdentity)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        make_keys(&CryptoConfig::parse(CRYPTO_CONFIG).unwrap(), root, BEGIN);
        let configtx = Configtx {
            keys: "",
            capability: "V2_0",
            application_capability: level,
            consenter: ("orderer0.orderer.test", 7050),
            endorsement: "ANY",
            organisations: &[("AMSP", "a.test", "peer"), ("BMSP", "b.test", "peer")],
        };
        let mut genesis =
            make_genesis(root, &configtx.yaml(), configtx::PROFILE, CHANNEL, BEGIN).into_message();
        change_config(&mut genesis, |config| change(config, &read_orderer(root, ORDERER)));
        let genesis = HeadedBlock::try_from(genesis).unwrap();
        let (ledger, _) = Ledger::open(&root.join("ledger"), Some(&genesis)).unwrap();
        Self {
            a: Org::read(root, "a.test", "AMSP"),
            b: Org::read(root, "b.test", "BMSP"),
            orderer: read_orderer(root, ORDERER),
            ledger,
            bundle: Bundle::from_block(genesis.message()).unwrap(),
            memo: VerifiedSignatureCache::disabled(),
            nonces: AtomicU64::new(0),
            directory,
        }
    }

    /// The key of `orderer` once more.
    pub fn orderer(&self) -> SigningIdentity {
        read_orderer(self.directory.path(), ORDERER)
    }

    /// A transaction of organisation A's client on `chaincode`, endorsed by A's peer.
    pub fn draft(&self, chaincode: &str) -> Draft<'_> {
        let nonce = self.nonces.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut draft = Draft::new(CHANNEL, chaincode, nonce, &self.a.client, [&self.a.peer]);
        draft.channel_header.timestamp = Some(SystemTime::now().into());
        draft
    }

    /// Values put under keys of [`CHAINCODE`].
    pub fn put(&self, writes: &[(&str, &str)]) -> Bytes {
        let write = |(key, value): &(&str, &str)| KvWrite {
            key: (*key).to_owned(),
            is_delete: value.is_empty(),
            value: Bytes::copy_from_slice(value.as_bytes()),
        };
        let mut draft = self.draft(CHAINCODE);
        draft.public(CHAINCODE).writes = writes.iter().map(write).collect();
        draft.seal()
    }

    /// Defines a chaincode, as a commit of `_lifecycle` would.
    fn definition(&self, chaincode: &str, policy: &str) -> Bytes {
        self.definition_with(chaincode, &built_in_validation(policy))
    }

    pub fn definition_with(&self, chaincode: &str, validation: &ChaincodeValidationInfo) -> Bytes {
        self.definition_of(chaincode, validation, collection())
    }

    pub fn definition_of(
        &self,
        chaincode: &str,
        validation: &ChaincodeValidationInfo,
        collection: StaticCollectionConfig,
    ) -> Bytes {
        let definition = Definition {
            sequence: 1,
            endorsement: ChaincodeEndorsementInfo { version: "1".to_owned(), ..Default::default() },
            validation: validation.clone(),
            collections: vec![collection],
        };
        let mut draft = self.draft(LIFECYCLE);
        draft.public(LIFECYCLE).writes = definition.writes(chaincode);
        draft.seal()
    }

    /// The next block, of these envelopes.
    pub fn block(&self, envelopes: Vec<Bytes>) -> Block {
        let header = BlockHeader {
            number: self.ledger.height(),
            previous_hash: Bytes::copy_from_slice(&self.ledger.last_hash()),
            data_hash: Bytes::copy_from_slice(&data_hash(&envelopes)),
        };
        let creator = self.orderer.serialized();
        let signature_header =
            SignatureHeader { creator, nonce: Bytes::from_static(b"nonce") }.encode_to_vec();
        let signed = [signature_header.as_slice(), &header_bytes(&header)].concat();
        let signature = MetadataSignature {
            signature: self.orderer.sign(&signed).unwrap().into(),
            signature_header: signature_header.into(),
            ..Default::default()
        };
        let signatures = Metadata { value: Bytes::new(), signatures: vec![signature] };
        let mut metadata = vec![Bytes::new(); 5];
        metadata[0] = signatures.encode_to_vec().into();
        Block {
            header: Some(header),
            data: Some(BlockData { data: envelopes }),
            metadata: Some(BlockMetadata { metadata }),
        }
    }

    /// Judges a block without committing it.
    pub fn validate(&self, block: Block) -> Result<Validation, Stopped> {
        let block = HeadedBlock::try_from(block).unwrap();
        validate(block, &self.bundle, &self.ledger, &self.memo)
    }

    /// Commits a block of these envelopes, which no peer stops at.
    pub fn submit(&mut self, envelopes: Vec<Bytes>) -> Vec<TxValidationCode> {
        let validation = self.validate(self.block(envelopes)).unwrap();
        self.ledger.commit(validation.block).unwrap().codes.clone()
    }

    /// The codes of a block of these envelopes, which is not committed.
    pub fn codes(&self, envelopes: Vec<Bytes>) -> Vec<TxValidationCode> {
        self.validate(self.block(envelopes)).unwrap().block.codes
    }

    /// Where and why a block of these envelopes stops the channel.
    pub fn halt(&self, envelopes: Vec<Bytes>) -> Halt {
        match self.validate(self.block(envelopes)) {
            Err(Stopped::Halted(halt)) => halt,
            other => panic!("no halt: {other:?}"),
        }
    }

    pub fn rejection(&self, envelopes: Vec<Bytes>) -> BlockRejected {
        match self.validate(self.block(envelopes)) {
            Err(Stopped::Rejected(rejection)) => rejection,
            other => panic!("not rejected: {other:?}"),
        }
    }
}

/// Judges a block without committing it.
pub fn validate(
    block: HeadedBlock,
    bundle: &Bundle,
    ledger: &Ledger,
    memo: &VerifiedSignatureCache,
) -> Result<Validation, Stopped> {
    let ordered = validation::verify_ordered(block, bundle, ledger, memo).map_err(Stopped::Rejected)?;
    validation::validate(ordered, bundle, ledger, memo).map_err(Stopped::Halted)
}

fn change_config(genesis: &mut Block, change: impl Fn(&mut Config)) {
    let data = genesis.data.as_mut().unwrap();
    let mut envelope = Envelope::decode(data.data[0].clone()).unwrap();
    let mut payload = Payload::decode(envelope.payload).unwrap();
    let mut content = ConfigEnvelope::decode(payload.data).unwrap();
    change(content.config.as_mut().unwrap());
    payload.data = content.encode_to_vec().into();
    envelope.payload = payload.encode_to_vec().into();
    data.data[0] = envelope.encode_to_vec().into();
    genesis.header.as_mut().unwrap().data_hash = Bytes::copy_from_slice(&data_hash(&data.data));
}

/// [`COLLECTION`], of both organisations.
pub fn collection() -> StaticCollectionConfig {
    definition::collection(COLLECTION, "OR('AMSP.member', 'BMSP.member')")
}

pub fn write(key: &str, value: impl Into<Bytes>) -> KvWrite {
    KvWrite { key: key.to_owned(), is_delete: false, value: value.into() }
}

pub fn delete(key: &str) -> KvWrite {
    KvWrite { key: key.to_owned(), is_delete: true, value: Bytes::new() }
}
