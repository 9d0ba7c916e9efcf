//! Shows blocks, envelopes and configurations as JSON that a person can read.
//!
//! Nothing is validated here: bytes that do not decode are shown as they are, with the reason.

mod config;
mod identity;
mod policy;
mod rwset;
mod scalar;
mod transaction;

use std::fmt::Display;

use bytes::Bytes;
use prost::{Message, Name};
use serde_json::{Value, json};

use self::{
    config::{config_envelope, config_tree, config_update, config_update_envelope},
    identity::signed_by,
    scalar::{hex, opaque, timestamp},
};
use fabric::{
    proto::{
        common::{
            Block, BlockData, BlockHeader, BlockMetadata, ChannelHeader, Config, ConfigEnvelope,
            ConfigUpdate, ConfigUpdateEnvelope, Envelope, HeaderType, LastConfig, Metadata,
            OrdererBlockMetadata, Payload,
        },
        protos::TxValidationCode,
    },
    types::{
        DecodedEnvelope,
        block::{self, header_hash},
        decode,
    },
};

/// Shows an encoded block, envelope, config update (with or without signatures) or configuration. Protobuf
/// does not name its messages: the kind is the first that makes sense of the bytes, given as `kind`.
pub fn to_json(bytes: Bytes) -> Value {
    as_block(bytes.clone())
        .or_else(|| as_envelope(bytes.clone()))
        .or_else(|| as_config_update_envelope(bytes.clone()))
        .or_else(|| as_config_update(bytes.clone()))
        .or_else(|| as_config_envelope(bytes.clone()))
        .or_else(|| as_config(bytes.clone()))
        .unwrap_or_else(|| json!({ "kind": "unknown", "bytes": opaque(&bytes) }))
}

fn as_block(bytes: Bytes) -> Option<Value> {
    let block: Block = decode(bytes).ok()?;
    let header = block.header.as_ref()?;
    let hash_sizes = [0, 32];
    if !hash_sizes.contains(&header.previous_hash.len()) || header.data_hash.len() != 32 {
        return None;
    }
    Some(show_block(header, block.data.as_ref(), block.metadata.as_ref()))
}

fn as_envelope(bytes: Bytes) -> Option<Value> {
    let decoded = DecodedEnvelope::new(bytes);
    decoded.channel_header().ok()?;
    Some(kind("envelope", envelope(&decoded, decoded.envelope().ok()?)))
}

fn as_config_update_envelope(bytes: Bytes) -> Option<Value> {
    let update: ConfigUpdateEnvelope = decode(bytes).ok()?;
    as_config_update(update.config_update.clone())?;
    Some(kind("config update with signatures", config_update_envelope(&update)))
}

fn as_config_update(bytes: Bytes) -> Option<Value> {
    let update: ConfigUpdate = decode(bytes).ok()?;
    let plausible = channel::check_channel_id(&update.channel_id).is_ok() && update.write_set.is_some();
    plausible.then(|| kind("config update", config_update(&update)))
}

fn as_config_envelope(bytes: Bytes) -> Option<Value> {
    let envelope: ConfigEnvelope = decode(bytes).ok()?;
    envelope.config.as_ref()?.channel_group.as_ref()?;
    Some(kind("config with its update", config_envelope(&envelope)))
}

fn as_config(bytes: Bytes) -> Option<Value> {
    let config: Config = decode(bytes).ok()?;
    config.channel_group.as_ref().filter(|group| !group.values.is_empty() || !group.groups.is_empty())?;
    Some(kind("config", config_tree(&config)))
}

fn show_block(header: &BlockHeader, data: Option<&BlockData>, metadata: Option<&BlockMetadata>) -> Value {
    let transactions = data.map(|data| data.data.as_slice()).unwrap_or_default();
    let entries = metadata.map(|metadata| metadata.metadata.as_slice()).unwrap_or_default();
    json!({
        "kind": "block",
        "header": {
            "number": header.number,
            "previous_hash": hex(&header.previous_hash),
            "data_hash": hex(&header.data_hash),
            "hash": hex(&header_hash(header)),
        },
        "data_hash_matches": block::data_hash(transactions) == header.data_hash[..],
        "transactions": transactions.iter().map(encoded_envelope).collect::<Vec<_>>(),
        "metadata": block_metadata(entries),
    })
}

