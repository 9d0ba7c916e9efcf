//! Keys and certificates, and what is signed with them by hand: folders of the data directory, as a tar archive.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path},
};

use durable::Access;
use tar::{Archive, Builder, EntryType};

use crate::{archive::damaged, error::BackupError};

/// What of a data directory nothing else brings back, beside the ledger and the portal.
const ENTRIES: [&str; 4] = ["crypto-config", "crypto-config.yaml", "configtx.yaml", "demonstration"];
/// The folder without which there are no keys.
const FOLDER: &str = "crypto-config";
/// Of a file in it.
const MAX_BYTES: u64 = 16 << 20;

/// Whether a data directory has keys: a node's does, a verifier's does not.
pub fn are_in(data_dir: &Path) -> bool {
    data_dir.join(FOLDER).is_dir()
}

pub fn pack(data_dir: &Path) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for name in ENTRIES {
        let path = data_dir.join(name);
        match path.is_dir() {
            true => builder.append_dir_all(name, &path)?,
            false if path.exists() => builder.append_path_with_name(&path, name)?,
            false => {}
        }
    }
    builder.into_inner()
}

/// Puts everything into a folder, and checks each name before: a link or a path that leads elsewhere is in no backup of ours.
pub fn unpack(packed: &[u8], folder: &Path) -> Result<(), BackupError> {
    each(packed, |path, content| {
        let place = folder.join(path);
        match content {
            None => Ok(durable::create_folder(&place, Access::Owner)?),
            Some(content) => {
                if let Some(above) = place.parent() {
                    durable::create_folder(above, Access::Owner)?;
                }
                let mut options = OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o600).open(&place)?;
                io::copy(content, &mut file)?;
                Ok(())
            }
        }
    })
}

/// How many files there are; an error where one of them may not be.
pub fn count(packed: &[u8]) -> Result<usize, BackupError> {
    let mut files = 0;
    each(packed, |_, content| {
        files += usize::from(content.is_some());
        Ok(())
    })?;
    Ok(files)
}

fn each(
    packed: &[u8],
    mut visit: impl FnMut(&Path, Option<&mut dyn Read>) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let mut archive = Archive::new(packed);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let kind = entry.header().entry_type();
        let is_usable = is_ours(&path) && entry.size() <= MAX_BYTES;
        match kind {
            EntryType::Directory if is_usable => visit(&path, None)?,
            EntryType::Regular if is_usable => visit(&path, Some(&mut entry))?,
            _ => return Err(damaged(&format!("its keys have an entry {:?} that cannot be", path.display()))),
        }
    }
    Ok(())
}

fn is_ours(path: &Path) -> bool {
    let mut components = path.components();
    let first = components.next().and_then(|first| first.as_os_str().to_str());
    first.is_some_and(|first| ENTRIES.contains(&first))
        && components.all(|component| matches!(component, Component::Normal(_)))
}

/// Whether a folder has nothing in it but what a new file system has.
pub fn is_empty(folder: &Path) -> io::Result<bool> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        entries => entries?,
    };
    for entry in entries {
        if entry?.file_name() != "lost+found" {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_and_are_their_owners_alone() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let msp = from.path().join("crypto-config/org/msp");
        fs::create_dir_all(&msp).unwrap();
        fs::write(msp.join("key"), "secret").unwrap();
        fs::write(from.path().join("configtx.yaml"), "x").unwrap();
        fs::write(from.path().join("network.json"), "made again").unwrap();
        let packed = pack(from.path()).unwrap();
        assert_eq!(count(&packed).unwrap(), 2);
        unpack(&packed, to.path()).unwrap();
        assert_eq!(fs::read(to.path().join("crypto-config/org/msp/key")).unwrap(), b"secret");
        assert!(!to.path().join("network.json").exists());
    }

    #[test]
    fn a_name_that_leads_elsewhere_and_a_link_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |kind: EntryType, name: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.as_mut_bytes().iter_mut().zip(name).for_each(|(place, byte)| *place = *byte);
            header.set_entry_type(kind);
            header.set_size(0);
            header.set_mode(0o600);
            header.set_cksum();
            let mut builder = Builder::new(Vec::new());
            builder.append(&header, io::empty()).unwrap();
            builder.into_inner().unwrap()
        };
        let names: [&[u8]; 4] = [b"crypto-config/../../x", b"/crypto-config/x", b"ledger/x", b"../x"];
        for name in names {
            unpack(&entry(EntryType::Regular, name), folder.path()).unwrap_err();
        }
        unpack(&entry(EntryType::Symlink, b"crypto-config/x"), folder.path()).unwrap_err();
        unpack(&entry(EntryType::Regular, b"crypto-config/x"), folder.path()).unwrap();
    }
}
