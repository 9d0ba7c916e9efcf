//! The pipeline of one channel: envelope -> ordered block -> validated block -> committed block.
//!
//! One thread walks one block at a time through all stages. While a block is under way further
//! envelopes gather; the next block takes as many as the channel's batch size allows. So an idle channel
//! cuts a block for a single envelope at once, and a busy one fills its blocks, without any timer.

use std::sync::Arc;

use fabric::{crypto::SigningError, types::HeadedBlock};
use tokio::sync::mpsc::Receiver;

use super::{Channel, metrics};
use crate::{
    ledger::LedgerError,
    order::{Admitted, BlockWriter, Cut, Cutter},
    validate::{self, BlockRejected, Halt, Validation},
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
    #[error("the block cannot be signed: {0}")]
    Signing(#[from] SigningError),
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
            let batch = self.readmit(batch)?;
            self.order_and_commit(batch)?;
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

    /// Makes the batch a block and commits it. A transaction that would stop the channel's peers shows in our
    /// own verdicts, while the block is nobody else's yet: it is left out, and the rest is ordered anew.
    fn order_and_commit(&mut self, mut batch: Vec<Admitted>) -> Result<(), PipelineError> {
        while !batch.is_empty() {
            let is_config = batch.iter().any(Admitted::is_config);
            let block = self.order(&batch, is_config)?;
            let header = block.header().clone();
            match self.validate(block) {
                Ok(validation) => match divider(&batch, &validation) {
                    Some(index) => leave_out(&mut batch, index, "its verdict would divide the peers"),
                    None => {
                        self.commit(validation)?;
                        self.writer.advance(&header, is_config);
                        return Ok(());
                    }
                },
                Err(PipelineError::Halt(halt)) => match halt.culprit() {
                    Some(index) => leave_out(&mut batch, index, &halt.to_string()),
                    None => return Err(halt.into()),
                },
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn order(&self, batch: &[Admitted], is_config: bool) -> Result<HeadedBlock, PipelineError> {
        let _stage = metrics::stage("order", batch.len());
        let envelopes = batch.iter().map(|envelope| envelope.encoded.clone()).collect();
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce)?;
        let nonce = bytes::Bytes::copy_from_slice(&nonce);
        Ok(self.writer.write(envelopes, is_config, nonce, self.channel.memo())?)
    }

    fn validate(&self, block: HeadedBlock) -> Result<Validation, PipelineError> {
        let channel = &self.channel;
        let bundle = channel.bundle();
        let _stage = metrics::stage("validate", block.envelopes().len());
        let ordered = validate::verify_written(block, &bundle, channel.ledger(), channel.memo())?;
        Ok(validate::validate(ordered, &bundle, channel.ledger(), channel.memo())?)
    }

    fn commit(&self, validation: Validation) -> Result<(), PipelineError> {
        let _stage = metrics::stage("commit", validation.block.codes.len());
        let committed = self.channel.ledger().commit(validation.block)?;
        metrics::committed(&committed);
        self.channel.publish(committed, validation.bundle);
        Ok(())
    }

    /// Judges again what was admitted under an older config or may have committed meanwhile; what no longer
    /// passes is dropped,
    /// and its client learns by a commit status that never comes, as from Fabric's orderer.
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
}

/// The first transaction after whose verdict some peers go on and others do not.
fn divider(batch: &[Admitted], validation: &Validation) -> Option<usize> {
    let verdicts = batch.iter().zip(&validation.block.codes);
    verdicts
        .enumerate()
        .find_map(|(index, (envelope, code))| envelope.footprint.divides_peers(*code).then_some(index))
}

/// As from Fabric's orderer, the client learns of it by a commit status that never comes.
fn leave_out(batch: &mut Vec<Admitted>, index: usize, reason: &str) {
    let envelope = batch.remove(index);
    tracing::warn!(txid = envelope.txid, reason, "an admitted envelope is not ordered");
}
