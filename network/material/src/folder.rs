//! Folders and files of key material: who may read them, and how they appear all at once.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use durable::Access;

use super::CryptoConfigError;

/// The owner alone may look into folders that hold a key, and read keys.
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
    durable::write(path, content.as_bytes(), Access::Everyone).map_err(|source| failed(path, source))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, CryptoConfigError> {
    fs::read(path).map_err(|source| failed(path, source))
}

/// A folder that is filled unseen and then moved to its place.
///
/// A process that dies before [`Self::publish`] leaves only the staged folder, which the next one removes. Its files
/// become durable when it is published.
pub(super) struct Staged {
    pub path: PathBuf,
    target: PathBuf,
}

impl Staged {
    pub fn new(target: &Path) -> Result<Self, CryptoConfigError> {
        if let Some(above) = target.parent().filter(|above| !above.as_os_str().is_empty()) {
            durable::create_folder(above, Access::Everyone).map_err(|source| failed(above, source))?;
        }
        let path = durable::beside(target, "new");
        remove(&path)?;
        create_public(&path)?;
        Ok(Self { path, target: target.to_owned() })
    }

    /// Makes everything in the folder durable, and moves it to its place in one step.
    pub fn publish(self) -> Result<(), CryptoConfigError> {
        durable::publish(&self.path, &self.target).map_err(|source| failed(&self.target, source))
    }
}

fn create(path: &Path, mode: u32) -> Result<(), CryptoConfigError> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|source| failed(path, source))
}

/// The file, in a staged folder, must not exist: nothing made before is ever overwritten.
fn write(path: &Path, content: &str, mode: u32) -> Result<(), CryptoConfigError> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(content.as_bytes())
    };
    write().map_err(|source| failed(path, source))
}

fn remove(path: &Path) -> Result<(), CryptoConfigError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, source: io::Error) -> CryptoConfigError {
    CryptoConfigError::Io { path: path.to_owned(), source }
}
