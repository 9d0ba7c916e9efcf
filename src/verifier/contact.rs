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
    /// The last reason told, by source.
    told: BTreeMap<String, String>,
    /// The last reason told why no block can be taken.
    stopped: Option<String>,
}

impl ChannelContact {
    pub fn new(identity: String, tls_ca: PathBuf) -> Self {
        Self { identity, tls_ca, caught_up: false, told: BTreeMap::new(), stopped: None }
    }

    /// The newest block of the chain is here.
    pub fn caught_up(&mut self, height: u64, at: DateTime) {
        self.stopped = None;
        if !self.caught_up {
            self.caught_up = true;
            // Nobody needs to read it.
            let _ = output::line(format!("Caught up at block {}, confirmed {at}", height.saturating_sub(1)));
        }
    }

    /// No source confirms anything, or not enough of them.
    pub fn lost(&mut self) {
        self.caught_up = false;
    }

    pub fn confirms(&mut self, source: &str) {
        self.told.remove(source);
    }

    pub fn fails(&mut self, source: &str, error: &SourceError) {
        let reason = self.explain(error);
        if self.told.get(source) != Some(&reason) {
            output::warn(format!("Source {source}: {reason}. It is asked again."));
            self.told.insert(source.to_owned(), reason);
        }
    }

    /// No block can be taken, whoever delivers it.
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
        _ => "It is tried again; remove the cause (docs/operations.md, \"Disk full\").",
    }
}
