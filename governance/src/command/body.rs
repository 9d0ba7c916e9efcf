//! `nanotrace body`: a certification body joins or leaves.

use std::path::PathBuf;

use certificate::{contract, parties};
use commands::{
    exit::{Exit, Failure},
    network::Network,
    output,
};

use super::channel::{Prepared, configuration, write};
use crate::{Joining, join, leave};

/// Certification bodies join and leave. What is prepared here, the organisations then sign, each with its own key:
/// `nanotrace channel sign` and `submit`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    network: Network,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Join(Join),
    Leave(Leave),
}

/// Prepare the update by which an organisation becomes a certification body: from then on the accreditation body and a majority
/// of all certification bodies, with it, decide on the channel and on definitions of chaincodes.
#[derive(clap::Args)]
struct Join {
    /// The organisation, by name or MSP id.
    body: String,
    /// Of an organisation that is new to the channel: its MSP folder, without keys.
    #[arg(long, value_name = "DIR", requires = "msp_id")]
    msp_dir: Option<PathBuf>,
    /// Of an organisation that is new to the channel: its MSP id.
    #[arg(long, value_name = "MSP-ID", requires = "msp_dir")]
    msp_id: Option<String>,
    /// Of an organisation that is new to the channel: where peers of others find its own. May be given several times.
    #[arg(long = "anchor-peer", value_name = "HOST:PORT", requires = "msp_dir")]
    anchor_peers: Vec<String>,
    #[command(flatten)]
    decided: Decided,
}

/// Prepare the update by which an organisation is no certification body any more: those that remain decide without it. It stays
/// a member of the channel, and its certificates stay verifiable.
#[derive(clap::Args)]
struct Leave {
    /// The certification body, by name or MSP id.
    body: String,
    #[command(flatten)]
    decided: Decided,
}

#[derive(clap::Args)]
struct Decided {
    /// The accreditation body, by its MSP id.
    #[arg(long, value_name = "MSP-ID", default_value = parties::ACCREDITATION_BODY)]
    accreditation: String,
    #[command(flatten)]
    prepared: Prepared,
}

/// Prepares an update, and says what comes next.
pub async fn run(args: Args) -> Result<Exit, Failure> {
    let Args { network, command } = args;
    match command {
        Command::Join(Join { body, msp_dir, msp_id, anchor_peers, decided }) => {
            let joining = match (&msp_dir, &msp_id) {
                (Some(msp), Some(mspid)) => {
                    Joining::New { name: &body, mspid, msp, anchor_peers: &anchor_peers }
                }
                _ => Joining::Member(&body),
            };
            let Decided { accreditation, prepared } = &decided;
            let config = configuration(&network, prepared.config_block.as_deref()).await?;
            let change = join(&config, accreditation, &joining)?;
            write(&change, prepared)?;
            output::line(after_joining(&change.mspid, &body, accreditation))?;
        }
        Command::Leave(Leave { body, decided }) => {
            let Decided { accreditation, prepared } = &decided;
            let config = configuration(&network, prepared.config_block.as_deref()).await?;
            write(&leave(&config, accreditation, &body)?, prepared)?;
        }
    }
    Ok(Exit::Ok)
}

/// What a body that has joined still needs before it certifies.
fn after_joining(mspid: &str, name: &str, accreditation: &str) -> String {
    let chaincode = format!("nanotrace-{}", name.to_lowercase());
    let version = contract::VERSION;
    format!(
        "\nThen, before it certifies (docs/operations.md, \"A certification body joins\"):\n  \
         nanotrace chaincode package --label {chaincode}_{version} --address HOST:PORT --out {chaincode}.tar.gz\n  \
         nanotrace chaincode install {chaincode}.tar.gz --org ORGANISATION        (each that endorses it)\n  \
         nanotrace chaincode approve {chaincode} --package-id ID --policy \"AND('{mspid}.peer','{accreditation}.peer')\" --org \
         ORGANISATION        (each)\n  \
         nanotrace chaincode commit {chaincode} --policy \"AND('{mspid}.peer','{accreditation}.peer')\" --org ORGANISATION\n  \
         nanotrace chaincode --id ID --address HOST:PORT        (the service)\n  \
         nanotrace cert ledger bind --body {mspid} --chaincode {chaincode}        (the accreditation body)\n  \
         nanotrace cert accreditation register --body {mspid} …        (the accreditation body)\n  \
         nanotrace cert key generate, key propose --chaincode {chaincode} --org {name} --user Admin, key approve"
    )
}
