//! Config updates: what they may change and what they lead to (`common/configtx/update.go`).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use fabric::{
    crypto::{Hashed, VerifiedSignatureCache},
    proto::common::{self, HeaderType},
    types::{DecodedEnvelope, decode, envelope::Unreadable},
    wire::{FieldValue, Fields, MAX_DEPTH, put_message, put_varint, string},
};
use msp::Identity;

use super::{
    Bundle, ConfigError,
    elements::{ConfigMap, Element, Key, Kind, ROOT, check_config_id},
};
use crate::policy::{PolicyError, PolicyManager, SignedData, valid_identities};

/// What the orderer is to put into a CONFIG transaction, and the configuration that will hold after it.
#[derive(Debug)]
pub struct ProposedConfig {
    /// The encoded `ConfigEnvelope`: payload data of the transaction. Not to be decoded and encoded again,
    /// lest unknown fields get lost, which peers compare.
    pub envelope: Bytes,
    pub bundle: Arc<Bundle>,
}

/// A `ConfigEnvelope`, its parts still encoded.
pub(super) struct ConfigEnvelope {
    pub config: Option<Bytes>,
    pub last_update: Option<Bytes>,
}

impl ConfigEnvelope {
    pub fn read(envelope: Bytes) -> Result<Self, ConfigError> {
        let mut config = None;
        let mut last_update = None;
        for field in Fields::of(envelope) {
            let field = field?;
            match (field.number, field.value) {
                (1, FieldValue::Bytes(part)) => merge(&mut config, &part),
                (2, FieldValue::Bytes(part)) => merge(&mut last_update, &part),
                _ => {}
            }
        }
        Ok(Self { config: config.map(BytesMut::freeze), last_update: last_update.map(BytesMut::freeze) })
    }
}

/// A `ConfigUpdate` with its signatures.
pub(super) struct Update {
    channel_id: String,
    read_set: ConfigMap,
    write_set: ConfigMap,
    signed: Vec<SignedData>,
}

impl Update {
    /// Reads an envelope of type CONFIG_UPDATE whose messages nest at most `limit` deep.
    pub fn read(envelope: &common::Envelope, limit: usize) -> Result<Self, ConfigError> {
        let decoded = DecodedEnvelope::of(envelope.clone());
        let (_, data) = open(&decoded, HeaderType::ConfigUpdate, "CONFIG_UPDATE")?;
        let envelope: common::ConfigUpdateEnvelope = decode(data)?;
        let signed = signed_data(&envelope)?;
        let mut update = Self {
            channel_id: String::new(),
            read_set: ConfigMap::default(),
            write_set: ConfigMap::default(),
            signed,
        };
        let (mut read_set, mut write_set) = (Vec::new(), Vec::new());
        for field in Fields::of(envelope.config_update) {
            let field = field?;
            match (field.number, field.value) {
                (1, FieldValue::Bytes(channel_id)) => update.channel_id = string(&channel_id)?,
                (2, FieldValue::Bytes(part)) => read_set.push(part),
                (3, FieldValue::Bytes(part)) => write_set.push(part),
                (5, FieldValue::Bytes(entry)) => check_isolated_data(entry)?,
                _ => {}
            }
        }
        if !read_set.is_empty() {
            update.read_set = ConfigMap::decode(read_set, 2, limit)?;
        }
        if !write_set.is_empty() {
            update.write_set = ConfigMap::decode(write_set, 2, limit)?;
        }
        Ok(update)
    }

    /// What the update writes, without that which its read set has at the same version.
    fn delta(&self) -> impl Iterator<Item = (&Key, &Element)> {
        self.write_set.0.iter().filter(|(key, element)| {
            self.read_set.0.get(key).is_none_or(|read| read.version != element.version)
        })
    }
}

impl Bundle {
    /// The configuration tree that this update leads to, if it is authorised.
    pub(super) fn apply(&self, update: &Update) -> Result<ConfigMap, ConfigError> {
        if update.channel_id != self.channel_id {
            let (found, expected) = (update.channel_id.clone(), self.channel_id.clone());
            return Err(ConfigError::OtherChannel { found, expected });
        }
        self.verify_read_set(&update.read_set)?;
        let identities = valid_identities(&update.signed, &self.msps, &VerifiedSignatureCache::disabled());
        let mut result = self.elements.clone();
        let mut changed = false;
        for (key, element) in update.delta() {
            self.verify_change(key, element, &identities)?;
            result.0.insert(key.clone(), element.clone());
            changed = true;
        }
        if !changed {
            return Err(ConfigError::NoChange);
        }
        let fill = result.contains(Kind::Value, "/Channel/Orderer/Capabilities");
        let mut tree = result.tree()?;
        if fill {
            fill_mod_policies(&mut tree);
        }
        Ok(tree)
    }

    fn verify_read_set(&self, read_set: &ConfigMap) -> Result<(), ConfigError> {
        for (key, read) in &read_set.0 {
            let current =
                self.elements.0.get(key).ok_or_else(|| ConfigError::ReadSetMissing(key.to_string()))?;
            if current.version != read.version {
                let (expected, found) = (read.version, current.version);
                return Err(ConfigError::ReadSetVersion { key: key.to_string(), expected, found });
            }
        }
        Ok(())
    }

