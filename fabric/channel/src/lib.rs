//! Says what a channel's configuration is, which changes to it are authorised, and what they lead to.
//!
//! A [`Bundle`] is one configuration, checked whole and never changed; an accepted update gives a new one. Whether a
//! set of signatures satisfies one of its policies says [`policy`].
//!
//! # What holds here
//! - No clock, no randomness, no input and output, no network and no database (test
//!   `no_part_names_what_lies_behind_its_wall`).
//! - Every update that Fabric accepted is authorised and leads to the configuration that Fabric recorded (test
//!   `every_recorded_update_is_accepted_and_rederived`), and none can be replayed (`an_update_cannot_be_replayed`).
//! - What is proposed to the orderer, a peer derives again: unknown fields are kept and compared (test
//!   `unknown_fields_go_through_an_update_and_are_compared`).
//! - Depth costs memory, never stack (tests `groups_may_nest_as_deep_as_go_reads` and
//!   `rules_nest_as_deep_as_go_allows_and_no_deeper`).
//! - No input panics (clippy denies `unwrap`, `expect`, `panic!` and indexing; the targets `config` and `policy` of
//!   `fabric/channel/tests/fuzz_targets.rs`).

mod acl;
mod application;
mod capabilities;
pub mod duration;
mod elements;
mod elements_wire;
mod msps;
mod orderer;
pub mod policy;
mod transition;
mod update;
mod values;

use std::sync::Arc;

use bytes::Bytes;
use fabric::{
    proto::common::{self, HeaderType},
    types::{
        DecodedEnvelope,
        decode::{DecodeError, decode},
        envelope::Unreadable,
    },
    wire::{MAX_DEPTH, WireError},
};
use msp::{MspError, MspManager};
use prost::Message;
use thiserror::Error;

pub use self::{
    acl::{LocalPolicy, local_policy},
    application::{ApplicationConfig, ApplicationOrg},
    capabilities::Capabilities,
    orderer::{BatchSize, OrdererConfig, OrdererOrg},
    update::ProposedConfig,
};
use self::{
    elements::{ConfigMap, Kind, ROOT},
    msps::MspSetup,
    update::{ConfigEnvelope, Update},
    values::ChannelValues,
};
use crate::policy::{Policy, PolicyError, PolicyManager};

/// A configuration that Fabric would not accept, or a change that is not authorised: of an update, in Fabric's words.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("the configuration is no protobuf message: {0}")]
    Wire(#[from] WireError),
    #[error("the configuration is no protobuf message: {0}")]
    Decode(#[from] DecodeError),
    #[error("the envelope cannot be read: {0}")]
    Envelope(#[from] Unreadable),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("the envelope has type {0}, expected {1}")]
    EnvelopeType(i32, &'static str),
    #[error(
        "'{0}' is no channel name: it must begin with a lower-case letter, go on with lower-case letters, digits, dots and dashes, and have at most 249 characters"
    )]
    ChannelId(String),
    #[error("'{0}' is no name for an element of the configuration")]
    IllegalName(String),
    #[error("group {0} is not allowed")]
    UnexpectedGroup(String),
    #[error("value {0} is not known")]
    UnexpectedValue(String),
    #[error("{0} is named by its group but missing")]
    MissingElement(String),
    #[error("{path}: {reason}")]
    Value { path: String, reason: String },
    #[error("the MSP of organisation {org}: {error}")]
    Msp { org: String, error: MspError },
    #[error("organisation {0} defines its MSP differently from another with the same MSP id")]
    TwoVersionsOfMsp(String),
    #[error("the policies of {path}: {error}")]
    Policy { path: String, error: PolicyError },
    #[error("{group} capability {name} is required but not supported")]
    UnsupportedCapability { group: &'static str, name: String },
    #[error("{group} capabilities are below V2_0: such channels are not served")]
    OldCapability { group: &'static str },
    #[error(
        "error authorizing update: ConfigUpdate for channel '{found}' but envelope for channel '{expected}'"
    )]
    OtherChannel { found: String, expected: String },
    #[error(
        "error authorizing update: error validating ReadSet: existing config does not contain element for {0} but was in the read set"
    )]
    ReadSetMissing(String),
    #[error(
        "error authorizing update: error validating ReadSet: proposed update requires that key {key} be at version {expected}, but it is currently at version {found}"
    )]
    ReadSetVersion { key: String, expected: u64, found: u64 },
    #[error(
        "error authorizing update: error validating DeltaSet: delta set was empty -- update would have no effect"
    )]
    NoChange,
    #[error("the mod_policy of {0} is empty or has an illegal name in it")]
    ModPolicy(String),
    #[error(
        "error authorizing update: error validating DeltaSet: attempt to set key {key} to version {version}, but key is at version {found}"
    )]
    WriteSetVersion { key: String, version: u64, found: u64 },
    #[error(
        "error authorizing update: error validating DeltaSet: attempted to set key {key} to version {version}, but key does not exist"
    )]
    NewElementVersion { key: String, version: u64 },
    #[error("error authorizing update: error validating DeltaSet: policy for {key} not satisfied: {error}")]
    NotAuthorised { key: String, error: PolicyError },
    #[error("the configuration is at sequence {current}, it cannot go to {proposed}")]
    Sequence { current: u64, proposed: u64 },
    #[error("the update does not lead to the configuration that is said to result from it")]
    Mismatch,
    #[error("{0}")]
    Transition(String),
}

