//! Files that people upload. The bytes go to a folder that nothing serves, under random names; the database knows whose they
//! are, what they are and their SHA-256. A crate of its own, beside `accounts`, since it alone writes files.
//!
//! A file comes in four steps: [`Uploads::place`] before anything of it is read; [`Uploads::begin`] and [`Incoming::write`] take the bytes to disk, a piece at a time;
//! [`Incoming::finish`] says what it is, once it is durable; [`Received::keep`] makes it somebody's, as part of a change that has
//! its audit entry. What is not kept is removed.
//!
//! # What holds here
//! - No more than a few pieces of a file are in memory (their channel), and it has its name only when it is whole and synced
//!   (`durable::write_by`).
//! - A file is of one of a few kinds, by its bytes and not by its name (test `kinds_are_told_by_the_bytes`).
//! - What is cut off, too large, of no kind, or finds the disk full leaves nothing behind (tests
//!   `what_is_cut_off_leaves_nothing`, `what_is_too_large_leaves_nothing`, `a_full_disk_is_said_and_leaves_nothing`).
//! - What nothing refers to is removed after a time (test `orphans_are_cleared`).
//! - Who uploads slowly takes no more than a few places from the others (test `a_party_uploads_few_files_at_once_and_all_not_too_many`).
//! - A query knows one party alone ([`accounts::people::Scope`]).

mod incoming;
mod kind;
mod store;
mod sweep;

use std::{collections::HashMap, fs, io, path::PathBuf, sync::Arc};

use accounts::Database;
use parking_lot::Mutex;

pub use incoming::{Incoming, Place, Received};
pub use kind::Kind;
pub use store::{Stored, find, list, remove};

/// How much of what. Bytes, where nothing else is said.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of a file.
    pub file: u64,
    /// Of all files of a party: an administrator makes as many accounts as it likes.
    pub party: u64,
    /// Files of a party.
    pub files: u64,
    /// Uploads of one party at once.
    pub at_once: usize,
    /// Uploads of all at once.
    pub in_all: usize,
    /// What stays free on the disk.
    pub free: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 100 << 20, party: 2 << 30, files: 500, at_once: 4, in_all: 64, free: 1 << 30 }
    }
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the file is larger than {} MB", .0 >> 20)]
    TooLarge(u64),
    #[error("the file is empty")]
    Empty,
    #[error(
        "the file is none of these: PDF, PNG, JPEG, XLSX (without macros), JSON, CSV or plain text (in UTF-8)"
    )]
    Kind,
    #[error(
        "your company or organisation has uploaded as much as it may: remove files that are not needed any more"
    )]
    Full,
    #[error("other files are being uploaded: wait for them")]
    Busy,
    #[error("the disk of the portal is full: its operator has to make room")]
    Disk,
    #[error("the upload was cut off")]
    CutOff,
    #[error("the folder of files: {0}")]
    Folder(io::Error),
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Disk,
            _ => Self::Folder(error),
        }
    }
}

/// The files of a portal.
pub struct Uploads {
    database: Database,
    folder: PathBuf,
    limits: Limits,
    /// How many files of a party are on their way.
    busy: Arc<Mutex<HashMap<String, usize>>>,
}

impl Uploads {
    /// The folder is made where it is missing, and is its owner's alone.
    pub fn new(database: Database, folder: PathBuf, limits: Limits) -> io::Result<Self> {
        durable::create_private_folder(&folder)?;
        Ok(Self { database, folder, limits, busy: Arc::default() })
    }

    /// The content of a file.
    pub async fn open(&self, stored: &Stored) -> io::Result<tokio::fs::File> {
        tokio::fs::File::open(self.folder.join(&stored.id)).await
    }

    /// The content of a file of which no more than its id is at hand. Whose it is, is the caller's to know.
    pub async fn open_by_id(&self, id: &str) -> io::Result<tokio::fs::File> {
        tokio::fs::File::open(self.folder.join(id)).await
    }

    /// Removes the content of a file that the database does not have any more.
    pub fn forget(&self, stored: &Stored) {
        // Where it fails, it is an orphan, which is cleared later.
        let _ = fs::remove_file(self.folder.join(&stored.id));
    }
}
