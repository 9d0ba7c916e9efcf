//! How the read model's database is opened: small, with bounded memory.

use std::path::Path;

use network::ledger::table;
use rocksdb::{DB, Options};

use super::ModelError;

/// Blocks read lately, indexes and filters, all together.
const CACHE_BYTES: usize = 8 << 20;
/// Written and not flushed yet; also bounds what a crash leaves to be read from the ledger again.
const WRITE_BUFFER_BYTES: usize = 4 << 20;
const OPEN_FILES: i32 = 128;

pub(super) fn open(directory: &Path) -> Result<DB, ModelError> {
    let mut options = Options::default();
    options.create_if_missing(true);
    table::lay_out(&mut options, &table::cache(CACHE_BYTES));
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_open_files(OPEN_FILES);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    DB::open(&options, directory).map_err(|error| named(error, directory))
}

/// RocksDB names a held lock only in the text of its error.
fn named(error: rocksdb::Error, directory: &Path) -> ModelError {
    if error.kind() == rocksdb::ErrorKind::IOError && error.to_string().contains("lock") {
        return ModelError::InUse { directory: directory.to_owned() };
    }
    error.into()
}
