//! One round in numbers.

use std::time::Duration;

use serde::Serialize;

use crate::load::{Round, Times};

/// Times in milliseconds.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub in_flight: usize,
    pub seconds: f64,
    pub transactions: usize,
    /// Transactions a second.
    pub throughput: f64,
    pub submit_to_commit_ms: Percentiles,
    pub whole_ms: Percentiles,
    pub failures: usize,
    /// Of the server's process, for each transaction; absent where the process is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpu_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator_cpu_ms: Option<f64>,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
}

impl Summary {
    pub fn of(round: &Round) -> Self {
        let transactions = round.times.len();
        let seconds = round.elapsed.as_secs_f64();
        let each = |cpu: Duration| milliseconds(cpu) / transactions.max(1) as f64;
        Self {
            in_flight: round.in_flight,
            seconds,
            transactions,
            throughput: transactions as f64 / seconds.max(f64::EPSILON),
            submit_to_commit_ms: Percentiles::of(&round.times, |times| times.commit),
            whole_ms: Percentiles::of(&round.times, |times| times.whole),
            failures: round.failures,
            server_cpu_ms: round.server_cpu.map(each),
            generator_cpu_ms: round.own_cpu.map(each),
        }
    }
}

impl Percentiles {
    fn of(times: &[Times], which: impl Fn(&Times) -> Duration) -> Self {
        let mut sorted: Vec<Duration> = times.iter().map(which).collect();
        sorted.sort_unstable();
        let at = |percent| milliseconds(percentile(&sorted, percent));
        Self { p50: at(50), p95: at(95), p99: at(99) }
    }
}

/// The least time that so many of a hundred do not exceed (nearest rank); zero where there are none.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let sorted: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        for (percent, expected) in [(50, 100), (95, 190), (99, 198), (100, 200)] {
            assert_eq!(percentile(&sorted, percent), Duration::from_millis(expected));
        }
        assert_eq!(percentile(&[], 99), Duration::ZERO);
        assert_eq!(percentile(&[Duration::from_millis(7)], 1), Duration::from_millis(7));
    }
}
