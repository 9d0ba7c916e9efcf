//! The clock of the machine has no say in a verdict: recorded chains come out the same in other decades, when
//! their certificates are not valid yet or no longer.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{path::Path, process::Command};

use tests::{assert_success, nanotrace, repository, shared};

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

/// What `replay` prints of each block; the summary tells the time it took.
fn replay(mut command: Command, chain: &Path) -> Vec<String> {
    let output = command.arg("replay").arg(chain).output().unwrap();
    let mut lines: Vec<String> = assert_success(&output).lines().map(str::to_owned).collect();
    let is_summary = |line: &String| line.contains(" a second");
    assert!(lines.len() > 10 && lines.iter().any(is_summary), "{lines:#?}");
    lines.retain(|line| !is_summary(line));
    lines
}
