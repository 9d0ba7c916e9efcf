//! The end of RocksDB's MANIFEST that a loss of power tore.
//!
//! RocksDB appends an edit to its MANIFEST, syncs it, and only then lets anything rest on it: the logs and tables that
//! the edit makes superfluous are removed afterwards. So an edit that was not synced is not missed. But a file system
//! that does not order data before sizes can bring its place back as garbage, and then RocksDB opens nothing.
//!
//! The format is that of its logs (`db/log_format.h`): blocks of 32 KiB, in them records of checksum, length, type and
//! content; a long record is in several, none of which crosses the end of a block.

use std::{
    fs::{self, OpenOptions},
    path::Path,
};

use super::{
    LedgerError,
    files::{self, Files},
};

const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;
/// Edits number thousands at most; a file beyond this is none that we wrote.
const MAX_BYTES: u64 = 64 << 20;

const FULL: u8 = 1;
const LAST: u8 = 4;

/// Cuts the MANIFEST of the database in `directory` behind its last whole edit and says so in the log; what it was is kept
/// in a file beside the directory. Returns `false`, and changes nothing, where its end is not what is damaged.
pub(super) fn cut_torn_end(directory: &Path) -> Result<bool, LedgerError> {
    let current = directory.join("CURRENT");
    let name = fs::read_to_string(&current).map_err(files::error("read", &current))?;
    let name = name.trim_end();
    let is_manifest = name.strip_prefix("MANIFEST-").is_some_and(|number| number.parse::<u64>().is_ok());
    let path = directory.join(name);
    if !is_manifest || fs::metadata(&path).map_err(files::error("read", &path))?.len() > MAX_BYTES {
        return Ok(false);
    }
    let content = fs::read(&path).map_err(files::error("read", &path))?;
    let Some(end) = torn_at(&content) else { return Ok(false) };
    let kept = directory.with_file_name(format!("{name}.torn"));
    durable::write(&kept, &content, durable::Access::Owner).map_err(files::error("write", &kept))?;
    let file = OpenOptions::new().write(true).open(&path).map_err(files::error("open", &path))?;
    let files = Files::default();
    files.truncate(&file, &path, end as u64)?;
    files.sync(&file, &path)?;
    tracing::warn!(
        file = %path.display(), kept = %kept.display(), cut = content.len() - end,
        "the end of the database's MANIFEST was torn and is cut off"
    );
    Ok(true)
}

/// Where the last whole edit ends, if what follows it is no edit and no whole one comes in a later block.
fn torn_at(manifest: &[u8]) -> Option<usize> {
    let (mut at, mut end) = (0, 0);
    while let Some((kind, next)) = record(manifest, at) {
        at = next;
        if matches!(kind, FULL | LAST) {
            end = next;
        }
    }
    let behind = (at / BLOCK + 1) * BLOCK;
    let is_torn = (behind..manifest.len()).step_by(BLOCK).all(|block| record(manifest, block).is_none());
    (end > 0 && end < manifest.len() && is_torn).then_some(end)
}

/// The type of the record at `at`, or at the next block where none fits in this one, and where it ends. `None` where no whole
/// one is.
fn record(manifest: &[u8], at: usize) -> Option<(u8, usize)> {
    let left = BLOCK - at % BLOCK;
    let at = if left < HEADER { at + left } else { at };
    let (header, rest) = manifest.get(at..)?.split_first_chunk::<HEADER>()?;
    let [c0, c1, c2, c3, l0, l1, kind] = *header;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    let content = rest.get(..length)?;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&[kind]), content);
    let is_whole = kind != 0 && masked(checksum) == u32::from_le_bytes([c0, c1, c2, c3]);
    is_whole.then_some((kind, at + HEADER + length))
}

/// RocksDB stores checksums rotated and moved (`util/crc32c.h`, `Mask`).
fn masked(checksum: u32) -> u32 {
    checksum.rotate_right(15).wrapping_add(0xa282_ead8)
}
