//! The file whose rows are issued.

use std::{
    fs::{File, TryLockError},
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};

/// A file may be this large.
pub const MAXIMUM_BYTES: u64 = 256 << 20;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Columns that fill in a template.
    Csv,
    /// A document a line, signed or not.
    JsonLines,
}

/// A file, read as it was when the run began.
pub struct Input {
    pub format: Format,
    pub bytes: Vec<u8>,
}

/// Held by a run on its file, so that no other one issues it at the same time.
pub struct Lock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("{0} ends neither in .csv nor in .jsonl")]
    Ending(String),
    #[error("cannot read {path}: {source}")]
    Read { path: String, source: io::Error },
    #[error("{0} is in use by another run")]
    InUse(String),
    #[error("{0} is larger than {MAXIMUM_BYTES} bytes: cut it into several files")]
    Large(String),
}

impl Input {
    pub fn read(path: &Path) -> Result<(Self, Lock), InputError> {
        let name = || path.display().to_string();
        let format = Format::of(path).ok_or_else(|| InputError::Ending(name()))?;
        let read = |source| InputError::Read { path: name(), source };
        let file = File::open(path).map_err(read)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => InputError::InUse(name()),
            TryLockError::Error(source) => read(source),
        })?;
        let mut bytes = Vec::new();
        (&file).take(MAXIMUM_BYTES + 1).read_to_end(&mut bytes).map_err(read)?;
        match bytes.len() as u64 > MAXIMUM_BYTES {
            true => Err(InputError::Large(name())),
            false => Ok((Self { format, bytes }, Lock { _file: file })),
        }
    }

    /// What a plan names it by.
    pub fn hash(&self) -> String {
        format!("sha256:{}", hex::encode(Sha256::digest(&self.bytes)))
    }
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }
}
