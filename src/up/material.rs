//! Keys, certificates and the genesis block: made at the first start, found at every later one.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use channel::Bundle;
use durable::Access;
use fabric::types::HeadedBlock;
use ledger::{Ledger, LedgerError};
use material::{CryptoConfig, Kind, Organization, Validity, genesis};
use prost::Message;

use super::{Bodies, NAME};
use crate::{
    cert::output,
    exit::{Exit, Failure},
    prompt,
};

/// The folder of keys and certificates in the data directory, in cryptogen's layout.
pub const CRYPTO_CONFIG: &str = "crypto-config";
/// The folder of the ledger.
pub const LEDGER: &str = "ledger";
const GENESIS: &str = "genesis.block";
const CONFIGTX: &str = "configtx.yaml";
pub const CRYPTO_CONFIG_YAML: &str = "crypto-config.yaml";
/// The profile of configtx.yaml that describes the channel.
const PROFILE: &str = "NanoTrace";
/// Years that the certificates of a network made here are valid.
const VALID_YEARS: i64 = 10;

/// Where the second certification body's keys lie.
const SECOND_BODY_DOMAIN: &str = "secondbody.nanotrace.example";

/// A network that begins here.
pub struct Defaults {
    configtx: &'static str,
    crypto_config: &'static str,
    /// One for each organisation but the orderer's.
    pub peers: usize,
    /// The registry's, and one for each certification body.
    pub chaincodes: usize,
}

const ONE_BODY: Defaults = Defaults {
    configtx: include_str!("../../configtx.yaml"),
    crypto_config: include_str!("../../crypto-config/crypto-config.yaml"),
    peers: 5,
    chaincodes: 2,
};
const TWO_BODIES: Defaults = Defaults {
    configtx: include_str!("two_bodies/configtx.yaml"),
    crypto_config: include_str!("two_bodies/crypto-config.yaml"),
    peers: 6,
    chaincodes: 3,
};

impl Bodies {
    pub fn defaults(self) -> &'static Defaults {
        match self {
            Self::One => &ONE_BODY,
            Self::Two => &TWO_BODIES,
        }
    }
}

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
    let parts = [
        LEDGER,
        "verifier",
        super::portal::FOLDER,
        demonstration::FOLDER,
        CRYPTO_CONFIG,
        GENESIS,
        CONFIGTX,
        CRYPTO_CONFIG_YAML,
        super::PROFILE,
    ];
    let found: Vec<_> =
        parts.map(|part| data_dir.join(part)).into_iter().filter(|part| part.exists()).collect();
    if found.is_empty() {
        return Ok(true);
    }
    if !yes && !confirmed(data_dir)? {
        output::line("Nothing was removed.")?;
        return Ok(false);
    }
    found.iter().try_for_each(|part| remove(part))?;
    Ok(true)
}

fn confirmed(data_dir: &Path) -> Result<bool, Failure> {
    let question =
        format!("Remove the ledger, all certificates and all keys in {}? Type yes:", data_dir.display());
    Ok(prompt::ask(&question)? == "yes")
}

/// A folder takes another name first, so that an interruption leaves it whole or gone.
fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match path.is_dir() {
        true => {
            let doomed = durable::beside(path, "removed");
            remove_folder(&doomed)
                .and_then(|()| durable::rename(path, &doomed))
                .and_then(|()| remove_folder(&doomed))
        }
        false => fs::remove_file(path),
    };
    removed.map_err(|error| Failure::during(path.display(), error))
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Finds the material of a data directory, which must exist, or makes it. The two configuration files are copied
/// there first; later starts read them from there.
///
/// Each part is durable before the next is made, and found or made again after an interruption anywhere. What a
/// ledger rests on is never made anew beside it: that would be another network.
pub fn prepare(data_dir: &Path, bodies: Bodies) -> Result<Material, Failure> {
    let logged = Ledger::logged_genesis(&data_dir.join(LEDGER));
    let has_ledger = !matches!(logged, Ok(None));
    let folder = data_dir.join(CRYPTO_CONFIG);
    let has_keys = folder.exists();
    if has_ledger && !has_keys {
        return Err(missing_keys(&folder));
    }
    let defaults = defaults(data_dir, &folder, bodies)?;
    let config = crypto_config(&data_dir.join(CRYPTO_CONFIG_YAML), &folder, has_ledger, defaults)?;
    if !has_keys {
        material::generate(&config, &folder, Validity::of_years(now(), VALID_YEARS))
            .map_err(|error| Failure::during("making keys and certificates", error))?;
    }
    let (genesis, bundle) = genesis_block(data_dir, logged, defaults)?;
    hosts(&config, &folder, &bundle, genesis)
}

/// What files that are missing are made of. A network that has begun keeps the number of its bodies: its keys show it, and before
/// there are keys its file of organisations.
fn defaults(data_dir: &Path, folder: &Path, bodies: Bodies) -> Result<&'static Defaults, Failure> {
    let organisations = data_dir.join(CRYPTO_CONFIG_YAML);
    let has_second = match (folder.is_dir(), is_blank(&organisations)?) {
        (true, _) => folder.join("peerOrganizations").join(SECOND_BODY_DOMAIN).is_dir(),
        (false, true) => return Ok(bodies.defaults()),
        (false, false) => {
            let text = fs::read(&organisations);
            let text = text.map_err(|error| Failure::during(organisations.display(), error))?;
            String::from_utf8_lossy(&text).contains(SECOND_BODY_DOMAIN)
        }
    };
    Ok(if has_second { &TWO_BODIES } else { &ONE_BODY })
}

