//! Files and folders that are written once and must outlive a loss of power: keys, certificates, configuration
//! files, the genesis block, chaincode packages, connection profiles.
//!
//! A file's content is written to a draft beside it and synced; then the draft takes the file's name, and the
//! folder is synced. So after a crash at any moment a reader finds the old content or the new one, whole; once a
//! function returns, the crash cannot undo it. A folder that is made here has its name synced in the folder above.
//!
//! # What holds here
//! - Every completed operation is an event at level TRACE of the target [`TARGET`], in order. An end-to-end test reads the
//!   events of a whole first start: a sync precedes every name and every acknowledgement
//!   (`nothing_is_named_or_acknowledged_before_it_is_synced`).
//! - A start goes on wherever an earlier one was interrupted (test `a_start_goes_on_wherever_it_was_interrupted`).
//! - A file has its old content or its new one, and no link is followed (tests
//!   `a_file_is_replaced_whole_and_no_draft_remains`, `what_cannot_be_written_changes_nothing`,
//!   `content_that_fails_half_way_changes_nothing`,
//!   `a_new_file_overwrites_nothing_and_follows_no_link`, `a_draft_that_is_a_link_is_not_followed`).
//! - The crate depends on no other of ours (its `Cargo.toml`).

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The target of the events.
pub const TARGET: &str = "durable";

/// Who may read a file, or look into a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Owner,
    Everyone,
}

impl Access {
    fn file_mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Everyone => 0o644,
        }
    }

    fn folder_mode(self) -> u32 {
        match self {
            Self::Owner => 0o700,
            Self::Everyone => 0o755,
        }
    }
}

/// Reports a completed file operation. The block log reports its own operations here too.
pub fn report(operation: &str, path: &Path) {
    tracing::trace!(target: TARGET, operation, path = ?path.display().to_string());
}

/// Writes a file, in place of the old one if there is one.
pub fn write(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    write_by(path, access, |file| file.write_all(content))
}

/// As [`write()`], what `content` writes; where it fails, nothing is changed.
pub fn write_by<E: From<io::Error>>(
    path: &Path,
    access: Access,
    content: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let draft = beside(path, "draft");
    let written = fill_new(&draft, access, content).and_then(|()| Ok(rename(&draft, path)?));
    if written.is_err() {
        // What remains is a draft, which the next attempt removes.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Writes a file where none is. A symbolic link counts as a file, wherever it leads.
///
/// # Errors
/// `AlreadyExists`, and nothing was changed.
pub fn write_new(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let file = create_new(path, access)?;
    let written = fill(file, path, |file| file.write_all(content)).and_then(|()| sync_folder(above(path)));
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Makes a folder, with the missing ones above it, and makes their names durable. Its mode is `access` afterwards
/// if the folder is made here; a folder that exists keeps its own.
pub fn create_folder(path: &Path, access: Access) -> io::Result<()> {
    match fs::metadata(path) {
        // An earlier process may have made it and died before the name was durable.
        Ok(found) if found.is_dir() => return sync_name(path),
        // It may be there, on a file system that has gone.
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if above(path) != path {
        create_folder(above(path), access)?;
    }
    match DirBuilder::new().mode(access.folder_mode()).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => return Err(error),
        _ => report("create folder", path),
    }
    sync_folder(above(path))
}

/// As [`create_folder`]; but the folder itself is its owner's alone afterwards, also if it was there before.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    create_folder(path, Access::Owner)?;
    let permissions = fs::metadata(path)?.permissions();
    match permissions.mode() & 0o7777 == Access::Owner.folder_mode() {
        true => Ok(()),
        false => fs::set_permissions(path, PermissionsExt::from_mode(Access::Owner.folder_mode())),
    }
}

/// Moves a folder or a file that was filled unseen to its place: everything in it is synced before it takes the name.
pub fn publish(unseen: &Path, place: &Path) -> io::Result<()> {
    match unseen.is_dir() {
        true => sync_tree(unseen)?,
        false => sync(&File::open(unseen)?, unseen)?,
    }
    rename(unseen, place)
}

/// Gives a file or folder, whose content is durable, another name.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    tracing::trace!(
        target: TARGET,
        operation = "rename",
        path = ?from.display().to_string(),
        to = ?to.display().to_string()
    );
    sync_folder(above(to))
}

