//! Makes a data directory of a backup.
//!
//! Everything is written to a hidden folder in the directory, synced, and then moved to its place, the ledger last. The folder
//! goes when all is there: as long as it is there, nothing starts on the directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use certificate::DateTime;
use durable::Access;
use ledger::Restored;

use crate::{
    archive,
    create::PORTAL,
    error::BackupError,
    keys,
    verify::{Blocks, Verified, as_damage, check_against_manifest, copy},
};

/// The folder in a data directory whose restore was not finished.
pub const UNFINISHED: &str = ".restoring";
/// The ledger's folder.
pub const LEDGER: &str = "ledger";

/// Makes the directory, which may hold nothing, of a backup that was verified.
pub fn restore(verified: &Verified, data_dir: &Path) -> Result<(), BackupError> {
    if !keys::is_empty(data_dir).map_err(BackupError::at(data_dir))? {
        let text = format!("{} is not empty: choose a directory that holds nothing", data_dir.display());
        return Err(BackupError::Usage(text));
    }
    durable::create_folder(data_dir, Access::Owner).map_err(BackupError::at(data_dir))?;
    let unfinished = data_dir.join(UNFINISHED);
    durable::create_private_folder(&unfinished).map_err(BackupError::at(&unfinished))?;
    let mut moved = Vec::new();
    let done = fill(verified, &unfinished).and_then(|()| publish(&unfinished, data_dir, &mut moved));
    if done.is_err() {
        // What cannot be removed keeps the network from starting.
        let _ = undo(&unfinished, data_dir, moved);
    }
    done
}

/// Removes what is there of a restore that failed. The hidden folder goes last, and is there again where it was gone already: a loss
/// of power leaves no part of a network without it.
fn undo(unfinished: &Path, data_dir: &Path, moved: Vec<PathBuf>) -> io::Result<()> {
    durable::create_private_folder(unfinished)?;
    for path in moved {
        match path.is_dir() {
            true => fs::remove_dir_all(&path)?,
            false if path.exists() => fs::remove_file(&path)?,
            false => {}
        }
    }
    durable::sync_folder(data_dir)?;
    fs::remove_dir_all(unfinished)
}

fn fill(verified: &Verified, folder: &Path) -> Result<(), BackupError> {
    if let Some(packed) = &verified.keys {
        keys::unpack(packed, folder)?;
    }
    fill_portal(verified, &folder.join(PORTAL))?;
    fill_ledger(verified, &folder.join(LEDGER))
}

fn fill_portal(verified: &Verified, folder: &Path) -> Result<(), BackupError> {
    let archive = &verified.archive;
    let Some(database) = archive.part(archive::DATABASE) else { return Ok(()) };
    let files = folder.join("files");
    durable::create_folder(&files, Access::Owner).map_err(BackupError::at(&files))?;
    for (id, part) in archive.uploads() {
        copy(archive, part, &files.join(id))?;
    }
    copy(archive, database, &folder.join("portal.db"))
}

fn fill_ledger(verified: &Verified, directory: &Path) -> Result<(), BackupError> {
    let archive = &verified.archive;
    let mut private = archive.part(archive::PRIVATE).map(|part| archive.read(part)).transpose()?;
    let source = private.as_mut().map(|private| private as &mut dyn io::Read);
    let chain = ledger::restore(directory, Blocks::of(archive)?, source).map_err(|error| match error {
        BackupError::Ledger(error) => as_damage(error),
        error => error,
    })?;
    if let Some(private) = private {
        private.finish()?;
    }
    // The file may have been changed since it was verified.
    check_against_manifest(archive, &chain)?;
    let at = DateTime::parse(&archive.manifest.created).map_or(0, DateTime::seconds);
    let restored = Restored { block: chain.blocks.saturating_sub(1), hash: chain.last_hash, at };
    Ok(restored.write(directory)?)
}

fn publish(unfinished: &Path, data_dir: &Path, moved: &mut Vec<PathBuf>) -> Result<(), BackupError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(unfinished).map_err(BackupError::at(unfinished))? {
        names.push(entry.map_err(BackupError::at(unfinished))?.file_name());
    }
    names.sort_by_key(|name| (name == LEDGER, name.clone()));
    for name in names {
        let (from, to) = (unfinished.join(&name), data_dir.join(&name));
        // Before: it may be there although its name could not be synced.
        moved.push(to.clone());
        durable::publish(&from, &to).map_err(BackupError::at(&to))?;
    }
    fs::remove_dir(unfinished).map_err(BackupError::at(unfinished))?;
    durable::sync_folder(data_dir).map_err(BackupError::at(data_dir))
}
