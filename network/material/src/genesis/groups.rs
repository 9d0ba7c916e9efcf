//! Turns a profile into the configuration tree (`internal/configtxgen/encoder/encoder.go`).

use std::{collections::BTreeMap, path::Path};

use prost::{Message, encoding};

use super::{
    GenesisError,
    profile::{Application, Consenter, EtcdRaft, Orderer, Org, Policies, PolicyRule, Profile},
    read,
};
use channel::{duration, policy};
use fabric::proto::{
    common::{
        self, BlockDataHashingStructure, ConfigGroup, ConfigPolicy, ConfigValue, HashingAlgorithm,
        ImplicitMetaPolicy, OrdererAddresses, implicit_meta_policy::Rule, policy::PolicyType,
    },
    etcdraft,
    orderer::{BatchSize, BatchTimeout, ChannelRestrictions, ConsensusType},
    protos::{AcLs, AnchorPeer, AnchorPeers, ApiResource},
};
use msp::config_from_dir;

const ADMINS: &str = "Admins";
const ORDERER_ADMINS: &str = "/Channel/Orderer/Admins";
const V3_0: &str = "V3_0";

/// The root group. Paths in the profile are relative to `folder`.
pub(super) fn channel_group(profile: &Profile, folder: &Path) -> Result<ConfigGroup, GenesisError> {
    let missing = |name: &str| GenesisError::Missing { key: format!("{}.{name}", profile.key) };
    if profile.has_consortiums {
        let reason = "system channels are no longer part of Fabric: list the organizations under Application";
        return Err(GenesisError::Invalid {
            key: format!("{}.Consortiums", profile.key),
            reason: reason.to_owned(),
        });
    }
    let orderer = profile.orderer.as_ref().ok_or_else(|| missing("Orderer"))?;
    let application = profile.application.as_ref().ok_or_else(|| missing("Application"))?;
    let bft_level = profile.capabilities.iter().any(|level| level == V3_0);

    let mut group = group_with_policies(&profile.key, profile.policies.as_ref(), &[])?;
    add_value(&mut group, "HashingAlgorithm", &HashingAlgorithm { name: "SHA256".to_owned() });
    add_value(&mut group, "BlockDataHashingStructure", &BlockDataHashingStructure { width: u32::MAX });
    if !orderer.addresses.is_empty() {
        let addresses = OrdererAddresses { addresses: orderer.addresses.clone() };
        insert_value(&mut group, "OrdererAddresses", addresses.encode_to_vec(), ORDERER_ADMINS);
    }
    if let Some(name) = &profile.consortium {
        add_value(&mut group, "Consortium", &common::Consortium { name: name.clone() });
    }
    add_capabilities(&mut group, &profile.capabilities);
    group.groups.insert("Orderer".to_owned(), orderer_group(orderer, folder, bft_level)?);
    group.groups.insert("Application".to_owned(), application_group(application, folder)?);
    Ok(group)
}

fn orderer_group(orderer: &Orderer, folder: &Path, bft_level: bool) -> Result<ConfigGroup, GenesisError> {
    let mut group = group_with_policies(&orderer.key, orderer.policies.as_ref(), &["BlockValidation"])?;
    let timeout = orderer.batch_timeout.filter(|timeout| *timeout != 0).unwrap_or(2_000_000_000);
    add_value(&mut group, "BatchSize", &batch_size_or_default(&orderer.batch_size));
    add_value(&mut group, "BatchTimeout", &BatchTimeout { timeout: duration::to_text(timeout) });
    add_value(&mut group, "ChannelRestrictions", &ChannelRestrictions { max_count: orderer.max_channels });
    add_capabilities(&mut group, &orderer.capabilities);
    add_value(&mut group, "ConsensusType", &consensus_type(orderer, folder)?);
    for org in &orderer.orgs {
        let (name, mut org_group) = org_group(org, folder)?;
        if !org.orderer_endpoints.is_empty() && !org.skip_as_foreign {
            let endpoints = OrdererAddresses { addresses: org.orderer_endpoints.clone() };
            add_value(&mut org_group, "Endpoints", &endpoints);
        } else if bft_level && !org.skip_as_foreign {
            return Err(GenesisError::Missing { key: format!("{}.OrdererEndpoints", org.key) });
        }
        group.groups.insert(name, org_group);
    }
    Ok(group)
}

