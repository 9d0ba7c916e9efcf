//! Says whether a backup is whole: by its hash, and by what is in it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use accounts::snapshot;
use fabric::types::{HeadedBlock, blockfile::BlockFile};
use ledger::{ChainCheck, LedgerError, check_private};
use tokio::runtime::Handle;

use crate::{
    age::{self, Identity},
    archive::{self, Archive, Keys, Part, PartReader, damaged},
    create::channel_of,
    error::BackupError,
    keys,
};

/// What was looked at.
pub struct Verified {
    pub archive: Archive,
    pub chain: ChainCheck,
    pub uploads: usize,
    pub has_portal: bool,
    pub has_private_data: bool,
    /// What the keys are, where they could be decrypted.
    pub keys: Option<Vec<u8>>,
    pub key_files: usize,
}

/// `fingerprint` is that of the network that the backup must be of; `identities` decrypt its keys.
pub fn verify(
    path: &Path,
    fingerprint: Option<&str>,
    identities: Option<&[Identity]>,
    runtime: &Handle,
) -> Result<Verified, BackupError> {
    let archive = Archive::open(path)?;
    let found = archive.manifest.genesis.clone();
    if let Some(asked) = fingerprint.filter(|asked| *asked != found) {
        return Err(BackupError::OtherNetwork { found, asked: asked.to_owned() });
    }
    let chain = check_blocks(&archive)?;
    let has_private_data = check_private_data(&archive, &chain)?;
    let uploads = check_portal(&archive, runtime)?;
    let keys = identities.map(|identities| decrypt(&archive, identities)).transpose()?.flatten();
    let key_files = keys.as_deref().map(keys::count).transpose()?.unwrap_or_default();
    let has_portal = uploads.is_some();
    let uploads = uploads.unwrap_or_default();
    Ok(Verified { archive, chain, uploads, has_portal, has_private_data, keys, key_files })
}

/// The blocks of a part, and at the end whether they were the right ones.
pub struct Blocks {
    file: BlockFile<PartReader>,
}

impl Blocks {
    pub fn of(archive: &Archive) -> Result<Self, BackupError> {
        let part = archive.part(archive::BLOCKS).ok_or_else(|| damaged("it has no blocks"))?;
        Ok(Self { file: BlockFile::new(archive.read(part)?) })
    }
}

impl Iterator for Blocks {
    type Item = Result<HeadedBlock, BackupError>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.file.next()?.map_err(|error| damaged(&error.to_string()));
        Some(
            block.and_then(|block| HeadedBlock::try_from(block).map_err(|error| damaged(&error.to_string()))),
        )
    }
}

fn check_blocks(archive: &Archive) -> Result<ChainCheck, BackupError> {
    let (mut chain, manifest) = (ChainCheck::default(), &archive.manifest);
    for block in Blocks::of(archive)? {
        let block = block?;
        chain.take(&block)?;
        if block.number() == 0 && channel_of(&block)? != manifest.channel {
            return Err(damaged("its blocks are not of the channel that it names"));
        }
    }
    check_against_manifest(archive, &chain)?;
    Ok(chain)
}

/// The chain must be the one that the manifest names.
pub fn check_against_manifest(archive: &Archive, chain: &ChainCheck) -> Result<(), BackupError> {
    let manifest = &archive.manifest;
    let is_named = chain.blocks > 0
        && chain.blocks - 1 == manifest.last_block
        && hex::encode(chain.last_hash) == manifest.last_hash
        && format!("sha256:{}", hex::encode(chain.genesis_hash)) == manifest.genesis;
    if is_named { Ok(()) } else { Err(damaged("its blocks are not those that it names")) }
}

fn check_private_data(archive: &Archive, chain: &ChainCheck) -> Result<bool, BackupError> {
    let Some(part) = archive.part(archive::PRIVATE) else { return Ok(false) };
    let mut reader = archive.read(part)?;
    let (height, _) = check_private(&mut reader).map_err(as_damage)?;
    reader.finish()?;
    if height > chain.blocks {
        return Err(damaged("its private data are of later blocks than it has"));
    }
    Ok(true)
}

pub fn as_damage(error: LedgerError) -> BackupError {
    match error {
        LedgerError::BadRecord(text) => BackupError::Damaged(text),
        error => BackupError::Ledger(error),
    }
}

/// How many files the database refers to; `None` where there is no portal.
fn check_portal(archive: &Archive, runtime: &Handle) -> Result<Option<usize>, BackupError> {
    let Some(part) = archive.part(archive::DATABASE) else { return Ok(None) };
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("portal.db");
    copy(archive, part, &database)?;
    let damage = runtime.block_on(snapshot::damage(&database)).map_err(BackupError::database)?;
    if let Some(first) = damage.first() {
        return Err(damaged(&format!("its portal database: {first}")));
    }
    let files = runtime.block_on(snapshot::files(&database)).map_err(BackupError::database)?;
    for file in &files {
        let part = archive.part(&format!("{}{}", archive::UPLOAD, file.id));
        let is_there = part
            .is_some_and(|part| part.sha256 == file.sha256 && i64::try_from(part.length) == Ok(file.bytes));
        if !is_there {
            return Err(damaged(&format!(
                "its portal database refers to the file {}, which is not in it",
                file.id
            )));
        }
    }
    for (_, part) in archive.uploads() {
        archive.read(part)?.finish()?;
    }
    Ok(Some(files.len()))
}

/// Writes a part to a new file.
pub fn copy(archive: &Archive, part: &Part, to: &Path) -> Result<(), BackupError> {
    let mut reader = archive.read(part)?;
    let mut file = File::create_new(to).map_err(BackupError::at(to))?;
    io::copy(&mut reader, &mut file).map_err(BackupError::at(to))?;
    reader.finish()
}

/// `None` where the backup has no keys.
fn decrypt(archive: &Archive, identities: &[Identity]) -> Result<Option<Vec<u8>>, BackupError> {
    let part = archive.part(archive::KEYS).filter(|_| archive.manifest.keys == Keys::Encrypted);
    let Some(part) = part else { return Ok(None) };
    let (mut reader, mut encrypted) = (archive.read(part)?, Vec::new());
    reader.read_to_end(&mut encrypted)?;
    reader.finish()?;
    age::decrypt(&encrypted, identities).map(Some).map_err(|error| BackupError::Keys(error.to_string()))
}
