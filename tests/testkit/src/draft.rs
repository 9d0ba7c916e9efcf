//! A transaction under construction. Every layer can be changed before it goes into the next one and is
//! signed, or behind the signature's back.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::{
    crypto::PrivateKey,
    proto::{
        common::{ChannelHeader, Envelope, Header, HeaderType, SignatureHeader},
        kvrwset::{HashedRwSet, KvrwSet},
        protos::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeHeaderExtension,
            ChaincodeId, Endorsement, ProposalResponsePayload, Response, Transaction, TransactionAction,
        },
        rwset::{CollectionHashedReadWriteSet, NsReadWriteSet, TxReadWriteSet},
    },
    types::txid,
};
use msp::SigningIdentity;
use prost::Message;
use sha2::{Digest, Sha256};

/// A message of a transaction that is encoded into another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    PublicRwSet,
    HashedRwSet,
    Results,
    Event,
    Extension,
    ChannelHeader,
    SignatureHeader,
    ActionHeader,
    ChaincodeAction,
    ResponsePayload,
    /// The response payload after it has been endorsed.
    EndorsedResponsePayload,
    Endorsements,
    ActionPayload,
    Transaction,
    Header,
    Payload,
    /// The payload after it has been signed.
    SignedPayload,
    Envelope,
}

impl Layer {
    /// Those within the envelope.
    pub const INNER: [Self; 17] = [
        Self::PublicRwSet,
        Self::HashedRwSet,
        Self::Results,
        Self::Event,
        Self::Extension,
        Self::ChannelHeader,
        Self::SignatureHeader,
        Self::ActionHeader,
        Self::ChaincodeAction,
        Self::ResponsePayload,
        Self::EndorsedResponsePayload,
        Self::Endorsements,
        Self::ActionPayload,
        Self::Transaction,
        Self::Header,
        Self::Payload,
        Self::SignedPayload,
    ];
}

/// Changes the encoding of a layer.
type Change<'c> = dyn FnMut(Layer, Vec<u8>) -> Vec<u8> + 'c;

/// Who signs, under which name, and what is done to the signature.
#[derive(Clone)]
pub struct Signer<'a> {
    pub key: &'a PrivateKey,
    /// The `SerializedIdentity` that the key belongs to.
    pub own: Bytes,
    /// The one that it signs as.
    pub identity: Bytes,
    pub tamper: fn(Vec<u8>) -> Vec<u8>,
}

impl<'a> Signer<'a> {
    pub fn new(key: &'a PrivateKey, identity: Bytes) -> Self {
        Self { key, own: identity.clone(), identity, tamper: |signature| signature }
    }

    fn sign(&self, message: &[u8]) -> Bytes {
        (self.tamper)(self.key.sign(message).unwrap()).into()
    }

    fn endorse(&self, response: &[u8]) -> Endorsement {
        let signature = self.sign(&[response, &self.identity].concat());
        Endorsement { endorser: self.identity.clone(), signature }
    }
}

impl<'a> From<&'a SigningIdentity> for Signer<'a> {
    fn from(identity: &'a SigningIdentity) -> Self {
        Self::new(identity.key(), identity.serialized())
    }
}

/// What a transaction does in one namespace.
#[derive(Clone, Default)]
pub struct Namespace {
    pub name: String,
    pub public: KvrwSet,
    pub collections: Vec<(String, HashedRwSet)>,
}

/// Everything a client and its endorsers state.
#[derive(Clone)]
pub struct Draft<'a> {
    pub creator: Signer<'a>,
    pub endorsers: Vec<Signer<'a>>,
    /// The transaction id is computed unless it is set here.
    pub txid: Option<String>,
    pub channel_header: ChannelHeader,
    pub nonce: Vec<u8>,
    /// The header of the action, unless it is that of the payload.
    pub action_header: Option<SignatureHeader>,
    pub extension: ChaincodeHeaderExtension,
    pub proposal_payload: Vec<u8>,
    pub proposal_hash: Option<Vec<u8>>,
    pub action: ChaincodeAction,
    pub namespaces: Vec<Namespace>,
    private_hashes: BTreeMap<(String, String), Bytes>,
    /// In place of the namespaces.
    pub results: Option<Bytes>,
    /// How often the action stands in the transaction.
    pub actions: usize,
}

