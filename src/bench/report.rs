//! What a benchmark prints.

use std::time::Duration;

use serde::Serialize;

use super::{
    Operation,
    load::{Round, Times},
};
use crate::{cert::output, exit::Failure};

/// One round in numbers. Times in milliseconds.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    in_flight: usize,
    seconds: f64,
    transactions: usize,
    /// Transactions a second.
    throughput: f64,
    submit_to_commit_ms: Percentiles,
    whole_ms: Percentiles,
    failures: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_failure: Option<String>,
    /// Of the server's process, for each transaction; absent where the process is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_cpu_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generator_cpu_ms: Option<f64>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Percentiles {
    p50: f64,
    p95: f64,
    p99: f64,
}

pub fn print(rounds: &[Round], operation: Operation, as_json: bool) -> Result<(), Failure> {
    let rows: Vec<Row> = rounds.iter().map(Row::new).collect();
    if as_json {
        let operation = format!("{operation:?}").to_lowercase();
        return output::json(&serde_json::json!({ "operation": operation, "rounds": rows }));
    }
    let (what, measured) = match operation {
        Operation::Issue => ("committed/s", "submit to commit, ms"),
        Operation::Evaluate => ("answers/s", "answer, ms"),
    };
    output::line(format!("{:>9}  {what:>11}  {measured:^26}  {:^26}  CPU, ms each", "", "whole, ms"))?;
    output::line(format!(
        "{:>9}  {:>11}  {:>8} {:>8} {:>8}  {:>8} {:>8} {:>8}  {:>6} {:>6}  failures",
        "in flight", "", "p50", "p95", "p99", "p50", "p95", "p99", "server", "client"
    ))?;
    rows.iter().try_for_each(|row| output::line(row.text()))?;
    let first_failure = rows.iter().find_map(|row| row.first_failure.as_deref());
    first_failure.map_or(Ok(()), |failure| output::line(format!("\nthe first failure: {failure}")))
}

impl Row {
    fn new(round: &Round) -> Self {
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
            first_failure: round.first_failure.clone(),
            server_cpu_ms: round.server_cpu.map(each),
            generator_cpu_ms: round.own_cpu.map(each),
        }
    }

    fn text(&self) -> String {
        let Percentiles { p50, p95, p99 } = self.submit_to_commit_ms;
        let whole = &self.whole_ms;
        let cpu = |cpu: Option<f64>| cpu.map_or("-".into(), |cpu| format!("{cpu:.2}"));
        format!(
            "{:>9}  {:>11.0}  {p50:>8.2} {p95:>8.2} {p99:>8.2}  {:>8.2} {:>8.2} {:>8.2}  {:>6} {:>6}  {}",
            self.in_flight,
            self.throughput,
            whole.p50,
            whole.p95,
            whole.p99,
            cpu(self.server_cpu_ms),
            cpu(self.generator_cpu_ms),
            self.failures,
        )
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
