//! The pipeline of one channel: envelope -> ordered block -> validated block -> committed block.
//!
//! One thread walks one block at a time through all stages. While a block is under way further
//! envelopes gather; the next block takes as many as the channel's batch size allows. So an idle channel
//! cuts a block for a single envelope at once, and a busy one fills its blocks, without any timer.

use std::{sync::Arc, time::Instant};

use fabric::proto::common::Block;
use tokio::sync::mpsc::Receiver;

use super::{Channel, metrics};
use crate::{
    ledger::LedgerError,
    order::{Admitted, BlockWriter, Cut, Cutter},
    validate::{self, BlockRejected, Halt},
};

/// Why a channel takes no further blocks; everything already committed goes on being served.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error("the channel halts: {0}")]
    Halt(#[from] Halt),
    #[error("block refused: {0}")]
    BlockRejected(#[from] BlockRejected),
    #[error("the ledger failed: {0}")]
    Ledger(#[from] LedgerError),
    #[error("no randomness from the operating system: {0}")]
    Randomness(#[from] getrandom::Error),
}

/// Orders, validates and commits until every sender of envelopes is gone.
pub struct Pipeline {
    pub channel: Arc<Channel>,
    pub envelopes: Receiver<Admitted>,
    pub writer: BlockWriter,
}

impl Pipeline {
    pub fn run(mut self) -> Result<(), PipelineError> {
        let mut carried = None;
        while let Some(first) = carried.take().or_else(|| self.envelopes.blocking_recv()) {
            let (batch, left_over) = self.gather(first);
            carried = left_over;
            if let Some(block) = self.order(batch)? {
                self.validate_and_commit(block)?;
            }
        }
        Ok(())
    }

    /// Takes what is waiting, up to the channel's batch size. An envelope that does not fit any more is
    /// handed back: it begins the next block.
    fn gather(&mut self, first: Admitted) -> (Vec<Admitted>, Option<Admitted>) {
        let bundle = self.channel.bundle();
        let limits = &bundle.orderer().batch_size;
        let mut cutter = Cutter::default();
        let mut next = Some(first);
        while let Some(envelope) = next.take() {
            match cutter.offer(envelope, limits) {
                Cut::Open => next = self.envelopes.try_recv().ok(),
                Cut::Full => break,
                Cut::Refused(envelope) => return (cutter.cut(), Some(*envelope)),
            }
        }
        (cutter.cut(), None)
    }

    fn order(&mut self, batch: Vec<Admitted>) -> Result<Option<Block>, PipelineError> {
        let batch = self.readmit(batch)?;
        if batch.is_empty() {
            return Ok(None);
        }
        let started = Instant::now();
        let is_config = batch.iter().any(Admitted::is_config);
        let envelopes = batch.into_iter().map(|envelope| envelope.encoded).collect();
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce)?;
        let block = self.writer.write(envelopes, is_config, bytes::Bytes::copy_from_slice(&nonce));
        metrics::stage("order", started);
        Ok(Some(block))
    }

    /// Judges again what was admitted under an older config or may have committed meanwhile; what no longer
    /// passes is dropped, and its
    /// client learns by a commit status that never comes, as from Fabric's orderer.
    fn readmit(&self, batch: Vec<Admitted>) -> Result<Vec<Admitted>, PipelineError> {
        let bundle = self.channel.bundle();
        let mut current = Vec::with_capacity(batch.len());
        for admitted in batch {
            // A transaction that sets key policies must not be a repetition of a committed one.
            let repeats =
                admitted.footprint.sets_policies() && self.channel.ledger().contains_txid(&admitted.txid)?;
            if admitted.config_sequence == bundle.sequence() && !repeats {
                current.push(admitted);
                continue;
            }
            match self.channel.admit(admitted.update.unwrap_or(admitted.envelope), &bundle) {
                Ok(admitted) => current.push(admitted),
                Err(refusal) => tracing::warn!(info = refusal.info, "an admitted envelope is dropped"),
            }
        }
        Ok(current)
    }

    fn validate_and_commit(&self, block: Block) -> Result<(), PipelineError> {
        let channel = &self.channel;
        let bundle = channel.bundle();
        let started = Instant::now();
        let ordered = validate::verify_ordered(block, &bundle, channel.ledger(), channel.memo())?;
        let validation = validate::validate(ordered, &bundle, channel.ledger(), channel.memo())?;
        metrics::stage("validate", started);

        let started = Instant::now();
        let committed = channel.ledger().commit(validation.block)?;
        metrics::stage("commit", started);
        channel.publish(committed, validation.bundle);
        Ok(())
    }
}
