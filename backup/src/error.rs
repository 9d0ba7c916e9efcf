//! Why a backup is not made, not whole, or not restored.

use std::{
    io,
    path::{Path, PathBuf},
};

use commands::exit::{Exit, Failure};
use ledger::LedgerError;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("the command line: {0}")]
    Usage(String),
    #[error("the backup is not whole: {0}")]
    Damaged(String),
    #[error("the backup is of another network: its genesis block is {found}, and not {asked}")]
    OtherNetwork { found: String, asked: String },
    #[error("the keys cannot be decrypted: {0}")]
    Keys(String),
    #[error("{0}")]
    Refused(String),
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the portal's database: {0}")]
    Database(String),
}

impl BackupError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }

    pub(crate) fn database(error: impl ToString) -> Self {
        Self::Database(error.to_string())
    }

    /// A backup that is wrong is an answer; what hinders looking at it is a failure.
    pub(crate) fn into_failure(self) -> Failure {
        let exit = match &self {
            Self::Usage(_) => Exit::Usage,
            Self::Damaged(_) | Self::OtherNetwork { .. } | Self::Keys(_) => Exit::No,
            Self::Ledger(error) if error.is_damage() => Exit::No,
            _ => Exit::Failure,
        };
        match self {
            Self::Usage(text) => Failure::usage(text),
            error => Failure::new(exit, error.to_string()),
        }
    }
}
