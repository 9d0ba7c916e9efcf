//! A transaction under construction, all of whose layers can be changed before they are signed.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::{
    proto::{
        common::{ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader},
        kvrwset::{HashedRwSet, KvrwSet},
        protos::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeHeaderExtension,
            ChaincodeId, Endorsement, ProposalResponsePayload, Transaction, TransactionAction,
        },
        rwset::{CollectionHashedReadWriteSet, NsReadWriteSet, TxReadWriteSet},
    },
    types::txid,
};
use msp::SigningIdentity;
use prost::Message;
use sha2::{Digest, Sha256};

use super::CHANNEL;

/// A message of a transaction that is encoded into another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    PublicRwSet,
    HashedRwSet,
    Results,
    Extension,
    ChannelHeader,
    SignatureHeader,
    ActionHeader,
    ChaincodeAction,
    ResponsePayload,
    ActionPayload,
    Transaction,
    Header,
    Payload,
    Envelope,
}

/// Changes the encoding of a layer before it goes into the next one and is signed.
pub type Change<'c> = &'c dyn Fn(Layer, Vec<u8>) -> Vec<u8>;

/// Everything a client and its endorsers state.
pub struct Draft<'a> {
    pub creator: &'a SigningIdentity,
    pub endorsers: Vec<&'a SigningIdentity>,
    pub channel_header: ChannelHeader,
    pub signature_header: SignatureHeader,
    pub action: ChaincodeAction,
    public: BTreeMap<String, KvrwSet>,
    hashed: BTreeMap<(String, String), HashedRwSet>,
    private_hashes: BTreeMap<(String, String), Bytes>,
    /// In place of the sets above.
    pub results: Option<Bytes>,
}

impl<'a> Draft<'a> {
    pub fn new(
        chaincode: &str,
        nonce: &[u8],
        creator: &'a SigningIdentity,
        endorsers: Vec<&'a SigningIdentity>,
    ) -> Self {
        let chaincode_id =
            Some(ChaincodeId { name: chaincode.to_owned(), version: "1".to_owned(), path: String::new() });
        let extension = ChaincodeHeaderExtension { chaincode_id: chaincode_id.clone() };
        let signature_header =
            SignatureHeader { creator: creator.serialized(), nonce: Bytes::copy_from_slice(nonce) };
        let channel_header = ChannelHeader {
            r#type: HeaderType::EndorserTransaction as i32,
            channel_id: CHANNEL.to_owned(),
            timestamp: Some(std::time::SystemTime::now().into()),
            tx_id: txid::compute(&signature_header.nonce, &signature_header.creator),
            extension: extension.encode_to_vec().into(),
            ..Default::default()
        };
        Self {
            creator,
            endorsers,
            channel_header,
            signature_header,
            action: ChaincodeAction { chaincode_id, ..Default::default() },
            public: BTreeMap::new(),
            hashed: BTreeMap::new(),
            private_hashes: BTreeMap::new(),
            results: None,
        }
    }

    /// What it reads and writes in a namespace.
    pub fn public(&mut self, namespace: &str) -> &mut KvrwSet {
        self.public.entry(namespace.to_owned()).or_default()
    }

    /// What it reads and writes in a collection.
    pub fn hashed(&mut self, namespace: &str, collection: &str) -> &mut HashedRwSet {
        self.public(namespace);
        self.hashed.entry((namespace.to_owned(), collection.to_owned())).or_default()
    }

    /// Names the hash of the private read-write set of a collection; without, it is that of none.
    pub fn announce(&mut self, namespace: &str, collection: &str, hash: Bytes) {
        self.private_hashes.insert((namespace.to_owned(), collection.to_owned()), hash);
    }

    pub fn txid(&self) -> String {
        self.channel_header.tx_id.clone()
    }

    /// The encoded envelope.
    pub fn seal(&self) -> Bytes {
        self.seal_with(&|_, encoded| encoded)
    }

