//! MSP folders on disk (`msp/configbuilder.go`).

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use bytes::Bytes;
use fabric::proto::msp::{FabricCryptoConfig, FabricMspConfig, FabricNodeOUs, FabricOuIdentifier, MspConfig};
use prost::Message;
use serde::Deserialize;

use super::{MspError, pem};

pub(super) const SIGNCERTS: &str = "signcerts";
pub(super) const KEYSTORE: &str = "keystore";
const CONFIG_FILE: &str = "config.yaml";

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Reads an MSP folder as a membership definition for a genesis block, as configtxgen does.
///
/// `cacerts` must hold something; `intermediatecerts`, `admincerts`, `tlscacerts`, `tlsintermediatecerts`,
/// `crls` and `config.yaml` may be missing. Files come in the order of their names; those without PEM are
/// passed over. Keys are never read.
pub fn config_from_dir(dir: &Path, mspid: &str) -> Result<MspConfig, MspError> {
    let list = |folder: &str| pem_files(&dir.join(folder)).map(Option::unwrap_or_default);
    let root_certs = list("cacerts")?;
    if root_certs.is_empty() {
        return Err(file_error(&dir.join("cacerts"), "no root certificate in it"));
    }
    let tls_root_certs = list("tlscacerts")?;
    let tls_intermediate_certs = match tls_root_certs.is_empty() {
        true => Vec::new(),
        false => list("tlsintermediatecerts")?,
    };
    let configuration = read_configuration(dir)?;
    let config = FabricMspConfig {
        name: mspid.to_owned(),
        root_certs,
        intermediate_certs: list("intermediatecerts")?,
        admins: list("admincerts")?,
        revocation_list: list("crls")?,
        signing_identity: None,
        organizational_unit_identifiers: configuration.demanded_units(dir)?,
        crypto_config: Some(FabricCryptoConfig {
            signature_hash_family: "SHA2".to_owned(),
            identity_identifier_hash_function: "SHA256".to_owned(),
        }),
        tls_root_certs,
        tls_intermediate_certs,
        fabric_node_ous: configuration.node_ous.as_ref().and_then(|node_ous| node_ous.to_proto(dir)),
    };
    Ok(MspConfig { r#type: 0, config: config.encode_to_vec().into() })
}

/// The files with PEM in a folder, in the order of their names; none if there is no such folder.
pub(super) fn pem_files(folder: &Path) -> Result<Option<Vec<Bytes>>, MspError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(|error| file_error(folder, &error.to_string()))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| file_error(folder, &error.to_string()))?.path());
    }
    paths.sort();
    let files = paths.iter().filter(|path| path.is_file()).map(|path| read(path));
    let texts: Vec<Bytes> = files.collect::<Result<_, _>>()?;
    Ok(Some(texts.into_iter().filter(|text| pem::first_block(text).is_some()).collect()))
}

/// `config.yaml`, with the keys that Fabric knows; others it does not look at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Configuration {
    organizational_unit_identifiers: Vec<UnitIdentifier>,
    #[serde(rename = "NodeOUs")]
    node_ous: Option<NodeOus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NodeOus {
    enable: bool,
    #[serde(rename = "ClientOUIdentifier")]
    client: Option<UnitIdentifier>,
    #[serde(rename = "PeerOUIdentifier")]
    peer: Option<UnitIdentifier>,
    #[serde(rename = "AdminOUIdentifier")]
    admin: Option<UnitIdentifier>,
    #[serde(rename = "OrdererOUIdentifier")]
    orderer: Option<UnitIdentifier>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct UnitIdentifier {
    /// A path inside the folder.
    certificate: String,
    organizational_unit_identifier: String,
}

impl Configuration {
    fn demanded_units(&self, dir: &Path) -> Result<Vec<FabricOuIdentifier>, MspError> {
        let identifier = |unit: &UnitIdentifier| {
            Ok(FabricOuIdentifier {
                certificate: read(&dir.join(&unit.certificate))?,
                organizational_unit_identifier: unit.organizational_unit_identifier.clone(),
            })
        };
        self.organizational_unit_identifiers.iter().map(identifier).collect()
    }
}

impl NodeOus {
    fn to_proto(&self, dir: &Path) -> Option<FabricNodeOUs> {
        // A certificate that cannot be read is left out, as Fabric does: any certifier will do then.
        let identifier = |unit: &Option<UnitIdentifier>| {
            let unit = unit.as_ref().filter(|unit| !unit.organizational_unit_identifier.is_empty())?;
            let path = Some(&unit.certificate).filter(|path| !path.is_empty());
            Some(FabricOuIdentifier {
                certificate: path.and_then(|path| read(&dir.join(path)).ok()).unwrap_or_default(),
                organizational_unit_identifier: unit.organizational_unit_identifier.clone(),
            })
        };
        self.enable.then(|| FabricNodeOUs {
            enable: true,
            client_ou_identifier: identifier(&self.client),
            peer_ou_identifier: identifier(&self.peer),
            admin_ou_identifier: identifier(&self.admin),
            orderer_ou_identifier: identifier(&self.orderer),
        })
    }
}

fn read_configuration(dir: &Path) -> Result<Configuration, MspError> {
    let path = dir.join(CONFIG_FILE);
    if !path.exists() {
        return Ok(Configuration::default());
    }
    let text = read(&path)?;
    serde_norway::from_slice(&text).map_err(|error| file_error(&path, &error.to_string()))
}

fn read(path: &Path) -> Result<Bytes, MspError> {
    let refused = |error: io::Error| file_error(path, &error.to_string());
    let mut text = Vec::new();
    let read = File::open(path).map_err(refused)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut text);
    match read.map_err(refused)? as u64 > MAX_FILE_BYTES {
        true => Err(file_error(path, "it is larger than 1 MiB")),
        false => Ok(text.into()),
    }
}

fn file_error(path: &Path, reason: &str) -> MspError {
    MspError::File { path: path.display().to_string(), reason: reason.to_owned() }
}
