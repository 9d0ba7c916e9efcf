//! A data directory belongs to one process at a time.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use commands::network::refuse_file;
use durable::Access;

use crate::exit::{Exit, Failure};

/// The file that this process holds locked, with its process id in it.
pub const PROCESS_ID: &str = "nanotrace.pid";

/// Held for as long as this process uses the directory.
pub struct DataDir {
    process_id: File,
}

impl DataDir {
    /// Makes the directory where there is none, and takes it for this process.
    pub fn take(path: &Path) -> Result<Self, Failure> {
        refuse_file(path)?;
        create_private(path)?;
        refuse_half_restored(path)?;
        let file = path.join(PROCESS_ID);
        let failed = |error| Failure::during(file.display(), error);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let mut process_id = options.open(&file).map_err(failed)?;
        process_id.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => in_use(path),
            TryLockError::Error(error) => failed(error),
        })?;
        process_id.set_len(0).map_err(failed)?;
        writeln!(process_id, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { process_id })
    }
}

impl Drop for DataDir {
    /// The lock goes with the file; an id left behind would do no harm.
    fn drop(&mut self) {
        let _ = self.process_id.set_len(0);
    }
}

/// A restore that was interrupted leaves keys without their ledger: a network that began there would be another one.
fn refuse_half_restored(path: &Path) -> Result<(), Failure> {
    let unfinished = path.join(backup::UNFINISHED);
    if !unfinished.exists() {
        return Ok(());
    }
    let advice =
        "Remove everything in the directory, and restore the backup again (nanotrace backup restore).";
    Err(Failure::new(
        Exit::Failure,
        format!(
            "the restore into {} was interrupted ({} is there)\n{advice}",
            path.display(),
            unfinished.display()
        ),
    ))
}

fn in_use(path: &Path) -> Failure {
    let advice = "Stop it first (Ctrl-C where it runs), or choose another directory with --data-dir.";
    Failure::new(Exit::Failure, format!("{} is in use by another process.\n{advice}", path.display()))
}

/// It holds private keys: only its owner may look into it. One that is there keeps its mode: it may be anybody's.
fn create_private(path: &Path) -> Result<(), Failure> {
    durable::create_folder(path, Access::Owner)
        .map_err(|error| Failure::during(format!("cannot make {}", path.display()), error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_no_data_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = DataDir::take(file.path()).err().unwrap();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.to_string().contains("is no directory"), "{failure}");
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let held = DataDir::take(&path).unwrap();
        let text = fs::read_to_string(path.join(PROCESS_ID)).unwrap();
        assert_eq!(text.trim(), std::process::id().to_string());
        assert!(DataDir::take(&path).err().unwrap().to_string().contains("in use by another process"));
        drop(held);
        DataDir::take(&path).unwrap();
    }
}
