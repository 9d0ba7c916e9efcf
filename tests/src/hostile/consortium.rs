//! A channel by the project's own configuration with every member's keys at hand, real validation, and the verifier's
//! read model behind it: whatever a member with valid keys can have ordered can be tried here, at any time of any
//! clock.

use std::{collections::BTreeMap, mem, sync::Arc};

use bytes::Bytes;
use certificate::{
    Code, Creator, DateTime, KeyPolicy, Modification, Moment, Part, Role, State, StateError, Verdict,
    canonical,
    chaincode::REGISTRY,
    contract::part_of,
    demo,
    document::{Issuer, LedgerBinding, StatusEntry, Validity},
    draft::Particulars,
    keys, multikey,
    parties::{ACCREDITATION_BODY, CERTIFICATION_BODY},
    proof,
    record::{self, Event},
};
use channel::{Bundle, policy::parse};
use ed25519_dalek::SigningKey;
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::{
        common::{SignaturePolicy, SignaturePolicyEnvelope, signature_policy},
        kvrwset::{KvMetadataEntry, KvMetadataWrite, KvRead, KvWrite, KvrwSet, Version},
        protos::TxValidationCode,
    },
};
use futures::executor::block_on;
use ledger::{Ledger, View};
use msp::SigningIdentity;
use ordering::BlockWriter;
use prost::Message;
use prost_types::Timestamp;
use serde_json::json;
use tempfile::TempDir;
use testkit::{Draft, LIFECYCLE, Org, Signer, of_the_project, read_orderer};
use verifier::{Channel, Head, ReadModel};

use crate::differential::definitions::Chaincode;

/// The channel's name, and the chaincode's.
pub const NAME: &str = "nanotrace";
/// Every application organisation: MSP id and the first label of its domain.
pub const ORGANISATIONS: [(&str, &str); 5] = [
    (CERTIFICATION_BODY, "certbody"),
    (ACCREDITATION_BODY, "accreditation"),
    ("LabMSP", "lab"),
    ("IndustryMSP", "industry"),
    ("CustomsMSP", "customs"),
];
pub const BOTH: &[&str] = &[CERTIFICATION_BODY, ACCREDITATION_BODY];
/// Another certification body, and its chaincode.
pub const SECOND_BODY: &str = "LabMSP";
pub const SECOND: &str = "nanotrace-second";

const ISSUER: &str = "did:web:certbody.example";
const LISTS: &str = "https://certbody.example/status";
const CHAINCODES: [Chaincode; 3] = [
    defined(REGISTRY, &["OR('AccreditationMSP.peer')"]),
    defined(NAME, &["AND('CertBodyMSP.peer','AccreditationMSP.peer')"]),
    defined(SECOND, &["AND('LabMSP.peer','AccreditationMSP.peer')"]),
];

