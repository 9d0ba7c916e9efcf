//! A whole channel for tests: the repository's own configuration, keys made on the spot, one endorser for
//! each organisation, and blocks validated by the real validator.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use channel::Bundle;
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::{
        common::{ChannelHeader, ConfigEnvelope, Envelope, Header, HeaderType, Payload, SignatureHeader},
        msp::{FabricMspConfig, MspConfig},
        protos::{
            ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeHeaderExtension, ChaincodeId,
            ChaincodeInput, ChaincodeInvocationSpec, ChaincodeProposalPayload, ChaincodeSpec, Proposal,
            ProposalResponse, SignedProposal, Transaction, TransactionAction, TxValidationCode,
        },
    },
    types::{DecodedProposal, HeadedBlock, decode, txid},
};
use msp::{Msp, MspManager, MspVersion, SigningIdentity};
use prost::Message;

use crate::{Endorser, EndorserSetup, Packages, Rejected};
use ledger::Ledger;
use material::CryptoConfig;
use ordering::BlockWriter;
use testkit::{of_the_project, read_orderer};

pub const CHANNEL: &str = "test-channel";

/// The organisations whose peers must endorse, in the repository's configuration.
pub const BODIES: [&str; 2] = ["CertBody", "Accreditation"];

/// Keys and genesis block, made once for all tests.
struct Material {
    _directory: tempfile::TempDir,
    crypto: PathBuf,
    config: CryptoConfig,
    genesis: HeadedBlock,
}

/// A channel with its endorsers.
pub struct Network {
    pub ledger: Arc<Ledger>,
    pub endorsers: BTreeMap<String, Endorser>,
    bundle: Arc<Bundle>,
    writer: BlockWriter,
    _directory: tempfile::TempDir,
}

/// A proposal and what its sender needs later.
pub struct Proposed {
    pub signed: SignedProposal,
    pub txid: String,
    header: Header,
    input: Bytes,
}

impl Network {
    pub fn start() -> Self {
        let material = material();
        let directory = tempfile::tempdir().unwrap();
        let (ledger, _) = Ledger::open(&directory.path().join("ledger"), Some(&material.genesis)).unwrap();
        let bundle = Bundle::from_block(material.genesis.message()).unwrap();
        let organisations = material.config.organizations.iter().filter(|known| known.name != "Orderer");
        let msp_ids: Vec<String> = organisations.clone().map(|known| format!("{}MSP", known.name)).collect();
        let endorsers = organisations.map(|known| {
            let msp_id = format!("{}MSP", known.name);
            let folder = known.node_folder(&material.crypto, &known.nodes[0]).join("msp");
            let config = msp::config_from_dir(&folder, &msp_id).unwrap();
            let local = Msp::from_config(&config, MspVersion::V1_4_3).unwrap();
            let endorser = Endorser::new(EndorserSetup {
                ledger: ledger.clone(),
                signer: SigningIdentity::from_msp_dir(&folder, &msp_id).unwrap(),
                local_msp: MspManager::new(vec![local]),
                packages: Packages::open(&directory.path().join(&known.name)).unwrap(),
                own_chaincodes: Vec::new(),
                memo: Arc::new(VerifiedSignatureCache::disabled()),
                private_data_of: msp_ids.clone(),
            });
            (known.name.clone(), endorser)
        });
        let orderer = read_orderer(&material.crypto, "orderer.nanotrace.example");
        let writer = BlockWriter::new(orderer, 1, ledger.last_hash(), 0);
        Self { endorsers: endorsers.collect(), ledger, bundle, writer, _directory: directory }
    }

    pub async fn process(
        &self,
        organisation: &str,
        signed: &SignedProposal,
    ) -> Result<ProposalResponse, Rejected> {
        self.process_at(organisation, signed, SystemTime::now()).await
    }

    pub async fn process_at(
        &self,
        organisation: &str,
        signed: &SignedProposal,
        now: SystemTime,
    ) -> Result<ProposalResponse, Rejected> {
        let proposal = DecodedProposal::new(signed.clone());
        self.endorsers[organisation].process(&proposal, &self.bundle, now).await
    }

