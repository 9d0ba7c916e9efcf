//! Installed chaincode packages of one organisation: files in a directory, and where their chaincodes listen
//! (`core/chaincode/persistence`).

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use durable::Access;
use flate2::read::GzDecoder;
use parking_lot::RwLock;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::chaincode::{Connection, ConnectionError};

/// The most that a package may unpack to.
const MAX_UNPACKED_BYTES: u64 = 64 << 20;
const METADATA_FILE: &str = "metadata.json";
const CODE_FILE: &str = "code.tar.gz";
const CONNECTION_FILE: &str = "connection.json";
/// The only kind of chaincode that runs here: one that listens somewhere.
const CHAINCODE_AS_A_SERVICE: &str = "ccaas";

/// A chaincode package that cannot be installed or found. Texts are Fabric's where clients see them.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    #[error("could not parse as a chaincode install package: {0}")]
    Unreadable(io::Error),
    #[error("could not parse as a chaincode install package: tar entry {0} is not a regular file")]
    NotAFile(String),
    #[error("could not parse as a chaincode install package: did not find a code package inside the package")]
    NoCode,
    #[error(
        "could not parse as a chaincode install package: did not find any package metadata (missing metadata.json)"
    )]
    NoMetadata,
    #[error("could not parse as a chaincode install package: could not unmarshal metadata.json as json: {0}")]
    Metadata(serde_json::Error),
    #[error(
        "could not parse as a chaincode install package: invalid label '{0}'. Label must be non-empty, can only \
         consist of alphanumerics, symbols from '.+-_', and can only begin with alphanumerics"
    )]
    Label(String),
    #[error("could not build chaincode: type '{0}' does not run here, only '{CHAINCODE_AS_A_SERVICE}' does")]
    Kind(String),
    #[error("could not build chaincode: no connection.json in the code package")]
    NoConnection,
    #[error("could not build chaincode: {0}")]
    Connection(#[from] ConnectionError),
    #[error("chaincode already successfully installed (package ID '{0}')")]
    AlreadyInstalled(String),
    #[error("could not load cc install package: chaincode install package '{0}' not found")]
    NotFound(String),
    #[error("cannot {action} {}: {source}", .path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
}

/// A decoded chaincode package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Label and SHA-256 of the package, as in `basic:1f3a…`.
    pub id: String,
    pub label: String,
    pub connection: Connection,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    label: String,
}

impl Package {
    /// Takes an install package (`.tar.gz`) apart.
    pub fn parse(package: &[u8]) -> Result<Self, PackageError> {
        let mut files = untar(package)?;
        let metadata = files.remove(METADATA_FILE);
        let code = files.remove(CODE_FILE).ok_or(PackageError::NoCode)?;
        let metadata: Metadata = serde_json::from_slice(&metadata.ok_or(PackageError::NoMetadata)?)
            .map_err(PackageError::Metadata)?;
        if !is_label(&metadata.label) {
            return Err(PackageError::Label(metadata.label));
        }
        if !metadata.kind.eq_ignore_ascii_case(CHAINCODE_AS_A_SERVICE) {
            return Err(PackageError::Kind(metadata.kind));
        }
        let connection = untar(&code)?.remove(CONNECTION_FILE).ok_or(PackageError::NoConnection)?;
        let connection = Connection::from_json(&connection)?;
        let id = format!("{}:{}", metadata.label, hex::encode(Sha256::digest(package)));
        Ok(Self { id, label: metadata.label, connection })
    }
}

/// The packages that an organisation has installed.
pub struct Packages {
    directory: PathBuf,
    installed: RwLock<BTreeMap<String, Arc<Package>>>,
}

impl Packages {
    /// Opens the directory, which is made if it is missing, and reads what is installed in it.
    pub fn open(directory: &Path) -> Result<Self, PackageError> {
        let failed = |action| move |source| file_error(action, directory, source);
        durable::create_private_folder(directory).map_err(failed("make"))?;
        let mut installed = BTreeMap::new();
        for entry in fs::read_dir(directory).map_err(failed("list"))? {
            let path = entry.map_err(failed("list"))?.path();
            if !path.to_string_lossy().ends_with(".tar.gz") {
                continue;
            }
            let bytes = fs::read(&path).map_err(|source| file_error("read", &path, source))?;
            match Package::parse(&bytes) {
                Ok(package) => drop(installed.insert(package.id.clone(), Arc::new(package))),
                Err(error) => tracing::warn!(path = %path.display(), %error, "no chaincode package, ignored"),
            }
        }
        Ok(Self { directory: directory.to_owned(), installed: RwLock::new(installed) })
    }

    /// Installs a package: it is on disk before it counts.
    pub fn install(&self, bytes: &[u8]) -> Result<Arc<Package>, PackageError> {
        let package = Arc::new(Package::parse(bytes)?);
        let mut installed = self.installed.write();
        if installed.contains_key(&package.id) {
            return Err(PackageError::AlreadyInstalled(package.id.clone()));
        }
        let path = self.path(&package.id);
        durable::write(&path, bytes, Access::Owner).map_err(|source| file_error("write", &path, source))?;
        installed.insert(package.id.clone(), package.clone());
        Ok(package)
    }

    pub fn get(&self, id: &str) -> Option<Arc<Package>> {
        self.installed.read().get(id).cloned()
    }

    /// All packages, by id.
    pub fn list(&self) -> Vec<Arc<Package>> {
        self.installed.read().values().cloned().collect()
    }

    /// The bytes of an installed package.
    pub fn load(&self, id: &str) -> Result<Bytes, PackageError> {
        if self.get(id).is_none() {
            return Err(PackageError::NotFound(id.to_owned()));
        }
        let path = self.path(id);
        let bytes = fs::read(&path).map_err(|source| file_error("read", &path, source))?;
        Ok(bytes.into())
    }

    fn path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{}.tar.gz", id.replacen(':', ".", 1)))
    }
}

fn file_error(action: &'static str, path: &Path, source: io::Error) -> PackageError {
    PackageError::File { action, path: path.to_owned(), source }
}

/// `^[[:alnum:]][[:alnum:]_.+-]*$`
fn is_label(label: &str) -> bool {
    let mut letters = label.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "_.+-".contains(letter))
}

fn untar(archive: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, PackageError> {
    let mut files = BTreeMap::new();
    let unpacked = GzDecoder::new(archive).take(MAX_UNPACKED_BYTES);
    for entry in tar::Archive::new(unpacked).entries().map_err(PackageError::Unreadable)? {
        let mut entry = entry.map_err(PackageError::Unreadable)?;
        let path = entry.path().map_err(PackageError::Unreadable)?;
        let name = path.to_string_lossy().trim_start_matches("./").to_owned();
        if entry.header().entry_type().is_dir() {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(PackageError::NotAFile(name));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(PackageError::Unreadable)?;
        files.insert(name, content);
    }
    Ok(files)
}
