//! A channel of two organisations whose keys a test holds all: blocks of any content, signed by its orderer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::new_without_default
)]

pub mod draft;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use channel::{Bundle, policy::parse};
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::{
        common::{
            Block, BlockData, BlockHeader, BlockMetadata, Config, ConfigEnvelope, Envelope, Metadata,
            MetadataSignature, Payload, SignatureHeader,
        },
        kvrwset::KvWrite,
        lifecycle::{
            ChaincodeEndorsementInfo, ChaincodeValidationInfo, StateData, StateMetadata, state_data,
        },
        protos::{
            ApplicationPolicy, CollectionConfig, CollectionConfigPackage, CollectionPolicyConfig,
            StaticCollectionConfig, TxValidationCode, application_policy,
            collection_config::Payload as Collection, collection_policy_config::Payload as Members,
        },
    },
    types::{
        HeadedBlock,
        block::{data_hash, header_bytes},
    },
};
use ledger::Ledger;
use material::{
    CryptoConfig, Validity, generate,
    genesis::{Stamp, from_configtx_yaml},
};
use msp::SigningIdentity;
use prost::Message;
use tempfile::TempDir;
use validation::{self, BlockRejected, Halt, Validation};

pub use draft::Draft;

pub const CHANNEL: &str = "test";
/// A chaincode that either organisation endorses, with collection [`COLLECTION`].
pub const CHAINCODE: &str = "basic";
/// A chaincode that both organisations endorse.
pub const BOTH: &str = "both";
pub const COLLECTION: &str = "secrets";

const CRYPTO_CONFIG: &str = "
OrdererOrgs:
  - { Name: Orderer, Domain: orderer.test, EnableNodeOUs: true, Specs: [{ Hostname: orderer0 }] }
PeerOrgs:
  - { Name: A, Domain: a.test, EnableNodeOUs: true, Template: { Count: 1 }, Users: { Count: 1 } }
  - { Name: B, Domain: b.test, EnableNodeOUs: true, Template: { Count: 1 }, Users: { Count: 1 } }
";

const CONFIGTX: &str = r#"
Profiles:
  Test:
    Policies: &Policies
      Readers: { Type: ImplicitMeta, Rule: "ANY Readers" }
      Writers: { Type: ImplicitMeta, Rule: "ANY Writers" }
      Admins: { Type: ImplicitMeta, Rule: "ANY Admins" }
    Capabilities: { V2_0: true }
    Orderer:
      OrdererType: etcdraft
      BatchTimeout: 2s
      BatchSize: { MaxMessageCount: 500, AbsoluteMaxBytes: 10 MB, PreferredMaxBytes: 2 MB }
      EtcdRaft:
        Consenters:
          - Host: orderer0.orderer.test
            Port: 7050
            ClientTLSCert: ordererOrganizations/orderer.test/orderers/orderer0.orderer.test/tls/server.crt
            ServerTLSCert: ordererOrganizations/orderer.test/orderers/orderer0.orderer.test/tls/server.crt
      Policies:
        <<: *Policies
        BlockValidation: { Type: ImplicitMeta, Rule: "ANY Writers" }
      Capabilities: { V2_0: true }
      Organizations:
        - Name: Orderer
          ID: OrdererMSP
          MSPDir: ordererOrganizations/orderer.test/msp
          OrdererEndpoints: ["orderer0.orderer.test:7050"]
          Policies:
            Readers: { Type: Signature, Rule: "OR('OrdererMSP.member')" }
            Writers: { Type: Signature, Rule: "OR('OrdererMSP.member')" }
            Admins: { Type: Signature, Rule: "OR('OrdererMSP.admin')" }
    Application:
      Policies:
        <<: *Policies
        Endorsement: { Type: ImplicitMeta, Rule: "ANY Endorsement" }
        LifecycleEndorsement: { Type: ImplicitMeta, Rule: "ANY Endorsement" }
      Capabilities: { V2_5: true }
      Organizations:
        - Name: A
          ID: AMSP
          MSPDir: peerOrganizations/a.test/msp
          Policies:
            Readers: { Type: Signature, Rule: "OR('AMSP.member')" }
            Writers: { Type: Signature, Rule: "OR('AMSP.member')" }
            Admins: { Type: Signature, Rule: "OR('AMSP.admin')" }
            Endorsement: { Type: Signature, Rule: "OR('AMSP.peer')" }
        - Name: B
          ID: BMSP
          MSPDir: peerOrganizations/b.test/msp
          Policies:
            Readers: { Type: Signature, Rule: "OR('BMSP.member')" }
            Writers: { Type: Signature, Rule: "OR('BMSP.member')" }
            Admins: { Type: Signature, Rule: "OR('BMSP.admin')" }
            Endorsement: { Type: Signature, Rule: "OR('BMSP.peer')" }
"#;

