//! Why keys and certificates cannot be made.

use std::{io, path::PathBuf};

use fabric::crypto::KeyError;
use thiserror::Error;

/// A refusal, or something that went wrong; nothing half made is left behind.
#[derive(Debug, Error)]
pub enum CryptoConfigError {
    /// The text names key, line and column.
    #[error("{path}: {reason}")]
    Yaml { path: PathBuf, reason: String },
    #[error("crypto-config: {0}")]
    Config(String),
    #[error("{0} exists already and is not overwritten; extend it, or choose another folder")]
    Exists(PathBuf),
    #[error("{0} does not exist; generate it first")]
    Missing(PathBuf),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("a private key: {0}")]
    Key(#[from] KeyError),
    #[error("the request for a certificate is not understood: {0}")]
    Request(String),
    #[error("a certificate could not be made: {0}")]
    Certificate(String),
}
