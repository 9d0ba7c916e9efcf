//! `nanotrace replay`: validates a recorded chain again and compares.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use follower::replay::{self, BlockReport, Replay, ReplayError, Summary};
use serde::Serialize;

use crate::exit::{Exit, Failure};

/// Judge a recorded chain of Fabric again, from its blocks alone, and compare with what was recorded.
///
/// Give the files in order, beginning with the genesis block: a peer's block files (blockfile_000000 and
/// so on), single blocks (*.block), or a folder of block files; each may be compressed (*.gz). Or give the
/// data directory of a NanoTrace node or verifier, whose ledger is only read. For every
/// block our validation codes and commit hash are printed beside the recorded ones, and where they differ
/// the first transaction that does, with our reason. It stops at the first block that differs.
///
/// Exit codes: 0 all is equal, 1 something differs, nothing is recorded to compare with, or a block is
/// refused, 2 the files cannot be used, 4 anything else.
#[derive(clap::Args)]
pub struct Args {
    /// Block files, blocks or folders, in order.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// One JSON object a line: each block, then the summary.
    #[arg(long)]
    json: bool,
    /// Keep the ledger in this folder, or go on with the one in it.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Go on after a block that differs; everything after it may differ because of it.
    #[arg(long)]
    keep_going: bool,
}

pub fn run(args: Args) -> Result<Exit, Failure> {
    crate::privacy::keep_files_private();
    let temporary =
        tempfile::tempdir().map_err(|error| Failure::during("making a temporary folder", error))?;
    let directory = args.state_dir.as_deref().unwrap_or(temporary.path());
    let mut output = Output { json: args.json, last: None, summary: Summary::default() };
    let started = Instant::now();
    let result = replay_all(&args, directory, &mut output);
    output.summary.elapsed = started.elapsed();
    if let Err(failure) = &result {
        output.stopped(failure);
    }
    output.finish().map_err(|error| Failure::during("writing the report", error))?;
    result?;
    Ok(if output.summary.all_equal() { Exit::Ok } else { Exit::No })
}

fn replay_all(args: &Args, directory: &Path, output: &mut Output) -> Result<(), Failure> {
    let mut replay = Replay::new(directory.to_owned());
    for path in &args.paths {
        for block in replay::read(path).map_err(|error| failure(error.into()))? {
            let block = block.map_err(|error| failure(error.into()))?;
            let report = replay.block(block).map_err(failure)?;
            output.block(&report).map_err(|error| Failure::during("writing the report", error))?;
            if report.difference.is_some() && !args.keep_going {
                output.summary.stopped =
                    Some(format!("at block {}, which differs; --keep-going goes on", report.number));
                return Ok(());
            }
        }
    }
    Ok(())
}

fn failure(error: ReplayError) -> Failure {
    let exit = match &error {
        ReplayError::Halt(_) | ReplayError::Rejected { .. } => Exit::No,
        ReplayError::Ledger(_) => Exit::Failure,
        _ => Exit::Usage,
    };
    Failure::new(exit, error.to_string())
}

/// Where reports go.
struct Output {
    json: bool,
    /// The last block that was validated.
    last: Option<u64>,
    summary: Summary,
}

impl Output {
    fn block(&mut self, report: &BlockReport) -> io::Result<()> {
        self.summary.add(report);
        self.last = Some(report.number);
        if self.json { line(&json(report)?) } else { line(&report.to_string()) }
    }

    /// The summary must not read as if the rest of the chain had been validated.
    fn stopped(&mut self, failure: &Failure) {
        self.summary.stopped = Some(match self.last {
            Some(last) => format!("after block {last}: {failure}"),
            None => format!("before the first block: {failure}"),
        });
    }

    fn finish(&self) -> io::Result<()> {
        #[derive(Serialize)]
        struct Last<'a> {
            summary: &'a Summary,
            all_equal: bool,
        }
        if self.json {
            line(&json(&Last { summary: &self.summary, all_equal: self.summary.all_equal() })?)
        } else {
            line(&format!("\n{}", self.summary))
        }
    }
}

fn json(value: &impl Serialize) -> io::Result<String> {
    serde_json::to_string(value).map_err(io::Error::other)
}

/// Standard output may be a pipe that is closed early.
fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}
