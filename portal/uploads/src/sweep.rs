//! What nothing refers to any more.

use std::{
    fs, io,
    time::{Duration, SystemTime},
};

use crate::{Uploads, store};

/// A file that the database does not have is no upload under way any more after this long. It is long, so that an operator who
/// names the wrong database has the time to notice.
const ORPHAN: Duration = Duration::from_secs(24 * 60 * 60);
/// So is a draft that nobody wrote to.
const DRAFT: Duration = Duration::from_secs(60 * 60);

impl Uploads {
    /// Removes drafts that were left, and files that the database does not have.
    pub async fn sweep(&self, now: SystemTime) -> Result<(), crate::UploadError> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let draft = name.strip_prefix('.').and_then(|it| it.strip_suffix(".draft"));
            // Whatever else lies there is none of ours.
            let Some(id) = Some(draft.unwrap_or(name)).filter(|id| is_id(id)) else { continue };
            let least = if draft.is_some() { DRAFT } else { ORPHAN };
            let is_old = age(&entry, now).is_some_and(|age| age >= least);
            if is_old && (draft.is_some() || !store::is_known(self.database.pool(), id).await?) {
                remove(&entry)?;
                tracing::info!(file = name, "a file that nothing refers to was removed");
            }
        }
        Ok(())
    }
}

fn age(entry: &fs::DirEntry, now: SystemTime) -> Option<Duration> {
    let written = entry.metadata().and_then(|it| it.modified()).ok()?;
    now.duration_since(written).ok()
}

fn remove(entry: &fs::DirEntry) -> io::Result<()> {
    match fs::remove_file(entry.path()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