const fn defined(name: &'static str, policies: &'static [&'static str]) -> Chaincode {
    Chaincode { name, policies, collections: &[], init_required: false }
}

pub struct Consortium {
    pub now: DateTime,
    pub ledger: Arc<Ledger>,
    pub model: ReadModel,
    pub members: BTreeMap<&'static str, Org>,
    bundle: Arc<Bundle>,
    memo: VerifiedSignatureCache,
    writer: BlockWriter,
    nonce: u64,
    _directory: TempDir,
}

impl Consortium {
    /// As a network stands after its set-up: chaincode defined, ledger bound, scheme, accreditation, approved key.
    pub fn new(now: DateTime) -> Self {
        let directory = TempDir::new().unwrap();
        let crypto = directory.path().join("crypto-config");
        let (_, genesis) = of_the_project(directory.path(), NAME, now.seconds());
        let (ledger, _) = Ledger::open(&directory.path().join("ledger"), Some(&genesis)).unwrap();
        let channel = Channel {
            name: NAME.into(),
            genesis: ledger.genesis_hash(),
            chaincode: NAME.into(),
            accreditation_body: ACCREDITATION_BODY.into(),
        };
        let model = ReadModel::open(&directory.path().join("model"), channel).unwrap();
        model.catch_up(&ledger).unwrap();
        let orderer = read_orderer(&crypto, "orderer.nanotrace.example");
        let member = |(msp_id, name): &(&'static str, &str)| {
            (*msp_id, Org::read(&crypto, &format!("{name}.nanotrace.example"), msp_id))
        };
        let mut consortium = Self {
            now,
            members: ORGANISATIONS.iter().map(member).collect(),
            bundle: Bundle::from_block(genesis.message()).unwrap(),
            memo: VerifiedSignatureCache::new(1 << 19),
            writer: BlockWriter::new(orderer, 1, ledger.last_hash(), 0),
            ledger,
            model,
            nonce: 0,
            _directory: directory,
        };
        consortium.set_up();
        consortium
    }

    fn set_up(&mut self) {
        for chaincode in CHAINCODES {
            let mut definition = self.draft(LIFECYCLE, CERTIFICATION_BODY, BOTH);
            definition.namespace(LIFECYCLE).public.writes = chaincode.definition(1);
            let definition = definition.seal();
            assert_eq!(self.order(vec![definition]), [TxValidationCode::Valid]);
        }
        let public_key = public_key();
        let key = json!({
            "publicKey": public_key, "issuerId": ISSUER, "issuerName": "CertBody", "statusLists": LISTS,
        });
        let accreditation = demo::accreditation(self.now.plus_days(-60)).to_string();
        let genesis = verifier::fingerprint(&self.ledger.genesis_hash());
        let (body, accreditor) = ((CERTIFICATION_BODY, Role::Admin), (ACCREDITATION_BODY, Role::Admin));
        for (caller, function, arguments) in [
            (accreditor, "ledger:bind", vec![genesis.as_str(), CERTIFICATION_BODY]),
            (accreditor, "scheme:register", vec![&demo::scheme().to_string()]),
            (accreditor, "accreditation:register", vec![&accreditation]),
            (body, "issuerKey:propose", vec![&key.to_string()]),
            (accreditor, "issuerKey:approve", vec![CERTIFICATION_BODY, &public_key]),
        ] {
            let envelope = self.call(caller, BOTH, function, &arguments).unwrap();
            assert_eq!(self.order(vec![envelope]), [TxValidationCode::Valid], "{function}");
        }
        self.bind_second();
    }

    /// The calls of this consortium are the first body's; what the second's chaincode holds is written as it is.
    fn bind_second(&mut self) {
        let event = Event {
            effective_at: self.now,
            by: ACCREDITATION_BODY.into(),
            role: "admin".into(),
            person: String::new(),
            reason: String::new(),
            transaction_id: "00".repeat(32),
        };
        let genesis = verifier::fingerprint(&self.ledger.genesis_hash());
        let bound = record::Ledger { channel: NAME.into(), genesis, bound: event, body: SECOND_BODY.into() };
        let value = bound.encode().into();
        let mut draft = self.draft(SECOND, SECOND_BODY, &[SECOND_BODY, ACCREDITATION_BODY]);
        draft.namespace(SECOND).public.writes =
            vec![KvWrite { key: keys::LEDGER.into(), is_delete: false, value }];
        let draft = draft.seal();
        assert_eq!(self.order(vec![draft]), [TxValidationCode::Valid]);
    }

    /// A transaction by this organisation's client with the endorsements of these organisations' peers; what it does
    /// is up to the caller. It claims the present time.
    pub fn draft(&mut self, chaincode: &str, creator: &str, endorsers: &[&str]) -> Draft<'_> {
        self.nonce += 1;
        let (nonce, seconds) = (self.nonce.to_be_bytes().to_vec(), self.now.seconds());
        let endorsers = endorsers.iter().map(|msp_id| &self.members[*msp_id].peer);
        let mut draft = Draft::new(NAME, chaincode, nonce, &self.members[creator].client, endorsers);
        draft.channel_header.timestamp = Some(Timestamp { seconds, nanos: 0 });
        draft
    }

    /// An honest call: what these organisations' peers endorse when their chaincode runs it now. It can be ordered
    /// later.
    pub fn call(
        &mut self,
        caller: (&str, Role),
        endorsers: &[&str],
        function: &str,
        arguments: &[&str],
    ) -> Result<Bytes, String> {
        let (msp_id, role) = caller;
        let (ledger, now) = (self.ledger.clone(), self.now);
        let part = part_of(function);
        let chaincode = name_of(part);
        let mut draft = self.draft(chaincode, msp_id, endorsers);
        let transaction = draft.txid();
        let creator = Creator::new(msp_id, Some(role));
        let mut state = Simulation::new(ledger.view().unwrap(), part, transaction, now, creator);
        let arguments: Vec<Bytes> =
            arguments.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect();
        let response = block_on(certificate::dispatch(&mut state, function, &arguments));
        if response.status != 200 {
            return Err(response.message);
        }
        if !state.registered.is_empty() {
            draft.namespace(REGISTRY).public.reads = reads(mem::take(&mut state.registered));
        }
        draft.namespace(chaincode).public = state.into_rwset();
        Ok(draft.seal())
    }

    /// Issues the demonstration certificate of this number.
    pub fn issue(&mut self, number: u8) -> Code {
        let document = self.document(number);
        let issue = self.call((CERTIFICATION_BODY, Role::Client), BOTH, "certificate:issue", &[&document]);
        assert_eq!(self.order(vec![issue.unwrap()]), [TxValidationCode::Valid]);
        let reading = self.model.read(self.now, 1).unwrap();
        let entry = reading.entry(code(number)).unwrap().unwrap();
        assert_eq!(entry.verdict(Moment::Now(self.now)), Verdict::Valid);
        code(number)
    }

    /// In the body's chaincode.
    pub fn ledger_time(&self) -> Option<DateTime> {
        self.model.ledger_times().into_iter().find(|(chaincode, _)| chaincode == NAME)?.1
    }

    /// A signed document, decided now.
    pub fn document(&self, number: u8) -> String {
        let particulars = Particulars {
            code: code(number),
            issuer: Issuer { id: ISSUER.into(), name: "CertBody".into() },
            ledger: LedgerBinding {
                channel: NAME.into(),
                genesis: verifier::fingerprint(&self.ledger.genesis_hash()),
            },
            status: StatusEntry { lists: LISTS.into(), list: 0, index: number.into() },
            decided: self.now,
            validity: Validity { from: self.now, until: self.now.plus_years(3).unwrap() },
        };
        let method = format!("{ISSUER}#{}", public_key());
        let signed = proof::sign(&demo::document(&particulars), &issuer_key(), &method, self.now).unwrap();
        String::from_utf8(canonical::to_canonical(&signed).unwrap()).unwrap()
    }

    /// Orders these envelopes as one block, validates and commits it, and lets the read model follow. What would stop
    /// Fabric's peers is left out, as our orderer leaves it out.
    pub fn order(&mut self, mut envelopes: Vec<Bytes>) -> Vec<TxValidationCode> {
        let validation = loop {
            let nonce = Bytes::copy_from_slice(&self.ledger.height().to_be_bytes());
            let block = self
                .writer
                .write(envelopes.clone(), false, nonce, &VerifiedSignatureCache::disabled())
                .unwrap();
            let ordered = validation::verify_ordered(block, &self.bundle, &self.ledger, &self.memo).unwrap();
            match validation::validate(ordered, &self.bundle, &self.ledger, &self.memo) {
                Ok(validation) => break validation,
                Err(halt) => envelopes.remove(halt.transaction),
            };
        };
        self.writer.advance(validation.block.block.header(), false);
        let committed = self.ledger.commit(validation.block).unwrap();
        self.model.apply(&committed).unwrap();
        self.model.confirm(Head { height: self.ledger.height(), confirmed_at: self.now, sources: None });
        committed.codes.clone()
    }
}

