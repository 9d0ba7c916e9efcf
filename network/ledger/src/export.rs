//! Writes a ledger's blocks as Fabric's block files, in the folders of a peer: `ledgerutil` and a peer read them.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use channel::{ConfigError, check_channel_id};
use fabric::types::blockfile::{self, MAX_FILE_BYTES};

use super::{
    LedgerError,
    files::{self, Files},
    log::{LogReader, logged_blocks},
    recovery,
};

/// Where a peer keeps its block files below its `fileSystemPath` (`kvledger.BlockStorePath`, `blkstorage.Conf`).
pub const CHAINS: &str = "ledgersData/chains/chains";

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    pub channel_id: String,
    pub blocks: u64,
    /// Holds the block files.
    pub folder: PathBuf,
}

/// Why a ledger is not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{} holds no ledger", .0.display())]
    NoLedger(PathBuf),
    #[error("{} is there already: choose another folder", .0.display())]
    Exists(PathBuf),
    /// Fabric's rule for names keeps them inside their folder.
    #[error(transparent)]
    ChannelName(#[from] ConfigError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Writes all blocks of the ledger in `folder` below `out`. The ledger is only read; the channel's folder appears
/// when it is whole and durable.
pub fn export(folder: &Path, out: &Path) -> Result<Exported, ExportError> {
    let no_ledger = || ExportError::NoLedger(folder.to_owned());
    let reader = LogReader::find(folder)?.ok_or_else(no_ledger)?;
    let channel_id = recovery::identity(&reader)?.channel_id;
    check_channel_id(&channel_id)?;
    let chains = out.join(CHAINS);
    let (finished, unfinished) = (chains.join(&channel_id), out.join("unfinished"));
    for path in [&finished, &unfinished] {
        if path.exists() {
            return Err(ExportError::Exists(path.clone()));
        }
    }
    let create = |path: &Path| fs::create_dir_all(path).map_err(files::error("create", path));
    create(&chains)?;
    create(&unfinished)?;
    let mut writer = BlockFiles { folder: unfinished.clone(), next: 0, file: None };
    let mut blocks = 0;
    for block in logged_blocks(folder)?.ok_or_else(no_ledger)? {
        writer.write(&blockfile::record(&block?))?;
        blocks += 1;
    }
    writer.finish()?;
    fs::rename(&unfinished, &finished).map_err(files::error("rename", &unfinished))?;
    Files::default().sync_directory(&chains)?;
    Ok(Exported { channel_id, blocks, folder: finished })
}

/// The block files of a folder while they are written.
struct BlockFiles {
    folder: PathBuf,
    /// The number of the next file.
    next: u32,
    /// The last file and its length.
    file: Option<(PathBuf, BufWriter<File>, u64)>,
}

impl BlockFiles {
    fn write(&mut self, record: &[u8]) -> Result<(), LedgerError> {
        let fits = |length: u64| length + record.len() as u64 <= MAX_FILE_BYTES;
        let (path, mut file, length) = match self.file.take() {
            Some(last) if fits(last.2) => last,
            last => {
                last.map_or(Ok(()), |(path, file, _)| finish(&path, file))?;
                self.begin()?
            }
        };
        file.write_all(record).map_err(files::error("write to", &path))?;
        self.file = Some((path, file, length + record.len() as u64));
        Ok(())
    }

    fn begin(&mut self) -> Result<(PathBuf, BufWriter<File>, u64), LedgerError> {
        let path = self.folder.join(format!("blockfile_{:06}", self.next));
        self.next += 1;
        let file = File::create_new(&path).map_err(files::error("create", &path))?;
        Ok((path, BufWriter::new(file), 0))
    }

    fn finish(self) -> Result<(), LedgerError> {
        self.file.map_or(Ok(()), |(path, file, _)| finish(&path, file))?;
        Files::default().sync_directory(&self.folder)
    }
}

fn finish(path: &Path, file: BufWriter<File>) -> Result<(), LedgerError> {
    let file = file.into_inner().map_err(|error| files::error("write to", path)(error.into_error()))?;
    file.sync_all().map_err(files::error("sync", path))
}
