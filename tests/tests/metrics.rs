//! `docs/metrics.md` names what a running node and a running verifier expose, no more and no less, and the alert rules
//! ask for nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use tests::{Network, follower::Settings, get, repository};

/// A metric's type and the names of its labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Metric {
    kind: String,
    labels: BTreeSet<String>,
}

type Metrics = BTreeMap<String, Metric>;

#[test]
fn each_documented_metric_is_exposed_and_no_other() {
    let own_folder = tempfile::tempdir().unwrap();
    let mut network = Network::start();
    let code = network.code();
    get(&network.verifier(), &format!("/c/{code}"));
    assert_eq!(exposed(&network.operations()), documented("up"));

    let mut follower = Settings::new(&network, own_folder.path()).start();
    follower.wait_for(code, |answer| answer["result"] == "valid");
    assert_eq!(exposed(&follower.operations()), documented("verifier"));
}

/// An alert on an increase misses the first event of a counter that begins with it.
#[test]
fn what_alerts_count_is_there_before_it_happens() {
    let folder = tempfile::tempdir().unwrap();
    drop(Network::start_in(folder.path()));
    // On a ledger that is there already nothing need happen.
    let mut again = Network::start_in(folder.path());
    let text = get(&again.operations(), "/metrics");
    for series in [
        "nanotrace_envelopes_refused_total{reason=\"stops peers\"} 0",
        "nanotrace_envelopes_refused_total{reason=\"too many wait\"} 0",
        "nanotrace_envelopes_refused_total{reason=\"no longer admitted\"} 0",
        "nanotrace_envelopes_deferred_total 0",
    ] {
        assert!(text.lines().any(|line| line == series), "{series} is missing:\n{text}");
    }
    assert!(text.contains("\nnanotrace_ledger_height "), "{text}");
}

#[test]
fn alert_rules_ask_for_documented_metrics_and_labels() {
    let documented: Metrics = ["up", "verifier"].into_iter().flat_map(documented).collect();
    let rules = read("docs/alerts.yml");
    let mut asked = 0;
    for (at, _) in rules.match_indices(['n', 'v']) {
        let (before, name) = (&rules[..at], word(&rules[at..]));
        let begins = !before.ends_with(|character: char| character.is_alphanumeric() || character == '_');
        if !begins || !(name.starts_with("nanotrace_") || name.starts_with("verifier_")) {
            continue;
        }
        asked += 1;
        let metric = documented.get(name).unwrap_or_else(|| panic!("{name} is not in docs/metrics.md"));
        let selector = rules[at + name.len()..].strip_prefix('{').and_then(|rest| rest.split('}').next());
        for label in selector.into_iter().flat_map(|selector| selector.split(',')).map(word) {
            let known = metric.labels.contains(label) || metric.kind == "summary" && label == "quantile";
            assert!(known, "{name} has no label {label}");
        }
    }
    assert!(asked > 10, "the rules are not read");
}

#[test]
fn each_alert_has_its_row_and_its_test() {
    let rules = read("docs/alerts.yml");
    let alerts: BTreeSet<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let page = read("docs/metrics.md");
    let rows: BTreeSet<&str> = table(&page, "## Alerts").map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(rows, alerts);
    let tests = read("tests/alerts.yml");
    for alert in alerts {
        let fires = tests.split("alertname: ").skip(1).any(|test| {
            test.starts_with(&format!("{alert}\n"))
                && test.trim_start_matches(alert).trim().starts_with("exp_alerts:\n")
        });
        let silent = tests.contains(&format!("alertname: {alert}, exp_alerts: []"));
        assert!(fires && silent, "{alert} is not shown to fire and to be silent in tests/alerts.yml");
    }
}

/// What a process says at its operations address, without the quantiles of summaries.
fn exposed(address: &str) -> Metrics {
    // The first scrape is counted after it is answered.
    get(address, "/metrics");
    let text = get(address, "/metrics");
    let mut metrics: Metrics = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| (name.to_owned(), Metric { kind: kind.to_owned(), labels: BTreeSet::new() }))
        .collect();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = word(line);
        let of_summary = name.strip_suffix("_sum").or(name.strip_suffix("_count"));
        let name = if metrics.contains_key(name) { name } else { of_summary.unwrap_or(name) };
        let metric = metrics.get_mut(name).unwrap_or_else(|| panic!("{line} is of no type"));
        let labels =
            line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map(|(labels, _)| labels);
        let names = labels.into_iter().flat_map(|labels| labels.split("\",")).map(word);
        metric.labels.extend(names.filter(|name| *name != "quantile").map(str::to_owned));
    }
    metrics
}

/// What `docs/metrics.md` says of a process.
fn documented(process: &str) -> Metrics {
    let page = read("docs/metrics.md");
    let of_process = |row: &Vec<&str>| row[1].split(", ").any(|named| named == process);
    table(&page, "## Metrics")
        .filter(of_process)
        .map(|row| {
            let labels =
                row[3].split(", ").map(|label| label.trim_matches('`')).filter(|label| !label.is_empty());
            let labels = labels.map(str::to_owned).collect();
            (row[0].trim_matches('`').to_owned(), Metric { kind: row[2].to_owned(), labels })
        })
        .collect()
}

/// The rows of the table below a heading, without its head.
fn table<'a>(page: &'a str, heading: &str) -> impl Iterator<Item = Vec<&'a str>> {
    let section = page.split(&format!("\n{heading}\n")).nth(1).expect(heading);
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    rows.skip(2).map(|row| row.split('|').map(str::trim).collect())
}

/// The name with which a text begins.
fn word(text: &str) -> &str {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_').next().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}
