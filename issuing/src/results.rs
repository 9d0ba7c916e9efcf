//! What came of each row: a file of lines, to which a run adds one as soon as it knows.
//!
//! The lines are not synced one by one: what is lost of them in a power cut is found on the ledger by the next run.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// How each line begins.
const BEGIN: &[u8] = b"{\"row\":";

/// What came of a row. Of several lines for one row the last counts.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Of the plan, counted from 1.
    pub row: u64,
    /// Of the file, counted from 1.
    pub line: u64,
    pub certificate: String,
    #[serde(flatten)]
    pub ending: Ending,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "result", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Ending {
    /// The certificate is on the ledger.
    Issued {
        transaction_id: String,
        /// Absent where it was issued by a run that was interrupted before it knew.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        block: Option<u64>,
        /// Where the public sees it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        page: Option<String>,
    },
    /// It is not, and the next run tries again.
    Refused { reason: String },
}

/// The file, locked for this process.
pub struct Results {
    file: File,
    path: PathBuf,
    /// By certificate, whether it is issued.
    known: HashMap<String, bool>,
}

#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    #[error("{0} is in use by another run")]
    InUse(String),
    #[error("line {line} of {path} is no result of a run: choose another file with --out")]
    Foreign { path: String, line: usize },
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
}

impl Results {
    /// Opens the results of earlier runs, or begins them. A last line that an earlier run did not write to its end is removed.
    pub fn open(path: &Path) -> Result<Self, ResultsError> {
        let name = || path.display().to_string();
        let failed = |source| ResultsError::Io { path: name(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(ResultsError::Foreign { path: name(), line: 1 });
        }
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => ResultsError::InUse(name()),
            TryLockError::Error(source) => failed(source),
        })?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = text.get(..whole).unwrap_or_default();
        let mut known = HashMap::new();
        for (index, line) in lines.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let foreign = |_| ResultsError::Foreign { path: name(), line: index + 1 };
            let outcome: Outcome = serde_json::from_slice(line).map_err(foreign)?;
            let is_issued = outcome.is_issued();
            known.insert(outcome.certificate, is_issued);
        }
        let begins = |text: &[u8]| BEGIN.starts_with(text) || text.starts_with(BEGIN);
        if whole == 0 && !begins(&text) {
            return Err(ResultsError::Foreign { path: name(), line: 1 });
        }
        file.set_len(whole as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), known })
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub fn is_issued(&self, certificate: &str) -> bool {
        self.known.get(certificate).copied().unwrap_or(false)
    }

    /// Adds a line. Where it cannot be written whole, nothing of it stays, as far as the disk lets that be.
    pub fn add(&mut self, outcome: &Outcome) -> io::Result<()> {
        let mut line = serde_json::to_vec(outcome)?;
        line.push(b'\n');
        let end = self.file.stream_position()?;
        if let Err(error) = self.file.write_all(&line) {
            let _ = self.file.set_len(end);
            return Err(error);
        }
        self.known.insert(outcome.certificate.clone(), outcome.is_issued());
        Ok(())
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Leaves no empty file behind.
    pub fn remove_if_empty(self) {
        if self.is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Outcome {
    pub fn is_issued(&self) -> bool {
        matches!(self.ending, Ending::Issued { .. })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn outcome(row: u64, ending: Ending) -> Outcome {
        Outcome { row, line: row + 1, certificate: row.to_string(), ending }
    }

    fn issued() -> Ending {
        Ending::Issued { transaction_id: "t".into(), block: Some(7), page: None }
    }

    #[test]
    fn the_last_line_of_a_row_counts_and_a_torn_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let mut results = Results::open(&path).unwrap();
        results.add(&outcome(1, Ending::Refused { reason: "why".into() })).unwrap();
        results.add(&outcome(2, Ending::Refused { reason: "why".into() })).unwrap();
        results.add(&outcome(1, issued())).unwrap();
        drop(results);
        let whole = fs::read(&path).unwrap();
        let expected = "{\"row\":1,\"line\":2,\"certificate\":\"1\",\"result\":\"issued\",\"transactionId\":\"t\",\"block\":7}\n";
        assert!(whole.ends_with(expected.as_bytes()), "{}", String::from_utf8_lossy(&whole));
        for cut in 1..expected.len() {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let results = Results::open(&path).unwrap();
            assert!(!results.is_issued("1") && !results.is_issued("2"));
        }
        fs::write(&path, &whole).unwrap();
        let results = Results::open(&path).unwrap();
        assert!(results.is_issued("1") && !results.is_issued("2"));
    }

    #[test]
    fn one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let first = Results::open(&path).unwrap();
        assert!(matches!(Results::open(&path), Err(ResultsError::InUse(_))));
        first.remove_if_empty();
        assert!(!path.exists());
    }

    #[test]
    fn a_file_of_others_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        for text in ["my notes", "my notes\n", "{\"row\":1}\n"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(Results::open(&path), Err(ResultsError::Foreign { line: 1, .. })), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
