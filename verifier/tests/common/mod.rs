//! A channel whose chaincode is the certificate contract, with real keys and endorsements, and a verifier that
//! follows it. Nothing is validated here: a test says which verdict a transaction has, as only validation could give
//! it.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use certificate::chaincode::REGISTRY;
use certificate::document::{Issuer, LedgerBinding, StatusEntry, Validity};
use certificate::draft::Particulars;
use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use certificate::record::Event;
use certificate::{Code, Creator, DateTime, Part, Role, State, canonical, demo, multikey, proof};
use ed25519_dalek::SigningKey;
use fabric::proto::common::{BlockHeader, BlockMetadata};
use fabric::proto::kvrwset::{KvWrite, KvrwSet};
use fabric::proto::protos::TxValidationCode;
use fabric::proto::rwset::{NsReadWriteSet, TxReadWriteSet};
use fabric::types::block::data_hash;
use fabric::types::rwset::TxRwSet;
use fabric::types::{HeadedBlock, Height};
use futures::executor::block_on;
use ledger::{CommittedBlock, Ledger, Transaction, UpdateBatch, ValidatedBlock};
use msp::SigningIdentity;
use prost::Message;
use prost_types::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Org, Signer, of_the_project};
use verifier::{Channel, Clock, Config, Head, ReadModel, ServedModel, Server};

pub const CHANNEL: &str = "nanotrace";
pub const ISSUER: &str = "did:web:certbody.example";
pub const NOW: &str = "2026-11-21T12:00:00Z";

pub fn start() -> DateTime {
    DateTime::parse(NOW).unwrap()
}

pub fn certification_client() -> Creator {
    Creator::new(CERTIFICATION_BODY, Some(Role::Client))
}

pub fn decision_maker() -> Creator {
    certification_client().with_attributes("decision-maker", "d-1")
}

pub fn accreditor() -> Creator {
    Creator::new(ACCREDITATION_BODY, Some(Role::Client)).with_attributes("accreditor", "a-1")
}

fn admin(msp_id: &str) -> Creator {
    Creator::new(msp_id, Some(Role::Admin))
}

pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// Whose peers endorse what both bodies agree to.
pub const BOTH: &[&str] = &[CERTIFICATION_BODY, ACCREDITATION_BODY];

/// A valid transaction as its endorsers and its client made it.
pub struct Draft<'a> {
    pub namespace: &'a str,
    pub rwset: KvrwSet,
    /// The timestamp that it claims.
    pub claimed: DateTime,
    /// MSP ids of those whose peers endorse.
    pub endorsers: &'a [&'a str],
    /// MSP ids whose peers are named as endorsers, with signatures that do not verify.
    pub forged_endorsers: &'a [&'a str],
}

/// A channel with its ledger, a read model that follows it, and the time.
pub struct World {
    memory: Memory,
    /// One peer of some organisations, by MSP id.
    peers: Arc<Vec<(&'static str, SigningIdentity)>>,
    genesis_block: HeadedBlock,
    clock: Arc<AtomicI64>,
    pub ledger: Arc<Ledger>,
    pub genesis: [u8; 32],
    pub model: Arc<ReadModel>,
    /// Holds the ledger in `ledger` and the read model in `model`.
    pub directory: TempDir,
}

impl World {
    /// As a network stands after its set-up: bound ledger, scheme, accreditation, approved issuer key.
    pub fn new() -> Self {
        let crypto = TempDir::new().unwrap();
        let (genesis, peers) = channel_material(crypto.path());
        Self::of(genesis, Arc::new(peers))
    }

    /// Another course of the same channel.
    pub fn beside(other: &World) -> Self {
        Self::of(other.genesis_block.clone(), other.peers.clone())
    }

