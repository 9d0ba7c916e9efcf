//! A file on its way: from the request to the disk, a piece at a time.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use accounts::{Change, secret};
use bytes::Bytes;
use durable::Access;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::{JoinHandle, spawn_blocking},
};

use crate::{
    Limits, UploadError, Uploads,
    kind::{Kind, Sniffer},
    store,
};

/// Pieces that wait for the disk.
const PIECES: usize = 4;
/// After so many bytes, the room on the disk is looked at again.
const LOOK_AGAIN: u64 = 8 << 20;

enum Piece {
    Bytes(Bytes),
    End,
}

/// What the disk has of a file.
struct Written {
    kind: Kind,
    bytes: u64,
    sha256: String,
}

/// A file on its way. Where it is dropped, nothing of it remains.
pub struct Incoming {
    pieces: Sender<Piece>,
    writer: JoinHandle<Result<Written, UploadError>>,
    received: Started,
}

struct Started {
    id: String,
    account: String,
    path: PathBuf,
    limits: Limits,
    place: Place,
}

/// A file that is whole and durable, and nobody's yet. Where it is dropped instead of kept, it is removed.
pub struct Received {
    pub id: String,
    pub kind: Kind,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
    started: Started,
    is_kept: bool,
}

impl Uploads {
    /// A place for an upload of this party, to be taken before its bytes are read: it ends with the value.
    pub fn place(&self, party: &str) -> Result<Place, UploadError> {
        Place::take(&self.busy, party, &self.limits).ok_or(UploadError::Busy)
    }

    /// Begins to take a file of this account, which is of the place's party.
    pub async fn begin(&self, place: Place, account: &str) -> Result<Incoming, UploadError> {
        let used = store::used_by(&self.database, &place.party).await?;
        if used.files >= self.limits.files || used.bytes >= self.limits.party {
            return Err(UploadError::Full);
        }
        let id = secret::random_id()?;
        let path = self.folder.join(&id);
        let (pieces, waiting) = mpsc::channel(PIECES);
        let (limits, target) = (self.limits, path.clone());
        let writer = spawn_blocking(move || write(&target, waiting, limits));
        let received = Started { id, account: account.to_owned(), path, limits, place };
        Ok(Incoming { pieces, writer, received })
    }
}

impl Incoming {
    /// Waits while the disk is slower than the network.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        match self.pieces.send(Piece::Bytes(bytes)).await {
            Ok(()) => Ok(()),
            // The writer has ended, with the reason.
            Err(_) => match (&mut self.writer).await {
                Ok(Err(reason)) => Err(reason),
                _ => Err(UploadError::CutOff),
            },
        }
    }

    /// Once every byte is written: makes the file durable, and says what it is.
    pub async fn finish(self) -> Result<Received, UploadError> {
        let _ = self.pieces.send(Piece::End).await;
        let written = self.writer.await.map_err(|_| UploadError::CutOff)??;
        let Written { kind, bytes, sha256 } = written;
        Ok(Received {
            id: self.received.id.clone(),
            kind,
            bytes,
            sha256,
            started: self.received,
            is_kept: false,
        })
    }
}

impl Received {
    /// Makes it its account's, under this name, as part of a change.
    pub async fn keep(mut self, change: &mut Change, name: &str, now: i64) -> Result<(), UploadError> {
        let Started { account, limits, place: Place { party, .. }, .. } = &self.started;
        let used = store::used_in(change, party).await?;
        if used.files >= limits.files || used.bytes.saturating_add(self.bytes) > limits.party {
            return Err(UploadError::Full);
        }
        let (id, kind, sha256) = (&self.id, self.kind, &self.sha256);
        let stored = store::Stored::new(id, party, account, name, kind, (self.bytes, sha256.as_str()), now);
        store::insert(change, &stored).await?;
        // Where the change is not committed, it is an orphan, which is cleared later.
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.started.path);
        }
    }
}

fn write(path: &Path, mut pieces: Receiver<Piece>, limits: Limits) -> Result<Written, UploadError> {
    let (mut hash, mut sniffer, mut bytes) = (Sha256::new(), Sniffer::default(), 0_u64);
    let mut kind = None;
    durable::write_by(path, Access::Owner, |file| {
        let mut looked_at = None;
        loop {
            let piece = match pieces.blocking_recv() {
                Some(Piece::Bytes(piece)) => piece,
                Some(Piece::End) => break,
                None => return Err(UploadError::CutOff),
            };
            bytes = bytes.saturating_add(piece.len() as u64);
            if bytes > limits.file {
                return Err(UploadError::TooLarge(limits.file));
            }
            if looked_at.is_none_or(|at: u64| bytes.saturating_sub(at) >= LOOK_AGAIN) {
                has_room(path, limits.free)?;
                looked_at = Some(bytes);
            }
            file.write_all(&piece)?;
            hash.update(&piece);
            sniffer.see(&piece);
        }
        if bytes == 0 {
            return Err(UploadError::Empty);
        }
        kind = std::mem::take(&mut sniffer).kind(&durable::beside(path, "draft"))?;
        kind.map(drop).ok_or(UploadError::Kind)
    })?;
    let kind = kind.ok_or(UploadError::Kind)?;
    Ok(Written { kind, bytes, sha256: hex::encode(hash.finalize()) })
}

/// Whether so much stays free on the disk of this path.
fn has_room(path: &Path, free: u64) -> Result<(), UploadError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(folder).map_err(std::io::Error::from)?;
    if disk.f_bavail.saturating_mul(disk.f_frsize) < free { Err(UploadError::Disk) } else { Ok(()) }
}

/// One of the uploads that a party may have at once.
pub struct Place {
    busy: Arc<Mutex<HashMap<String, usize>>>,
    party: String,
}

impl Place {
    fn take(busy: &Arc<Mutex<HashMap<String, usize>>>, party: &str, limits: &Limits) -> Option<Self> {
        let mut places = busy.lock();
        let taken = places.get(party).copied().unwrap_or_default();
        if taken >= limits.at_once || places.values().sum::<usize>() >= limits.in_all {
            return None;
        }
        places.insert(party.to_owned(), taken.saturating_add(1));
        Some(Self { busy: busy.clone(), party: party.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.busy.lock();
        let left = places.get(&self.party).copied().unwrap_or_default().saturating_sub(1);
        if left == 0 {
            places.remove(&self.party);
        } else {
            places.insert(self.party.clone(), left);
        }
    }
}
