//! Follows the channel for as long as the process runs.
//!
//! After a failed write the ledger takes no more blocks in the state it is in (`docs/adr/0015-following.md`). It is
//! then closed and opened anew, as a restart would do, with growing pauses. Meanwhile every answer is "cannot tell".

use std::{
    convert::Infallible,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use certificate::DateTime;
use fabric::types::HeadedBlock;
use follower::{FollowError, Follower, FollowerEvent, Report, Round, Source, SourceError};
use ledger::{CommittedBlock, Ledger};
use msp::SigningIdentity;
use tokio::{
    sync::broadcast::{self, Sender},
    task::{self, JoinSet},
    time::sleep,
};
use verifier::{Feed, Head, ServedModel, SourceReport, Sources};

use super::contact::ChannelContact;

/// Between two tries to follow, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Committed blocks that wait for the read model; what it misses it reads from the ledger.
const WAITING_BLOCKS: usize = 16;

/// What following takes, whichever ledger is open.
pub struct Following {
    /// Of the ledger.
    directory: PathBuf,
    genesis: HeadedBlock,
    identity: Arc<SigningIdentity>,
    sources: Vec<Source>,
    /// How many sources have to confirm the newest block, where that was asked for.
    min_sources: Option<usize>,
    served: Arc<ServedModel>,
    contact: ChannelContact,
    /// Blocks that the chain is known to have.
    known: u64,
    /// Tries in a row after which the newest known block was not here.
    failures: u32,
}

impl Following {
    pub fn new(
        directory: PathBuf,
        genesis: HeadedBlock,
        identity: Arc<SigningIdentity>,
        sources: Vec<Source>,
        min_sources: Option<usize>,
        served: Arc<ServedModel>,
        contact: ChannelContact,
    ) -> Self {
        Self { directory, genesis, identity, sources, min_sources, served, contact, known: 0, failures: 0 }
    }

    /// Follows without end, at first with a ledger and a feed that are open already.
    pub async fn run(mut self, ledger: Arc<Ledger>, feed: Feed) -> Infallible {
        let mut error = self.follow(ledger, feed).await;
        loop {
            self.contact.stopped(&error);
            sleep(self.pause()).await;
            self.failures += 1;
            error = match self.open().await {
                Ok(ledger) => {
                    let feed = Feed::begin(self.served.clone(), ledger.clone()).await;
                    self.follow(ledger, feed).await
                }
                Err(error) => error,
            };
        }
    }

    fn pause(&self) -> Duration {
        FIRST_PAUSE.saturating_mul(2u32.saturating_pow(self.failures)).min(LONGEST_PAUSE)
    }

    async fn open(&self) -> Result<Arc<Ledger>, FollowError> {
        let (directory, genesis) = (self.directory.clone(), self.genesis.clone());
        let opened = task::spawn_blocking(move || Ledger::open(&directory, Some(&genesis))).await;
        let opened = opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        Ok(opened.map(|(ledger, _)| ledger)?)
    }

    /// Follows until that fails. When it returns, nothing here holds the ledger any more.
    async fn follow(&mut self, ledger: Arc<Ledger>, feed: Feed) -> FollowError {
        let (committed, blocks) = broadcast::channel(WAITING_BLOCKS);
        let mut feeding = JoinSet::new();
        feeding.spawn(feed.run(blocks));
        let (identity, sources) = (Arc::clone(&self.identity), self.sources.clone());
        let error = match Follower::new(Arc::clone(&ledger), identity, sources, self.known) {
            Ok(follower) => follower.run(|event| self.on_event(event, &ledger, &committed)).await,
            Err(error) => error,
        };
        self.served.set_following(false);
        feeding.shutdown().await;
        error
    }

    fn on_event(
        &mut self,
        event: FollowerEvent<'_>,
        ledger: &Ledger,
        committed: &Sender<Arc<CommittedBlock>>,
    ) {
        match event {
            FollowerEvent::Committed(block) => {
                // The feed ends with this process.
                let _ = committed.send(Arc::clone(block));
            }
            FollowerEvent::Round(round) => self.conclude(round, ledger.height()),
            FollowerEvent::Left(source, error) => self.contact.fails(source.address(), error),
        }
    }

    fn conclude(&mut self, round: &Round, height: u64) {
        for report in &round.reports {
            match &report.claim {
                Ok(_) => self.contact.confirms(&report.source),
                Err(error) => self.contact.fails(&report.source, error),
            }
        }
        self.served.report_sources(round.reports.iter().map(|report| self.describe(report)).collect());
        self.known = self.known.max(round.height);
        let is_here = height >= self.known;
        if is_here {
            self.failures = 0;
            self.served.set_following(true);
        }
        // What the last round said holds on: the next one decides.
        if round.is_open {
            return;
        }
        let confirming = round.confirming().count();
        if let Some(required) = self.min_sources {
            self.served.set_quorum(confirming, required);
        }
        if confirming < self.min_sources.unwrap_or(1) {
            self.contact.lost();
            return;
        }
        let confirmed_at = date_time(round.asked_at);
        self.served.confirm(Head { height: round.height, confirmed_at, sources: Some(by(round).into()) });
        if is_here {
            self.contact.caught_up(height, confirmed_at);
        }
    }

    fn describe(&self, report: &Report) -> SourceReport {
        let (height, trouble) = match &report.claim {
            Ok(height) => (Some(*height), None),
            Err(SourceError::Behind { newest, .. }) => (Some(newest + 1), Some("it is behind".to_owned())),
            Err(error @ SourceError::Unproven { newest, .. }) => (Some(newest + 1), Some(error.to_string())),
            Err(error) => (None, Some(self.contact.explain(error))),
        };
        SourceReport {
            name: report.source.clone(),
            organisation: report.organisation.clone(),
            height,
            trouble,
        }
    }
}

fn by(round: &Round) -> Sources {
    let confirming = || round.confirming();
    let mut organisations: Vec<_> = confirming().filter_map(|report| report.organisation.clone()).collect();
    organisations.sort();
    organisations.dedup();
    Sources { confirming: confirming().count(), asked: round.reports.len(), organisations }
}

fn date_time(at: SystemTime) -> DateTime {
    let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    DateTime::from_seconds(since_1970.as_secs() as i64)
}
