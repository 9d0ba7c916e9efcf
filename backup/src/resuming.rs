//! `nanotrace ledger import` and `nanotrace ledger resume`: how a ledger that was restored goes on.

use std::path::{Path, PathBuf};

use certificate::DateTime;
use commands::{
    exit::{Exit, Failure},
    network::default_data_dir,
    output,
};
use follower::import::{self, ImportError, Imported};
use ledger::{Restored, ResumeError};
use serde_json::json;
use tokio::task;

use crate::restore::LEDGER;

/// Blocks between two lines about progress.
const PROGRESS: u64 = 10_000;

/// Bring later blocks into a ledger, from what a follower of the channel has.
///
/// Each block is verified and validated as if a source had delivered it: its number, the hash of the block before, the hash of
/// its data, the orderer's signature. Blocks that are there already are compared. Nothing may run on the data directory. It can be
/// repeated; what was taken before an error stays.
///
/// Exit codes: 0 done, 1 the blocks are refused: of another channel or another course of it, changed, not in a row, cut short; 2
/// wrong usage or input, 4 anything else.
#[derive(clap::Args)]
pub struct Import {
    /// What `nanotrace ledger export` wrote of the follower's data directory; or a copy of that directory, block files of
    /// Fabric, or one of them.
    #[arg(value_name = "FILE|FOLDER")]
    source: PathBuf,
    /// The data directory whose ledger gets the blocks.
    #[arg(long, env = "NANOTRACE_DATA", value_name = "DIR", default_value_os_t = default_data_dir())]
    data_dir: PathBuf,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

/// Let the orderer of a restored ledger go on.
///
/// Say which block is the last one that the ledger has now, and what that means: that it is the chain's last one, or that what
/// followed is given up. The second is written down for good: in the data directory, in the log, in `nanotrace status` and in
/// the metrics; and followers that have later blocks refuse the new course of the chain.
///
/// Exit codes: 0 done, 2 the ledger does not wait, or its last block is another one, 4 anything else.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("word").required(true).args(["complete_at", "accept_loss_after"])))]
pub struct Resume {
    /// No block after this one was ever acknowledged, as far as you know: the ledger is complete.
    #[arg(long, value_name = "BLOCK")]
    complete_at: Option<u64>,
    /// Blocks after this one are lost: what they recorded holds no more.
    #[arg(long, value_name = "BLOCK")]
    accept_loss_after: Option<u64>,
    /// The data directory.
    #[arg(long, env = "NANOTRACE_DATA", value_name = "DIR", default_value_os_t = default_data_dir())]
    data_dir: PathBuf,
}

pub async fn import(args: Import) -> Result<Exit, Failure> {
    let (directory, source) = (args.data_dir.join(LEDGER), args.source.clone());
    let imported = task::spawn_blocking(move || import::import(&directory, &source, progress)).await;
    let imported = imported.map_err(|error| Failure::during("the import", error))?;
    let Imported { taken, height } = imported.map_err(refused)?;
    let last = height.saturating_sub(1);
    if args.json {
        output::json(&json!({ "taken": taken, "lastBlock": last }))?;
        return Ok(Exit::Ok);
    }
    output::line(format!("{taken} blocks were added; the last one is block {last}"))?;
    if is_waiting(&args.data_dir)? {
        output::line(format!(
            "If no follower has a later block: nanotrace ledger resume --complete-at {last}"
        ))?;
    }
    Ok(Exit::Ok)
}

fn progress(height: u64) {
    if height.is_multiple_of(PROGRESS) {
        output::warn(format!("{height} blocks are there"));
    }
}

fn is_waiting(data_dir: &Path) -> Result<bool, Failure> {
    let restored = Restored::read(&data_dir.join(LEDGER));
    Ok(restored.map_err(|error| Failure::during("reading the ledger", error))?.is_some())
}

fn refused(error: ImportError) -> Failure {
    use follower::replay::FileError;
    let exit = match &error {
        ImportError::NoLedger => Exit::Usage,
        ImportError::File(
            FileError::Io { .. } | FileError::EmptyFolder { .. } | FileError::Channels { .. },
        ) => Exit::Usage,
        ImportError::Config(_) | ImportError::Ledger(_) => Exit::Failure,
        _ => Exit::No,
    };
    Failure::new(exit, error.to_string())
}

/// `now` is this machine's time.
pub async fn resume(args: Resume, now: DateTime) -> Result<Exit, Failure> {
    let directory = args.data_dir.join(LEDGER);
    let (complete_at, accept_loss_after) = (args.complete_at, args.accept_loss_after);
    let done = task::spawn_blocking(move || match (complete_at, accept_loss_after) {
        (Some(block), _) => ledger::complete(&directory, block).map(|()| None),
        (None, after) => ledger::accept_loss(&directory, after.unwrap_or_default(), now.seconds()).map(Some),
    });
    let done = done.await.map_err(|error| Failure::during("the command", error))?;
    let loss = done.map_err(|error| match error {
        ResumeError::Ledger(error) => Failure::new(Exit::Failure, error.to_string()),
        error => Failure::usage(error.to_string()),
    })?;
    match loss {
        None => output::line("The orderer goes on at the next start.")?,
        Some(loss) => output::line(format!(
            "The orderer goes on after block {} at the next start. It is written down that what followed was given up; \
             followers that have it refuse the new course, and say so.",
            loss.after
        ))?,
    }
    Ok(Exit::Ok)
}
