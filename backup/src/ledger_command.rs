//! `nanotrace ledger`: looks after the block log of a ledger, and brings one on that was restored from a backup.

use std::path::PathBuf;

use certificate::DateTime;
use commands::{
    exit::{Exit, Failure},
    output,
};
use ledger::{self, ExportError};
use serde_json::json;

use crate::resuming::{self, Import, Resume};

/// Check a ledger's chain of blocks, write it in Fabric's format, or bring one on that was restored from a backup.
///
/// `check` and `export` only read the ledger. DIR is the data directory of `nanotrace up` or `nanotrace verifier`, the ledger
/// in it, or its folder `blocks`.
///
/// Exit codes: 0 done, 1 the chain is damaged or the blocks are refused, 2 wrong usage or input, 4 anything else.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Check(Check),
    Export(Export),
    Import(Import),
    Resume(Resume),
}

/// Read every block, and check that it is whole and follows from the one before.
///
/// Where it is not, the first damaged block is named, with what is whole before and behind it. Signatures and
/// verdicts are not checked: `nanotrace replay` does that.
#[derive(clap::Args)]
struct Check {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

/// Write all blocks as Fabric's block files, verdicts and commit hashes with them.
///
/// They lie where a peer of Fabric keeps them below its fileSystemPath, so that `ledgerutil verify OUT` finds them.
#[derive(clap::Args)]
struct Export {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,
    /// The folder to write to; it must not hold an export of the channel.
    #[arg(long, short, value_name = "OUT")]
    out: PathBuf,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args, now: DateTime) -> Result<Exit, Failure> {
    match args.command {
        Command::Check(args) => check(&args),
        Command::Export(args) => export(&args),
        Command::Import(args) => resuming::import(args).await,
        Command::Resume(args) => resuming::resume(args, now).await,
    }
}

fn check(args: &Check) -> Result<Exit, Failure> {
    let checked = ledger::check_log(&args.ledger).map_err(|error| {
        let exit = if error.is_damage() { Exit::No } else { Exit::Failure };
        Failure::new(exit, error.to_string())
    })?;
    let checked =
        checked.ok_or_else(|| Failure::usage(format!("{} holds no ledger", args.ledger.display())))?;
    let (blocks, transactions) = (checked.blocks, checked.transactions);
    match args.json {
        true => output::json(&json!({ "blocks": blocks, "transactions": transactions }))?,
        false => {
            output::line(format!("{blocks} blocks with {transactions} transactions: whole and in order"))?
        }
    }
    Ok(Exit::Ok)
}

fn export(args: &Export) -> Result<Exit, Failure> {
    let exported = ledger::export(&args.ledger, &args.out).map_err(|error| match &error {
        ExportError::NoLedger(_) | ExportError::Exists(_) => Failure::usage(error.to_string()),
        ExportError::Ledger(cause) if cause.is_damage() => Failure::new(Exit::No, error.to_string()),
        _ => Failure::new(Exit::Failure, error.to_string()),
    })?;
    let folder = exported.folder.display().to_string();
    match args.json {
        true => output::json(
            &json!({ "channel": exported.channel_id, "blocks": exported.blocks, "folder": folder }),
        )?,
        false => {
            output::line(format!(
                "{} blocks of channel {} in {folder}",
                exported.blocks, exported.channel_id
            ))?;
        }
    }
    Ok(Exit::Ok)
}
