//! Makes a backup, while the node and the portal run.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use accounts::snapshot::{self, Referenced};
use certificate::DateTime;
use durable::Access;
use fabric::{
    proto::common::HeaderType,
    types::{DecodedEnvelope, HeadedBlock, blockfile},
};
use ledger::{ChainCheck, Snapshot};
use tokio::runtime::Handle;

use crate::{
    age::{self, Recipient},
    archive::{self, FORMAT, Keys, Manifest, Writer},
    error::BackupError,
    keys,
};

/// The portal's place in the data directory of `nanotrace up`.
pub const PORTAL: &str = "portal";
/// How often the portal's database is copied again because somebody uploaded or removed files meanwhile.
const ROUNDS: u32 = 20;

/// What is backed up.
pub struct Source {
    pub data_dir: PathBuf,
    /// SQLite's file.
    pub portal_database: PathBuf,
    pub portal_files: PathBuf,
}

/// Writes the backup. It has its name when it is whole and durable; where it fails, nothing is left.
pub fn create(
    source: &Source,
    out: &Path,
    recipients: &[Recipient],
    now: DateTime,
    runtime: &Handle,
) -> Result<Manifest, BackupError> {
    if out.symlink_metadata().is_ok() {
        return Err(BackupError::Usage(format!("{} is there already: choose another name", out.display())));
    }
    let work = Work::begin(out)?;
    let mut made = None;
    let written = durable::write_by(out, Access::Owner, |file| -> Result<(), BackupError> {
        let mut buffered = BufWriter::with_capacity(1 << 20, file);
        made = Some(write(source, &mut buffered, recipients, now, &work, runtime)?);
        Ok(buffered.flush()?)
    });
    written.map_err(|error| match error {
        BackupError::Io(source) => BackupError::at(out)(source),
        error => error,
    })?;
    made.ok_or_else(|| BackupError::Refused("nothing was written".to_owned()))
}

/// A folder beside the backup for the copy of the database, which is removed however this ends; what a process that died left goes
/// with the next backup of that name.
struct Work(PathBuf);

impl Work {
    fn begin(out: &Path) -> Result<Self, BackupError> {
        let folder = durable::beside(out, "work");
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(BackupError::at(&folder)(error));
            }
            _ => {}
        }
        durable::create_private_folder(&folder).map_err(BackupError::at(&folder))?;
        Ok(Self(folder))
    }

    fn database(&self, round: u32) -> PathBuf {
        self.0.join(format!("{round}.db"))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(
    source: &Source,
    out: &mut dyn Write,
    recipients: &[Recipient],
    now: DateTime,
    work: &Work,
    runtime: &Handle,
) -> Result<Manifest, BackupError> {
    let mut writer = Writer::begin(out)?;
    if source.portal_database.exists() {
        write_portal(source, &mut writer, work, runtime)?;
    }
    let (chain, channel) = write_ledger(&source.data_dir, &mut writer)?;
    let keys = write_keys(&source.data_dir, recipients, &mut writer)?;
    writer.finish(Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        created: now.to_string(),
        channel,
        genesis: format!("sha256:{}", hex::encode(chain.genesis_hash)),
        last_block: chain.blocks.saturating_sub(1),
        last_hash: hex::encode(chain.last_hash),
        keys,
        parts: Vec::new(),
    })
}

/// Copies files that the database refers to until a copy of it refers to no other.
fn write_portal(
    source: &Source,
    writer: &mut Writer<'_>,
    work: &Work,
    runtime: &Handle,
) -> Result<(), BackupError> {
    for round in 0..ROUNDS {
        let copy = work.database(round);
        runtime.block_on(snapshot::take(&source.portal_database, &copy)).map_err(BackupError::database)?;
        let files = runtime.block_on(snapshot::files(&copy)).map_err(BackupError::database)?;
        let mut is_whole = true;
        for file in files {
            is_whole &= write_upload(&source.portal_files, &file, writer)?;
        }
        if is_whole {
            let mut content = File::open(&copy).map_err(BackupError::at(&copy))?;
            return writer.part(archive::DATABASE, false, |out| Ok(io::copy(&mut content, out).map(drop)?));
        }
    }
    let text = "files that the portal's database refers to are missing in its folder, or change all the time";
    Err(BackupError::Refused(format!("{text}: {}", source.portal_files.display())))
}

/// `false` where the file is not there: it was removed after the database was copied, or is lost.
fn write_upload(folder: &Path, file: &Referenced, writer: &mut Writer<'_>) -> Result<bool, BackupError> {
    let name = format!("{}{}", archive::UPLOAD, file.id);
    if writer.find(&name).is_some() {
        return Ok(true);
    }
    let path = folder.join(&file.id);
    let mut content = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(BackupError::at(&path))?,
    };
    writer.part(&name, false, |out| Ok(io::copy(&mut content, out).map(drop)?))?;
    let is_same = writer.find(&name).is_some_and(|part| part.sha256 == file.sha256);
    match is_same {
        true => Ok(true),
        false => Err(BackupError::Refused(format!("{} is not the file that was uploaded", path.display()))),
    }
}

/// Writes the chain and the private data; returns what the chain is, and the channel's name.
fn write_ledger(data_dir: &Path, writer: &mut Writer<'_>) -> Result<(ChainCheck, String), BackupError> {
    let none = || BackupError::Usage(format!("{} holds no ledger", data_dir.display()));
    let snapshot = Snapshot::open(data_dir)?.ok_or_else(none)?;
    let (mut chain, mut channel) = (ChainCheck::default(), None);
    writer.part(archive::BLOCKS, false, |out| {
        for block in snapshot.blocks()? {
            let block = block?;
            chain.take(&block)?;
            if channel.is_none() {
                channel = Some(channel_of(&block)?);
            }
            out.write_all(&blockfile::record(&block))?;
        }
        Ok(())
    })?;
    if let Some(expected) = snapshot.confirmed().filter(|expected| *expected > chain.blocks) {
        let text = format!("{expected} blocks were confirmed, and {} are there", chain.blocks);
        return Err(BackupError::Refused(text));
    }
    if let Some(private) = snapshot.private() {
        writer.part(archive::PRIVATE, false, |out| Ok(private.write_to(out)?))?;
    }
    Ok((chain, channel.ok_or_else(none)?))
}

/// The channel that a block is of.
pub fn channel_of(block: &HeadedBlock) -> Result<String, BackupError> {
    let unreadable = || archive::damaged("its first block is no configuration of a channel");
    let envelope = block.envelopes().first().ok_or_else(unreadable)?;
    let envelope = DecodedEnvelope::new(envelope.clone());
    let header = envelope.channel_header().map_err(|_| unreadable())?;
    let is_config = header.r#type == HeaderType::Config as i32;
    if is_config { Ok(header.channel_id.clone()) } else { Err(unreadable()) }
}

fn write_keys(
    data_dir: &Path,
    recipients: &[Recipient],
    writer: &mut Writer<'_>,
) -> Result<Keys, BackupError> {
    match (keys::are_in(data_dir), recipients.is_empty()) {
        (false, _) => Ok(Keys::None),
        (true, true) => Ok(Keys::LeftOut),
        (true, false) => {
            let packed = keys::pack(data_dir).map_err(BackupError::at(data_dir))?;
            let encrypted = age::encrypt(&packed, recipients)
                .map_err(|error| BackupError::Refused(format!("the keys cannot be encrypted: {error}")))?;
            writer.part(archive::KEYS, true, |out| Ok(out.write_all(&encrypted)?))?;
            Ok(Keys::Encrypted)
        }
    }
}