pub fn code(number: u8) -> Code {
    Code::from_random([number; 16])
}

/// An endorsement that names `victim` and that `forger` signed.
pub fn forged_endorser<'a>(victim: &SigningIdentity, forger: &'a SigningIdentity) -> Signer<'a> {
    Signer { identity: victim.serialized(), ..forger.into() }
}

/// An encoded key policy.
pub fn key_policy(policy: &KeyPolicy) -> Bytes {
    let envelope = match policy {
        KeyPolicy::All(msp_ids) => {
            let peers: Vec<String> = msp_ids.iter().map(|msp_id| format!("'{msp_id}.peer'")).collect();
            parse(&format!("AND({})", peers.join(","))).unwrap()
        }
        KeyPolicy::Nobody => {
            let gate = signature_policy::NOutOf { n: 1, rules: Vec::new() };
            let rule = SignaturePolicy { r#type: Some(signature_policy::Type::NOutOf(gate)) };
            SignaturePolicyEnvelope { version: 0, rule: Some(rule), identities: Vec::new() }
        }
    };
    envelope.encode_to_vec().into()
}

pub fn policy_write(key: &str, policy: Bytes) -> KvMetadataWrite {
    let entries = vec![KvMetadataEntry { name: "VALIDATION_PARAMETER".into(), value: policy }];
    KvMetadataWrite { key: key.into(), entries }
}

/// The key that signs the certificates, as Multikey text.
pub fn public_key() -> String {
    multikey::public_to_text(&issuer_key().verifying_key())
}

fn issuer_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn name_of(part: Part) -> &'static str {
    match part {
        Part::Registry => REGISTRY,
        Part::Body => NAME,
    }
}

