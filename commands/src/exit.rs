//! How a subcommand ends: exit codes that scripts can rely on, and what went wrong in words.

use std::{error::Error, fmt, process::ExitCode};

use crate::visible::visible;

/// The exit codes of every subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; a certificate that was asked about is valid, a replayed chain is equal.
    Ok = 0,
    /// The answer is no: refused by a rule, not valid, not equal.
    No = 1,
    /// The command line or an input file is wrong.
    Usage = 2,
    /// A server could not be reached or did not answer in time.
    Unreachable = 3,
    /// Anything else: a disk, a port, a damaged data directory.
    Failure = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a subcommand failed, in a sentence that says what to do.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    message: String,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A failure during `doing`, with all its causes.
    pub fn during(doing: impl fmt::Display, error: impl Error) -> Self {
        let mut message = format!("{doing}: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        Self::new(Exit::Failure, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&visible(&self.message))
    }
}