/// One organisation's signers.
pub struct Org {
    pub client: SigningIdentity,
    pub peer: SigningIdentity,
}

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
        let validity = Validity::of_years(1_700_000_000, 10);
        generate(&CryptoConfig::parse(CRYPTO_CONFIG).unwrap(), root, validity).unwrap();
        let configtx = CONFIGTX.replace("V2_5", level);
        std::fs::write(root.join("configtx.yaml"), configtx).unwrap();
        let stamp = Stamp { unix_seconds: 1_700_000_000, nonce: [7; 24] };
        let mut genesis =
            from_configtx_yaml(&root.join("configtx.yaml"), "Test", CHANNEL, stamp).unwrap().into_message();
        change_config(&mut genesis, |config| change(config, &read_orderer(root)));
        let genesis = HeadedBlock::try_from(genesis).unwrap();
        let (ledger, _) = Ledger::open(&root.join("ledger"), Some(&genesis)).unwrap();
        Self {
            a: Org::read(root, "a.test", "AMSP"),
            b: Org::read(root, "b.test", "BMSP"),
            orderer: read_orderer(root),
            ledger,
            bundle: Bundle::from_block(genesis.message()).unwrap(),
            memo: VerifiedSignatureCache::disabled(),
            nonces: AtomicU64::new(0),
            directory,
        }
    }

    /// The key of `orderer` once more.
    pub fn orderer(&self) -> SigningIdentity {
        read_orderer(self.directory.path())
    }

    /// A transaction of organisation A's client on `chaincode`, endorsed by A's peer.
    pub fn draft(&self, chaincode: &str) -> Draft<'_> {
        let nonce = self.nonces.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Draft::new(chaincode, &nonce, &self.a.client, vec![&self.a.peer])
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
        let policy = application_policy::Type::SignaturePolicy(parse(policy).unwrap());
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
        let endorsement = ChaincodeEndorsementInfo { version: "1".to_owned(), ..Default::default() };
        let collection = CollectionConfig { payload: Some(Collection::StaticCollectionConfig(collection)) };
        let collections = CollectionConfigPackage { config: vec![collection] };
        let fields = [
            ("Sequence", StateData { r#type: Some(state_data::Type::Int64(1)) }.encode_to_vec()),
            ("EndorsementInfo", state_bytes(&endorsement)),
            ("ValidationInfo", state_bytes(validation)),
            ("Collections", state_bytes(&collections)),
        ];
        let metadata = StateMetadata { datatype: "ChaincodeDefinition".to_owned(), fields: Vec::new() };
        let mut draft = self.draft("_lifecycle");
        let writes = &mut draft.public("_lifecycle").writes;
        writes.push(write(&format!("namespaces/metadata/{chaincode}"), metadata.encode_to_vec()));
        for (field, value) in fields {
            writes.push(write(&format!("namespaces/fields/{chaincode}/{field}"), value));
        }
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
        let ordered = validation::verify_ordered(block, &self.bundle, &self.ledger, &self.memo)
            .map_err(Stopped::Rejected)?;
        validation::validate(ordered, &self.bundle, &self.ledger, &self.memo).map_err(Stopped::Halted)
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

fn read_orderer(root: &Path) -> SigningIdentity {
    let node = "ordererOrganizations/orderer.test/orderers/orderer0.orderer.test/msp";
    SigningIdentity::from_msp_dir(&root.join(node), "OrdererMSP").unwrap()
}

impl Org {
    fn read(root: &Path, domain: &str, mspid: &str) -> Self {
        let folder = root.join("peerOrganizations").join(domain);
        let read = |path: String| SigningIdentity::from_msp_dir(&folder.join(path), mspid).unwrap();
        Self {
            client: read(format!("users/User1@{domain}/msp")),
            peer: read(format!("peers/peer0.{domain}/msp")),
        }
    }
}

/// What a definition says about validation by the plugin that peers come with.
pub fn built_in_validation(policy: application_policy::Type) -> ChaincodeValidationInfo {
    ChaincodeValidationInfo {
        validation_plugin: "vscc".to_owned(),
        validation_parameter: ApplicationPolicy { r#type: Some(policy) }.encode_to_vec().into(),
    }
}

/// [`COLLECTION`], of both organisations.
pub fn collection() -> StaticCollectionConfig {
    let members = parse("OR('AMSP.member', 'BMSP.member')").unwrap();
    StaticCollectionConfig {
        name: COLLECTION.to_owned(),
        member_orgs_policy: Some(CollectionPolicyConfig { payload: Some(Members::SignaturePolicy(members)) }),
        ..Default::default()
    }
}

fn state_bytes(content: &impl Message) -> Vec<u8> {
    StateData { r#type: Some(state_data::Type::Bytes(content.encode_to_vec().into())) }.encode_to_vec()
}

pub fn write(key: &str, value: impl Into<Bytes>) -> KvWrite {
    KvWrite { key: key.to_owned(), is_delete: false, value: value.into() }
}

pub fn delete(key: &str) -> KvWrite {
    KvWrite { key: key.to_owned(), is_delete: true, value: Bytes::new() }
}
