//! The file: parts one behind the other, a manifest that says what they are, and a hash over all of it.
//!
//! | bytes           | what                                                              |
//! |-----------------|-------------------------------------------------------------------|
//! | `NANOBAK1`      | what it is                                                        |
//! | parts           | as the manifest has them, without a gap                           |
//! | manifest        | JSON                                                              |
//! | 8               | the manifest's length, little-endian                              |
//! | 32              | SHA-256 of all bytes before                                       |
//!
//! So a file that was cut short or changed anywhere is known for it before any of it is used.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::BackupError;

const MAGIC: &[u8; 8] = b"NANOBAK1";
/// The format of the manifest and of the parts.
pub const FORMAT: u32 = 1;
/// The manifest of a million files has half of that.
const MAX_MANIFEST: u64 = 512 << 20;

pub const BLOCKS: &str = "blocks";
pub const PRIVATE: &str = "private-data";
pub const DATABASE: &str = "portal.db";
pub const KEYS: &str = "keys.tar.age";
/// Before the id of an uploaded file.
pub const UPLOAD: &str = "uploads/";

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    pub format: u32,
    /// The version that made it.
    pub program: String,
    /// When, as RFC 3339.
    pub created: String,
    pub channel: String,
    /// The fingerprint of the genesis block, `sha256:…`.
    pub genesis: String,
    /// The last block, up to which nothing is lost.
    pub last_block: u64,
    pub last_hash: String,
    pub keys: Keys,
    pub parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Keys {
    Encrypted,
    /// There were keys, and nobody to encrypt them for.
    LeftOut,
    /// The data directory had none.
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Part {
    pub name: String,
    /// Where it begins in the file.
    pub offset: u64,
    pub length: u64,
    pub sha256: String,
    pub encrypted: bool,
}

/// Writes the file, from its beginning to its end.
pub struct Writer<'a> {
    out: Hashed<&'a mut dyn Write>,
    parts: Vec<Part>,
}

/// Counts and hashes what goes through.
struct Hashed<T> {
    inner: T,
    hash: Sha256,
    length: u64,
}

