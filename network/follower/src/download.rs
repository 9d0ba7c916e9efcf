//! The stream of blocks: from which source it comes, and when that source is left for another.

use std::time::Duration;

use fabric::types::HeadedBlock;
use futures::{StreamExt, TryFutureExt};
use tokio::time::Instant;

use super::{
    SourceError,
    asking::{Asker, Blocks},
    source::Source,
};

/// After this time without a block, a source that says it has no more is left for one that has.
const IDLE: Duration = Duration::from_secs(2);
/// After this time without a block that is known to exist, the source is left.
const STALLED: Duration = Duration::from_secs(20);
/// After this time with one source, and blocks still missing, it is another one's turn.
const TURN: Duration = Duration::from_secs(60);
/// How long a source that was left is not asked for blocks, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The one stream of blocks that is open, and what is remembered of each source.
pub(super) struct Download {
    current: Option<Current>,
    sources: Vec<Record>,
}

struct Current {
    source: usize,
    blocks: Blocks,
    opened: Instant,
    last_block: Instant,
}

/// How a source did.
struct Record {
    /// Blocks that it says the chain has; 0 where it did not answer.
    claim: u64,
    failures: u32,
    paused_until: Instant,
}

impl Download {
    pub fn new(sources: usize) -> Self {
        let now = Instant::now();
        let record = || Record { claim: 0, failures: 0, paused_until: now };
        Self { current: None, sources: std::iter::repeat_with(record).take(sources).collect() }
    }

    /// The next block of the open stream; waits without end where there is none.
    pub async fn next(&mut self) -> Result<HeadedBlock, SourceError> {
        match &mut self.current {
            Some(current) => current.blocks.next().await.unwrap_or(Err(SourceError::Closed)),
            None => std::future::pending().await,
        }
    }

    /// The source whose stream is open.
    pub fn source(&self) -> Option<usize> {
        self.current.as_ref().map(|current| current.source)
    }

    /// The block that came was committed.
    pub fn advanced(&mut self) {
        let Some(current) = &mut self.current else { return };
        current.last_block = Instant::now();
        if let Some(record) = self.sources.get_mut(current.source) {
            record.failures = 0;
        }
    }

    /// What each source says in this round.
    pub fn claims(&mut self, claims: impl Iterator<Item = u64>) {
        for (record, claim) in self.sources.iter_mut().zip(claims) {
            record.claim = claim;
        }
    }

    /// Why the source must be left, when there are `ours` blocks here and the chain has `end`.
    pub fn grievance(&self, ours: u64, end: u64) -> Option<SourceError> {
        let current = self.current.as_ref().filter(|_| ours < end)?;
        let claim = self.sources.get(current.source).map_or(0, |record| record.claim);
        let idle = current.last_block.elapsed();
        if idle >= IDLE && claim <= ours {
            return Some(SourceError::Behind { newest: claim.saturating_sub(1), known: end - 1 });
        }
        (idle >= STALLED).then_some(SourceError::Stalled { missing: ours })
    }

    /// A source that delivers one block now and then must not keep the others from delivering the rest.
    pub fn is_turn_over(&self, ours: u64, end: u64) -> bool {
        let since = self.current.as_ref().map(|current| current.opened.elapsed());
        ours < end && self.sources.len() > 1 && since.is_some_and(|since| since >= TURN)
    }

    /// Closes the stream; its source rests for a while.
    pub fn leave(&mut self) {
        let Some(current) = self.current.take() else { return };
        if let Some(record) = self.sources.get_mut(current.source) {
            let pause = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(record.failures)).min(LONGEST_PAUSE);
            record.failures += 1;
            record.paused_until = Instant::now() + pause;
        }
    }

    /// Opens a stream where none is open, from the source that says it has most.
    pub fn open(&mut self, asker: &Asker, sources: &[Source]) {
        if self.current.is_some() {
            return;
        }
        let now = Instant::now();
        let rested = self.sources.iter().enumerate().filter(|(_, record)| record.paused_until <= now);
        // Of equals the first one.
        let best = rested.rev().max_by_key(|(_, record)| record.claim);
        let Some((source, address)) = best.and_then(|(index, _)| Some((index, sources.get(index)?))) else {
            return;
        };
        let opening = asker.clone().blocks(address.clone());
        let blocks = opening.try_flatten_stream().boxed();
        self.current = Some(Current { source, blocks, opened: now, last_block: now });
    }
}
