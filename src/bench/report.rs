//! What a benchmark prints.

use bench::{Operation, Round, Summary};
use serde::Serialize;

use crate::{cert::output, exit::Failure};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_failure: Option<String>,
}

pub fn print(rounds: Vec<Round>, operation: Operation, as_json: bool) -> Result<(), Failure> {
    let rows: Vec<Row> = rounds.into_iter().map(Row::new).collect();
    if as_json {
        let operation = format!("{operation:?}").to_lowercase();
        return output::json(&serde_json::json!({ "operation": operation, "rounds": rows }));
    }
    let (what, measured) = match operation {
        Operation::Issue => ("committed/s", "submit to commit, ms"),
        Operation::Path => ("granted/s", "grant: submit to commit, ms"),
        Operation::Evaluate => ("answers/s", "answer, ms"),
    };
    output::line(format!("{:>9}  {what:>11}  {measured:^26}  {:^26}  CPU, ms each", "", "whole, ms"))?;
    output::line(format!(
        "{:>9}  {:>11}  {:>8} {:>8} {:>8}  {:>8} {:>8} {:>8}  {:>6} {:>6}  failures",
        "in flight", "", "p50", "p95", "p99", "p50", "p95", "p99", "server", "client"
    ))?;
    rows.iter().try_for_each(|row| output::line(text(&row.summary)))?;
    let first_failure = rows.iter().find_map(|row| row.first_failure.as_deref());
    first_failure.map_or(Ok(()), |failure| output::line(format!("\nthe first failure: {failure}")))
}

impl Row {
    fn new(round: Round) -> Self {
        let summary = Summary::of(&round);
        Self { summary, first_failure: round.first_failure.map(|error| Failure::from(error).to_string()) }
    }
}

fn text(summary: &Summary) -> String {
    let (commit, whole) = (&summary.submit_to_commit_ms, &summary.whole_ms);
    let cpu = |cpu: Option<f64>| cpu.map_or("-".into(), |cpu| format!("{cpu:.2}"));
    format!(
        "{:>9}  {:>11.0}  {:>8.2} {:>8.2} {:>8.2}  {:>8.2} {:>8.2} {:>8.2}  {:>6} {:>6}  {}",
        summary.in_flight,
        summary.throughput,
        commit.p50,
        commit.p95,
        commit.p99,
        whole.p50,
        whole.p95,
        whole.p99,
        cpu(summary.server_cpu_ms),
        cpu(summary.generator_cpu_ms),
        summary.failures,
    )
}
