//! Reads recorded blocks: a peer's block files, single blocks, or a folder of block files.

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
    #[error("no block files (blockfile_000000 and so on) in {}", .path.display())]
    EmptyFolder { path: PathBuf },
}

/// Blocks, or the reason why there are no more.
pub type Blocks = Box<dyn Iterator<Item = Result<Block, FileError>>>;

/// The blocks of a file or folder, in order. A file whose name ends in `.block` holds one `common.Block`;
/// any other is a block file. Both may be compressed (`.gz`).
pub fn read(path: &Path) -> Result<Blocks, FileError> {
    if !path.is_dir() {
        return read_file(path);
    }
    let files = block_files(path)?;
    Ok(Box::new(
        files
            .into_iter()
            .flat_map(|file| read_file(&file).unwrap_or_else(|error| Box::new(std::iter::once(Err(error))))),
    ))
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
    decode(bytes.into()).map_err(|source| FileError::Block { path: path.to_owned(), source })
}