/// How deep the messages of an update may nest for our orderer to take it: as deep as protobuf readers other
/// than Go's can follow. Legitimate ones need a dozen; the paths of deeper ones would fill the memory of peers.
const ADMITTED_DEPTH: usize = 100;

/// The configuration of a channel at one sequence number (`common/channelconfig/bundle.go`).
#[derive(Debug)]
pub struct Bundle {
    channel_id: String,
    sequence: u64,
    /// The encoded `Config`, as received or as derived from an update.
    config: Bytes,
    elements: ConfigMap,
    capabilities: Capabilities,
    orderer_addresses: Vec<String>,
    orderer: OrdererConfig,
    application: Option<ApplicationConfig>,
    /// MSP ids of the organisations in the consortiums of an old system channel, by path.
    consortiums: Option<transition::MspIds>,
    msps: MspManager,
    policies: PolicyManager,
}

impl Bundle {
    /// Builds and checks the configuration in an encoded `Config`. Whether its capabilities are supported
    /// is another question: [`Bundle::require_supported`].
    pub fn from_config(channel_id: &str, config: Bytes) -> Result<Arc<Self>, ConfigError> {
        let (sequence, elements) = update::read_config(config.clone(), 1)?;
        Self::build(channel_id, sequence, elements, config).map(Arc::new)
    }

    /// The configuration in a genesis block or any other config block, capabilities checked. What it says
    /// is taken as it is: to verify an update, use [`Bundle::validate_config`].
    pub fn from_block(block: &common::Block) -> Result<Arc<Self>, ConfigError> {
        let data = block.data.as_ref().and_then(|data| data.data.first());
        let data = data.ok_or(ConfigError::Missing("the config transaction"))?;
        let decoded = DecodedEnvelope::new(data.clone());
        let (header, data) = update::open(&decoded, HeaderType::Config, "CONFIG")?;
        let envelope = ConfigEnvelope::read(data)?;
        let config = envelope.config.ok_or(ConfigError::Missing("the configuration"))?;
        let bundle = Self::from_config(&header.channel_id, config)?;
        bundle.require_supported()?;
        Ok(bundle)
    }

    /// Orderer side: what the configuration becomes if this CONFIG_UPDATE is authorised.
    pub fn propose_update(&self, envelope: &common::Envelope) -> Result<ProposedConfig, ConfigError> {
        let elements = self.apply(&Update::read(envelope, ADMITTED_DEPTH)?)?;
        let sequence = self.sequence.wrapping_add(1);
        let mut bundle = Self::build(&self.channel_id, sequence, elements, Bytes::new())?;
        // Only a configuration that has been checked is known not to nest without end.
        bundle.config = update::encode_config(sequence, &bundle.elements).into();
        self.validate_new(&bundle)?;
        bundle.require_supported()?;
        bundle.capabilities.require_supported_by_orderer()?;
        transition::check_consensus_unchanged(&self.orderer, &bundle.orderer)?;
        bundle.check_acls()?;
        let envelope = update::encode_envelope(&bundle.config, &envelope.encode_to_vec());
        Ok(ProposedConfig { envelope: envelope.into(), bundle: Arc::new(bundle) })
    }

    /// Peer side: checks that the encoded `ConfigEnvelope` of a CONFIG transaction follows from this
    /// configuration by an authorised update, and gives the new configuration. An error halts the channel.
    pub fn validate_config(&self, envelope: Bytes) -> Result<Arc<Self>, ConfigError> {
        let envelope = ConfigEnvelope::read(envelope)?;
        let config = envelope.config.ok_or(ConfigError::Missing("the configuration"))?;
        let (sequence, elements) = update::read_config(config.clone(), 2)?;
        if sequence != self.sequence.wrapping_add(1) {
            return Err(ConfigError::Sequence { current: self.sequence, proposed: sequence });
        }
        let update = envelope.last_update.ok_or(ConfigError::Missing("the update"))?;
        if self.apply(&Update::read(&decode(update)?, MAX_DEPTH)?)? != elements {
            return Err(ConfigError::Mismatch);
        }
        let bundle = Self::build(&self.channel_id, sequence, elements, config)?;
        self.validate_new(&bundle)?;
        bundle.require_supported()?;
        Ok(Arc::new(bundle))
    }

    /// Refuses capabilities that Fabric does not know, which stop the channel, and a channel without an
    /// application section.
    pub fn require_supported(&self) -> Result<(), ConfigError> {
        if self.application.is_none() {
            return Err(ConfigError::Missing("the Application group"));
        }
        self.capabilities.require_supported()
    }

    pub fn channel_id(&self) -> &str {
        &self.channel_id
    }