    /// Has all `organisations` endorse; they must agree.
    pub async fn endorse(&self, organisations: &[&str], proposed: &Proposed) -> Vec<ProposalResponse> {
        let mut responses = Vec::new();
        for organisation in organisations {
            let response = self.process(organisation, &proposed.signed).await.unwrap();
            let status = response.response.clone().unwrap();
            assert!(response.endorsement.is_some(), "{organisation}: {} {}", status.status, status.message);
            responses.push(response);
        }
        assert!(responses.windows(2).all(|pair| pair[0].payload == pair[1].payload), "endorsers disagree");
        responses
    }

    /// Gives the channel a configuration in which no certificate of the organisation is valid: its revocation list names no
    /// authority.
    pub fn revoke_all_of(&mut self, organisation: &str) {
        const LIST: &[u8] = b"\x30\x22\x30\x17\x30\x04\x06\x02\x2a\x03\x30\x00\x17\x0d260101000000Z\x30\x04\x06\x02\x2a\x03\x03\x01\x00";
        let mut block = self.ledger.block(0).unwrap().unwrap().into_message();
        let envelope = &mut block.data.as_mut().unwrap().data[0];
        let mut signed: Envelope = decode(envelope.clone()).unwrap();
        let mut payload: Payload = decode(signed.payload).unwrap();
        let mut config: ConfigEnvelope = decode(payload.data).unwrap();
        let channel = config.config.as_mut().unwrap().channel_group.as_mut().unwrap();
        let organisations = &mut channel.groups.get_mut("Application").unwrap().groups;
        let msp = organisations.get_mut(organisation).unwrap().values.get_mut("MSP").unwrap();
        let mut definition: MspConfig = decode(msp.value.clone()).unwrap();
        let mut rules: FabricMspConfig = decode(definition.config).unwrap();
        rules.revocation_list = vec![Bytes::from_static(LIST)];
        definition.config = encode(&rules);
        msp.value = encode(&definition);
        payload.data = encode(&config);
        signed.payload = encode(&payload);
        *envelope = encode(&signed);
        self.bundle = Bundle::from_block(&block).unwrap();
    }

    /// Puts transactions into a block, validates and commits it.
    pub fn commit(&mut self, transactions: Vec<Bytes>) -> Vec<TxValidationCode> {
        let memo = VerifiedSignatureCache::disabled();
        let block = self.writer.write(transactions, false, Bytes::from_static(b"nonce"), &memo).unwrap();
        self.writer.advance(block.header(), false);
        let ordered = validation::verify_ordered(block, &self.bundle, &self.ledger, &memo).unwrap();
        let validation = validation::validate(ordered, &self.bundle, &self.ledger, &memo).unwrap();
        self.ledger.commit(validation.block).unwrap().codes.clone()
    }

    /// Endorses one transaction and commits it in a block of its own; it must be valid.
    pub async fn submit(&mut self, organisations: &[&str], sender: &SigningIdentity, proposed: &Proposed) {
        let responses = self.endorse(organisations, proposed).await;
        let codes = self.commit(vec![proposed.transaction(sender, &responses)]);
        assert_eq!(codes, [TxValidationCode::Valid]);
    }
}

impl Proposed {
    /// A proposal to call `chaincode` with these arguments.
    pub fn new(sender: &SigningIdentity, chaincode: &str, args: &[Bytes]) -> Self {
        let input = ChaincodeInput { args: args.to_vec(), ..Default::default() };
        Self::build(sender, CHANNEL, chaincode, input, SystemTime::now())
    }

