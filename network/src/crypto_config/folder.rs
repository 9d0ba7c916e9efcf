//! Folders and files of key material: who may read them, and how they appear all at once.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::CryptoConfigError;

/// Nobody but the owner may look into folders that hold a key, nor read keys.
const PRIVATE_FOLDER: u32 = 0o700;
const PUBLIC_FOLDER: u32 = 0o755;
const PRIVATE_FILE: u32 = 0o600;
const PUBLIC_FILE: u32 = 0o644;

/// Makes a folder that everybody may read, with those above it.
pub(super) fn create_public(path: &Path) -> Result<(), CryptoConfigError> {
    create(path, PUBLIC_FOLDER)
}

/// Makes a folder for keys, with (readable) ones above it.
pub(super) fn create_private(path: &Path) -> Result<(), CryptoConfigError> {
    path.parent().map_or(Ok(()), create_public)?;
    create(path, PRIVATE_FOLDER)
}

/// Writes a certificate or another public file.
pub(super) fn write_public(path: &Path, content: &str) -> Result<(), CryptoConfigError> {
    write(path, content, PUBLIC_FILE)
}

/// Writes a private key.
pub(super) fn write_private(path: &Path, content: &str) -> Result<(), CryptoConfigError> {
    write(path, content, PRIVATE_FILE)
}

/// Puts another content in a public file's place; a reader sees the old or the new one, never a part.
pub(super) fn replace_public(path: &Path, content: &str) -> Result<(), CryptoConfigError> {
    let staged = beside(path, "new");
    remove(&staged)?;
    write_public(&staged, content)?;
    rename(&staged, path)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, CryptoConfigError> {
    fs::read(path).map_err(|source| failed(path, source))
}

/// A folder that is filled unseen and then moved to its place.
///
/// A process that dies before [`Self::publish`] leaves only the staged folder, which the next one removes.
pub(super) struct Staged {
    pub path: PathBuf,
    target: PathBuf,
}

impl Staged {
    pub fn new(target: &Path) -> Result<Self, CryptoConfigError> {
        let path = beside(target, "new");
        remove(&path)?;
        create_public(&path)?;
        Ok(Self { path, target: target.to_owned() })
    }

    /// Moves the folder to its place in one step.
    pub fn publish(self) -> Result<(), CryptoConfigError> {
        rename(&self.path, &self.target)
    }
}

fn create(path: &Path, mode: u32) -> Result<(), CryptoConfigError> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|source| failed(path, source))
}

/// The file must not exist: nothing made before is ever overwritten.
fn write(path: &Path, content: &str, mode: u32) -> Result<(), CryptoConfigError> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| failed(path, source))
}

fn rename(from: &Path, to: &Path) -> Result<(), CryptoConfigError> {
    fs::rename(from, to).map_err(|source| failed(to, source))?;
    // The new name must outlive a loss of power as the files do.
    let folder = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| failed(folder, source))
}

fn remove(path: &Path) -> Result<(), CryptoConfigError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, error)),
        _ => Ok(()),
    }
}

/// A path in the same folder, hidden, so that a rename stays within a file system.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{suffix}"))
}

fn failed(path: &Path, source: io::Error) -> CryptoConfigError {
    CryptoConfigError::Io { path: path.to_owned(), source }
}