    /// How many updates the configuration has seen.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The encoded `common.Config`. Decoding it with prost drops unknown fields.
    pub fn config(&self) -> &Bytes {
        &self.config
    }

    pub fn msps(&self) -> &MspManager {
        &self.msps
    }

    pub fn policies(&self) -> &PolicyManager {
        &self.policies
    }

    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    pub fn orderer(&self) -> &OrdererConfig {
        &self.orderer
    }

    /// Addresses of orderers that are not tied to an organisation: deprecated, and empty from V3_0 on.
    pub fn orderer_addresses(&self) -> &[String] {
        &self.orderer_addresses
    }

    pub fn application(&self) -> Option<&ApplicationConfig> {
        self.application.as_ref()
    }

    /// The policy that guards a channel resource such as "peer/Propose". Resources of the peer itself have
    /// none here, whatever the channel says about them: see [`local_policy`].
    pub fn policy_for_acl(&self, resource: &str) -> Result<&Arc<Policy>, PolicyError> {
        match self.configured_acl(resource).or_else(|| acl::channel_policy(resource)) {
            Some(policy) => self.policies.get(policy),
            None => Err(PolicyError::NoSuchPolicy(resource.to_owned())),
        }
    }

    /// The name of the policy that guards a channel resource where the channel's ACLs say nothing of it.
    pub fn default_acl(&self, resource: &str) -> Option<&'static str> {
        acl::channel_policy(resource).filter(|_| self.configured_acl(resource).is_none())
    }

    fn configured_acl(&self, resource: &str) -> Option<&str> {
        let configured = self.application.as_ref().and_then(|application| application.acls.get(resource));
        configured.filter(|_| local_policy(resource).is_none()).map(String::as_str)
    }

    /// A resource guarded by a name that makes peers panic would make them panic at each request.
    fn check_acls(&self) -> Result<(), ConfigError> {
        for policy in self.application.iter().flat_map(|application| application.acls.values()) {
            if let Err(error @ PolicyError::NamesGroup(_)) = self.policies.get(policy) {
                return Err(ConfigError::Policy { path: "/Channel/Application/ACLs".to_owned(), error });
            }
        }
        Ok(())
    }

    fn build(
        channel_id: &str,
        sequence: u64,
        elements: ConfigMap,
        config: Bytes,
    ) -> Result<Self, ConfigError> {
        check_channel_id(channel_id)?;
        check_capabilities_placed(&elements)?;
        let channel = ChannelValues::read(&elements)?;
        let capabilities = Capabilities::read(&elements)?;
        channel.check(&capabilities)?;
        let mut msps = MspSetup::new(capabilities.msp_version());
        let mut application = None;
        let mut orderer = None;
        let mut consortiums = None;
        for group in elements.groups(ROOT) {
            match group {
                "Application" => {
                    application = Some(ApplicationConfig::read(&elements, &mut msps, &capabilities)?)
                }
                "Orderer" => orderer = Some(OrdererConfig::read(&elements, &mut msps, &capabilities)?),
                "Consortiums" => consortiums = Some(transition::read_consortiums(&elements, &mut msps)?),
                other => return Err(ConfigError::UnexpectedGroup(format!("{ROOT}/{other}"))),
            }
        }
        let policies = compile_policies(&elements, ROOT)?;
        Ok(Self {
            channel_id: channel_id.to_owned(),
            sequence,
            config,
            capabilities,
            orderer_addresses: channel.orderer_addresses,
            orderer: orderer.ok_or(ConfigError::Missing("the Orderer group"))?,
            application,
            consortiums,
            msps: msps.finish(),
            policies,
            elements,
        })
    }
}

/// Compiles the policies of the group at `path` and of all groups below it.
fn compile_policies(elements: &ConfigMap, path: &str) -> Result<PolicyManager, ConfigError> {
    let children = elements
        .groups(path)
        .map(|name| Ok((name.to_owned(), compile_policies(elements, &format!("{path}/{name}"))?)))
        .collect::<Result<_, ConfigError>>()?;
    PolicyManager::compile(path.trim_start_matches('/').to_owned(), elements.policies(path), children)
        .map_err(|error| ConfigError::Policy { path: path.to_owned(), error })
}

/// Capabilities of the channel or the application need some of the orderer (`preValidate`).
fn check_capabilities_placed(elements: &ConfigMap) -> Result<(), ConfigError> {
    let has = |group: &str| elements.contains(Kind::Value, &format!("{ROOT}{group}/Capabilities"));
    let orderer = elements.contains(Kind::Group, "/Channel/Orderer");
    if orderer && !has("/Orderer") && (has("") || has("/Application")) {
        return Err(ConfigError::Missing("Capabilities of the Orderer group, which those of others need,"));
    }
    Ok(())
}

/// Checks the name of a channel (`ValidateChannelID` in `common/configtx/validator.go`).
pub fn check_channel_id(channel_id: &str) -> Result<(), ConfigError> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    let begins = channel_id.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || channel_id.len() > 249 || !channel_id.chars().all(legal) {
        return Err(ConfigError::ChannelId(channel_id.to_owned()));
    }
    Ok(())
}
