//! `nanotrace body`: a certification body joins or leaves.

use std::path::{Path, PathBuf};

use certificate::{contract, parties};
use commands::{
    exit::{Exit, Failure},
    files,
    network::Network,
    output,
};

use super::channel::{configuration, show};
use crate::{Change, Joining, Signers, join, leave};

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
    prepared: Prepared,
}

/// Prepare the update by which an organisation is no certification body any more: those that remain decide without it. It stays
/// a member of the channel, and its certificates stay verifiable.
#[derive(clap::Args)]
struct Leave {
    /// The certification body, by name or MSP id.
    body: String,
    #[command(flatten)]
    prepared: Prepared,
}

#[derive(clap::Args)]
struct Prepared {
    /// The accreditation body, by its MSP id.
    #[arg(long, value_name = "MSP-ID", default_value = parties::ACCREDITATION_BODY)]
    accreditation: String,
    /// The channel's config block, where it is not asked of the network (peer channel fetch config).
    #[arg(long, value_name = "FILE")]
    config_block: Option<PathBuf>,
    /// Where to write the update.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

/// Prepares an update, and says what comes next.
pub async fn run(args: Args) -> Result<Exit, Failure> {
    let Args { network, command } = args;
    match command {
        Command::Join(Join { body, msp_dir, msp_id, anchor_peers, prepared }) => {
            let joining = match (&msp_dir, &msp_id) {
                (Some(msp), Some(mspid)) => {
                    Joining::New { name: &body, mspid, msp, anchor_peers: &anchor_peers }
                }
                _ => Joining::Member(&body),
            };
            let config = configuration(&network, prepared.config_block.as_deref()).await?;
            let change = join(&config, &prepared.accreditation, &joining)?;
            write(&change, &prepared)?;
            output::line(after_joining(&change.mspid, &body, &prepared.accreditation))?;
        }
        Command::Leave(Leave { body, prepared }) => {
            let config = configuration(&network, prepared.config_block.as_deref()).await?;
            write(&leave(&config, &prepared.accreditation, &body)?, &prepared)?;
        }
    }
    Ok(Exit::Ok)
}

fn write(change: &Change, prepared: &Prepared) -> Result<(), Failure> {
    show(&change.update)?;
    files::write(Some(&prepared.out), &change.update.to_bytes(), prepared.force)?;
    output::line(format!("\nwritten to {}", prepared.out.display()))?;
    output::line(signing(&change.signers, &prepared.out))
}

/// Who signs, and how.
pub(super) fn signing(signers: &Signers, file: &Path) -> String {
    let who = match signers {
        Signers::Bodies { now, then } => {
            format!("administrators of {now} sign it; after it, {then} decide")
        }
        Signers::Itself(mspid) => format!("an administrator of {mspid} signs it"),
    };
    let file = file.display();
    format!(
        "{who}. Each with its own key:\n  nanotrace channel sign {file} --org ORGANISATION\nand with all signatures, one of them:\n  \
         nanotrace channel submit {file} --org ORGANISATION"
    )
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