    /// A new element has version 0 and needs no signature of its own: it has no effect unless the group
    /// that is to hold it changes too.
    fn verify_change(
        &self,
        key: &Key,
        element: &Element,
        signers: &[Arc<Identity>],
    ) -> Result<(), ConfigError> {
        check_mod_policy(key, &element.mod_policy)?;
        let current = self.elements.0.get(key);
        let version = element.version;
        let Some(current) = current else {
            return match version {
                0 => Ok(()),
                _ => Err(ConfigError::NewElementVersion { key: key.to_string(), version }),
            };
        };
        if version != current.version.wrapping_add(1) {
            let found = current.version;
            return Err(ConfigError::WriteSetVersion { key: key.to_string(), version, found });
        }
        self.check_authorised(key, &current.mod_policy, signers)
            .map_err(|error| ConfigError::NotAuthorised { key: key.to_string(), error })
    }

    /// A relative mod_policy is looked up in the group that holds the element or, of a group, in itself.
    fn check_authorised(
        &self,
        key: &Key,
        mod_policy: &str,
        signers: &[Arc<Identity>],
    ) -> Result<(), PolicyError> {
        let manager = match mod_policy.starts_with('/') {
            true => Some(&self.policies),
            false => self.manager_of(key),
        };
        let no_manager = || PolicyError::NoSuchPolicy(mod_policy.to_owned());
        manager.ok_or_else(no_manager)?.get(mod_policy)?.evaluate(signers, &self.msps)
    }

    fn manager_of(&self, key: &Key) -> Option<&PolicyManager> {
        let below_root = key.group().strip_prefix(ROOT)?;
        self.policies.manager(below_root.split('/').filter(|name| !name.is_empty()))
    }
}

/// The sequence number and the elements of an encoded `Config` that lies `depth - 1` messages deep.
pub(super) fn read_config(config: Bytes, depth: usize) -> Result<(u64, ConfigMap), ConfigError> {
    let mut sequence = 0;
    let mut channel_group = Vec::new();
    for field in Fields::of(config) {
        let field = field?;
        match (field.number, field.value) {
            (1, FieldValue::Varint(number)) => sequence = number,
            (2, FieldValue::Bytes(part)) => channel_group.push(part),
            _ => {}
        }
    }
    if channel_group.is_empty() {
        return Err(ConfigError::Missing("the channel group"));
    }
    Ok((sequence, ConfigMap::decode(channel_group, depth + 1, MAX_DEPTH)?))
}

/// Encodes a `Config`.
pub(super) fn encode_config(sequence: u64, elements: &ConfigMap) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, 1, sequence);
    put_message(&mut out, 2, &elements.encode(ROOT));
    out
}

/// Encodes a `ConfigEnvelope` of an encoded `Config` and an encoded `Envelope`.
pub(super) fn encode_envelope(config: &[u8], last_update: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_message(&mut out, 1, config);
    put_message(&mut out, 2, last_update);
    out
}

/// The channel header and the data of an envelope of the type wanted.
pub(super) fn open<'d>(
    envelope: &'d DecodedEnvelope,
    wanted: HeaderType,
    name: &'static str,
) -> Result<(&'d common::ChannelHeader, Bytes), ConfigError> {
    let header = envelope.channel_header().map_err(Unreadable::from)?;
    if header.r#type != i32::from(wanted) {
        return Err(ConfigError::EnvelopeType(header.r#type, name));
    }
    Ok((header, envelope.payload().map_err(Unreadable::from)?.data.clone()))
}

/// A signature is over its own header and the update (`protoutil/signeddata.go`).
fn signed_data(envelope: &common::ConfigUpdateEnvelope) -> Result<Vec<SignedData>, ConfigError> {
    let signed = envelope.signatures.iter().map(|signature| {
        let header: common::SignatureHeader = decode(signature.signature_header.clone())?;
        let data = Bytes::from([&signature.signature_header[..], &envelope.config_update[..]].concat());
        Ok(SignedData {
            data: Hashed::of(data),
            identity: header.creator,
            signature: signature.signature.clone(),
        })
    });
    signed.collect()
}

/// Fabric reads the isolated data nowhere, but Go decodes it.
fn check_isolated_data(entry: Bytes) -> Result<(), ConfigError> {
    for field in Fields::of(entry) {
        if let (1, FieldValue::Bytes(name)) = field.map(|field| (field.number, field.value))? {
            string(&name)?;
        }
    }
    Ok(())
}

fn check_mod_policy(key: &Key, mod_policy: &str) -> Result<(), ConfigError> {
    let relative = mod_policy.strip_prefix('/').unwrap_or(mod_policy);
    let legal = relative.split('/').all(|name| check_config_id(name).is_ok());
    if legal { Ok(()) } else { Err(ConfigError::ModPolicy(key.to_string())) }
}

/// Channels made by Fabric 1.0 have elements without a mod_policy, which then no signer could change; with
/// capabilities on, the next update gives them one.
fn fill_mod_policies(tree: &mut ConfigMap) {
    for element in tree.0.values_mut().filter(|element| element.mod_policy.is_empty()) {
        element.mod_policy = "Admins".to_owned();
    }
}

fn merge(current: &mut Option<BytesMut>, part: &[u8]) {
    current.get_or_insert_default().extend_from_slice(part);
}
