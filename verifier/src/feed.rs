//! The feed: keeps the read model at the end of the ledger beside it, and heals it.
//!
//! A block goes into the read model as it is committed. Whatever was missed, because a block came too fast or could not
//! be applied, is read from the ledger. While the read model is not at the ledger's end because of an error, every
//! answer is "cannot tell"; the feed tries again, with growing pauses, until it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger::{CommittedBlock, Ledger};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::task;
use tokio::time::sleep;

use crate::model::{ModelError, ReadModel};
use crate::served::{Cure, ServedModel, Trouble};

/// Between two tries to heal the read model, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A read model that was opened anew so often, and still fails, is built anew.
const REOPENINGS: u32 = 5;
/// What the operating system says where there is no room: then a new read model has none either.
const NO_ROOM: &[&str] = &["No space left on device", "Disk quota exceeded", "File too large"];

/// Feeds one read model from one ledger.
pub struct Feed {
    served: Arc<ServedModel>,
    ledger: Arc<Ledger>,
    /// Tries in a row that did not heal the read model.
    failures: u32,
    /// Answers have found it unreadable since it was built.
    unreadable: bool,
    /// Ends a catch-up that is under way when the feed is dropped.
    stopped: Arc<AtomicBool>,
    /// Of the last try to bring the read model to the ledger's end.
    outcome: Result<(), Trouble>,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

impl Feed {
    /// Brings the read model to the end of the ledger, or makes it answer "cannot tell" until [`Feed::run`] has.
    pub async fn begin(served: Arc<ServedModel>, ledger: Arc<Ledger>) -> Self {
        let stopped = Arc::default();
        let mut feed = Self { served, ledger, failures: 0, unreadable: false, stopped, outcome: Ok(()) };
        feed.outcome = feed.catch_up().await;
        if feed.outcome.is_err() {
            feed.served.fail();
        }
        feed
    }

    /// Feeds until the senders of committed blocks are gone.
    pub async fn run(mut self, mut committed: Receiver<Arc<CommittedBlock>>) {
        loop {
            self.outcome = match std::mem::replace(&mut self.outcome, Ok(())) {
                Err(trouble) => self.heal(trouble).await,
                Ok(()) => tokio::select! {
                    block = committed.recv() => match block {
                        Ok(block) => self.take(&block).await,
                        Err(RecvError::Lagged(_)) => self.catch_up().await,
                        Err(RecvError::Closed) => return,
                    },
                    trouble = self.served.damage() => Err(self.escalate(trouble)),
                },
            };
        }
    }

    async fn take(&self, block: &CommittedBlock) -> Result<(), Trouble> {
        match self.served.model() {
            Some(model) if block.number < model.height() => Ok(()),
            Some(model) if block.number == model.height() => Ok(model.apply(block)?),
            _ => self.catch_up().await,
        }
    }

    async fn catch_up(&self) -> Result<(), Trouble> {
        match self.served.model() {
            Some(model) => self.bring_up(model).await,
            // Another feed closed it and could not open it again.
            None => Err(Trouble { reason: "the read model is closed".to_owned(), cure: Cure::Reopen }),
        }
    }

    /// One more try. What could not be applied is not lost: the ledger has it.
    async fn heal(&mut self, trouble: Trouble) -> Result<(), Trouble> {
        self.served.fail();
        let pause = pause(self.failures);
        tracing::error!(reason = trouble.reason, ?pause, "the read model fails; it is tried again");
        self.failures += 1;
        sleep(pause).await;
        // Not held while it is closed.
        let cure = if self.served.model().is_some() {
            self.cure(&trouble)
        } else {
            self.cure(&trouble).max(Cure::Reopen)
        };
        let model = match cure {
            Cure::Retry => self.served.model(),
            Cure::Reopen => Some(self.served.open_anew(false).await?),
            Cure::Rebuild => {
                tracing::warn!("the read model is built anew from the ledger");
                self.unreadable = false;
                Some(self.served.open_anew(true).await?)
            }
        };
        if let Some(model) = model {
            self.bring_up(model).await?;
        }
        tracing::info!(tries = self.failures, "the read model is at the end of the ledger again");
        self.failures = 0;
        Ok(())
    }

    /// Some failures can only be told from damage by how long they last.
    fn cure(&self, trouble: &Trouble) -> Cure {
        let no_room = NO_ROOM.iter().any(|text| trouble.reason.contains(text));
        match trouble.cure {
            Cure::Reopen if self.failures > REOPENINGS && !no_room => Cure::Rebuild,
            cure => cure,
        }
    }

    /// What stays unreadable after the read model was opened anew is damaged on disk.
    fn escalate(&mut self, trouble: Trouble) -> Trouble {
        let cure = if self.unreadable { Cure::Rebuild } else { trouble.cure };
        self.unreadable = true;
        Trouble { cure, ..trouble }
    }

    /// Applies what the ledger has and `model` has not, then serves it. On a thread of its own: a whole chain takes
    /// minutes.
    async fn bring_up(&self, model: Arc<ReadModel>) -> Result<(), Trouble> {
        let (ledger, stopped) = (Arc::clone(&self.ledger), Arc::clone(&self.stopped));
        let work = task::spawn_blocking(move || -> Result<Arc<ReadModel>, ModelError> {
            model.fit(&ledger)?;
            while !stopped.load(Ordering::Relaxed) && model.apply_next(&ledger)? {}
            Ok(model)
        });
        match work.await {
            Ok(model) => self.served.serve(model?),
            Err(error) => return Err(Trouble { reason: error.to_string(), cure: Cure::Reopen }),
        }
        Ok(())
    }
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2u32.saturating_pow(failures)).min(LONGEST_PAUSE)
}