impl<T> Hashed<T> {
    fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), length: 0 }
    }

    fn count(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<'a> Writer<'a> {
    pub fn begin(out: &'a mut dyn Write) -> io::Result<Self> {
        let mut out = Hashed::new(out);
        out.write_all(MAGIC)?;
        Ok(Self { out, parts: Vec::new() })
    }

    /// Writes a part; returns its hash.
    pub fn part(
        &mut self,
        name: &str,
        encrypted: bool,
        content: impl FnOnce(&mut dyn Write) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        let offset = self.out.length;
        let mut part = Hashed::new(&mut self.out);
        content(&mut part)?;
        let (length, sha256) = (part.length, hex::encode(part.hash.finalize()));
        self.parts.push(Part { name: name.to_owned(), offset, length, sha256, encrypted });
        Ok(())
    }

    pub fn find(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// Writes the manifest, whose parts are those that were written, and the end.
    pub fn finish(mut self, manifest: Manifest) -> Result<Manifest, BackupError> {
        let manifest = Manifest { parts: self.parts, ..manifest };
        let json = serde_json::to_vec(&manifest).map_err(io::Error::from)?;
        self.out.write_all(&json)?;
        self.out.write_all(&(json.len() as u64).to_le_bytes())?;
        self.out.inner.write_all(&self.out.hash.finalize())?;
        Ok(manifest)
    }
}

/// A file whose hash is right.
pub struct Archive {
    path: PathBuf,
    pub manifest: Manifest,
}

impl Archive {
    /// Reads the whole file.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let failed = || BackupError::at(path);
        let mut file = File::open(path).map_err(failed())?;
        let length = file.metadata().map_err(failed())?.len();
        let content = length.checked_sub(32).filter(|content| *content >= MAGIC.len() as u64 + 8);
        let content = content.ok_or_else(|| damaged("it is too short to be one"))?;
        let mut hashed = Hashed::new(io::sink());
        io::copy(&mut BufReader::with_capacity(1 << 20, &mut file).take(content), &mut hashed)
            .map_err(failed())?;
        let expected = bytes_at::<32>(&mut file, content).map_err(failed())?;
        if bytes_at::<8>(&mut file, 0).map_err(failed())? != *MAGIC {
            return Err(damaged("it does not begin as a backup does"));
        }
        if hashed.length != content || hashed.hash.finalize().as_slice() != expected {
            return Err(damaged("its hash is wrong: it was cut short or changed"));
        }
        let size = u64::from_le_bytes(bytes_at::<8>(&mut file, content - 8).map_err(failed())?);
        let begins = (content - 8).checked_sub(size).filter(|_| size <= MAX_MANIFEST);
        let begins = begins.ok_or_else(|| damaged("its manifest has an impossible length"))?;
        file.seek(SeekFrom::Start(begins)).map_err(failed())?;
        let mut json = Vec::new();
        file.take(size).read_to_end(&mut json).map_err(failed())?;
        let manifest = read_manifest(&json)?;
        check_parts(&manifest, begins)?;
        Ok(Self { path: path.to_owned(), manifest })
    }

    pub fn part(&self, name: &str) -> Option<&Part> {
        self.manifest.parts.iter().find(|part| part.name == name)
    }

    /// Reads a part; [`PartReader::finish`] says whether it was the right one.
    pub fn read(&self, part: &Part) -> Result<PartReader, BackupError> {
        let failed = || BackupError::at(&self.path);
        let mut file = File::open(&self.path).map_err(failed())?;
        file.seek(SeekFrom::Start(part.offset)).map_err(failed())?;
        let source = BufReader::with_capacity(1 << 20, file).take(part.length);
        Ok(PartReader { source: Hashed::new(source), part: part.clone() })
    }

    /// The ids of the uploaded files.
    pub fn uploads(&self) -> impl Iterator<Item = (&str, &Part)> {
        self.manifest.parts.iter().filter_map(|part| Some((part.name.strip_prefix(UPLOAD)?, part)))
    }
}

pub struct PartReader {
    source: Hashed<io::Take<BufReader<File>>>,
    part: Part,
}

impl Read for PartReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.inner.read(buffer)?;
        self.source.count(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl PartReader {
    /// Reads what is left, and compares the hash: the file may have been changed since it was opened.
    pub fn finish(mut self) -> Result<(), BackupError> {
        io::copy(&mut self, &mut io::sink())?;
        let is_same = hex::encode(self.source.hash.finalize()) == self.part.sha256;
        if is_same { Ok(()) } else { Err(damaged(&format!("the part {} has another hash", self.part.name))) }
    }
}

fn read_manifest(json: &[u8]) -> Result<Manifest, BackupError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let unreadable = |error: serde_json::Error| damaged(&format!("its manifest: {error}"));
    let Format { format } = serde_json::from_slice(json).map_err(unreadable)?;
    if format != FORMAT {
        let text = format!("the backup is in format {format}, this program reads format {FORMAT}");
        return Err(BackupError::Refused(text));
    }
    serde_json::from_slice(json).map_err(unreadable)
}

/// The parts lie one behind the other, each under a name of its own that this program gives.
fn check_parts(manifest: &Manifest, end: u64) -> Result<(), BackupError> {
    let mut next = MAGIC.len() as u64;
    let mut names = std::collections::HashSet::new();
    for part in &manifest.parts {
        if part.offset != next || !is_name(&part.name) || !names.insert(&part.name) {
            return Err(damaged(&format!("its manifest has a part {:?} that cannot be", part.name)));
        }
        next = next.checked_add(part.length).ok_or_else(|| damaged("a part is too long"))?;
    }
    let is_whole = next == end && manifest.parts.iter().any(|part| part.name == BLOCKS);
    if is_whole { Ok(()) } else { Err(damaged("its manifest does not fit its parts")) }
}

fn is_name(name: &str) -> bool {
    let is_id = |id: &str| id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    [BLOCKS, PRIVATE, DATABASE, KEYS].contains(&name) || name.strip_prefix(UPLOAD).is_some_and(is_id)
}

fn bytes_at<const N: usize>(file: &mut File, offset: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub fn damaged(reason: &str) -> BackupError {
    BackupError::Damaged(reason.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::fs;

    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            program: "0".to_owned(),
            created: "2026-11-25T00:00:00Z".to_owned(),
            channel: "nanotrace".to_owned(),
            genesis: "sha256:00".to_owned(),
            last_block: 0,
            last_hash: String::new(),
            keys: Keys::None,
            parts: Vec::new(),
        }
    }

    fn archive(manifest: Manifest, parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::begin(&mut out).unwrap();
        for (name, content) in parts {
            writer.part(name, false, |out| Ok(out.write_all(content)?)).unwrap();
        }
        writer.finish(manifest).unwrap();
        out
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        fs::write(&path, archive(manifest(), &[(BLOCKS, b"blocks"), (DATABASE, b"")])).unwrap();
        let archive = Archive::open(&path).unwrap();
        let mut part = archive.read(archive.part(BLOCKS).unwrap()).unwrap();
        let mut content = String::new();
        part.read_to_string(&mut content).unwrap();
        part.finish().unwrap();
        assert_eq!(content, "blocks");
        assert_eq!(archive.manifest.parts.len(), 2);
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        let whole = archive(manifest(), &[(BLOCKS, b"blocks"), (PRIVATE, b"private")]);
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(Archive::open(&path), Err(BackupError::Damaged(_))), "cut at {length}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            assert!(matches!(Archive::open(&path), Err(BackupError::Damaged(_))), "byte {at}");
        }
        fs::write(&path, [&whole[..], b" "].concat()).unwrap();
        assert!(matches!(Archive::open(&path), Err(BackupError::Damaged(_))), "a byte more");
    }

    #[test]
    fn a_manifest_of_another_program_or_with_names_that_lead_elsewhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        let open = |bytes: Vec<u8>| {
            fs::write(&path, bytes).unwrap();
            Archive::open(&path).err().unwrap().to_string()
        };
        let newer = Manifest { format: FORMAT + 1, ..manifest() };
        assert!(open(archive(newer, &[(BLOCKS, b"")])).contains("format 2"));
        for name in ["../blocks", "uploads/../../x", "uploads/", "/etc/passwd", BLOCKS] {
            let refusal = open(archive(manifest(), &[(BLOCKS, b""), (name, b"")]));
            assert!(refusal.contains("cannot be"), "{refusal}");
        }
        assert!(open(archive(manifest(), &[])).contains("does not fit"));
    }
}
