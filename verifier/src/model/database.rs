//! How the read model's database is opened: small, with bounded memory.

use std::path::Path;
use std::{fs, io};

use ledger::table;
use rocksdb::{DB, Options};

use super::ModelError;

/// The cache of blocks, indexes and filters.
const CACHE_BYTES: usize = 8 << 20;
/// Written and not flushed yet; also bounds what a crash leaves to be read from the ledger again.
const WRITE_BUFFER_BYTES: usize = 4 << 20;
const OPEN_FILES: i32 = 128;

/// Opens or creates the database. A damaged one is moved aside: what it held is read from the ledger again.
pub(super) fn open(directory: &Path) -> Result<DB, ModelError> {
    match open_as_it_is(directory) {
        Err(error) if is_damaged(&error) => {
            tracing::error!(%error, directory = %directory.display(), "the read model is damaged and is built anew");
            set_aside(directory).map_err(|source| ModelError::Directory { directory: directory.to_owned(), source })?;
            open_as_it_is(directory)
        }
        opened => opened,
    }
    .map_err(|error| named(error, directory))
}

fn open_as_it_is(directory: &Path) -> Result<DB, rocksdb::Error> {
    let mut options = Options::default();
    options.create_if_missing(true);
    table::lay_out(&mut options, &table::cache(CACHE_BYTES));
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_open_files(OPEN_FILES);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    DB::open(&options, directory)
}

/// A file that RocksDB misses is damage; any other failure of the system is not.
fn is_damaged(error: &rocksdb::Error) -> bool {
    error.kind() == rocksdb::ErrorKind::Corruption || error.to_string().contains("No such file")
}

/// Keeps the last damaged one, so that the cause can be looked into.
fn set_aside(directory: &Path) -> io::Result<()> {
    let aside = directory.with_extension("damaged");
    if aside.exists() {
        fs::remove_dir_all(&aside)?;
    }
    fs::rename(directory, aside)
}

/// RocksDB names a held lock only in the text of its error: one that this process holds, and `EAGAIN` for one
/// of another process. Any other error of the lock's file is the disk's.
const HELD: &[&str] = &["lock hold by current process", "Resource temporarily unavailable"];

fn named(error: rocksdb::Error, directory: &Path) -> ModelError {
    let text = error.to_string();
    if error.kind() == rocksdb::ErrorKind::IOError && HELD.iter().any(|held| text.contains(held)) {
        return ModelError::InUse { directory: directory.to_owned() };
    }
    error.into()
}
