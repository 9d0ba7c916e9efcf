//! Reads recorded blocks: a peer's block files, single blocks, a folder of block files, or a NanoTrace ledger.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use fabric::{
    proto::common::Block,
    types::{
        blockfile::{BlockFile, BlockFileError, MAX_BLOCK_BYTES},
        decode::{DecodeError, decode},
    },
};
use flate2::read::MultiGzDecoder;

use ledger::{self, LedgerError};

/// Why recorded blocks cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {source}", .path.display())]
    BlockFile { path: PathBuf, source: BlockFileError },
    #[error("{} is no block: {source}", .path.display())]
    Block { path: PathBuf, source: DecodeError },
    #[error("{} is larger than a block may be ({MAX_BLOCK_BYTES} bytes)", .path.display())]
    TooLarge { path: PathBuf },
    #[error("neither block files (blockfile_000000 and so on) nor a NanoTrace ledger in {}", .path.display())]
    EmptyFolder { path: PathBuf },
    #[error("{} does not hold one channel: name the folder of the right one in it", .path.display())]
    Channels { path: PathBuf },
    #[error("{}: no block in it", .path.display())]
    NoBlock { path: PathBuf },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Blocks, or the reason why there are no more.
pub type Blocks = Box<dyn Iterator<Item = Result<Block, FileError>>>;

/// The blocks of a file or folder, in order. A file whose name ends in `.block` holds one `common.Block`;
/// any other is a block file. Both may be compressed (`.gz`). Where there is no block at all, that is an error.
pub fn read(path: &Path) -> Result<Blocks, FileError> {
    let blocks = if path.is_dir() { read_folder(path)? } else { read_file(path)? };
    let mut blocks = blocks.peekable();
    if blocks.peek().is_none() {
        return Err(FileError::NoBlock { path: path.to_owned() });
    }
    Ok(Box::new(blocks))
}

/// One file of a folder may be empty: a peer that has just begun it.
fn read_folder(folder: &Path) -> Result<Blocks, FileError> {
    let exported = exported(folder)?;
    let folder = exported.as_deref().unwrap_or(folder);
    if let Some(blocks) = ledger::logged_blocks(folder)? {
        return Ok(Box::new(blocks.map(|block| Ok(block?.into_message()))));
    }
    let files = block_files(folder)?.into_iter();
    Ok(Box::new(
        files.flat_map(|file| read_file(&file).unwrap_or_else(|error| Box::new(std::iter::once(Err(error))))),
    ))
}

/// The one channel's folder in what `ledger export` wrote, or in a peer's `fileSystemPath`.
fn exported(folder: &Path) -> Result<Option<PathBuf>, FileError> {
    let chains = folder.join(ledger::CHAINS);
    if !chains.is_dir() {
        return Ok(None);
    }
    let failed = |source| FileError::Io { path: chains.clone(), source };
    let entries = fs::read_dir(&chains).map_err(failed)?;
    let channels = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    match channels.map_err(failed)?.as_slice() {
        [channel] => Ok(Some(channel.clone())),
        _ => Err(FileError::Channels { path: chains }),
    }
}

fn block_files(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let failed = |source| FileError::Io { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with("blockfile_") {
            files.push(entry.path());
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(FileError::EmptyFolder { path: folder.to_owned() });
    }
    Ok(files)
}

fn read_file(path: &Path) -> Result<Blocks, FileError> {
    let file = File::open(path).map_err(|source| FileError::Io { path: path.to_owned(), source })?;
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    let reader: Box<dyn Read> = match is_compressed {
        true => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        false => Box::new(BufReader::new(file)),
    };
    let name = if is_compressed { path.with_extension("") } else { path.to_owned() };
    if name.extension().is_some_and(|extension| extension == "block") {
        let block = read_block(path, reader)?;
        return Ok(Box::new(std::iter::once(Ok(block))));
    }
    let path = path.to_owned();
    let blocks = BlockFile::new(reader);
    Ok(Box::new(
        blocks.map(move |block| block.map_err(|source| FileError::BlockFile { path: path.clone(), source })),
    ))
}

fn read_block(path: &Path, reader: impl Read) -> Result<Block, FileError> {
    let mut bytes = Vec::new();
    let mut limited = reader.take(MAX_BLOCK_BYTES + 1);
    limited.read_to_end(&mut bytes).map_err(|source| FileError::Io { path: path.to_owned(), source })?;
    if bytes.len() as u64 > MAX_BLOCK_BYTES {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    if bytes.is_empty() {
        return Err(FileError::NoBlock { path: path.to_owned() });
    }
    decode(bytes.into()).map_err(|source| FileError::Block { path: path.to_owned(), source })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_no_chain() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["blockfile_000000", "genesis.block"] {
            let path = folder.path().join(name);
            fs::write(&path, []).unwrap();
            let error = read(&path).err().unwrap();
            assert_eq!(error.to_string(), format!("{}: no block in it", path.display()));
        }
        assert!(matches!(read(folder.path()).err(), Some(FileError::NoBlock { .. })));
    }
}
