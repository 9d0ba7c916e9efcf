//! A config update as it travels between organisations: each adds its signature, and one of them hands it to the orderer.

use bytes::Bytes;
use fabric::{
    proto::{
        common::{
            ChannelHeader, ConfigGroup, ConfigSignature, ConfigUpdate, ConfigUpdateEnvelope, Envelope,
            Header, HeaderType, Payload, SignatureHeader,
        },
        msp::SerializedIdentity,
    },
    types::decode,
};
use msp::SigningIdentity;
use prost::Message;

use crate::{
    GovernanceError,
    config::{MSP, msp, policy_text},
};

/// A config update with the signatures that it has so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub channel: String,
    /// Kept as it came: signatures are over these bytes.
    config_update: Bytes,
    signatures: Vec<ConfigSignature>,
}

impl Update {
    pub fn new(update: &ConfigUpdate) -> Self {
        Self {
            channel: update.channel_id.clone(),
            config_update: update.encode_to_vec().into(),
            signatures: Vec::new(),
        }
    }

    /// Reads an envelope of type CONFIG_UPDATE, as Fabric's tools write it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GovernanceError> {
        let failed = |reason: &str| GovernanceError::NoUpdate(reason.to_owned());
        let undecodable = |error: prost::DecodeError| GovernanceError::NoUpdate(error.to_string());
        let envelope = Envelope::decode(bytes).map_err(undecodable)?;
        let payload = Payload::decode(envelope.payload).map_err(undecodable)?;
        let header = payload.header.ok_or_else(|| failed("it has no header"))?;
        let header = ChannelHeader::decode(header.channel_header).map_err(undecodable)?;
        if header.r#type != i32::from(HeaderType::ConfigUpdate) {
            return Err(failed("it has another type"));
        }
        let ConfigUpdateEnvelope { config_update, signatures } =
            ConfigUpdateEnvelope::decode(payload.data).map_err(undecodable)?;
        let update = ConfigUpdate::decode(config_update.clone()).map_err(undecodable)?;
        if update.channel_id.is_empty() || update.channel_id != header.channel_id {
            return Err(failed("it names no channel, or two"));
        }
        Ok(Self { channel: update.channel_id, config_update, signatures })
    }

    /// The form that travels: what [`Update::from_bytes`] and Fabric's tools read.
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload = self.payload(self.channel_header(None), SignatureHeader::default());
        Envelope { payload, ..Default::default() }.encode_to_vec()
    }

    /// Adds a member's signature, in place of an earlier one of the same member; `nonce` is fresh randomness.
    pub fn sign(&mut self, signer: &SigningIdentity, nonce: [u8; 24]) -> Result<(), GovernanceError> {
        let header = signature_header(signer, nonce);
        let signature_header: Bytes = header.encode_to_vec().into();
        let signature = signer.sign(&[&signature_header[..], &self.config_update].concat())?.into();
        self.signatures.retain(|known| creator(known).as_ref() != Some(&header.creator));
        self.signatures.push(ConfigSignature { signature_header, signature });
        Ok(())
    }

    /// Takes over the signatures of another copy of the same update.
    pub fn merge(&mut self, other: Self) -> Result<(), GovernanceError> {
        if other.config_update != self.config_update {
            return Err(GovernanceError::OtherUpdate);
        }
        for signature in other.signatures {
            if !self.signatures.iter().any(|known| creator(known) == creator(&signature)) {
                self.signatures.push(signature);
            }
        }
        Ok(())
    }

    /// The organisations whose members have signed, by MSP id. Whether the signatures hold, the orderer says.
    pub fn signed_by(&self) -> Vec<String> {
        let identities = self.signatures.iter().filter_map(creator);
        let decoded = identities.filter_map(|creator| decode::<SerializedIdentity>(creator).ok());
        let mut organisations: Vec<_> = decoded.map(|identity| identity.mspid).collect();
        organisations.sort();
        organisations.dedup();
        organisations
    }

    /// What the orderer takes, in the name of a member who may write to the channel.
    pub fn envelope(
        &self,
        submitter: &SigningIdentity,
        nonce: [u8; 24],
        unix_seconds: i64,
    ) -> Result<Envelope, GovernanceError> {
        let header = self.channel_header(Some(unix_seconds));
        let payload = self.payload(header, signature_header(submitter, nonce));
        let signature = submitter.sign(&payload)?.into();
        Ok(Envelope { payload, signature })
    }

    /// What it changes, a line each: what somebody should read before signing.
    pub fn changes(&self) -> Vec<String> {
        let Ok(update) = ConfigUpdate::decode(self.config_update.clone()) else { return Vec::new() };
        let (read, write) = (update.read_set.unwrap_or_default(), update.write_set.unwrap_or_default());
        let mut lines = Vec::new();
        changes("/Channel", Some(&read), &write, &mut lines);
        lines
    }

    fn channel_header(&self, unix_seconds: Option<i64>) -> ChannelHeader {
        let timestamp = unix_seconds.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 });
        ChannelHeader {
            r#type: HeaderType::ConfigUpdate.into(),
            channel_id: self.channel.clone(),
            timestamp,
            ..Default::default()
        }
    }

    fn payload(&self, channel_header: ChannelHeader, signature_header: SignatureHeader) -> Bytes {
        let data = ConfigUpdateEnvelope {
            config_update: self.config_update.clone(),
            signatures: self.signatures.clone(),
        };
        let header = Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: signature_header.encode_to_vec().into(),
        };
        Payload { header: Some(header), data: data.encode_to_vec().into() }.encode_to_vec().into()
    }
}

fn signature_header(signer: &SigningIdentity, nonce: [u8; 24]) -> SignatureHeader {
    SignatureHeader { creator: signer.serialized(), nonce: Bytes::copy_from_slice(&nonce) }
}

fn creator(signature: &ConfigSignature) -> Option<Bytes> {
    decode::<SignatureHeader>(signature.signature_header.clone()).ok().map(|header| header.creator)
}

/// What a group writes that it has not read at the same version. An element that is new was not read at all.
fn changes(path: &str, read: Option<&ConfigGroup>, write: &ConfigGroup, lines: &mut Vec<String>) {
    for (name, policy) in &write.policies {
        let same = read.and_then(|read| read.policies.get(name)).map(|read| read.version);
        if same != Some(policy.version) {
            let text = policy.policy.as_ref().map_or_else(|| "none".to_owned(), policy_text);
            lines.push(format!("policy {path}/{name}: {text}"));
        }
    }
    for (name, value) in &write.values {
        let same = read.and_then(|read| read.values.get(name)).map(|read| read.version);
        if same != Some(value.version) {
            let definition = (name == MSP).then(|| msp(write)).flatten();
            let text = definition.map(|msp| {
                let lists = msp.revocation_list.len();
                format!(": the membership definition of {}, with {lists} revocation lists", msp.name)
            });
            lines.push(format!("value {path}/{name}{}", text.unwrap_or_default()));
        }
    }
    for (name, group) in &write.groups {
        let path = format!("{path}/{name}");
        let before = read.and_then(|read| read.groups.get(name));
        if before.is_none() {
            lines.push(format!("group {path}, which is new"));
        }
        changes(&path, before, group, lines);
    }
    let gone = read.filter(|read| read.version != write.version);
    for name in gone.iter().flat_map(|read| read.groups.keys()).filter(|it| !write.groups.contains_key(*it)) {
        lines.push(format!("group {path}/{name}, which goes"));
    }
}