    /// The encoded envelope, its layers changed and then signed.
    pub fn seal_with(&self, change: Change<'_>) -> Bytes {
        let channel_header = change(Layer::ChannelHeader, self.encode_channel_header(change));
        let signature_header = change(Layer::SignatureHeader, self.signature_header.encode_to_vec());
        let data = change(Layer::Transaction, self.encode_transaction(&channel_header, change));
        let header =
            Header { channel_header: channel_header.into(), signature_header: signature_header.into() };
        let header = Header::decode(change(Layer::Header, header.encode_to_vec()).as_slice());
        let payload = Payload { header: header.ok(), data: data.into() };
        self.sign(change(Layer::Payload, payload.encode_to_vec()), change)
    }

    /// An envelope with this in place of the transaction.
    pub fn seal_data(&self, data: Vec<u8>) -> Bytes {
        self.seal_with(&|layer, encoded| if layer == Layer::Transaction { data.clone() } else { encoded })
    }

    fn sign(&self, payload: Vec<u8>, change: Change<'_>) -> Bytes {
        let signature = self.creator.sign(&payload).unwrap().into();
        let envelope = Envelope { payload: payload.into(), signature };
        change(Layer::Envelope, envelope.encode_to_vec()).into()
    }

    fn encode_channel_header(&self, change: Change<'_>) -> Vec<u8> {
        let extension = change(Layer::Extension, self.channel_header.extension.to_vec()).into();
        ChannelHeader { extension, ..self.channel_header.clone() }.encode_to_vec()
    }

    fn encode_transaction(&self, channel_header: &[u8], change: Change<'_>) -> Vec<u8> {
        let header = change(Layer::ActionHeader, self.signature_header.encode_to_vec());
        let proposal_payload = Bytes::from_static(b"what the client asked");
        let proposal_hash = Sha256::new()
            .chain_update(channel_header)
            .chain_update(&header)
            .chain_update(&proposal_payload)
            .finalize();
        let response = self.encode_response(proposal_hash.to_vec(), change);
        let payload = ChaincodeActionPayload {
            chaincode_proposal_payload: proposal_payload,
            action: Some(ChaincodeEndorsedAction {
                endorsements: self.endorsers.iter().map(|endorser| endorse(endorser, &response)).collect(),
                proposal_response_payload: response.into(),
            }),
        };
        let payload = change(Layer::ActionPayload, payload.encode_to_vec());
        let action = TransactionAction { header: header.into(), payload: payload.into() };
        Transaction { actions: vec![action] }.encode_to_vec()
    }

    fn encode_response(&self, proposal_hash: Vec<u8>, change: Change<'_>) -> Vec<u8> {
        let results = match &self.results {
            Some(results) => results.to_vec(),
            None => self.encode_results(change),
        };
        let results = change(Layer::Results, results).into();
        let action = ChaincodeAction { results, ..self.action.clone() };
        let extension = change(Layer::ChaincodeAction, action.encode_to_vec());
        let response =
            ProposalResponsePayload { proposal_hash: proposal_hash.into(), extension: extension.into() };
        change(Layer::ResponsePayload, response.encode_to_vec())
    }

    fn encode_results(&self, change: Change<'_>) -> Vec<u8> {
        let collections = |namespace: &str| {
            let mine = self.hashed.iter().filter(|((owner, _), _)| owner == namespace);
            mine.map(|(key, set)| CollectionHashedReadWriteSet {
                collection_name: key.1.clone(),
                hashed_rwset: change(Layer::HashedRwSet, set.encode_to_vec()).into(),
                pvt_rwset_hash: match self.private_hashes.get(key) {
                    Some(hash) => hash.clone(),
                    None => Bytes::from_static(b"hash of the private set"),
                },
            })
            .collect()
        };
        let namespaces = self.public.iter().map(|(namespace, set)| NsReadWriteSet {
            namespace: namespace.clone(),
            rwset: change(Layer::PublicRwSet, set.encode_to_vec()).into(),
            collection_hashed_rwset: collections(namespace),
        });
        TxReadWriteSet { data_model: 0, ns_rwset: namespaces.collect() }.encode_to_vec()
    }
}

fn endorse(endorser: &SigningIdentity, response: &[u8]) -> Endorsement {
    let identity = endorser.serialized();
    let signature = endorser.sign(&[response, &identity].concat()).unwrap().into();
    Endorsement { endorser: identity, signature }
}
