//! What operators watch: how long each stage takes, in metrics and in tracing spans, and what was committed.

use std::time::Instant;

use tracing::{info_span, span::EnteredSpan};

use ledger::CommittedBlock;

/// Why an envelope that was admitted is not ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// It would stop peers of Fabric.
    StopsPeers,
    /// Too many envelopes already wait for a block of their own.
    TooManyWait,
    /// The channel's configuration changed while it waited, and the new one does not admit it.
    NoLongerAdmitted,
}

impl RefusalReason {
    const ALL: [Self; 3] = [Self::StopsPeers, Self::TooManyWait, Self::NoLongerAdmitted];

    const fn label(self) -> &'static str {
        match self {
            Self::StopsPeers => "stops peers",
            Self::TooManyWait => "too many wait",
            Self::NoLongerAdmitted => "no longer admitted",
        }
    }
}

/// Says what the node's metrics mean, to the recorder that is installed, and begins its counters: an alert on an
/// increase sees the first event only if the counter stood at 0 before. `docs/metrics.md` is for operators.
pub fn describe() {
    metrics::describe_histogram!(
        "nanotrace_stage_seconds",
        metrics::Unit::Seconds,
        "Time that a stage of validation or commit takes for one block, by stage"
    );
    metrics::describe_gauge!("nanotrace_ledger_height", "Number of blocks committed");
    metrics::describe_gauge!(
        "nanotrace_orderer_held",
        "1 where the ledger came from a backup and its operator has not said yet that it is complete"
    );
    metrics::describe_gauge!(
        "nanotrace_losses_accepted",
        "How often the operator gave up what may have followed the last block of a backup"
    );
    metrics::describe_counter!(
        "nanotrace_envelopes_refused_total",
        "Envelopes that were admitted and are not ordered, by reason"
    );
    metrics::describe_counter!(
        "nanotrace_envelopes_deferred_total",
        "Envelopes that had to wait for another block, since they exclude one another"
    );
    metrics::describe_counter!("nanotrace_transactions_total", "Transactions committed, by validation code");
    for reason in RefusalReason::ALL {
        count_refused(reason, 0);
    }
    deferred(0);
}

/// Records an envelope that was admitted and is not ordered.
pub fn refused(reason: RefusalReason) {
    count_refused(reason, 1);
}

fn count_refused(reason: RefusalReason, envelopes: u64) {
    metrics::counter!("nanotrace_envelopes_refused_total", "reason" => reason.label()).increment(envelopes);
}

/// Records envelopes that wait for a later block than the one just cut.
pub fn deferred(envelopes: usize) {
    metrics::counter!("nanotrace_envelopes_deferred_total").increment(envelopes as u64);
}

/// A stage of the pipeline at work on one block, from [`stage`] until it is dropped.
pub struct Stage {
    name: &'static str,
    started: Instant,
    _span: EnteredSpan,
}

pub fn stage(name: &'static str, transactions: usize) -> Stage {
    let span = info_span!("stage", stage = name, transactions).entered();
    Stage { name, started: Instant::now(), _span: span }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let seconds = self.started.elapsed().as_secs_f64();
        metrics::histogram!("nanotrace_stage_seconds", "stage" => self.name).record(seconds);
    }
}

/// Records whether the orderer waits for its operator's word, and how often that was given for a loss.
pub fn restored(held: bool, losses: usize) {
    metrics::gauge!("nanotrace_orderer_held").set(f64::from(u8::from(held)));
    metrics::gauge!("nanotrace_losses_accepted").set(losses as f64);
}

/// Records the number of blocks that the ledger has.
pub fn height(blocks: u64) {
    metrics::gauge!("nanotrace_ledger_height").set(blocks as f64);
}

/// Records a committed block: the new height and its transactions by verdict.
pub fn committed(block: &CommittedBlock) {
    height(block.number + 1);
    for code in &block.codes {
        metrics::counter!("nanotrace_transactions_total", "code" => code.as_str_name()).increment(1);
    }
}
