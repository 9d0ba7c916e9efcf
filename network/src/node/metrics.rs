//! The node's metrics: how long each stage takes and how much passes through it.

use std::time::Instant;

/// Records how long a stage of the pipeline took for one block, in seconds.
pub fn stage(name: &'static str, started: Instant) {
    metrics::histogram!("nanotrace_stage_seconds", "stage" => name).record(started.elapsed().as_secs_f64());
}

/// Records a committed block: its number and its transactions by verdict.
pub fn committed(number: u64, codes: impl Iterator<Item = &'static str>) {
    metrics::gauge!("nanotrace_ledger_height").set((number + 1) as f64);
    for code in codes {
        metrics::counter!("nanotrace_transactions_total", "code" => code).increment(1);
    }
}
