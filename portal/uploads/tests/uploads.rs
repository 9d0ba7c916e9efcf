//! Files from their first piece to the disk, and what remains of those that come no further.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use accounts::{
    Database, PartyKind,
    people::{self, Account, NewAccount, Scope},
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use uploads::{Incoming, Kind, Limits, UploadError, Uploads, find, list, remove};

struct Portal {
    folder: TempDir,
    database: Database,
    uploads: Uploads,
    ada: Account,
    eve: Account,
}

async fn company(database: &Database, email: &str) -> Account {
    let mut change = database.change().await.unwrap();
    let party = accounts::secret::random_id().unwrap();
    people::create_party(&mut change, &party, PartyKind::Company, "Works", 1).await.unwrap();
    let new = NewAccount { party: &party, email, name: "N", password: "", role: None, granted_by: "" };
    let id = people::create(&mut change, &new, 1).await.unwrap();
    change.commit().await.unwrap();
    people::account(database, &id).await.unwrap().unwrap()
}

impl Portal {
    async fn start(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("portal.db");
        let database = Database::open(path.to_str().unwrap()).await.unwrap();
        let uploads = Uploads::new(database.clone(), folder.path().join("files"), limits).unwrap();
        let ada = company(&database, "ada@works.example").await;
        let eve = company(&database, "eve@mill.example").await;
        Self { folder, database, uploads, ada, eve }
    }

    async fn begin(&self) -> Result<Incoming, UploadError> {
        self.uploads.begin(self.uploads.place(&self.ada.party)?, &self.ada.id).await
    }

    async fn upload(&self, pieces: &[&[u8]]) -> Result<String, UploadError> {
        let mut incoming = self.begin().await?;
        for piece in pieces {
            incoming.write(Bytes::copy_from_slice(piece)).await?;
        }
        let received = incoming.finish().await?;
        let id = received.id.clone();
        let mut change = self.database.change().await.unwrap();
        received.keep(&mut change, "Sheet.pdf", 7).await?;
        change.commit().await.unwrap();
        Ok(id)
    }

