//! Going on without blocks that are lost for good: what is left of them is set aside, never deleted.
//!
//! Each step can be repeated, and the folder has its name only when all are done: an interrupted run ends with the
//! next one. A file is copied aside whole before it is cut, and the database goes last.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    LedgerError,
    files::{self, Files},
    log::LogReader,
};

/// Whether a loss from this block on was accepted and the run that began to set things aside did not end.
pub(super) fn is_unfinished(directory: &Path, first: u64) -> bool {
    unfinished(directory, first).is_dir()
}

/// Sets aside what is left of block `first` and all after it, and everything that was derived from them. The
/// log then ends before `first`. Returns where the things went.
pub(super) fn set_aside(directory: &Path, first: u64, files: &Files) -> Result<PathBuf, LedgerError> {
    let unfinished = unfinished(directory, first);
    files.create_directory(&unfinished)?;
    cut(&LogReader::new(&directory.join("blocks")), first, &unfinished, files)?;
    let index = directory.join("index");
    if index.exists() {
        rename(&index, &unused(&unfinished.join("index")))?;
    }
    files.sync_directory(&unfinished)?;
    let aside = unused(&unfinished.with_extension(""));
    rename(&unfinished, &aside)?;
    files.sync_directory(directory)?;
    Ok(aside)
}

fn unfinished(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("lost-from-block-{first}.unfinished"))
}

/// Moves the segments that begin with `first` or a later block, the last one first, so that what remains is always
/// the beginning of the log; then cuts the one that would hold `first`.
fn cut(reader: &LogReader, first: u64, aside: &Path, files: &Files) -> Result<(), LedgerError> {
    let mut segments = reader.segments()?;
    let later = segments.split_off(segments.partition_point(|segment| *segment < first));
    for path in later.into_iter().rev().map(|segment| reader.path(segment)) {
        rename(&path, &in_folder(aside, &path))?;
    }
    if let Some((path, offset)) = segments.last().and_then(|last| reader.place_of(first, *last)) {
        copy_whole(&path, &in_folder(aside, &path), files)?;
        let file = fs::OpenOptions::new().append(true).open(&path).map_err(files::error("open", &path))?;
        files.truncate(&file, &path, offset)?;
        files.sync(&file, &path)?;
    }
    files.sync_directory(reader.directory())
}

fn in_folder(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path.file_name().unwrap_or_default())
}

/// A copy under its name is whole and durable.
fn copy_whole(from: &Path, to: &Path, files: &Files) -> Result<(), LedgerError> {
    if to.exists() {
        return Ok(());
    }
    let unfinished = to.with_extension("unfinished");
    fs::copy(from, &unfinished).map_err(files::error("copy", from))?;
    let file = fs::File::open(&unfinished).map_err(files::error("open", &unfinished))?;
    files.sync(&file, &unfinished)?;
    rename(&unfinished, to)
}

fn rename(from: &Path, to: &Path) -> Result<(), LedgerError> {
    fs::rename(from, to).map_err(files::error("move aside", from))
}

/// The path, or the first with a number behind it that nothing has yet.
fn unused(path: &Path) -> PathBuf {
    let numbered = |number: u32| path.with_extension(number.to_string());
    match path.exists() {
        false => path.to_owned(),
        true => (1..).map(numbered).find(|path| !path.exists()).unwrap_or_else(|| path.to_owned()),
    }
}
