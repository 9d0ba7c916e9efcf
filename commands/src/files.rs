//! Documents and keys in files: read with a limit, written whole, secrets for their owner alone.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use certificate::{confidential::ConfidentialField, document, multikey};
use durable::Access;
use ed25519_dalek::SigningKey;
use issuing::json::Strict;
use peer_client::json_fault;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{exit::Failure, output};

/// A document as people write it may hold more white space than the one that is signed.
const MAXIMUM_BYTES: u64 = 8 * document::MAXIMUM_BYTES as u64;

/// Reads a document; `-` is standard input. A member that stands there twice is refused: which of the two would be
/// signed?
pub fn read_document(path: &Path) -> Result<Value, Failure> {
    read_document_and_bytes(path).map(|(document, _)| document)
}

/// Reads a document, and the bytes that it is written in.
pub fn read_document_and_bytes(path: &Path) -> Result<(Value, Vec<u8>), Failure> {
    let name = path.display();
    let bytes = read(path).map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    if bytes.len() as u64 > MAXIMUM_BYTES {
        return Err(Failure::usage(format!(
            "{name} is larger than {MAXIMUM_BYTES} bytes: no certificate is"
        )));
    }
    let document = issuing::json::read(&bytes)
        .map_err(|error| Failure::usage(format!("{name} cannot be signed: {}", json_fault(&error))))?;
    Ok((document, bytes))
}

/// Reads a JSON object whose members are confidential.
pub fn read_object(path: &Path) -> Result<Map<String, Value>, Failure> {
    let Strict(object) = read_json(path, "a JSON object")?;
    match object {
        Value::Object(members) => Ok(members),
        _ => Err(Failure::usage(format!("{} is no JSON object", path.display()))),
    }
}

/// Reads the confidential fields that an applicant kept.
pub fn read_kept(path: &Path) -> Result<Vec<ConfidentialField>, Failure> {
    read_json(path, "a file of kept fields")
}

/// Reads JSON of one kind; its faults are told by their place, because words about them could quote a secret.
pub fn read_json<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, Failure> {
    let name = path.display();
    let bytes = read(path).map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::usage(format!("{name} is not {what}: see line {}, column {}", error.line(), error.column()))
    })
}

/// Reads a file, of which it takes the first [`MAXIMUM_BYTES`] and one; `-` is standard input.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match path.to_str() {
        Some("-") => io::stdin().take(MAXIMUM_BYTES + 1).read_to_end(&mut bytes)?,
        _ => File::open(path)?.take(MAXIMUM_BYTES + 1).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// Writes a file in one piece, or to standard output where no path is given. What is there already is left alone, a
/// link wherever it leads too, unless `force` says to replace it; a file that holds the same is as good as written.
pub fn write(path: Option<&Path>, content: &[u8], force: bool) -> Result<(), Failure> {
    match path {
        Some(path) => write_for(path, content, Access::Everyone, force),
        None => output::bytes(content),
    }
}

/// As [`write()`], for those who may have `access`.
pub fn write_for(path: &Path, content: &[u8], access: Access, force: bool) -> Result<(), Failure> {
    let is_file = || fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    let written = match durable::write_new(path, content, access) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_same = is_file() && fs::read(path).is_ok_and(|found| found == content);
            match (is_same, force && is_file()) {
                (true, _) => Ok(()),
                (false, true) => durable::write(path, content, access),
                (false, false) => return Err(is_there(path)),
            }
        }
        written => written,
    };
    written.map_err(|error| Failure::during(format!("writing {}", path.display()), error))
}

fn is_there(path: &Path) -> Failure {
    let advice = "choose another one, or replace a regular file with --force, where the command has it";
    Failure::usage(format!("{} is there already: {advice}", path.display()))
}

/// Writes a new secret key as Multikey text, readable by its owner alone; never over an old one.
pub fn write_key(path: &Path, key: &SigningKey) -> Result<(), Failure> {
    let written = durable::write_new(path, multikey::private_to_text(key).as_bytes(), Access::Owner);
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{} is there already: choose another file", path.display()))
        }
        _ => Failure::during(format!("writing {}", path.display()), error),
    })
}

/// Reads a secret key. One that others could read is refused, as ssh does: it may have been copied.
pub fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    let name = path.display();
    let unreadable = |error: io::Error| Failure::usage(format!("cannot read the key {name}: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    let open_to_others = file.metadata().map_err(unreadable)?.permissions().mode() & 0o077 != 0;
    if open_to_others {
        return Err(Failure::usage(format!(
            "others can read the key {name}: make it yours with chmod 600 {name}"
        )));
    }
    let mut text = String::new();
    file.take(1000).read_to_string(&mut text).map_err(unreadable)?;
    let key = multikey::private_from_text(text.trim());
    key.ok_or_else(|| Failure::usage(format!("{name} holds no Ed25519 secret key (Multikey text, z3u2…)")))
}

/// Reads a key, or makes it where there is none.
pub fn read_or_make_key(path: &Path) -> Result<SigningKey, Failure> {
    if path.exists() {
        return read_key(path);
    }
    let key = SigningKey::from_bytes(&random()?);
    write_key(path, &key)?;
    Ok(key)
}

pub fn random<const BYTES: usize>() -> Result<[u8; BYTES], Failure> {
    let mut bytes = [0; BYTES];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| Failure::during("asking the operating system for randomness", error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::Permissions;

    use super::*;

    #[test]
    fn a_file_is_not_written_over_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("draft.json");
        write(Some(&path), b"work of an hour", false).unwrap();
        write(Some(&path), b"work of an hour", false).unwrap();
        assert!(write(Some(&path), b"", false).unwrap_err().to_string().contains("is there already"));
        assert_eq!(fs::read(&path).unwrap(), b"work of an hour");
        write(Some(&path), b"new", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn no_link_is_followed_and_only_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (link, other) = (folder.path().join("link"), folder.path().join("other"));
        std::os::unix::fs::symlink(&other, &link).unwrap();
        for force in [false, true] {
            write(Some(&link), b"new", force).unwrap_err();
            write(Some(folder.path()), b"new", force).unwrap_err();
        }
        assert!(!other.exists());
        // Its neighbour is somebody else's.
        fs::write(folder.path().join("draft.new"), "theirs").unwrap();
        write(Some(&folder.path().join("draft.json")), b"ours", false).unwrap();
        assert_eq!(fs::read(folder.path().join("draft.new")).unwrap(), b"theirs");
    }

    #[test]
    fn a_key_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("issuer.key");
        let key = read_or_make_key(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_or_make_key(&path).unwrap(), key);
        assert!(write_key(&path, &key).is_err());

        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(read_key(&path).unwrap_err().to_string().contains("chmod 600"));
    }
}