impl<'a> Draft<'a> {
    /// A transaction without a timestamp that does nothing yet.
    pub fn new<S: Into<Signer<'a>>>(
        channel: &str,
        chaincode: &str,
        nonce: impl Into<Vec<u8>>,
        creator: S,
        endorsers: impl IntoIterator<Item = S>,
    ) -> Self {
        let id = ChaincodeId { name: chaincode.to_owned(), version: "1".to_owned(), path: String::new() };
        Self {
            creator: creator.into(),
            endorsers: endorsers.into_iter().map(Into::into).collect(),
            txid: None,
            channel_header: ChannelHeader {
                r#type: HeaderType::EndorserTransaction as i32,
                channel_id: channel.to_owned(),
                ..Default::default()
            },
            nonce: nonce.into(),
            action_header: None,
            extension: ChaincodeHeaderExtension {
                chaincode_id: Some(ChaincodeId { name: chaincode.to_owned(), ..Default::default() }),
            },
            proposal_payload: b"what the client asked".to_vec(),
            proposal_hash: None,
            action: ChaincodeAction {
                response: Some(Response { status: 200, ..Default::default() }),
                chaincode_id: Some(id),
                ..Default::default()
            },
            namespaces: Vec::new(),
            private_hashes: BTreeMap::new(),
            results: None,
            actions: 1,
        }
    }

    /// What it does in a namespace.
    pub fn namespace(&mut self, name: &str) -> &mut Namespace {
        let known = self.namespaces.iter().position(|namespace| namespace.name == name);
        let index = known.unwrap_or_else(|| {
            self.namespaces.push(Namespace { name: name.to_owned(), ..Default::default() });
            self.namespaces.len() - 1
        });
        &mut self.namespaces[index]
    }

    /// What it reads and writes in a namespace.
    pub fn public(&mut self, namespace: &str) -> &mut KvrwSet {
        &mut self.namespace(namespace).public
    }

    /// What it reads and writes in a collection.
    pub fn hashed(&mut self, namespace: &str, collection: &str) -> &mut HashedRwSet {
        let collections = &mut self.namespace(namespace).collections;
        let known = collections.iter().position(|(name, _)| name == collection);
        let index = known.unwrap_or_else(|| {
            collections.push((collection.to_owned(), HashedRwSet::default()));
            collections.len() - 1
        });
        &mut collections[index].1
    }

    /// Names the hash of the private read-write set of a collection; without, it is that of none.
    pub fn announce(&mut self, namespace: &str, collection: &str, hash: Bytes) {
        self.private_hashes.insert((namespace.to_owned(), collection.to_owned()), hash);
    }

    /// The transaction id that it names.
    pub fn txid(&self) -> String {
        let computed = || txid::compute(&self.nonce, &self.creator.identity);
        self.txid.clone().unwrap_or_else(computed)
    }

    pub fn chaincode(&self) -> &str {
        self.extension.chaincode_id.as_ref().map_or("", |id| &id.name)
    }

    /// The encoded envelope.
    pub fn seal(&self) -> Bytes {
        self.seal_with(|_, encoded| encoded)
    }

    /// An envelope with this in place of the transaction.
    pub fn seal_data(&self, data: Vec<u8>) -> Bytes {
        self.seal_with(|layer, encoded| if layer == Layer::Transaction { data.clone() } else { encoded })
    }

    /// The encoded envelope, its layers changed on the way.
    pub fn seal_with(&self, mut change: impl FnMut(Layer, Vec<u8>) -> Vec<u8>) -> Bytes {
        self.encode(&mut change)
    }

    fn encode(&self, change: &mut Change<'_>) -> Bytes {
        let signature_header =
            SignatureHeader { creator: self.creator.identity.clone(), nonce: self.nonce.clone().into() };
        let channel_header = self.encode_channel_header(change);
        let channel_header = change(Layer::ChannelHeader, channel_header);
        let data = self.encode_transaction(&channel_header, &signature_header, change);
        let data = change(Layer::Transaction, data);
        let signature_header = change(Layer::SignatureHeader, signature_header.encode_to_vec());
        let header =
            Header { channel_header: channel_header.into(), signature_header: signature_header.into() };
        // By hand, as the changed header may be no message any more.
        let header = change(Layer::Header, header.encode_to_vec());
        let payload = [field(1, &header), field(2, &data)].concat();
        let payload = change(Layer::Payload, payload);
        let signature = self.creator.sign(&payload);
        let payload = change(Layer::SignedPayload, payload).into();
        change(Layer::Envelope, Envelope { payload, signature }.encode_to_vec()).into()
    }

    fn encode_channel_header(&self, change: &mut Change<'_>) -> Vec<u8> {
        let extension = change(Layer::Extension, self.extension.encode_to_vec()).into();
        ChannelHeader { extension, tx_id: self.txid(), ..self.channel_header.clone() }.encode_to_vec()
    }

    fn encode_transaction(
        &self,
        channel_header: &[u8],
        signature_header: &SignatureHeader,
        change: &mut Change<'_>,
    ) -> Vec<u8> {
        let header = self.action_header.as_ref().unwrap_or(signature_header).encode_to_vec();
        let header = change(Layer::ActionHeader, header);
        let proposal_hash = self.proposal_hash.clone().unwrap_or_else(|| {
            Sha256::new()
                .chain_update(channel_header)
                .chain_update(&header)
                .chain_update(&self.proposal_payload)
                .finalize()
                .to_vec()
        });
        let response = self.encode_response(proposal_hash, change);
        let endorsements = self.endorsers.iter().map(|endorser| endorser.endorse(&response)).collect();
        let response = change(Layer::EndorsedResponsePayload, response);
        let endorsed = ChaincodeEndorsedAction { proposal_response_payload: response.into(), endorsements };
        let endorsed = change(Layer::Endorsements, endorsed.encode_to_vec());
        let proposal = ChaincodeActionPayload {
            chaincode_proposal_payload: self.proposal_payload.clone().into(),
            action: None,
        };
        let payload = [proposal.encode_to_vec(), field(2, &endorsed)].concat();
        let payload = change(Layer::ActionPayload, payload);
        let action = TransactionAction { header: header.into(), payload: payload.into() };
        Transaction { actions: vec![action; self.actions] }.encode_to_vec()
    }

    fn encode_response(&self, proposal_hash: Vec<u8>, change: &mut Change<'_>) -> Vec<u8> {
        let results = match &self.results {
            Some(results) => results.to_vec(),
            None => self.encode_results(change),
        };
        let results = change(Layer::Results, results).into();
        let events = change(Layer::Event, self.action.events.to_vec()).into();
        let action = ChaincodeAction { results, events, ..self.action.clone() };
        let extension = change(Layer::ChaincodeAction, action.encode_to_vec());
        let response =
            ProposalResponsePayload { proposal_hash: proposal_hash.into(), extension: extension.into() };
        change(Layer::ResponsePayload, response.encode_to_vec())
    }

    fn encode_results(&self, change: &mut Change<'_>) -> Vec<u8> {
        let mut sets = TxReadWriteSet::default();
        for namespace in &self.namespaces {
            let mut encoded = NsReadWriteSet {
                namespace: namespace.name.clone(),
                rwset: change(Layer::PublicRwSet, namespace.public.encode_to_vec()).into(),
                ..Default::default()
            };
            for (collection, set) in &namespace.collections {
                let hash = self.private_hashes.get(&(namespace.name.clone(), collection.clone()));
                encoded.collection_hashed_rwset.push(CollectionHashedReadWriteSet {
                    collection_name: collection.clone(),
                    hashed_rwset: change(Layer::HashedRwSet, set.encode_to_vec()).into(),
                    pvt_rwset_hash: hash.cloned().unwrap_or(Bytes::from_static(&[9; 32])),
                });
            }
            sets.ns_rwset.push(encoded);
        }
        sets.encode_to_vec()
    }
}

/// A length-delimited field, present even when it is empty.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_varint(u64::from(number << 3 | 2), &mut out);
    prost::encoding::encode_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}
