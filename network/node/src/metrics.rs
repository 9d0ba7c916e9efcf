//! What operators watch: how long each stage takes, in metrics and in tracing spans, and what was committed.

use std::time::Instant;

use tracing::{info_span, span::EnteredSpan};

use ledger::CommittedBlock;

/// Says what the node's metrics mean, to the recorder that is installed.
pub fn describe() {
    metrics::describe_histogram!(
        "nanotrace_stage_seconds",
        metrics::Unit::Seconds,
        "Time that a stage of validation or commit takes for one block, by stage"
    );
    metrics::describe_gauge!("nanotrace_ledger_height", "Number of blocks committed");
    metrics::describe_counter!(
        "nanotrace_envelopes_refused_total",
        "Envelopes that were admitted and are not ordered, by reason"
    );
    metrics::describe_counter!(
        "nanotrace_envelopes_deferred_total",
        "Envelopes that had to wait for another block, since they exclude one another"
    );
    metrics::describe_counter!("nanotrace_transactions_total", "Transactions committed, by validation code");
}

/// Records an envelope that was admitted and is not ordered.
pub fn refused(reason: &'static str) {
    metrics::counter!("nanotrace_envelopes_refused_total", "reason" => reason).increment(1);
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

/// Records a committed block: the new height and its transactions by verdict.
pub fn committed(block: &CommittedBlock) {
    metrics::gauge!("nanotrace_ledger_height").set((block.number + 1) as f64);
    for code in &block.codes {
        metrics::counter!("nanotrace_transactions_total", "code" => code.as_str_name()).increment(1);
    }
}
