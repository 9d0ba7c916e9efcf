//! The pipeline of one channel: envelope -> ordered block -> validated block -> committed block.
//!
//! One thread walks one block at a time through all stages. While a block is under way further
//! envelopes gather; the next block takes as many as the channel's batch size allows. So an idle channel
//! cuts a block for a single envelope at once, and a busy one fills its blocks, without any timer.
//!
//! The verdicts are reached while the block is composed, before it leaves the pipeline: what would stop the channel's
//! peers is left out, and every client hears there whether its envelope is ordered (ADR 14).

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    thread,
};

use bytes::Bytes;
use fabric::{crypto::SigningError, types::HeadedBlock};
use tokio::sync::mpsc::Receiver;

use super::{
    Channel, Ended,
    metrics::{self, RefusalReason},
    shares::Caller,
    submission::Submission,
};
use ledger::LedgerError;
use ordering::{BlockWriter, Cut, Cutter, Refusal};
use validation::{BlockRejected, Committed, Committer, Composition, Halt, NotCommitted, Validation};

/// Envelopes that may wait because they would stop peers behind others of the same block, and those among them of
/// one identity. Each is validated once for every block that it waits for.
const DEFERRED_ENVELOPES: usize = 64;
const DEFERRED_OF_IDENTITY: usize = 16;

/// Why a channel takes no further blocks. The node ends: see `docs/adr/0016-a-failed-disk-ends-the-node.md`.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error("the channel halts: {0}")]
    Halt(#[from] Halt),
    #[error("block refused: {0}")]
    BlockRejected(BlockRejected),
    #[error("the ledger failed: {0}")]
    Ledger(LedgerError),
    #[error("no randomness from the operating system: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error("the block cannot be signed: {0}")]
    Signing(#[from] SigningError),
}

/// Orders, validates and commits until every sender of envelopes is gone.
pub struct Pipeline {
    pub channel: Arc<Channel>,
    pub envelopes: Receiver<Submission>,
    pub writer: BlockWriter,
}

impl Pipeline {
    pub fn run(mut self) -> Result<(), PipelineError> {
        metrics::height(self.channel.ledger().height());
        let ended = self.run_stages();
        if let Err(error) = &ended {
            self.channel.end(Ended::Failed(error.to_string()));
        }
        ended
    }

    fn run_stages(&mut self) -> Result<(), PipelineError> {
        let mut waiting = VecDeque::new();
        let channel = &self.channel;
        let (ledger, memo) = (Arc::clone(channel.ledger()), Arc::clone(channel.memo()));
        let mut committer = Committer::new(ledger, channel.bundle(), memo);
        loop {
            let batch = self.gather(&mut waiting);
            if batch.is_empty() {
                return Ok(());
            }
            let batch = self.readmit(batch);
            for deferred in self.order_and_commit(batch, &mut committer)?.into_iter().rev() {
                waiting.push_front(deferred);
            }
        }
    }

    /// Takes what is waiting, up to the channel's batch size, and blocks while there is nothing. Empty when there
    /// will be nothing any more.
    fn gather(&mut self, waiting: &mut VecDeque<Submission>) -> Vec<Submission> {
        let bundle = self.channel.bundle();
        let limits = &bundle.orderer().batch_size;
        let (mut batch, mut cutter) = (Vec::new(), Cutter::default());
        let mut next = waiting.pop_front().or_else(|| self.envelopes.blocking_recv());
        while let Some(submission) = next.take() {
            match cutter.offer(&submission.admitted, limits) {
                Cut::Open => next = waiting.pop_front().or_else(|| self.envelopes.try_recv().ok()),
                Cut::Full => {}
                Cut::Refused => {
                    waiting.push_front(submission);
                    break;
                }
            }
            batch.push(submission);
        }
        batch
    }

    /// Makes the batch a block and commits it. Every client hears at the cut whether its envelope is in the block;
    /// those whose envelopes may stand in a later one go on waiting.
    fn order_and_commit(
        &mut self,
        batch: Vec<Submission>,
        committer: &mut Committer,
    ) -> Result<Vec<Submission>, PipelineError> {
        let is_config = batch.iter().any(|submission| submission.admitted.is_config());
        let composition = compose(&batch, committer)?;
        let Sorted { ordered, deferred, refused } = Sorted::new(batch, &composition);
        refuse(refused);
        let deferred = limit(deferred);
        if ordered.is_empty() {
            return Ok(deferred);
        }
        let block = self.order(&ordered, is_config)?;
        let header = block.header().clone();
        let validation = committer.verify_written(block, composition)?;
        ordered.into_iter().for_each(Submission::ordered);
        self.commit(validation, committer)?;
        self.writer.advance(&header, is_config);
        Ok(deferred)
    }

    fn order(&self, ordered: &[Submission], is_config: bool) -> Result<HeadedBlock, PipelineError> {
        let _stage = metrics::stage("order", ordered.len());
        let envelopes = ordered.iter().map(|submission| submission.admitted.encoded.clone()).collect();
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce)?;
        let nonce = Bytes::copy_from_slice(&nonce);
        Ok(self.writer.write(envelopes, is_config, nonce, self.channel.memo())?)
    }

    fn commit(&self, validation: Validation, committer: &mut Committer) -> Result<(), PipelineError> {
        let _stage = metrics::stage("commit", validation.block.codes.len());
        let Committed { block, bundle, .. } = committer.commit(validation)?;
        metrics::committed(&block);
        self.channel.publish(block, bundle);
        Ok(())
    }

    /// Judges again what was admitted under an older config, and tells the client where it no longer passes.
    fn readmit(&self, batch: Vec<Submission>) -> Vec<Submission> {
        let bundle = self.channel.bundle();
        let admit = |submission: Submission| {
            if submission.admitted.config_sequence == bundle.sequence() {
                return Some(submission);
            }
            submission.readmitted(|admitted| {
                self.channel.admit(admitted.update.unwrap_or(admitted.envelope), &bundle)
            })
        };
        batch.into_iter().filter_map(admit).collect()
    }
}

