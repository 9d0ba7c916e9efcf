//! The sections of a `configtx.yaml`, read but not yet checked (`internal/configtxgen/genesisconfig`).

use std::collections::BTreeMap;

use serde_norway::Value;

use super::{GenesisError, yaml::Node};
use fabric::proto::{etcdraft, orderer::BatchSize};

/// A channel to be made.
pub(super) struct Profile {
    pub key: String,
    pub consortium: Option<String>,
    /// System channels have consortiums; Fabric has given them up.
    pub has_consortiums: bool,
    pub policies: Option<Policies>,
    pub capabilities: Vec<String>,
    pub orderer: Option<Orderer>,
    pub application: Option<Application>,
}

pub(super) struct Application {
    pub key: String,
    pub orgs: Vec<Org>,
    pub policies: Option<Policies>,
    pub capabilities: Vec<String>,
    /// Policy by resource.
    pub acls: BTreeMap<String, String>,
}

pub(super) struct Orderer {
    pub key: String,
    pub orderer_type: Option<String>,
    pub addresses: Vec<String>,
    /// Nanoseconds.
    pub batch_timeout: Option<u64>,
    pub batch_size: BatchSize,
    pub max_channels: u64,
    pub etcdraft: Option<EtcdRaft>,
    pub orgs: Vec<Org>,
    pub policies: Option<Policies>,
    pub capabilities: Vec<String>,
}

pub(super) struct EtcdRaft {
    pub key: String,
    pub consenters: Vec<Consenter>,
    pub options: etcdraft::Options,
}

pub(super) struct Consenter {
    pub key: String,
    pub host: Option<String>,
    pub port: u32,
    pub client_tls_cert: Option<String>,
    pub server_tls_cert: Option<String>,
}

pub(super) struct Org {
    pub key: String,
    pub name: Option<String>,
    pub id: Option<String>,
    pub msp_dir: Option<String>,
    pub msp_type: Option<String>,
    pub policies: Option<Policies>,
    pub anchor_peers: Vec<AnchorPeer>,
    pub orderer_endpoints: Vec<String>,
    /// The organisation is only named, not defined.
    pub skip_as_foreign: bool,
}

pub(super) struct AnchorPeer {
    pub host: String,
    pub port: i32,
}

pub(super) struct Policies {
    pub key: String,
    pub by_name: BTreeMap<String, PolicyRule>,
}

pub(super) struct PolicyRule {
    pub key: String,
    pub kind: String,
    pub rule: String,
}

impl Profile {
    /// Reads the profile of this name. All sections of the file are checked for wrong keys, used or not.
    pub fn read(document: &Value, name: &str) -> Result<Self, GenesisError> {
        let file = Node::root(document).fields(&[
            "Profiles",
            "Organizations",
            "Channel",
            "Application",
            "Orderer",
            "Capabilities",
        ])?;
        file.read("Organizations", orgs)?;
        file.read("Channel", Self::from_node)?;
        file.read("Application", Application::read)?;
        file.read("Orderer", Orderer::read)?;
        file.read("Capabilities", |node| {
            node.entries()?.iter().map(capabilities).collect::<Result<Vec<_>, _>>()
        })?;
        let mut profiles = BTreeMap::new();
        for node in file.require("Profiles")?.entries()? {
            profiles.insert(node.name.to_owned(), Self::from_node(&node)?);
        }
        profiles.remove(name).ok_or_else(|| GenesisError::NoProfile {
            name: name.to_owned(),
            known: profiles.into_keys().collect::<Vec<_>>().join(", "),
        })
    }

    fn from_node(node: &Node) -> Result<Self, GenesisError> {
        let fields = node.fields(&[
            "Consortium",
            "Application",
            "Orderer",
            "Consortiums",
            "Capabilities",
            "Policies",
        ])?;
        Ok(Self {
            key: node.key.clone(),
            consortium: fields.read("Consortium", Node::text)?,
            has_consortiums: fields.get("Consortiums").is_some(),
            policies: fields.read("Policies", Policies::read)?,
            capabilities: fields.read("Capabilities", capabilities)?.unwrap_or_default(),
            orderer: fields.read("Orderer", Orderer::read)?,
            application: fields.read("Application", Application::read)?,
        })
    }
}

impl Application {
    fn read(node: &Node) -> Result<Self, GenesisError> {
        let fields = node.fields(&["Organizations", "Capabilities", "Policies", "ACLs"])?;
        let acls =
            |node: &Node| node.entries()?.iter().map(|acl| Ok((acl.name.to_owned(), acl.text()?))).collect();
        Ok(Self {
            key: node.key.clone(),
            orgs: fields.read("Organizations", orgs)?.unwrap_or_default(),
            policies: fields.read("Policies", Policies::read)?,
            capabilities: fields.read("Capabilities", capabilities)?.unwrap_or_default(),
            acls: fields.read("ACLs", acls)?.unwrap_or_default(),
        })
    }
}

