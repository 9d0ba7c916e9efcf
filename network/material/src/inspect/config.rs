//! Shows channel configurations and their updates.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    envelope,
    identity::{self, certificate, signed_by},
    message,
    policy::policy,
    scalar::opaque,
};
use fabric::{
    proto::{
        common::{
            BlockDataHashingStructure, Capabilities, Config, ConfigEnvelope, ConfigGroup, ConfigPolicy,
            ConfigUpdate, ConfigUpdateEnvelope, ConfigValue, Consenter, Consortium, HashingAlgorithm,
            OrdererAddresses, Orderers, Policy,
        },
        etcdraft,
        msp::MspConfig,
        orderer::{BatchSize, BatchTimeout, ChannelRestrictions, ConsensusType},
        protos::{AcLs, AnchorPeers},
    },
    types::DecodedEnvelope,
};

pub(super) fn config_envelope(envelope_: &ConfigEnvelope) -> Value {
    json!({
        "config": envelope_.config.as_ref().map(config_tree),
        "last_update": envelope_.last_update.as_ref().map(|update| envelope(&DecodedEnvelope::of(update.clone()), update)),
    })
}

pub(super) fn config_tree(config: &Config) -> Value {
    json!({ "sequence": config.sequence, "channel_group": config.channel_group.as_ref().map(group) })
}

pub(super) fn config_update_envelope(envelope: &ConfigUpdateEnvelope) -> Value {
    let signatures = envelope.signatures.iter();
    json!({
        "config_update": message(envelope.config_update.clone(), config_update),
        "signatures": signatures.map(|signature| {
            signed_by(signature.signature_header.clone(), &signature.signature)
        }).collect::<Vec<_>>(),
    })
}

pub(super) fn config_update(update: &ConfigUpdate) -> Value {
    json!({
        "channel_id": update.channel_id,
        "read_set": update.read_set.as_ref().map(group),
        "write_set": update.write_set.as_ref().map(group),
        "isolated_data": map(&update.isolated_data, |_, data| opaque(data)),
    })
}

/// The tree; prost stops at a depth that no stack minds.
fn group(shown: &ConfigGroup) -> Value {
    json!({
        "version": shown.version,
        "mod_policy": shown.mod_policy,
        "groups": map(&shown.groups, |_, inner| group(inner)),
        "values": map(&shown.values, |name, value| json!({
            "version": value.version,
            "mod_policy": value.mod_policy,
            "value": config_value(name, value),
        })),
        "policies": map(&shown.policies, |_, value: &ConfigPolicy| json!({
            "version": value.version,
            "mod_policy": value.mod_policy,
            "policy": value.policy.as_ref().map(policy),
        })),
    })
}

/// Values are opaque on the wire; their names say what they are.
fn config_value(name: &str, value: &ConfigValue) -> Value {
    let value = value.value.clone();
    match name {
        "HashingAlgorithm" => message(value, |algorithm: &HashingAlgorithm| json!(algorithm.name)),
        "BlockDataHashingStructure" => {
            message(value, |structure: &BlockDataHashingStructure| json!({ "width": structure.width }))
        }
        "OrdererAddresses" | "Endpoints" => {
            message(value, |addresses: &OrdererAddresses| json!(addresses.addresses))
        }
        "Orderers" => message(value, |orderers: &Orderers| {
            orderers.consenter_mapping.iter().map(consenter).collect::<Vec<_>>().into()
        }),
        "Consortium" => message(value, |consortium: &Consortium| json!(consortium.name)),
        "Capabilities" => message(value, |capabilities: &Capabilities| {
            capabilities.capabilities.keys().cloned().collect::<Vec<_>>().into()
        }),
        "ConsensusType" => message(value, consensus_type),
        "BatchSize" => message(value, |size: &BatchSize| {
            json!({
                "max_message_count": size.max_message_count,
                "absolute_max_bytes": size.absolute_max_bytes,
                "preferred_max_bytes": size.preferred_max_bytes,
            })
        }),
        "BatchTimeout" => message(value, |timeout: &BatchTimeout| json!(timeout.timeout)),
        "ChannelRestrictions" => message(
            value,
            |restrictions: &ChannelRestrictions| json!({ "max_count": restrictions.max_count }),
        ),
        "MSP" => message(value, |msp: &MspConfig| identity::msp(msp)),
        "AnchorPeers" => message(value, |peers: &AnchorPeers| {
            peers.anchor_peers.iter().map(|peer| json!(format!("{}:{}", peer.host, peer.port))).collect()
        }),
        "ACLs" => message(value, |acls: &AcLs| map(&acls.acls, |_, acl| json!(acl.policy_ref))),
        "ChannelCreationPolicy" => message(value, |shown: &Policy| policy(shown)),
        _ => opaque(&value),
    }
}

fn consensus_type(consensus: &ConsensusType) -> Value {
    let metadata: Bytes = consensus.metadata.clone();
    json!({
        "type": consensus.r#type,
        "state": consensus.state().as_str_name(),
        "metadata": match consensus.r#type.as_str() {
            "etcdraft" => message(metadata, raft_metadata),
            _ => opaque(&metadata),
        },
    })
}

fn raft_metadata(metadata: &etcdraft::ConfigMetadata) -> Value {
    let consenters = metadata.consenters.iter().map(|consenter| {
        json!({
            "host": consenter.host,
            "port": consenter.port,
            "client_tls_cert": certificate(&consenter.client_tls_cert),
            "server_tls_cert": certificate(&consenter.server_tls_cert),
        })
    });
    json!({
        "consenters": consenters.collect::<Vec<_>>(),
        "options": metadata.options.as_ref().map(|options| json!({
            "tick_interval": options.tick_interval,
            "election_tick": options.election_tick,
            "heartbeat_tick": options.heartbeat_tick,
            "max_inflight_blocks": options.max_inflight_blocks,
            "snapshot_interval_size": options.snapshot_interval_size,
        })),
    })
}

fn consenter(consenter: &Consenter) -> Value {
    json!({
        "id": consenter.id,
        "host": consenter.host,
        "port": consenter.port,
        "msp_id": consenter.msp_id,
        "identity": certificate(&consenter.identity),
        "client_tls_cert": certificate(&consenter.client_tls_cert),
        "server_tls_cert": certificate(&consenter.server_tls_cert),
    })
}

fn map<T>(entries: &BTreeMap<String, T>, show: impl Fn(&str, &T) -> Value) -> Value {
    let entries = entries.iter().map(|(name, value)| (name.clone(), show(name, value)));
    Value::Object(entries.collect::<Map<_, _>>())
}