fn reads(reads: BTreeMap<String, Option<Version>>) -> Vec<KvRead> {
    reads.into_iter().map(|(key, version)| KvRead { key, version }).collect()
}

/// The state as one transaction of an honest endorser sees it, and what that transaction does.
struct Simulation<'a> {
    view: View<'a>,
    chaincode: certificate::Chaincode,
    transaction: String,
    now: DateTime,
    creator: Creator,
    reads: BTreeMap<String, Option<Version>>,
    /// What it reads of the registry.
    registered: BTreeMap<String, Option<Version>>,
    writes: BTreeMap<String, Vec<u8>>,
    policies: BTreeMap<String, KeyPolicy>,
}

impl<'a> Simulation<'a> {
    fn new(view: View<'a>, part: Part, transaction: String, now: DateTime, creator: Creator) -> Self {
        let chaincode = certificate::Chaincode { part, accreditation_body: ACCREDITATION_BODY.into() };
        let (reads, registered, writes, policies) = Default::default();
        Self { view, chaincode, transaction, now, creator, reads, registered, writes, policies }
    }

    fn read(&self, namespace: &str, key: &str) -> Result<(Option<Version>, Option<Bytes>), StateError> {
        let state = self.view.get(namespace, key).map_err(|error| StateError(error.to_string()))?;
        let version = state.as_ref().map(|state| state.version);
        let version = version.map(|it| Version { block_num: it.block, tx_num: it.tx });
        Ok((version, state.map(|state| state.value)))
    }

    fn into_rwset(self) -> KvrwSet {
        KvrwSet {
            reads: reads(self.reads),
            writes: self
                .writes
                .into_iter()
                .map(|(key, value)| KvWrite { key, is_delete: false, value: value.into() })
                .collect(),
            metadata_writes: self
                .policies
                .iter()
                .map(|(key, policy)| policy_write(key, key_policy(policy)))
                .collect(),
            ..KvrwSet::default()
        }
    }
}

impl State for Simulation<'_> {
    async fn get(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, StateError> {
        let mut values = Vec::new();
        for key in keys {
            let (version, value) = self.read(name_of(self.chaincode.part), key)?;
            self.reads.insert((*key).to_owned(), version);
            values.push(value);
        }
        Ok(values)
    }

    async fn registered(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, StateError> {
        let mut values = Vec::new();
        for key in keys {
            let (version, value) = self.read(REGISTRY, key)?;
            self.registered.insert((*key).to_owned(), version);
            values.push(value);
        }
        Ok(values)
    }

    async fn range(&mut self, _: &str, _: &str, _: usize) -> Result<Vec<(String, Bytes)>, StateError> {
        Err(StateError("no function that writes reads a range".into()))
    }

    async fn history(&mut self, _: &str) -> Result<Vec<Modification>, StateError> {
        Err(StateError("no function that writes reads a history".into()))
    }

    fn put(&mut self, key: &str, value: Vec<u8>) {
        self.writes.insert(key.to_owned(), value);
    }

    fn set_policy(&mut self, key: &str, policy: &KeyPolicy) {
        self.policies.insert(key.to_owned(), policy.clone());
    }

    fn transient(&self, _: &str) -> Option<Bytes> {
        None
    }

    async fn get_private(&mut self, _: &str, _: &[&str]) -> Result<Vec<Option<Bytes>>, StateError> {
        Err(StateError("no function that is run here reads private data".into()))
    }

    fn put_private(&mut self, _: &str, _: &str, _: Vec<u8>) {
        unreachable!("no function that is run here writes private data");
    }

    fn purge_private(&mut self, _: &str, _: &str) {
        unreachable!("no function that is run here purges private data");
    }

    fn set_event(&mut self, _: &str, _: Vec<u8>) {}

    fn chaincode(&self) -> &certificate::Chaincode {
        &self.chaincode
    }

    fn channel_id(&self) -> &str {
        NAME
    }

    fn transaction_id(&self) -> &str {
        &self.transaction
    }

    fn timestamp(&self) -> DateTime {
        self.now
    }

    fn creator(&self) -> &Creator {
        &self.creator
    }
}
