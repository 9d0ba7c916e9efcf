//! Hand-made transactions with valid signatures: what an organisation could send whose peer signs anything.

pub mod consortium;
pub mod rotation;

use bytes::Bytes;
use fabric::{
    proto::{
        common::{ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader},
        gateway::SubmitRequest,
        kvrwset::{HashedRwSet, KvMetadataEntry, KvMetadataWrite, KvWrite, KvWriteHash, KvrwSet},
        protos::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeHeaderExtension,
            ChaincodeId, ChaincodeProposalPayload, Endorsement, ProposalResponsePayload, Response,
            Transaction, TransactionAction, TxValidationCode,
        },
        rwset::{CollectionHashedReadWriteSet, NsReadWriteSet, TxReadWriteSet, tx_read_write_set::DataModel},
    },
    types::txid,
};
use msp::SigningIdentity;
use peer_client::{ConnectionProfile, Gateway};
use prost::Message;
use services::gateway::gateway_client::GatewayClient;
use sha2::{Digest, Sha256};

/// A forged transaction: what it writes, in which namespace, and whose peers signed it.
#[derive(Default)]
pub struct Forgery<'a> {
    pub namespace: &'a str,
    pub writes: Vec<(String, Vec<u8>)>,
    /// Keys whose endorsement policy is set, and the encoded policy.
    pub policies: Vec<(String, Vec<u8>)>,
    /// Collection, private key, and the value, or none to purge it.
    pub private: Vec<(String, String, Option<Vec<u8>>)>,
    /// Names of the organisations whose peers endorse.
    pub endorsers: &'a [&'a str],
}

impl Forgery<'_> {
    /// Signs as `User1` of the first endorsing organisation, submits through its gateway and returns the
    /// verdict.
    pub async fn submit(self, profile: &ConnectionProfile) -> TxValidationCode {
        let organisation = profile.organisation(self.endorsers[0]).unwrap();
        let client = profile.identity(organisation, "User1").unwrap();
        let (envelope, transaction) = self.envelope(profile, &client);
        let endpoint = organisation.gateway.endpoint().unwrap();
        let request = SubmitRequest {
            transaction_id: transaction.clone(),
            channel_id: profile.channel.clone(),
            prepared_transaction: Some(envelope),
        };
        GatewayClient::new(endpoint.connect().await.unwrap()).submit(request).await.unwrap();
        let gateway = Gateway::connect(&endpoint, client).await.unwrap();
        gateway.commit(&profile.channel, &transaction).unwrap().status().await.unwrap().code
    }

    fn envelope(&self, profile: &ConnectionProfile, client: &SigningIdentity) -> (Envelope, String) {
        let (header, transaction) = header(profile, self.namespace, client);
        let proposal =
            ChaincodeProposalPayload { input: "forged".into(), ..Default::default() }.encode_to_vec();
        let hash = Sha256::new()
            .chain_update(&header.channel_header)
            .chain_update(&header.signature_header)
            .chain_update(&proposal)
            .finalize();
        let payload: Bytes = ProposalResponsePayload {
            proposal_hash: Bytes::copy_from_slice(&hash),
            extension: self.action().encode_to_vec().into(),
        }
        .encode_to_vec()
        .into();
        let endorsements = self.endorsers.iter().map(|name| endorse(profile, name, &payload)).collect();
        let action = ChaincodeActionPayload {
            chaincode_proposal_payload: proposal.into(),
            action: Some(ChaincodeEndorsedAction { proposal_response_payload: payload, endorsements }),
        };
        let action = TransactionAction {
            header: header.signature_header.clone(),
            payload: action.encode_to_vec().into(),
        };
        let data = Transaction { actions: vec![action] }.encode_to_vec();
        let payload: Bytes = Payload { header: Some(header), data: data.into() }.encode_to_vec().into();
        let signature = client.sign(&payload).unwrap().into();
        (Envelope { payload, signature }, transaction)
    }

    fn action(&self) -> ChaincodeAction {
        let write = |(key, value): &(String, Vec<u8>)| KvWrite {
            key: key.clone(),
            is_delete: false,
            value: value.clone().into(),
        };
        let policy = |(key, value): &(String, Vec<u8>)| KvMetadataWrite {
            key: key.clone(),
            entries: vec![KvMetadataEntry {
                name: "VALIDATION_PARAMETER".into(),
                value: value.clone().into(),
            }],
        };
        let rwset = KvrwSet {
            writes: self.writes.iter().map(write).collect(),
            metadata_writes: self.policies.iter().map(policy).collect(),
            ..Default::default()
        };
        let namespace = NsReadWriteSet {
            namespace: self.namespace.into(),
            rwset: rwset.encode_to_vec().into(),
            collection_hashed_rwset: self.private.iter().map(hashed).collect(),
        };
        let results = TxReadWriteSet { data_model: DataModel::Kv as i32, ns_rwset: vec![namespace] };
        ChaincodeAction {
            results: results.encode_to_vec().into(),
            response: Some(Response { status: 200, ..Default::default() }),
            chaincode_id: Some(ChaincodeId {
                name: self.namespace.into(),
                version: "1".into(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

/// A private write as its transaction announces it. The value itself reaches nobody.
fn hashed((collection, key, value): &(String, String, Option<Vec<u8>>)) -> CollectionHashedReadWriteSet {
    let hash = |bytes: &[u8]| Bytes::copy_from_slice(&Sha256::digest(bytes));
    let write = KvWriteHash {
        key_hash: hash(key.as_bytes()),
        is_delete: value.is_none(),
        value_hash: value.as_deref().map(hash).unwrap_or_default(),
        is_purge: value.is_none(),
    };
    let set = HashedRwSet { hashed_writes: vec![write], ..Default::default() };
    CollectionHashedReadWriteSet {
        collection_name: collection.clone(),
        hashed_rwset: set.encode_to_vec().into(),
        pvt_rwset_hash: hash(b"the private write set"),
    }
}

fn header(profile: &ConnectionProfile, chaincode: &str, client: &SigningIdentity) -> (Header, String) {
    let creator = client.serialized();
    let mut nonce = [0; 24];
    getrandom::fill(&mut nonce).unwrap();
    let transaction = txid::compute(&nonce, &creator);
    let id = ChaincodeId { name: chaincode.into(), ..Default::default() };
    let channel_header = ChannelHeader {
        r#type: HeaderType::EndorserTransaction as i32,
        timestamp: Some(std::time::SystemTime::now().into()),
        channel_id: profile.channel.clone(),
        tx_id: transaction.clone(),
        extension: ChaincodeHeaderExtension { chaincode_id: Some(id) }.encode_to_vec().into(),
        ..Default::default()
    };
    let signature_header = SignatureHeader { creator, nonce: Bytes::copy_from_slice(&nonce) };
    let header = Header {
        channel_header: channel_header.encode_to_vec().into(),
        signature_header: signature_header.encode_to_vec().into(),
    };
    (header, transaction)
}

fn endorse(profile: &ConnectionProfile, organisation: &str, payload: &Bytes) -> Endorsement {
    let organisation = profile.organisation(organisation).unwrap();
    let domain = &organisation.domain;
    let folder = format!("peerOrganizations/{domain}/peers/peer0.{domain}/msp");
    let peer =
        SigningIdentity::from_msp_dir(&profile.crypto_config.join(folder), &organisation.msp_id).unwrap();
    let endorser = peer.serialized();
    let signature = peer.sign(&[payload.as_ref(), endorser.as_ref()].concat()).unwrap().into();
    Endorsement { endorser, signature }
}
