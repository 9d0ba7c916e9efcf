//! A ledger that came from a backup: whether later blocks may be missing in it, and which its operator gave up.
//!
//! Both are small files beside the block log, of lines of three words: block, its header hash, seconds since 1970.
//!
//! | file       | what                                                                                       |
//! |------------|--------------------------------------------------------------------------------------------|
//! | `restored` | the last block and the time of the backup; as long as it is there, nothing may be ordered  |
//! | `losses`   | after which block the operator gave up what may have followed, and when he said so         |

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use durable::Access;

use super::{Ledger, LedgerError, files};

const RESTORED: &str = "restored";
const LOSSES: &str = "losses";

/// That a ledger was made of a backup, and that it is not known yet whether the chain went on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The last block of the backup.
    pub block: u64,
    pub hash: [u8; 32],
    /// When the backup was made, in seconds since 1970.
    pub at: i64,
}

/// That the operator gave up what may have followed a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The last block that is kept.
    pub after: u64,
    pub hash: [u8; 32],
    /// When the operator said so, in seconds since 1970.
    pub at: i64,
}

/// Why the orderer may not go on.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    #[error("the ledger in {} does not wait: it was not restored from a backup, or went on since", .0.display())]
    NotRestored(PathBuf),
    #[error("the last block here is block {last}, and not block {named}: nothing was changed")]
    OtherBlock { last: u64, named: u64 },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Restored {
    /// Of the ledger in `directory`; `None` where it may go on.
    pub fn read(directory: &Path) -> Result<Option<Self>, LedgerError> {
        let lines = read(&directory.join(RESTORED))?;
        Ok(lines.first().map(|&(block, hash, at)| Self { block, hash, at }))
    }

    pub fn write(&self, directory: &Path) -> Result<(), LedgerError> {
        write(&directory.join(RESTORED), &[(self.block, self.hash, self.at)])
    }
}

/// What the operator of the ledger in `directory` gave up, in the order of time.
pub fn losses(directory: &Path) -> Result<Vec<Loss>, LedgerError> {
    let lines = read(&directory.join(LOSSES))?;
    Ok(lines.into_iter().map(|(after, hash, at)| Loss { after, hash, at }).collect())
}

/// Lets the orderer go on after `block`, the last one here: the operator says that no later one was acknowledged.
pub fn complete(directory: &Path, block: u64) -> Result<(), ResumeError> {
    let (_ledger, _) = waiting(directory, block)?;
    Ok(remove(&directory.join(RESTORED))?)
}

/// Lets the orderer go on after `block`, the last one here: the operator gives up what may have followed.
pub fn accept_loss(directory: &Path, block: u64, now: i64) -> Result<Loss, ResumeError> {
    let (_ledger, hash) = waiting(directory, block)?;
    let loss = record_loss(directory, block, hash, now)?;
    remove(&directory.join(RESTORED))?;
    Ok(loss)
}

/// Writes down that what may have followed `after` was given up; once, however often it is said.
fn record_loss(directory: &Path, after: u64, hash: [u8; 32], at: i64) -> Result<Loss, LedgerError> {
    let path = directory.join(LOSSES);
    let mut lines = read(&path)?;
    let is_same = |line: &&Line| (line.0, line.1) == (after, hash);
    if let Some(&(after, hash, at)) = lines.iter().find(is_same) {
        return Ok(Loss { after, hash, at });
    }
    lines.push((after, hash, at));
    write(&path, &lines)?;
    Ok(Loss { after, hash, at })
}

/// The ledger, which no other process may have open, and the hash of its last block, which must be `block`.
fn waiting(directory: &Path, block: u64) -> Result<(std::sync::Arc<Ledger>, [u8; 32]), ResumeError> {
    if Restored::read(directory)?.is_none() {
        return Err(ResumeError::NotRestored(directory.to_owned()));
    }
    let (ledger, _) = Ledger::open(directory, None)?;
    let last = ledger.height().saturating_sub(1);
    if last != block {
        return Err(ResumeError::OtherBlock { last, named: block });
    }
    let hash = ledger.last_hash();
    Ok((ledger, hash))
}

type Line = (u64, [u8; 32], i64);

fn read(path: &Path) -> Result<Vec<Line>, LedgerError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(files::error("read", path)(error)),
    };
    let bad = || LedgerError::BadRecord(format!("{} is damaged", path.display()));
    let lines = text.lines().map(|line| parse(line).ok_or_else(bad)).collect::<Result<Vec<_>, _>>()?;
    // An empty file says nothing, and is none that was written here.
    if lines.is_empty() { Err(bad()) } else { Ok(lines) }
}

fn parse(line: &str) -> Option<Line> {
    let mut words = line.split(' ');
    let (block, hash, at) = (words.next()?, words.next()?, words.next()?);
    let hash = hex::decode(hash).ok()?.try_into().ok()?;
    words.next().is_none().then_some((block.parse().ok()?, hash, at.parse().ok()?))
}

fn write(path: &Path, lines: &[Line]) -> Result<(), LedgerError> {
    let text: String =
        lines.iter().map(|(block, hash, at)| format!("{block} {} {at}\n", hex::encode(hash))).collect();
    durable::write(path, text.as_bytes(), Access::Owner).map_err(files::error("write", path))
}

fn remove(path: &Path) -> Result<(), LedgerError> {
    let files = files::Files::default();
    files.remove(path)?;
    files.sync_directory(path.parent().unwrap_or(path))
}