    /// The names in the folder, once whoever writes has noticed that nobody waits any more.
    async fn names(&self, expected: usize) -> Vec<String> {
        let folder = self.folder.path().join("files");
        let read = |folder: &Path| {
            let entries = fs::read_dir(folder).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        for _ in 0..500 {
            if read(&folder).len() == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        read(&folder)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_its_partys_whole_and_with_its_hash() {
    let portal = Portal::start(Limits::default()).await;
    let content = [b"%PDF-1.7\n".as_slice(), &[b'x'; 300_000], b"end"];
    let id = portal.upload(&content).await.unwrap();
    let stored = find(&portal.database, &Scope::of(&portal.ada), &id).await.unwrap().unwrap();
    assert_eq!((stored.kind, stored.name.as_str()), (Kind::Pdf, "Sheet.pdf"));
    assert_eq!(stored.bytes, 300_012);
    assert_eq!(stored.sha256, hex::encode(Sha256::digest(content.concat())));
    assert_eq!(portal.names(1).await, [id.as_str()]);
    let mut read = Vec::new();
    portal.uploads.open(&stored).await.unwrap().read_to_end(&mut read).await.unwrap();
    assert_eq!(read, content.concat());
    assert_eq!(list(&portal.database, &Scope::of(&portal.ada)).await.unwrap(), std::slice::from_ref(&stored));

    let others = Scope::of(&portal.eve);
    assert_eq!(list(&portal.database, &others).await.unwrap(), []);
    assert_eq!(find(&portal.database, &others, &id).await.unwrap(), None);
    let mut change = portal.database.change().await.unwrap();
    assert_eq!(remove(&mut change, &others, &id).await.unwrap(), None);
    assert_eq!(remove(&mut change, &Scope::of(&portal.ada), &id).await.unwrap(), Some(stored.clone()));
    change.commit().await.unwrap();
    portal.uploads.forget(&stored);
    assert!(portal.names(0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_leaves_nothing() {
    let portal = Portal::start(Limits::default()).await;
    let mut incoming = portal.begin().await.unwrap();
    incoming.write(Bytes::from_static(b"%PDF-1.7")).await.unwrap();
    assert_eq!(portal.names(1).await.len(), 1, "a draft");
    drop(incoming);
    assert!(portal.names(0).await.is_empty());
    // Whole, and kept by nobody: the session ended meanwhile.
    let mut incoming = portal.begin().await.unwrap();
    incoming.write(Bytes::from_static(b"%PDF-1.7")).await.unwrap();
    let received = incoming.finish().await.unwrap();
    assert_eq!(portal.names(1).await, [received.id.as_str()]);
    drop(received);
    assert!(portal.names(0).await.is_empty());
    assert!(matches!(portal.upload(&[]).await, Err(UploadError::Empty)));
    assert!(matches!(portal.upload(&[b"MZ\x90\0"]).await, Err(UploadError::Kind)));
    assert!(portal.names(0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_leaves_nothing() {
    let limits = Limits { file: 1000, party: 1500, files: 3, ..Limits::default() };
    let portal = Portal::start(limits).await;
    let large = portal.upload(&[&[b'x'; 600], &[b'x'; 401]]).await;
    assert!(matches!(large, Err(UploadError::TooLarge(1000))));
    assert!(portal.names(0).await.is_empty());
    portal.upload(&[&[b'x'; 1000]]).await.unwrap();
    assert!(matches!(portal.upload(&[&[b'x'; 501]]).await, Err(UploadError::Full)));
    portal.upload(&[b"one"]).await.unwrap();
    portal.upload(&[b"two"]).await.unwrap();
    assert!(matches!(portal.upload(&[b"three"]).await, Err(UploadError::Full)));
    assert_eq!(portal.names(3).await.len(), 3);
    let place = || portal.uploads.place(&portal.ada.party).unwrap();
    let another = portal.uploads.begin(place(), &portal.eve.id).await;
    assert!(matches!(another, Err(UploadError::Full)), "another account of the party");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_uploads_few_files_at_once_and_all_not_too_many() {
    let portal = Portal::start(Limits { at_once: 2, in_all: 3, ..Limits::default() }).await;
    let first = portal.begin().await.unwrap();
    let place = |party: &str| portal.uploads.place(party);
    let _second = place(&portal.ada.party).unwrap();
    assert!(matches!(portal.begin().await, Err(UploadError::Busy)));
    let _third = place(&portal.eve.party).unwrap();
    assert!(matches!(place(&portal.eve.party), Err(UploadError::Busy)), "too many in all");
    drop(first);
    portal.begin().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_leaves_nothing() {
    let portal = Portal::start(Limits { free: u64::MAX, ..Limits::default() }).await;
    assert!(matches!(portal.upload(&[b"text"]).await, Err(UploadError::Disk)));
    assert!(portal.names(0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_are_cleared() {
    let portal = Portal::start(Limits::default()).await;
    let kept = portal.upload(&[b"kept"]).await.unwrap();
    let files = portal.folder.path().join("files");
    let (orphan, draft) = ("0".repeat(32), format!(".{}.draft", "1".repeat(32)));
    for name in [orphan.as_str(), &draft, "notes.txt"] {
        fs::write(files.join(name), "left").unwrap();
    }
    let after = |hours: u64| SystemTime::now() + Duration::from_secs(hours * 3600 + 60);
    portal.uploads.sweep(after(0)).await.unwrap();
    assert_eq!(portal.names(4).await.len(), 4, "an upload may be under way");
    portal.uploads.sweep(after(1)).await.unwrap();
    assert_eq!(portal.names(3).await.len(), 3);
    portal.uploads.sweep(after(24)).await.unwrap();
    let mut names = portal.names(2).await;
    names.sort();
    let mut expected = [kept, "notes.txt".to_owned()];
    expected.sort();
    assert_eq!(names, expected);
}
