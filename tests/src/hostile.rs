//! Hand-made transactions with valid signatures: what an organisation could send whose peer signs anything.

pub mod consortium;
pub mod rotation;

use bytes::Bytes;
use fabric::proto::{
    common::Envelope,
    gateway::SubmitRequest,
    kvrwset::{KvMetadataEntry, KvMetadataWrite, KvWriteHash, KvrwSet},
    protos::TxValidationCode,
};
use msp::SigningIdentity;
use peer_client::{ConnectionProfile, Gateway};
use prost::Message;
use services::gateway::gateway_client::GatewayClient;
use sha2::{Digest, Sha256};
use testkit::{Draft, Org, write};

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
        let peers: Vec<SigningIdentity> = self.endorsers.iter().map(|name| peer(profile, name)).collect();
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce).unwrap();
        let mut draft = Draft::new(&profile.channel, self.namespace, nonce, client, &peers);
        draft.channel_header.timestamp = Some(std::time::SystemTime::now().into());
        *draft.public(self.namespace) = self.rwset();
        for (collection, key, value) in &self.private {
            draft.hashed(self.namespace, collection).hashed_writes.push(hashed(key, value.as_deref()));
        }
        (Envelope::decode(draft.seal()).unwrap(), draft.txid())
    }

    fn rwset(&self) -> KvrwSet {
        let policy = |(key, value): &(String, Vec<u8>)| KvMetadataWrite {
            key: key.clone(),
            entries: vec![KvMetadataEntry {
                name: "VALIDATION_PARAMETER".into(),
                value: value.clone().into(),
            }],
        };
        KvrwSet {
            writes: self.writes.iter().map(|(key, value)| write(key, value.clone())).collect(),
            metadata_writes: self.policies.iter().map(policy).collect(),
            ..Default::default()
        }
    }
}

/// A private write as its transaction announces it. The value itself is sent to no peer.
fn hashed(key: &str, value: Option<&[u8]>) -> KvWriteHash {
    let hash = |bytes: &[u8]| Bytes::copy_from_slice(&Sha256::digest(bytes));
    KvWriteHash {
        key_hash: hash(key.as_bytes()),
        is_delete: value.is_none(),
        value_hash: value.map(hash).unwrap_or_default(),
        is_purge: value.is_none(),
    }
}

fn peer(profile: &ConnectionProfile, organisation: &str) -> SigningIdentity {
    let organisation = profile.organisation(organisation).unwrap();
    Org::read(&profile.crypto_config, &organisation.domain, &organisation.msp_id).peer
}
