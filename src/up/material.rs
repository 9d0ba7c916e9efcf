//! Keys, certificates and the genesis block: made at the first start, found at every later one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use fabric::{
    channel::{Bundle, genesis},
    types::HeadedBlock,
};
use network::crypto_config::{self, CryptoConfig, Kind, Validity};
use prost::Message;

use super::NAME;
use crate::{
    exit::{Exit, Failure},
    prompt,
};

/// The folder of keys and certificates in the data directory, in cryptogen's layout.
pub const CRYPTO_CONFIG: &str = "crypto-config";
const GENESIS: &str = "genesis.block";
const CONFIGTX: &str = "configtx.yaml";
const CRYPTO_CONFIG_YAML: &str = "crypto-config.yaml";
/// The profile of configtx.yaml that describes the channel.
const PROFILE: &str = "NanoTrace";
/// Years that the certificates of a network made here are valid.
const VALID_YEARS: i64 = 10;

/// The peers of a network that begins afresh: one for each organisation of [`DEFAULT_CRYPTO_CONFIG`].
pub const DEFAULT_PEERS: usize = 5;
const DEFAULT_CONFIGTX: &str = include_str!("../../configtx.yaml");
const DEFAULT_CRYPTO_CONFIG: &str = include_str!("../../crypto-config/crypto-config.yaml");

/// What a network is made of before it runs.
pub struct Material {
    pub genesis: HeadedBlock,
    pub orderer: Host,
    /// One peer for each organisation.
    pub peers: Vec<Host>,
}

/// A server's identity on disk.
pub struct Host {
    pub organisation: String,
    pub msp_id: String,
    pub domain: String,
    /// The name in its certificates.
    pub name: String,
    pub msp: PathBuf,
    pub tls: PathBuf,
}

impl Material {
    /// The genesis fingerprint: what a verifier of this network is told once and checks for ever.
    pub fn fingerprint(&self) -> String {
        format!("sha256:{}", hex::encode(self.genesis.hash()))
    }
}

/// Asks (unless `yes`) and removes everything that a network left in its data directory.
pub fn reset(data_dir: &Path, yes: bool) -> Result<bool, Failure> {
    if !data_dir.join(GENESIS).exists() {
        return Ok(true);
    }
    if !yes && !confirmed(data_dir)? {
        println!("Nothing was removed.");
        return Ok(false);
    }
    let parts = [
        "ledger",
        "verifier",
        super::demonstration::FOLDER,
        CRYPTO_CONFIG,
        GENESIS,
        CONFIGTX,
        CRYPTO_CONFIG_YAML,
        super::PROFILE,
    ];
    for part in parts {
        remove(&data_dir.join(part))?;
    }
    Ok(true)
}

fn confirmed(data_dir: &Path) -> Result<bool, Failure> {
    let question =
        format!("Remove the ledger, all certificates and all keys in {}? Type yes:", data_dir.display());
    Ok(prompt::ask(&question)? == "yes")
}

fn remove(path: &Path) -> Result<(), Failure> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::during(path.display(), error)),
        _ => Ok(()),
    }
}

/// Finds the material of a data directory, which must exist, or makes it. The two configuration files are copied there first;
/// later starts read them from there.
pub fn prepare(data_dir: &Path) -> Result<Material, Failure> {
    write_missing(&data_dir.join(CRYPTO_CONFIG_YAML), DEFAULT_CRYPTO_CONFIG)?;
    write_missing(&data_dir.join(CONFIGTX), DEFAULT_CONFIGTX)?;
    let config = CryptoConfig::read(&data_dir.join(CRYPTO_CONFIG_YAML))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let folder = data_dir.join(CRYPTO_CONFIG);
    if !folder.exists() {
        crypto_config::generate(&config, &folder, Validity::of_years(now(), VALID_YEARS))
            .map_err(|error| Failure::during("making keys and certificates", error))?;
    }
    let genesis = genesis_block(data_dir)?;
    let bundle = Bundle::from_block(genesis.message())
        .map_err(|error| damaged(&data_dir.join(GENESIS), &format!("is no genesis block: {error}")))?;
    hosts(&config, &folder, &bundle, genesis)
}

fn write_missing(path: &Path, content: &str) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    fs::write(path, content).map_err(|error| Failure::during(path.display(), error))
}

fn genesis_block(data_dir: &Path) -> Result<HeadedBlock, Failure> {
    let path = data_dir.join(GENESIS);
    match fs::read(&path) {
        Ok(bytes) => crate::channel::genesis_block(&bytes).map_err(|reason| damaged(&path, &reason)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let block = genesis::from_configtx_yaml(
                &data_dir.join(CONFIGTX),
                PROFILE,
                NAME,
                crate::channel::stamp()?,
            )
            .map_err(|error| Failure::usage(error.to_string()))?;
            let draft = path.with_extension("new");
            fs::write(&draft, block.message().encode_to_vec())
                .and_then(|()| fs::rename(&draft, &path))
                .map_err(|error| Failure::during(path.display(), error))?;
            Ok(block)
        }
        Err(error) => Err(Failure::during(path.display(), error)),
    }
}

fn damaged(genesis: &Path, reason: &str) -> Failure {
    let advice = "Put it back from a copy, or begin a new network with: nanotrace up --reset";
    Failure::new(Exit::Failure, format!("{} {reason}\n{advice}", genesis.display()))
}

/// Matches the organisations of the keys with those of the channel, by their names in both files.
fn hosts(
    config: &CryptoConfig,
    folder: &Path,
    bundle: &Bundle,
    genesis: HeadedBlock,
) -> Result<Material, Failure> {
    let members = bundle.application().map(|application| &application.orgs);
    let mut peers = Vec::new();
    let mut orderer = None;
    for organization in &config.organizations {
        let name = organization.name.as_str();
        let msp_id = match organization.kind {
            Kind::Peer => members.and_then(|members| members.get(name)).map(|member| &member.msp_id),
            Kind::Orderer => bundle.orderer().orgs.get(name).map(|member| &member.msp_id),
        };
        let (Some(msp_id), Some(node)) = (msp_id, organization.nodes.first()) else { continue };
        let node_folder = organization.node_folder(folder, node);
        let host = Host {
            organisation: name.to_owned(),
            msp_id: msp_id.clone(),
            domain: organization.domain.clone(),
            name: node.common_name.clone(),
            msp: node_folder.join("msp"),
            tls: node_folder.join("tls"),
        };
        match organization.kind {
            Kind::Peer => peers.push(host),
            Kind::Orderer => orderer = Some(host),
        }
    }
    let orderer = orderer.ok_or_else(|| {
        Failure::usage("no orderer organisation of crypto-config.yaml is one of the channel in configtx.yaml")
    })?;
    Ok(Material { genesis, orderer, peers })
}

fn now() -> i64 {
    verifier::now().seconds()
}