impl Drop for Pipeline {
    /// However it ends: all who wait for a transaction hear that no further one will be committed.
    fn drop(&mut self) {
        self.channel.end(match thread::panicking() {
            true => Ended::Failed("the pipeline panicked".to_owned()),
            false => Ended::ShuttingDown,
        });
    }
}

/// Reaches the verdicts.
fn compose(batch: &[Submission], committer: &Committer) -> Result<Composition, PipelineError> {
    let _stage = metrics::stage("validate", batch.len());
    let envelopes: Vec<Bytes> = batch.iter().map(|submission| submission.admitted.encoded.clone()).collect();
    Ok(committer.compose(&envelopes)?)
}

impl From<NotCommitted> for PipelineError {
    fn from(failure: NotCommitted) -> Self {
        match failure {
            NotCommitted::Rejected(reason) => Self::BlockRejected(reason),
            NotCommitted::Halt(halt) => Self::Halt(halt),
            NotCommitted::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// A batch by what has become of its envelopes.
struct Sorted {
    /// In the order of the block.
    ordered: Vec<Submission>,
    deferred: Vec<Submission>,
    refused: Vec<(Submission, String)>,
}

impl Sorted {
    fn new(batch: Vec<Submission>, composition: &Composition) -> Self {
        let mut batch: Vec<_> = batch.into_iter().map(Some).collect();
        let mut take = |index: &usize| batch.get_mut(*index).and_then(Option::take);
        Self {
            ordered: composition.ordered.iter().filter_map(&mut take).collect(),
            deferred: composition.deferred.iter().filter_map(&mut take).collect(),
            refused: composition
                .refused
                .iter()
                .filter_map(|(index, reason)| Some((take(index)?, reason.clone())))
                .collect(),
        }
    }
}

/// Refuses what no block may hold. One line of the log an identity, however many envelopes it sent.
fn refuse(refused: Vec<(Submission, String)>) {
    let mut senders: HashMap<Option<Caller>, (usize, String)> = HashMap::new();
    for (submission, reason) in refused {
        metrics::refused(RefusalReason::StopsPeers);
        let first = || (0, format!("{}: {reason}", submission.creator()));
        senders.entry(submission.caller.clone()).or_insert_with(first).0 += 1;
        let info = format!("transaction refused, since it would stop the channel's peers: {reason}");
        submission.refuse(Refusal::bad_request(info));
    }
    for (envelopes, first) in senders.into_values() {
        tracing::warn!(envelopes, first, "an identity's envelopes are not ordered: they would stop peers");
    }
}

/// Keeps as many as may wait for later blocks, of one identity and of all.
fn limit(deferred: Vec<Submission>) -> Vec<Submission> {
    let mut senders: HashMap<Option<Caller>, usize> = HashMap::new();
    let (mut kept, mut excess) = (Vec::new(), Vec::new());
    for submission in deferred {
        // By the certificate: the bytes around it can be spelled in many ways.
        let of_sender = senders.entry(submission.caller.clone()).or_default();
        *of_sender += 1;
        if *of_sender <= DEFERRED_OF_IDENTITY && kept.len() < DEFERRED_ENVELOPES {
            kept.push(submission);
        } else {
            excess.push(submission);
        }
    }
    if let Some(first) = excess.first() {
        let (envelopes, first) = (excess.len(), first.creator());
        tracing::warn!(envelopes, first, "too many envelopes wait that exclude one another from a block");
    }
    for submission in excess {
        metrics::refused(RefusalReason::TooManyWait);
        submission.refuse(Refusal::unavailable(format!(
            "the transaction must stand in another block than those before it, and too many wait for that: at most \
             {DEFERRED_OF_IDENTITY} of one identity and {DEFERRED_ENVELOPES} of all may; try again later"
        )));
    }
    metrics::deferred(kept.len());
    kept
}
