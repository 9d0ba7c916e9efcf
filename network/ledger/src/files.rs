//! Every write to the files of the block log, in one place, so that tests can make each of them fail. Completed
//! operations are reported as the durable files' are: see the crate `durable`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::LedgerError;

/// The file operations of the block log.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// A segment of the log that is larger gets no further block.
    pub(super) segment_bytes: u64,
    #[cfg(test)]
    pub(super) faults: faults::Faults,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            #[cfg(test)]
            faults: faults::Faults::default(),
        }
    }
}

impl Files {
    /// Creates a directory if it is not there, for its owner alone, and makes its name durable.
    pub(super) fn create_directory(&self, path: &Path) -> Result<(), LedgerError> {
        self.run("create folder", path, || durable::create_private_folder(path))
    }

    /// Creates a file that its owner alone can read.
    pub(super) fn create(&self, path: &Path) -> Result<File, LedgerError> {
        let mut options = OpenOptions::new();
        self.run("create", path, || options.create_new(true).append(true).mode(0o600).open(path))
    }

    pub(super) fn append(&self, file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
        #[cfg(test)]
        if self.faults.tears_next() {
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
            file.write_all(half).map_err(error("write", path))?;
        }
        self.run("write", path, || file.write_all(bytes))
    }

    /// Makes content and size of a file durable. After a failure the pages may be lost and yet look
    /// clean, so the caller may not try again.
    pub(super) fn sync(&self, file: &File, path: &Path) -> Result<(), LedgerError> {
        self.run("sync", path, || file.sync_data())
    }

    /// Makes the names in a directory durable.
    pub(super) fn sync_directory(&self, path: &Path) -> Result<(), LedgerError> {
        self.run("sync folder", path, || File::open(path)?.sync_all())
    }

    pub(super) fn truncate(&self, file: &File, path: &Path, length: u64) -> Result<(), LedgerError> {
        self.run("truncate", path, || file.set_len(length))
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), LedgerError> {
        self.run("remove", path, || fs::remove_file(path))
    }

    fn run<T>(
        &self,
        action: &'static str,
        path: &Path,
        operation: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, LedgerError> {
        #[cfg(test)]
        let done = self.faults.run(operation);
        #[cfg(not(test))]
        let done = operation();
        let done = done.map_err(error(action, path))?;
        durable::report(action, path);
        Ok(done)
    }
}

pub(super) fn error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LedgerError + use<> {
    let path = path.to_path_buf();
    move |source| LedgerError::File { action, path, source }
}

#[cfg(test)]
pub(super) mod faults {
    use std::{io, sync::Arc};

    use parking_lot::Mutex;

    /// What the failing operation leaves behind.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Fault {
        /// Nothing happened.
        Lost,
        /// Half of the bytes were written; any other operation did not happen.
        Torn,
        /// It happened, and yet an error is reported.
        Done,
    }

    /// Makes one operation fail: the one after `countdown` more.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Faults(Arc<Mutex<Option<(usize, Fault)>>>);

    impl Faults {
        pub(crate) fn arm(&self, countdown: usize, fault: Fault) {
            *self.0.lock() = Some((countdown, fault));
        }

        /// Whether the armed fault has not happened yet; disarms it.
        pub(crate) fn disarm(&self) -> bool {
            self.0.lock().take().is_some()
        }

        pub(super) fn tears_next(&self) -> bool {
            *self.0.lock() == Some((0, Fault::Torn))
        }

        pub(crate) fn run<T>(&self, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
            let fault = self.next();
            if matches!(fault, Some(Fault::Lost | Fault::Torn)) {
                return Err(io::Error::other("injected"));
            }
            let done = operation()?;
            if fault.is_some() { Err(io::Error::other("injected")) } else { Ok(done) }
        }

        fn next(&self) -> Option<Fault> {
            let mut armed = self.0.lock();
            match armed.take() {
                Some((0, fault)) => return Some(fault),
                Some((countdown, fault)) => *armed = Some((countdown - 1, fault)),
                None => {}
            }
            None
        }
    }
}