    pub fn build(
        sender: &SigningIdentity,
        channel: &str,
        chaincode: &str,
        input: ChaincodeInput,
        now: SystemTime,
    ) -> Self {
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce).unwrap();
        let txid = txid::compute(&nonce, &sender.serialized());
        let id = ChaincodeId { name: chaincode.to_owned(), ..Default::default() };
        let since_1970 = now.duration_since(UNIX_EPOCH).unwrap();
        let channel_header = ChannelHeader {
            r#type: HeaderType::EndorserTransaction.into(),
            tx_id: txid.clone(),
            channel_id: channel.to_owned(),
            timestamp: Some(prost_types::Timestamp { seconds: since_1970.as_secs() as i64, nanos: 0 }),
            extension: encode(&ChaincodeHeaderExtension { chaincode_id: Some(id.clone()) }),
            ..Default::default()
        };
        let signature_header = SignatureHeader { creator: sender.serialized(), nonce: nonce.to_vec().into() };
        let header =
            Header { channel_header: encode(&channel_header), signature_header: encode(&signature_header) };
        let spec = ChaincodeSpec { chaincode_id: Some(id), input: Some(input), ..Default::default() };
        let input = encode(&ChaincodeInvocationSpec { chaincode_spec: Some(spec) });
        let payload = ChaincodeProposalPayload { input: input.clone(), ..Default::default() };
        let proposal = Proposal { header: encode(&header), payload: encode(&payload), ..Default::default() };
        Self { signed: sign(sender, &proposal), txid, header, input }
    }

    /// The same proposal with data for the endorsers' eyes only, signed again.
    pub fn with_transient(self, sender: &SigningIdentity, name: &str, value: &str) -> Self {
        let mut proposal: Proposal = decode(self.signed.proposal_bytes.clone()).unwrap();
        let transient_map = BTreeMap::from([(name.to_owned(), Bytes::copy_from_slice(value.as_bytes()))]);
        proposal.payload = encode(&ChaincodeProposalPayload { input: self.input.clone(), transient_map });
        Self { signed: sign(sender, &proposal), ..self }
    }

    /// The transaction that a client makes of the endorsements.
    pub fn transaction(&self, sender: &SigningIdentity, responses: &[ProposalResponse]) -> Bytes {
        let visible = ChaincodeProposalPayload { input: self.input.clone(), ..Default::default() };
        let action = ChaincodeEndorsedAction {
            proposal_response_payload: responses[0].payload.clone(),
            endorsements: responses.iter().filter_map(|response| response.endorsement.clone()).collect(),
        };
        let payload =
            ChaincodeActionPayload { chaincode_proposal_payload: encode(&visible), action: Some(action) };
        let action =
            TransactionAction { header: self.header.signature_header.clone(), payload: encode(&payload) };
        let data = encode(&Transaction { actions: vec![action] });
        let payload = encode(&Payload { header: Some(self.header.clone()), data });
        let signature = sender.sign(&payload).unwrap().into();
        encode(&Envelope { payload, signature })
    }

    /// The same proposal with something changed in its channel header, signed again.
    pub fn with_channel_header(
        &self,
        sender: &SigningIdentity,
        change: impl FnOnce(&mut ChannelHeader),
    ) -> SignedProposal {
        let mut proposal: Proposal = decode(self.signed.proposal_bytes.clone()).unwrap();
        let mut header = self.header.clone();
        let mut channel_header: ChannelHeader = decode(header.channel_header).unwrap();
        change(&mut channel_header);
        header.channel_header = encode(&channel_header);
        proposal.header = encode(&header);
        sign(sender, &proposal)
    }
}

/// A user of an organisation: `Admin`, `User1` or `User2`.
pub fn user(organisation: &str, user: &str) -> SigningIdentity {
    let material = material();
    let known = material.config.organization(organisation).unwrap();
    let folder = known.user_folder(&material.crypto, user).join("msp");
    SigningIdentity::from_msp_dir(&folder, &format!("{organisation}MSP")).unwrap()
}

pub fn encode(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

fn sign(sender: &SigningIdentity, proposal: &Proposal) -> SignedProposal {
    let proposal_bytes = encode(proposal);
    SignedProposal { signature: sender.sign(&proposal_bytes).unwrap().into(), proposal_bytes }
}

/// Folder of the TLS files of an organisation's peer, which names localhost.
pub fn peer_tls(organisation: &str) -> PathBuf {
    let material = material();
    let known = material.config.organization(organisation).unwrap();
    known.node_folder(&material.crypto, &known.nodes[0]).join("tls")
}

fn material() -> &'static Material {
    static MATERIAL: OnceLock<Material> = OnceLock::new();
    MATERIAL.get_or_init(make_material)
}

fn make_material() -> Material {
    let directory = tempfile::tempdir().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let (config, genesis) = of_the_project(directory.path(), CHANNEL, now);
    let crypto = directory.path().join("crypto-config");
    Material { _directory: directory, crypto, config, genesis }
}