fn block_metadata(entries: &[Bytes]) -> Value {
    let entry = |index: usize| entries.get(index).cloned().unwrap_or_default();
    let filter = entry(block::TRANSACTIONS_FILTER);
    json!({
        "signatures": message(entry(block::SIGNATURES), block_signatures),
        "transactions_filter": filter.iter().map(|code| validation_code(*code)).collect::<Vec<_>>(),
        "commit_hash": message(entry(block::COMMIT_HASH), |hash: &Metadata| hex(&hash.value)),
    })
}

fn block_signatures(metadata: &Metadata) -> Value {
    let signatures = metadata.signatures.iter();
    json!({
        "orderer": message(metadata.value.clone(), |orderer: &OrdererBlockMetadata| json!({
            "last_config": orderer.last_config.map(|LastConfig { index }| index),
            "consenter_metadata": opaque(&orderer.consenter_metadata),
        })),
        "by": signatures.map(|signature| {
            signed_by(signature.signature_header.clone(), &signature.signature)
        }).collect::<Vec<_>>(),
    })
}

fn validation_code(code: u8) -> Value {
    match TxValidationCode::try_from(i32::from(code)) {
        Ok(code) => json!(code.as_str_name()),
        Err(_) => json!(code),
    }
}

fn encoded_envelope(bytes: &Bytes) -> Value {
    let decoded = DecodedEnvelope::new(bytes.clone());
    layer(bytes, decoded.envelope(), |shown| envelope(&decoded, shown))
}

fn envelope(decoded: &DecodedEnvelope, envelope: &Envelope) -> Value {
    let payload = layer(&envelope.payload, decoded.payload(), |shown| payload(decoded, shown));
    json!({ "signature": hex(&envelope.signature), "payload": payload })
}

fn payload(decoded: &DecodedEnvelope, payload: &Payload) -> Value {
    let header = payload.header.as_ref();
    json!({
        "channel_header": header.map(|header| {
            layer(&header.channel_header, decoded.channel_header(), show_channel_header)
        }),
        "signature_header": header.map(|header| {
            layer(&header.signature_header, decoded.signature_header(), |header| json!({
                "creator": identity::serialized(&header.creator),
                "nonce": hex(&header.nonce),
            }))
        }),
        "data": show_data(decoded, payload.data.clone()),
    })
}

fn show_channel_header(header: &ChannelHeader) -> Value {
    json!({
        "type": header_type(header.r#type),
        "version": header.version,
        "timestamp": timestamp(header.timestamp.as_ref()),
        "channel_id": header.channel_id,
        "tx_id": header.tx_id,
        "epoch": header.epoch,
        "extension": transaction::header_extension(header),
        "tls_cert_hash": hex(&header.tls_cert_hash),
    })
}

fn show_data(decoded: &DecodedEnvelope, data: Bytes) -> Value {
    match decoded.header_type() {
        Some(HeaderType::Config) => message(data, config_envelope),
        Some(HeaderType::ConfigUpdate) => message(data, config_update_envelope),
        Some(HeaderType::EndorserTransaction) => {
            layer(&data, decoded.transaction(), |shown| transaction::transaction(decoded, shown))
        }
        _ => opaque(&data),
    }
}

fn header_type(number: i32) -> Value {
    match HeaderType::try_from(number) {
        Ok(known) => json!(known.as_str_name()),
        Err(_) => json!(number),
    }
}

/// Shows a message inside another, or why it is none. No bytes are shown as nothing.
fn message<M: Message + Default + Name>(bytes: Bytes, show: impl FnOnce(&M) -> Value) -> Value {
    let decoded = decode(bytes.clone());
    layer(&bytes, decoded.as_ref(), show)
}

/// The same for what is decoded already from `bytes`, such as a layer of an envelope.
fn layer<M>(bytes: &Bytes, part: Result<&M, &impl Display>, show: impl FnOnce(&M) -> Value) -> Value {
    match part {
        _ if bytes.is_empty() => Value::Null,
        Ok(message) => show(message),
        Err(error) => json!({ "malformed": error.to_string(), "bytes": opaque(bytes) }),
    }
}

fn kind(name: &str, mut shown: Value) -> Value {
    if let Value::Object(fields) = &mut shown {
        fields.insert("kind".to_owned(), json!(name));
    }
    shown
}