fn application_group(application: &Application, folder: &Path) -> Result<ConfigGroup, GenesisError> {
    let mut group = group_with_policies(&application.key, application.policies.as_ref(), &[])?;
    if !application.acls.is_empty() {
        let resource = |policy: &String| ApiResource { policy_ref: policy.clone() };
        let acls = application.acls.iter().map(|(name, policy)| (name.clone(), resource(policy)));
        add_value(&mut group, "ACLs", &AcLs { acls: acls.collect() });
    }
    add_capabilities(&mut group, &application.capabilities);
    for org in &application.orgs {
        let (name, mut org_group) = org_group(org, folder)?;
        if !org.anchor_peers.is_empty() && !org.skip_as_foreign {
            let peers =
                org.anchor_peers.iter().map(|peer| AnchorPeer { host: peer.host.clone(), port: peer.port });
            add_value(&mut org_group, "AnchorPeers", &AnchorPeers { anchor_peers: peers.collect() });
        }
        group.groups.insert(name, org_group);
    }
    Ok(group)
}

/// An organisation's name and group, with what orderer and application organisations have in common.
fn org_group(org: &Org, folder: &Path) -> Result<(String, ConfigGroup), GenesisError> {
    let require = |name: &str, value: &Option<String>| {
        value.clone().ok_or_else(|| GenesisError::Missing { key: format!("{}.{name}", org.key) })
    };
    let name = require("Name", &org.name)?;
    if org.skip_as_foreign {
        return Ok((name, ConfigGroup { mod_policy: ADMINS.to_owned(), ..Default::default() }));
    }
    if org.msp_type.as_deref().is_some_and(|kind| kind != "bccsp") {
        let reason = "only 'bccsp', MSPs of X.509 certificates, can be used".to_owned();
        return Err(GenesisError::Invalid { key: format!("{}.MSPType", org.key), reason });
    }
    let path = folder.join(require("MSPDir", &org.msp_dir)?);
    let msp = config_from_dir(&path, &require("ID", &org.id)?).map_err(|error| GenesisError::Msp {
        key: format!("{}.MSPDir", org.key),
        path,
        error,
    })?;
    let mut group = group_with_policies(&org.key, org.policies.as_ref(), &[])?;
    add_value(&mut group, "MSP", &msp);
    Ok((name, group))
}

