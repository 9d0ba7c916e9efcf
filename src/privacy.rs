//! What this process writes is for its owner alone.

use rustix::{fs::Mode, process::umask};

/// From now on no new file or folder of this process is open to others, RocksDB's included: it asks for 0644.
/// For the commands that keep a ledger; what others write goes by the user's own mask.
pub fn keep_files_private() {
    umask(Mode::RWXG | Mode::RWXO);
}
