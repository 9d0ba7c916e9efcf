//! The clock of the machine has no say in a verdict: recorded chains come out the same in other decades, when
//! their certificates are not valid yet or no longer.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{path::Path, process::Command};

use tests::{Network, assert_success, nanotrace, repository, shared};

#[test]
fn replay_is_the_same_in_any_year() {
    if Command::new("faketime").arg("--version").output().is_err() {
        println!("skipped: no faketime");
        return;
    }
    let small = repository().join("tests/golden/small/blockfile_000000");
    let alpha = shared("golden/alpha/blockfile_000000.gz");
    let byhand = shared("golden/byhand/blockfile_000000");
    let sample = shared("golden/fabric-v20-sample/blockfile_000000");
    for chain in [Some(small), alpha, byhand, sample].into_iter().flatten() {
        let now = replay(Command::new(nanotrace()), &chain);
        for shift in ["-10y", "+10y", "+30y"] {
            let mut shifted = Command::new("faketime");
            shifted.args(["-f", shift]).arg(nanotrace());
            assert_eq!(replay(shifted, &chain), now, "{} at {shift}", chain.display());
        }
    }
}

#[test]
fn who_acts_by_a_wrong_clock_hears_both_times() {
    if Command::new("faketime").arg("--version").output().is_err() {
        println!("skipped: no faketime");
        return;
    }
    let network = Network::start();
    let code = network.code().to_string();
    let act = |mut command: Command, act: &str| {
        let output = command
            .args(["cert", act, &code, "--reason", "a closer look", "--data-dir"])
            .arg(network.directory())
            .output()
            .unwrap();
        assert_success(&output);
        String::from_utf8(output.stderr).unwrap()
    };
    for honest in ["stop", "lift"] {
        assert_eq!(act(Command::new(nanotrace()), honest), "");
    }
    let mut ahead = Command::new("faketime");
    ahead.args(["-f", "+10m"]).arg(nanotrace());
    let warning = act(ahead, "stop");
    assert!(warning.contains("the clock of this machine is ahead of the network's"), "{warning}");
    assert_eq!(warning.matches("Z").count(), 2, "{warning}");
}

/// What `replay` prints of each block; the summary tells the time it took.
fn replay(mut command: Command, chain: &Path) -> Vec<String> {
    let output = command.arg("replay").arg(chain).output().unwrap();
    let mut lines: Vec<String> = assert_success(&output).lines().map(str::to_owned).collect();
    let is_summary = |line: &String| line.contains(" a second");
    assert!(lines.len() > 10 && lines.iter().any(is_summary), "{lines:#?}");
    lines.retain(|line| !is_summary(line));
    lines
}