fn consensus_type(orderer: &Orderer, folder: &Path) -> Result<ConsensusType, GenesisError> {
    let r#type = orderer.orderer_type.clone().unwrap_or_else(|| "solo".to_owned());
    if r#type != "etcdraft" {
        let reason =
            format!("'{type}' cannot be used, write etcdraft (peers of Fabric 3 follow no solo channel)");
        return Err(GenesisError::Invalid { key: format!("{}.OrdererType", orderer.key), reason });
    }
    let missing = || GenesisError::Missing { key: format!("{}.EtcdRaft", orderer.key) };
    let metadata = raft_metadata(orderer.etcdraft.as_ref().ok_or_else(missing)?, folder)?;
    Ok(ConsensusType { r#type, metadata: metadata.encode_to_vec().into(), state: 0 })
}

fn raft_metadata(raft: &EtcdRaft, folder: &Path) -> Result<etcdraft::ConfigMetadata, GenesisError> {
    let invalid = |name: &str, reason: &str| {
        Err(GenesisError::Invalid { key: format!("{}.{name}", raft.key), reason: reason.to_owned() })
    };
    let options = raft_options_or_default(&raft.options);
    if duration::parse(&options.tick_interval).is_err() {
        return invalid("Options.TickInterval", "expected a duration, for example 500ms");
    }
    if options.election_tick <= options.heartbeat_tick {
        return invalid("Options.ElectionTick", "must be greater than HeartbeatTick");
    }
    if raft.consenters.is_empty() {
        return invalid("Consenters", "at least one is needed");
    }
    let consenters = raft.consenters.iter().map(|consenter| raft_consenter(consenter, folder));
    Ok(etcdraft::ConfigMetadata { consenters: consenters.collect::<Result<_, _>>()?, options: Some(options) })
}

fn raft_consenter(consenter: &Consenter, folder: &Path) -> Result<etcdraft::Consenter, GenesisError> {
    let missing = |name: &str| GenesisError::Missing { key: format!("{}.{name}", consenter.key) };
    let certificate = |name: &str, path: &Option<String>| {
        read(&folder.join(path.as_ref().ok_or_else(|| missing(name))?)).map(Into::into)
    };
    if consenter.port == 0 {
        return Err(missing("Port"));
    }
    Ok(etcdraft::Consenter {
        host: consenter.host.clone().ok_or_else(|| missing("Host"))?,
        port: consenter.port,
        client_tls_cert: certificate("ClientTLSCert", &consenter.client_tls_cert)?,
        server_tls_cert: certificate("ServerTLSCert", &consenter.server_tls_cert)?,
    })
}

/// A group with its policies. Readers, Writers and Admins must be among them, and what else is `required`.
fn group_with_policies(
    key: &str,
    policies: Option<&Policies>,
    required: &[&str],
) -> Result<ConfigGroup, GenesisError> {
    let policies = policies.ok_or_else(|| GenesisError::Missing { key: format!("{key}.Policies") })?;
    for name in [ADMINS, "Readers", "Writers"].iter().chain(required) {
        if !policies.by_name.contains_key(*name) {
            return Err(GenesisError::Missing { key: format!("{}.{name}", policies.key) });
        }
    }
    let mut compiled = BTreeMap::new();
    for (name, rule) in &policies.by_name {
        let policy = Some(compile_policy(rule)?);
        compiled.insert(name.clone(), ConfigPolicy { version: 0, policy, mod_policy: ADMINS.to_owned() });
    }
    Ok(ConfigGroup { policies: compiled, mod_policy: ADMINS.to_owned(), ..Default::default() })
}

fn compile_policy(rule: &PolicyRule) -> Result<common::Policy, GenesisError> {
    let (kind, value) = match rule.kind.as_str() {
        "ImplicitMeta" => (PolicyType::ImplicitMeta, implicit_meta(rule)?.encode_to_vec()),
        "Signature" => {
            let policy = policy::parse(&rule.rule)
                .map_err(|error| GenesisError::Policy { key: rule.key.clone(), error })?;
            (PolicyType::Signature, policy.encode_to_vec())
        }
        other => {
            let reason = format!("a policy has Type Signature or ImplicitMeta, not '{other}'");
            return Err(GenesisError::Invalid { key: rule.key.clone(), reason });
        }
    };
    Ok(common::Policy { r#type: kind.into(), value: value.into() })
}

/// "ANY Readers", "MAJORITY Admins" (`common/policies/implicitmetaparser.go`).
fn implicit_meta(rule: &PolicyRule) -> Result<ImplicitMetaPolicy, GenesisError> {
    let quantity = rule.rule.split_once(' ').filter(|(_, name)| !name.contains(' '));
    let quantity = quantity.and_then(|(quantity, name)| Some((Rule::from_str_name(quantity)?, name)));
    let Some((quantity, name)) = quantity else {
        let reason = format!("'{}' must be ANY, ALL or MAJORITY and the name of a policy", rule.rule);
        return Err(GenesisError::Invalid { key: rule.key.clone(), reason });
    };
    Ok(ImplicitMetaPolicy { sub_policy: name.to_owned(), rule: quantity.into() })
}

fn batch_size_or_default(size: &BatchSize) -> BatchSize {
    let or = |value: u32, default: u32| if value == 0 { default } else { value };
    BatchSize {
        max_message_count: or(size.max_message_count, 500),
        absolute_max_bytes: or(size.absolute_max_bytes, 10 << 20),
        preferred_max_bytes: or(size.preferred_max_bytes, 2 << 20),
    }
}

fn raft_options_or_default(options: &etcdraft::Options) -> etcdraft::Options {
    let or = |value: u32, default: u32| if value == 0 { default } else { value };
    let tick = Some(options.tick_interval.clone()).filter(|tick| !tick.is_empty());
    etcdraft::Options {
        tick_interval: tick.unwrap_or_else(|| "500ms".to_owned()),
        election_tick: or(options.election_tick, 10),
        heartbeat_tick: or(options.heartbeat_tick, 1),
        max_inflight_blocks: or(options.max_inflight_blocks, 5),
        snapshot_interval_size: or(options.snapshot_interval_size, 16 << 20),
    }
}

fn add_capabilities(group: &mut ConfigGroup, levels: &[String]) {
    if !levels.is_empty() {
        insert_value(group, "Capabilities", encode_capabilities(levels), ADMINS);
    }
}

/// Go writes the empty value of a map entry, prost does not. Tools that compute config updates compare
/// values byte for byte, so that the difference would look like a change.
fn encode_capabilities(levels: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for level in levels {
        let mut entry = Vec::new();
        encoding::string::encode(1, level, &mut entry);
        encoding::bytes::encode(2, &Vec::new(), &mut entry);
        encoding::bytes::encode(1, &entry, &mut out);
    }
    out
}

fn add_value(group: &mut ConfigGroup, name: &str, value: &impl Message) {
    insert_value(group, name, value.encode_to_vec(), ADMINS);
}

fn insert_value(group: &mut ConfigGroup, name: &str, value: Vec<u8>, mod_policy: &str) {
    let value = ConfigValue { version: 0, value: value.into(), mod_policy: mod_policy.to_owned() };
    group.values.insert(name.to_owned(), value);
}
