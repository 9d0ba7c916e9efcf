//! `nanotrace audit`: anchors of logs that are kept elsewhere.

use commands::{
    contract,
    exit::{Exit, Failure},
    network::{BODY_ADMIN, Common, OFFICER},
    output::{self, text_at},
};
use serde_json::Value;

/// Anchors of logs that are kept elsewhere: the ledger remembers where a log stood, so that it cannot be changed unseen.
///
/// Exit codes: 0 done, 1 refused, 2 wrong usage or input, 3 the network cannot be reached, 4 anything else.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Anchor where a log of one's organisation stands. For an auditor, an administrator or a service. By default as
    /// Admin of CertBody.
    Anchor {
        /// The log's name.
        log: String,
        /// The SHA-256 with which its chain of hashes ends, in hex.
        #[arg(long, value_name = "HEX")]
        head: String,
        /// How many entries it has; more than at the last anchor.
        #[arg(long)]
        count: u64,
    },
    /// Show where a log stood when it was anchored last.
    Show {
        /// The organisation's MSP id.
        #[arg(value_name = "MSP-ID")]
        organisation: String,
        /// The log's name.
        log: String,
    },
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let Args { common: Common { network, json }, command } = args;
    match command {
        Command::Anchor { log, head, count } => {
            let anchor = network.contract(BODY_ADMIN).await?.audit_anchor(&log, &head, count);
            output::committed("anchored", &contract::submit(anchor).await?, json)?;
        }
        Command::Show { organisation, log } => {
            let anchor: Value =
                network.contract(OFFICER).await?.audit_get(&organisation, &log).read().await?;
            if json {
                output::json(&anchor)?;
            } else {
                let text = |pointer| text_at(&anchor, pointer);
                output::rows(&[
                    ("log", text("/log")),
                    ("entries", text("/count")),
                    ("head", text("/head")),
                    ("anchored", text("/anchored/effectiveAt")),
                    ("transaction", text("/anchored/transactionId")),
                ])?;
            }
        }
    }
    Ok(Exit::Ok)
}
