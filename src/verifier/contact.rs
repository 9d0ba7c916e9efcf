//! What the operator of a verifier is told of the channel and its sources.

use std::{collections::BTreeMap, path::PathBuf};

use certificate::DateTime;
use follower::{FollowError, SourceError};

use crate::cert::output;

/// Tells the operator how the channel is followed: once when it is caught up with, and once for each reason why a
/// source fails or no block can be taken.
pub struct ChannelContact {
    /// MSP id and folder of the identity that asks for blocks.
    identity: String,
    tls_ca: PathBuf,
    caught_up: bool,
    /// The reason that was last reported, by source.
    last_reported: BTreeMap<String, String>,
    /// The reason that was last reported why no block can be taken.
    stopped: Option<String>,
}

impl ChannelContact {
    pub fn new(identity: String, tls_ca: PathBuf) -> Self {
        Self { identity, tls_ca, caught_up: false, last_reported: BTreeMap::new(), stopped: None }
    }

    /// The newest block of the chain is here.
    pub fn caught_up(&mut self, height: u64, at: DateTime) {
        self.stopped = None;
        if !self.caught_up {
            self.caught_up = true;
            // It may be lost.
            let _ = output::line(format!("Caught up at block {}, confirmed {at}", height.saturating_sub(1)));
        }
    }

    /// No source confirms anything, or not enough of them.
    pub fn lost(&mut self) {
        self.caught_up = false;
    }

    pub fn confirms(&mut self, source: &str) {
        self.last_reported.remove(source);
    }

    pub fn fails(&mut self, source: &str, error: &SourceError) {
        let reason = self.explain(error);
        if self.last_reported.get(source) != Some(&reason) {
            output::warn(format!("Source {source}: {reason}. It is asked again."));
            self.last_reported.insert(source.to_owned(), reason);
        }
    }

    /// No block can be taken, from any source.
    pub fn stopped(&mut self, error: &FollowError) {
        let reason = error.to_string();
        self.caught_up = false;
        if self.stopped.as_ref() != Some(&reason) {
            output::warn(format!(
                "The channel cannot be followed: {reason}. Until it can, every answer is \"cannot tell\". {}",
                advice(error)
            ));
            self.stopped = Some(reason);
        }
    }

    pub fn explain(&self, error: &SourceError) -> String {
        match error {
            SourceError::Untrusted => {
                format!("its TLS certificate is not signed by {}", self.tls_ca.display())
            }
            SourceError::Forbidden => format!("{error}: {}", self.identity),
            _ => error.to_string(),
        }
    }
}

fn advice(error: &FollowError) -> &'static str {
    match error {
        FollowError::Halt(_) => "It is tried again, and is in the chain: see docs/operations.md, \"Halt\".",
        FollowError::Ledger(error) if error.is_damage() => "See docs/recovery.md.",
        FollowError::Ledger(_) => "It is tried again; remove the cause (docs/operations.md, \"Disk full\").",
        FollowError::Config(_) | FollowError::NoSource => "It is tried again.",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, path::Path};

    use follower::FollowError;
    use ledger::LedgerError;

    use super::advice;

    #[test]
    fn the_advice_fits_the_cause_and_names_a_section_that_is_there() {
        let full = LedgerError::Poisoned { cause: "No space left on device".into() };
        let damaged = LedgerError::WrongPrevious { number: 7 };
        assert!(advice(&FollowError::Ledger(full)).contains("\"Disk full\""));
        assert!(advice(&FollowError::Ledger(damaged)).contains("docs/recovery.md"));
        assert!(!advice(&FollowError::NoSource).contains("docs/"));
        let operations = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
        let operations = fs::read_to_string(operations).unwrap();
        for section in ["Halt", "Disk full"] {
            assert!(operations.contains(&format!("\n## {section}\n")), "{section}");
        }
    }
}