/// The organisations. Beside a ledger they must be those that have keys: a file that lost its end in a crash may
/// read well and name fewer.
fn crypto_config(
    path: &Path,
    folder: &Path,
    has_ledger: bool,
    defaults: &Defaults,
) -> Result<CryptoConfig, Failure> {
    let unusable = |reason: String| {
        let intact = "Nothing else was changed. Mend the file, or put it back from a copy.";
        Failure::usage(format!("{reason}\n{intact}"))
    };
    if !is_blank(path)? {
        let config = CryptoConfig::read(path).map_err(|error| unusable(error.to_string()))?;
        return match unnamed_keys(&config, folder)? {
            Some(domain) if has_ledger => Err(unusable(format!(
                "{} does not name {domain}, whose keys are in {}",
                path.display(),
                folder.display()
            ))),
            _ => Ok(config),
        };
    }
    let config = CryptoConfig::parse(defaults.crypto_config).map_err(|error| unusable(error.to_string()))?;
    if has_ledger {
        let has_keys = |organization: &Organization| organization.folder(folder).is_dir();
        if !config.organizations.iter().all(has_keys) || unnamed_keys(&config, folder)?.is_some() {
            let reason =
                "is missing or empty, and the keys beside it are not those of the default organisations";
            return Err(unusable(format!("{} {reason}", path.display())));
        }
        tracing::warn!(path = %path.display(), "the file was missing or empty; the default one fits the keys");
    }
    durable::write(path, defaults.crypto_config.as_bytes(), Access::Owner)
        .map_err(|error| Failure::during(path.display(), error))?;
    Ok(config)
}

/// The domain of an organisation that has keys and stands not in the file.
fn unnamed_keys(config: &CryptoConfig, folder: &Path) -> Result<Option<String>, Failure> {
    let named: Vec<PathBuf> =
        config.organizations.iter().map(|organization| organization.folder(folder)).collect();
    for group in ["ordererOrganizations", "peerOrganizations"] {
        let group = folder.join(group);
        if !group.is_dir() {
            continue;
        }
        let failed = |error| Failure::during(group.display(), error);
        for entry in fs::read_dir(&group).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // What begins with a dot is being made.
            if !name.starts_with('.') && entry.path().is_dir() && !named.contains(&entry.path()) {
                return Ok(Some(name));
            }
        }
    }
    Ok(None)
}

/// Whether a file is missing or holds nothing: white space, or the zeroes of a block that a crash left unwritten.
fn is_blank(path: &Path) -> Result<bool, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(is_nothing(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Failure::during(path.display(), error)),
    }
}

fn is_nothing(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace())
}

fn missing_keys(folder: &Path) -> Failure {
    let advice = "The ledger beside it is intact. Its keys are nowhere else: put the folder back from a copy.\nA \
                  data directory of `nanotrace verifier` has none: choose another one with --data-dir \
                  (docs/operations.md, \"Backup and restore\").";
    Failure::new(Exit::Failure, format!("{} is missing\n{advice}", folder.display()))
}

/// The genesis block's file is a copy: the ledger's first block is the truth, and makes the file again where it is
/// lost. Whether a file that can be read is of the same channel, and the ledger whole, is checked when that is opened.
fn genesis_block(
    data_dir: &Path,
    logged: Result<Option<HeadedBlock>, LedgerError>,
    defaults: &Defaults,
) -> Result<(HeadedBlock, Arc<Bundle>), Failure> {
    let path = data_dir.join(GENESIS);
    let bytes = match is_blank(&path)? {
        true => None,
        false => Some(fs::read(&path).map_err(|error| Failure::during(path.display(), error))?),
    };
    let found = bytes.map(|bytes| crate::channel::genesis_block(&bytes).and_then(with_bundle));
    if let Some(Ok(found)) = found {
        return Ok(found);
    }
    let logged = logged.map_err(|error| Failure::during("reading the ledger's genesis block", error))?;
    let (block, bundle) = match (found, logged) {
        (_, Some(logged)) => {
            tracing::warn!(path = %path.display(), "taken again from the ledger's first block");
            with_bundle(logged)
                .map_err(|reason| Failure::new(Exit::Failure, format!("the ledger's first block {reason}")))?
        }
        (Some(Err(reason)), None) => return Err(damaged(&path, &reason)),
        (_, None) => with_bundle(new_genesis_block(data_dir, defaults)?).map_err(Failure::usage)?,
    };
    durable::write(&path, &block.message().encode_to_vec(), Access::Owner)
        .map_err(|error| Failure::during(path.display(), error))?;
    Ok((block, bundle))
}

fn with_bundle(block: HeadedBlock) -> Result<(HeadedBlock, Arc<Bundle>), String> {
    let bundle =
        Bundle::from_block(block.message()).map_err(|error| format!("is no genesis block: {error}"))?;
    Ok((block, bundle))
}

/// A new channel. Where a ledger once was and has lost its blocks, there is none: the blocks may come back.
fn new_genesis_block(data_dir: &Path, defaults: &Defaults) -> Result<HeadedBlock, Failure> {
    let ledger = data_dir.join(LEDGER);
    if ledger.exists() {
        match Ledger::open(&ledger, None) {
            Err(LedgerError::NoGenesis { .. }) | Ok(_) => {}
            Err(error) => return Err(Failure::during("opening the ledger", error)),
        }
    }
    let configtx = data_dir.join(CONFIGTX);
    if is_blank(&configtx)? {
        durable::write(&configtx, defaults.configtx.as_bytes(), Access::Owner)
            .map_err(|error| Failure::during(configtx.display(), error))?;
    }
    genesis::from_configtx_yaml(&configtx, PROFILE, NAME, crate::channel::stamp()?)
        .map_err(|error| Failure::usage(error.to_string()))
}

fn damaged(genesis: &Path, reason: &str) -> Failure {
    let advice =
        "There is no ledger beside it yet. Put the right file there; without the file, a new network begins.";
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