/// Makes the names in a folder durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    report("sync folder", path);
    Ok(())
}

/// A hidden path in the same folder, so that a rename stays within a file system.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{suffix}"))
}

fn sync_name(path: &Path) -> io::Result<()> {
    match sync_folder(above(path)) {
        // Who may not read the folder above did not make this one.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            sync_tree(&path)?;
        } else if kind.is_file() {
            sync(&File::open(&path)?, &path)?;
        }
    }
    sync_folder(folder)
}

fn fill_new<E: From<io::Error>>(
    path: &Path,
    access: Access,
    content: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    // The draft of a process that died. Removing it follows no link.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    fill(create_new(path, access)?, path, content)
}

fn create_new(path: &Path, access: Access) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(access.file_mode()).open(path)
}

fn fill<E: From<io::Error>>(
    mut file: File,
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    content(&mut file)?;
    report("write", path);
    Ok(sync(&file, path)?)
}

fn sync(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    report("sync", path);
    Ok(())
}

/// The folder that holds a path; the current one for a bare name.
fn above(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_no_draft_remains() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("name");
        fs::write(folder.path().join(".name.draft"), "of a process that died").unwrap();
        write(&path, b"old", Access::Everyone).unwrap();
        write(&path, b"new", Access::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(names(folder.path()), ["name"]);
    }

    #[test]
    fn what_cannot_be_written_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("name");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("kept"), "kept").unwrap();
        write(&path, b"new", Access::Owner).unwrap_err();
        assert_eq!(fs::read(path.join("kept")).unwrap(), b"kept");
        assert_eq!(names(folder.path()), ["name"]);
    }

    #[test]
    fn content_that_fails_half_way_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("name");
        write(&path, b"old", Access::Owner).unwrap();
        let half = |file: &mut dyn Write| {
            file.write_all(b"new")?;
            Err(io::Error::other("half way"))
        };
        write_by(&path, Access::Owner, half).unwrap_err();
        assert_eq!(
            (fs::read(&path).unwrap(), names(folder.path())),
            (b"old".to_vec(), vec!["name".to_owned()])
        );
    }

    #[test]
    fn a_new_file_overwrites_nothing_and_follows_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("name"), folder.path().join("other"));
        symlink(&other, &path).unwrap();
        assert_eq!(
            write_new(&path, b"new", Access::Everyone).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(names(folder.path()), ["name"]);
        write_new(&other, b"new", Access::Everyone).unwrap();
        assert_eq!(
            write_new(&other, b"", Access::Everyone).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read(&other).unwrap(), b"new");
    }

    #[test]
    fn a_draft_that_is_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("name"), folder.path().join("other"));
        fs::write(&other, "kept").unwrap();
        symlink(&other, folder.path().join(".name.draft")).unwrap();
        write(&path, b"new", Access::Everyone).unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"kept");
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn folders_are_made_with_those_above_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("b");
        create_folder(&path, Access::Owner).unwrap();
        assert_eq!((mode(&path), mode(&folder.path().join("a"))), (0o700, 0o700));
        create_folder(&path, Access::Everyone).unwrap();
        assert_eq!(mode(&path), 0o700);
        fs::write(folder.path().join("file"), "").unwrap();
        create_folder(&folder.path().join("file"), Access::Owner).unwrap_err();
    }

    #[test]
    fn a_folder_that_cannot_be_looked_at_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loop");
        symlink(&path, &path).unwrap();
        let cause = fs::metadata(&path).unwrap_err().kind();
        assert_eq!(create_folder(&path.join("data"), Access::Owner).unwrap_err().kind(), cause);
    }

    #[test]
    fn a_private_folder_is_closed_also_if_it_was_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        create_folder(&path, Access::Everyone).unwrap();
        create_private_folder(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn a_folder_is_published_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (staged, place) = (folder.path().join(".place.new"), folder.path().join("place"));
        create_folder(&staged.join("a"), Access::Owner).unwrap();
        fs::write(staged.join("a").join("file"), "content").unwrap();
        publish(&staged, &place).unwrap();
        assert_eq!(fs::read(place.join("a").join("file")).unwrap(), b"content");
        assert_eq!(names(folder.path()), ["place"]);
    }
}
