//! Makes the genesis block of a channel from a `configtx.yaml`, as Fabric's `configtxgen` does.

mod groups;
mod profile;
mod yaml;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use prost::Message;
use serde_norway::Value;
use thiserror::Error;

use self::profile::Profile;
use channel::{Bundle, Capabilities, ConfigError, policy::DslError};
use fabric::{
    proto::common::{
        BlockHeader, BlockMetadata, ChannelHeader, Config, ConfigEnvelope, ConfigGroup, Envelope, Header,
        HeaderType, LastConfig, Metadata, OrdererBlockMetadata, Payload, SignatureHeader,
    },
    types::{HeadedBlock, block, txid},
};
use msp::MspError;

/// A `configtx.yaml` that no genesis block can be made from. Keys are named by their path in the file.
#[derive(Debug, Error)]
pub enum GenesisError {
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{} is no YAML: {error}", path.display())]
    Yaml { path: PathBuf, error: String },
    #[error("{}: {error}", path.display())]
    In { path: PathBuf, error: Box<GenesisError> },
    #[error("{key}: unknown key, expected one of {expected}")]
    UnknownKey { key: String, expected: String },
    #[error("{key}: given twice")]
    DuplicateKey { key: String },
    #[error("{key}: expected {expected}, found {found}")]
    WrongType { key: String, expected: &'static str, found: String },
    #[error("{key}: missing")]
    Missing { key: String },
    #[error("{key}: {reason}")]
    Invalid { key: String, reason: String },
    #[error("{key}: {error}")]
    Policy { key: String, error: DslError },
    #[error("{key}: the MSP folder {}: {error}", path.display())]
    Msp { key: String, path: PathBuf, error: MspError },
    #[error("there is no profile '{name}', the file has {known}")]
    NoProfile { name: String, known: String },
    #[error("the profile makes no valid channel: {0}")]
    Config(#[from] ConfigError),
}

/// What distinguishes a genesis block from others of the same profile.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Seconds since 1970.
    pub unix_seconds: i64,
    pub nonce: [u8; 24],
}

/// Reads a profile of the `configtx.yaml` at `path`, the MSP folders and the certificates that it names
/// (relative to the file), and makes the genesis block. The result has been checked as a peer checks it.
pub fn from_configtx_yaml(
    path: &Path,
    profile: &str,
    channel_id: &str,
    stamp: Stamp,
) -> Result<HeadedBlock, GenesisError> {
    let text = read(path)?;
    let text = String::from_utf8(text)
        .map_err(|error| GenesisError::Yaml { path: path.to_owned(), error: error.to_string() })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let document = yaml::parse(&text)
        .map_err(|error| GenesisError::Yaml { path: path.to_owned(), error: error.to_string() })?;
    from_document(&document, folder, profile, channel_id, stamp)
        .map_err(|error| GenesisError::In { path: path.to_owned(), error: Box::new(error) })
}

fn from_document(
    document: &Value,
    folder: &Path,
    profile: &str,
    channel_id: &str,
    stamp: Stamp,
) -> Result<HeadedBlock, GenesisError> {
    let profile = Profile::read(document, profile)?;
    check_capabilities(&profile)?;
    let block = genesis_block(channel_id, groups::channel_group(&profile, folder)?, stamp);
    Bundle::from_block(block.message())?;
    Ok(block)
}

/// First of all: an unknown level grants nothing, and whatever it should have granted would be
/// complained of instead.
fn check_capabilities(profile: &Profile) -> Result<(), ConfigError> {
    let orderer = profile.orderer.as_ref().map(|orderer| orderer.capabilities.as_slice());
    let application = profile.application.as_ref().map(|application| application.capabilities.as_slice());
    let capabilities =
        Capabilities::of(&profile.capabilities, orderer.unwrap_or_default(), application.unwrap_or_default());
    capabilities.require_supported()?;
    capabilities.require_supported_by_orderer()
}

/// The genesis block of a configuration tree (`common/genesis/genesis.go`).
fn genesis_block(channel_id: &str, channel_group: ConfigGroup, stamp: Stamp) -> HeadedBlock {
    let config = Config { sequence: 0, channel_group: Some(channel_group) };
    let channel_header = ChannelHeader {
        r#type: HeaderType::Config.into(),
        version: 1,
        timestamp: Some(prost_types::Timestamp { seconds: stamp.unix_seconds, nanos: 0 }),
        channel_id: channel_id.to_owned(),
        tx_id: txid::compute(&stamp.nonce, &[]),
        ..Default::default()
    };
    let signature_header = SignatureHeader { nonce: stamp.nonce.to_vec().into(), ..Default::default() };
    let payload = Payload {
        header: Some(Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: signature_header.encode_to_vec().into(),
        }),
        data: ConfigEnvelope { config: Some(config), last_update: None }.encode_to_vec().into(),
    };
    let envelope = Envelope { payload: payload.encode_to_vec().into(), ..Default::default() };
    let data = vec![envelope.encode_to_vec().into()];
    let header = BlockHeader { data_hash: block::data_hash(&data).to_vec().into(), ..Default::default() };
    HeadedBlock::new(header, data, genesis_metadata())
}

fn genesis_metadata() -> BlockMetadata {
    let last_config = LastConfig { index: 0 };
    let signatures = OrdererBlockMetadata { last_config: Some(last_config), ..Default::default() };
    let entry =
        |value: Vec<u8>| Metadata { value: value.into(), signatures: Vec::new() }.encode_to_vec().into();
    let mut metadata = vec![entry(signatures.encode_to_vec()), entry(last_config.encode_to_vec())];
    metadata.resize(block::METADATA_ENTRIES, Default::default());
    BlockMetadata { metadata }
}

fn read(path: &Path) -> Result<Vec<u8>, GenesisError> {
    fs::read(path).map_err(|error| GenesisError::Read { path: path.to_owned(), error })
}