impl Orderer {
    fn read(node: &Node) -> Result<Self, GenesisError> {
        // What BFT needs is named here, so that a file with several profiles can be read.
        let fields = node.fields(&[
            "OrdererType",
            "Addresses",
            "BatchTimeout",
            "BatchSize",
            "ConsenterMapping",
            "EtcdRaft",
            "SmartBFT",
            "Organizations",
            "MaxChannels",
            "Capabilities",
            "Policies",
        ])?;
        Ok(Self {
            key: node.key.clone(),
            orderer_type: fields.read("OrdererType", Node::text)?,
            addresses: fields.read("Addresses", Node::texts)?.unwrap_or_default(),
            batch_timeout: fields.read("BatchTimeout", Node::duration)?,
            batch_size: fields.read("BatchSize", batch_size)?.unwrap_or_default(),
            max_channels: fields.read("MaxChannels", Node::number)?.unwrap_or_default(),
            etcdraft: fields.read("EtcdRaft", EtcdRaft::read)?,
            orgs: fields.read("Organizations", orgs)?.unwrap_or_default(),
            policies: fields.read("Policies", Policies::read)?,
            capabilities: fields.read("Capabilities", capabilities)?.unwrap_or_default(),
        })
    }
}

impl EtcdRaft {
    fn read(node: &Node) -> Result<Self, GenesisError> {
        let fields = node.fields(&["Consenters", "Options"])?;
        let consenters = |node: &Node| node.list()?.iter().map(Consenter::read).collect();
        Ok(Self {
            key: node.key.clone(),
            consenters: fields.read("Consenters", consenters)?.unwrap_or_default(),
            options: fields.read("Options", raft_options)?.unwrap_or_default(),
        })
    }
}

impl Consenter {
    fn read(node: &Node) -> Result<Self, GenesisError> {
        let fields = node.fields(&["Host", "Port", "ClientTLSCert", "ServerTLSCert"])?;
        Ok(Self {
            key: node.key.clone(),
            host: fields.read("Host", Node::text)?,
            port: fields.read("Port", Node::number)?.unwrap_or_default(),
            client_tls_cert: fields.read("ClientTLSCert", Node::text)?,
            server_tls_cert: fields.read("ServerTLSCert", Node::text)?,
        })
    }
}

impl Org {
    fn read(node: &Node) -> Result<Self, GenesisError> {
        let fields = node.fields(&[
            "Name",
            "ID",
            "MSPDir",
            "MSPType",
            "Policies",
            "AnchorPeers",
            "OrdererEndpoints",
            "AdminPrincipal",
            "SkipAsForeign",
        ])?;
        let anchor_peers = |node: &Node| node.list()?.iter().map(AnchorPeer::read).collect();
        Ok(Self {
            key: node.key.clone(),
            name: fields.read("Name", Node::text)?,
            id: fields.read("ID", Node::text)?,
            msp_dir: fields.read("MSPDir", Node::text)?,
            msp_type: fields.read("MSPType", Node::text)?,
            policies: fields.read("Policies", Policies::read)?,
            anchor_peers: fields.read("AnchorPeers", anchor_peers)?.unwrap_or_default(),
            orderer_endpoints: fields.read("OrdererEndpoints", Node::texts)?.unwrap_or_default(),
            skip_as_foreign: fields.read("SkipAsForeign", Node::flag)?.unwrap_or_default(),
        })
    }
}

impl AnchorPeer {
    fn read(node: &Node) -> Result<Self, GenesisError> {
        let fields = node.fields(&["Host", "Port"])?;
        let port: u16 = fields.require("Port")?.number()?;
        Ok(Self { host: fields.require("Host")?.text()?, port: port.into() })
    }
}

impl Policies {
    fn read(node: &Node) -> Result<Self, GenesisError> {
        let mut by_name = BTreeMap::new();
        for policy in node.entries()? {
            let fields = policy.fields(&["Type", "Rule"])?;
            let kind = fields.require("Type")?.text()?;
            let rule = fields.require("Rule")?;
            let rule = PolicyRule { key: rule.key.clone(), kind, rule: rule.text()? };
            by_name.insert(policy.name.to_owned(), rule);
        }
        Ok(Self { key: node.key.clone(), by_name })
    }
}

fn orgs(node: &Node) -> Result<Vec<Org>, GenesisError> {
    node.list()?.iter().map(Org::read).collect()
}

/// The levels that are switched on.
fn capabilities(node: &Node) -> Result<Vec<String>, GenesisError> {
    let mut levels = Vec::new();
    for level in node.entries()? {
        if level.flag()? {
            levels.push(level.name.to_owned());
        }
    }
    Ok(levels)
}

fn batch_size(node: &Node) -> Result<BatchSize, GenesisError> {
    let fields = node.fields(&["MaxMessageCount", "AbsoluteMaxBytes", "PreferredMaxBytes"])?;
    Ok(BatchSize {
        max_message_count: fields.read("MaxMessageCount", Node::number)?.unwrap_or_default(),
        absolute_max_bytes: fields.read("AbsoluteMaxBytes", Node::bytes)?.unwrap_or_default(),
        preferred_max_bytes: fields.read("PreferredMaxBytes", Node::bytes)?.unwrap_or_default(),
    })
}

fn raft_options(node: &Node) -> Result<etcdraft::Options, GenesisError> {
    let fields = node.fields(&[
        "TickInterval",
        "ElectionTick",
        "HeartbeatTick",
        "MaxInflightBlocks",
        "SnapshotIntervalSize",
    ])?;
    Ok(etcdraft::Options {
        tick_interval: fields.read("TickInterval", Node::text)?.unwrap_or_default(),
        election_tick: fields.read("ElectionTick", Node::number)?.unwrap_or_default(),
        heartbeat_tick: fields.read("HeartbeatTick", Node::number)?.unwrap_or_default(),
        max_inflight_blocks: fields.read("MaxInflightBlocks", Node::number)?.unwrap_or_default(),
        snapshot_interval_size: fields.read("SnapshotIntervalSize", Node::bytes)?.unwrap_or_default(),
    })
}