    fn of(block: HeadedBlock, peers: Arc<Vec<(&'static str, SigningIdentity)>>) -> Self {
        let directory = TempDir::new().unwrap();
        let (ledger, _) = Ledger::open(&directory.path().join("ledger"), Some(&block)).unwrap();
        let genesis = ledger.genesis_hash();
        let model = ReadModel::open(&directory.path().join("model"), channel(genesis)).unwrap();
        model.catch_up(&ledger).unwrap();
        let clock = Arc::new(AtomicI64::new(start().plus_days(-60).seconds()));
        let mut world = Self {
            memory: Memory::new(CHANNEL),
            peers,
            genesis_block: block,
            clock,
            ledger,
            genesis,
            model: Arc::new(model),
            directory,
        };
        world.set_up();
        world.set_time(start());
        world.confirm();
        world
    }

    fn set_up(&mut self) {
        let accreditation = demo::accreditation(self.now()).to_string();
        let genesis = verifier::fingerprint(&self.genesis);
        self.submit(admin(ACCREDITATION_BODY), "ledger:bind", &[&genesis, CERTIFICATION_BODY]);
        self.submit(admin(ACCREDITATION_BODY), "scheme:register", &[&demo::scheme().to_string()]);
        self.submit(admin(ACCREDITATION_BODY), "accreditation:register", &[&accreditation]);
        let public_key = multikey::public_to_text(&key().verifying_key());
        let lists = "https://certbody.example/status";
        let proposal = json!({
            "publicKey": public_key, "issuerId": ISSUER, "issuerName": "CertBody", "statusLists": lists,
        });
        self.submit(admin(CERTIFICATION_BODY), "issuerKey:propose", &[&proposal.to_string()]);
        self.submit(admin(ACCREDITATION_BODY), "issuerKey:approve", &[CERTIFICATION_BODY, &public_key]);
    }

    pub fn now(&self) -> DateTime {
        DateTime::from_seconds(self.clock.load(Ordering::SeqCst))
    }

    /// Moves the clock; no source confirms the head at the new time.
    pub fn set_time(&self, now: DateTime) {
        self.clock.store(now.seconds(), Ordering::SeqCst);
    }

    pub fn clock(&self) -> Clock {
        let clock = self.clock.clone();
        Arc::new(move || DateTime::from_seconds(clock.load(Ordering::SeqCst)))
    }

    /// In the body's chaincode.
    pub fn ledger_time(&self) -> Option<DateTime> {
        self.model.ledger_times().into_iter().find(|(chaincode, _)| chaincode == CHANNEL)?.1
    }

    /// The source says that the newest block is the newest.
    pub fn confirm(&self) {
        self.model.confirm(Head { height: self.ledger.height(), confirmed_at: self.now(), sources: None });
    }

    /// Runs a transaction, which must succeed, and puts it into a block that the model applies.
    pub fn submit(&mut self, creator: Creator, function: &str, arguments: &[&str]) {
        let writes = self.execute(creator, function, arguments);
        let namespace = if self.memory.part() == Part::Registry { REGISTRY } else { CHANNEL };
        let block = self.commit(namespace, writes, TxValidationCode::Valid);
        self.model.apply(&block).unwrap();
        self.confirm();
    }

    pub fn execute(&mut self, creator: Creator, function: &str, arguments: &[&str]) -> Vec<KvWrite> {
        self.memory.begin(creator, self.now());
        let arguments: Vec<Bytes> =
            arguments.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect();
        let response = block_on(self.memory.run(function, &arguments));
        assert_eq!(response.status, 200, "{function}: {}", response.message);
        let keys: Vec<String> = self.memory.keys_written().into_iter().map(str::to_owned).collect();
        self.memory.commit(&[CERTIFICATION_BODY, ACCREDITATION_BODY]).unwrap();
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let values = block_on(self.memory.get(&names)).unwrap();
        let writes = keys.into_iter().zip(values);
        writes
            .map(|(key, value)| KvWrite { key, is_delete: false, value: value.unwrap_or_default() })
            .collect()
    }

    /// Issues the demonstration certificate of this number, with changes to its subject.
    pub fn issue(&mut self, number: u8, change: impl FnOnce(&mut Value)) -> Code {
        let document = self.document(number, change);
        self.submit(certification_client(), "certificate:issue", &[&document]);
        code(number)
    }

    /// A signed document, not issued.
    pub fn document(&self, number: u8, change: impl FnOnce(&mut Value)) -> String {
        let now = self.now();
        let particulars = Particulars {
            code: code(number),
            issuer: Issuer { id: ISSUER.into(), name: "CertBody".into() },
            ledger: LedgerBinding { channel: CHANNEL.into(), genesis: verifier::fingerprint(&self.genesis) },
            status: StatusEntry {
                lists: "https://certbody.example/status".into(),
                list: 0,
                index: number.into(),
            },
            decided: now.plus_days(-1),
            validity: Validity { from: now, until: now.plus_years(3).unwrap() },
        };
        let mut document = demo::document(&particulars);
        change(&mut document);
        let method = format!("{ISSUER}#{}", multikey::public_to_text(&key().verifying_key()));
        let signed = proof::sign(&document, &key(), &method, now).unwrap();
        String::from_utf8(canonical::to_canonical(&signed).unwrap()).unwrap()
    }

    /// Commits a block with one transaction that writes this, and applies it to the model.
    pub fn add_block(&mut self, writes: Vec<KvWrite>) {
        let block = self.commit(CHANNEL, writes, TxValidationCode::Valid);
        self.model.apply(&block).unwrap();
        self.confirm();
    }

    /// Commits a block with one transaction that both bodies endorse, which the model does not hear of.
    pub fn commit(
        &self,
        namespace: &str,
        writes: Vec<KvWrite>,
        code: TxValidationCode,
    ) -> Arc<CommittedBlock> {
        let rwset = KvrwSet { writes, ..KvrwSet::default() };
        let draft = Draft { namespace, rwset, claimed: self.now(), endorsers: BOTH, forged_endorsers: &[] };
        self.commit_all(vec![(draft, code)])
    }

    /// Commits a block with these transactions.
    pub fn commit_all(&self, drafts: Vec<(Draft<'_>, TxValidationCode)>) -> Arc<CommittedBlock> {
        self.try_commit_all(drafts).unwrap()
    }

    /// The same; `None` where the writes are such that no peer can commit the block.
    pub fn try_commit_all(&self, drafts: Vec<(Draft<'_>, TxValidationCode)>) -> Option<Arc<CommittedBlock>> {
        let number = self.ledger.height();
        let previous = Bytes::copy_from_slice(&self.ledger.last_hash());
        let envelopes =
            drafts.iter().enumerate().map(|(index, (draft, _))| self.seal(draft, index)).collect();
        let mut validated = ValidatedBlock {
            block: block(number, previous, envelopes),
            codes: drafts.iter().map(|(_, code)| *code).collect(),
            transactions: Vec::new(),
            updates: UpdateBatch::default(),
        };
        let view = self.ledger.view().unwrap();
        for (index, (draft, code)) in drafts.iter().enumerate() {
            let rwset = (*code == TxValidationCode::Valid)
                .then(|| TxRwSet::decode(results(draft.namespace, &draft.rwset)).unwrap());
            if let Some(rwset) = &rwset {
                validated.updates.apply(rwset, Height::new(number, index as u64), &view).ok()?;
            }
            validated.transactions.push(Transaction { txid: format!("{number}-{index}"), rwset });
        }
        drop(view);
        Some(self.ledger.commit(validated).unwrap())
    }

    /// A block with one transaction of one body alone: what a hostile member can do to its own keys. The model
    /// applies it.
    pub fn alone(&mut self, msp_id: &str, claimed: DateTime, writes: Vec<KvWrite>) {
        self.alone_in(CHANNEL, msp_id, claimed, writes);
    }

    /// The same in a chaincode of that name.
    pub fn alone_in(&mut self, namespace: &str, msp_id: &str, claimed: DateTime, writes: Vec<KvWrite>) {
        let rwset = KvrwSet { writes, ..KvrwSet::default() };
        let draft = Draft { namespace, rwset, claimed, endorsers: &[msp_id], forged_endorsers: &[] };
        let block = self.commit_all(vec![(draft, TxValidationCode::Valid)]);
        self.model.apply(&block).unwrap();
        self.confirm();
    }

    /// What moves ledger time when nothing else does.
    pub fn tick(&mut self) {
        self.submit(accreditor(), "ledger:tick", &[]);
    }

    fn seal(&self, draft: &Draft<'_>, index: usize) -> Bytes {
        let peer = |msp_id: &str| &self.peers.iter().find(|(found, _)| *found == msp_id).unwrap().1;
        let signer = |msp_id: &&str| Signer::from(peer(msp_id));
        let wrong = |mut signature: Vec<u8>| {
            *signature.last_mut().unwrap() ^= 1;
            signature
        };
        let forged = |msp_id: &&str| Signer { tamper: wrong, ..signer(msp_id) };
        let endorsers = draft.endorsers.iter().map(signer);
        let endorsers = endorsers.chain(draft.forged_endorsers.iter().map(forged));
        let nonce = format!("{}-{index}", self.ledger.height());
        let client = signer(&CERTIFICATION_BODY);
        let mut sealed = testkit::Draft::new(CHANNEL, draft.namespace, nonce, client, endorsers);
        sealed.channel_header.timestamp = Some(Timestamp { seconds: draft.claimed.seconds(), nanos: 0 });
        *sealed.public(draft.namespace) = draft.rwset.clone();
        sealed.seal()
    }

    /// Serves on a free port until the test ends.
    pub async fn serve(&self) -> Site {
        self.serve_with(|_| {}).await
    }

    pub async fn serve_with(&self, change: impl FnOnce(&mut Config)) -> Site {
        let mut config = Config::new("127.0.0.1:0".parse().unwrap());
        config.clock = self.clock();
        config.public_base = Some("https://check.example".parse().unwrap());
        change(&mut config);
        let server = Server::bind(config, Arc::new(ServedModel::new(self.model.clone()))).await.unwrap();
        Site::of(server)
    }
}

pub fn code(number: u8) -> Code {
    Code::from_random([number; 16])
}

/// An event as a record's owner may write it.
pub fn event(claimed: DateTime, reason: &str) -> Event {
    Event {
        effective_at: claimed,
        by: "LabMSP".into(),
        role: String::new(),
        person: String::new(),
        reason: reason.into(),
        transaction_id: "ff".repeat(32),
    }
}

pub fn put(key: String, value: Vec<u8>) -> KvWrite {
    KvWrite { key, is_delete: false, value: value.into() }
}

pub fn channel(genesis: [u8; 32]) -> Channel {
    Channel {
        name: CHANNEL.into(),
        genesis,
        chaincode: CHANNEL.into(),
        accreditation_body: ACCREDITATION_BODY.into(),
    }
}

/// Keys and genesis block by the project's own configuration.
fn channel_material(directory: &std::path::Path) -> (HeadedBlock, Vec<(&'static str, SigningIdentity)>) {
    let (_, genesis) = of_the_project(directory, CHANNEL, start().seconds());
    let crypto = directory.join("crypto-config");
    let peer = |(msp_id, name): (&'static str, &str)| {
        (msp_id, Org::read(&crypto, &format!("{name}.nanotrace.example"), msp_id).peer)
    };
    let bodies = [(CERTIFICATION_BODY, "certbody"), (ACCREDITATION_BODY, "accreditation")];
    let names = bodies.into_iter().chain([("LabMSP", "lab"), ("IndustryMSP", "industry")]);
    (genesis, names.map(peer).collect())
}

fn block(number: u64, previous_hash: Bytes, data: Vec<Bytes>) -> HeadedBlock {
    let data_hash = Bytes::copy_from_slice(&data_hash(&data));
    let header = BlockHeader { number, previous_hash, data_hash };
    HeadedBlock::new(header, data, BlockMetadata::default())
}

fn results(namespace: &str, rwset: &KvrwSet) -> Bytes {
    let rwset = rwset.encode_to_vec().into();
    let namespace = NsReadWriteSet { namespace: namespace.into(), rwset, ..NsReadWriteSet::default() };
    TxReadWriteSet { data_model: 0, ns_rwset: vec![namespace] }.encode_to_vec().into()
}

/// A served site, and the smallest HTTP client that can look at every byte of a response.
pub struct Site {
    pub address: SocketAddr,
    operations: Option<SocketAddr>,
}

pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Site {
    /// Serves until the test ends.
    pub fn of(server: Server) -> Self {
        let (address, operations) = (server.local_address(), server.operations_address());
        tokio::spawn(server.run(std::future::pending()));
        Self { address, operations }
    }

    /// The same server as its operator sees it.
    pub fn operations(&self) -> Self {
        Self { address: self.operations.expect("an operations address is configured"), operations: None }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.get_with(path, &[]).await
    }

    pub async fn json(&self, path: &str) -> (u16, Value) {
        let response = self.get_with(path, &[("Accept", "application/json")]).await;
        (response.status, serde_json::from_slice(&response.body).unwrap())
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.ask("GET", path, headers).await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: check.example\r\nConnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        Response::parse(&self.raw(request.as_bytes()).await)
    }

    /// Sends bytes and reads until the server closes.
    pub async fn raw(&self, request: &[u8]) -> Vec<u8> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        // The server may have answered and closed before it read everything.
        let _ = stream.write_all(request).await;
        if !request.starts_with(b"GET ") && !request.starts_with(b"HEAD ") && !request.starts_with(b"POST ") {
            let _ = stream.shutdown().await;
        }
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response).await;
        response
    }
}

impl Response {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a response has a head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Self { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.text().contains(text), "{text:?} is not in {}", self.text());
        self
    }
}
