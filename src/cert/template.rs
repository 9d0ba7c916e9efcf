//! `cert template`: a draft to fill in.

use std::path::PathBuf;

use certificate::{demo, document::LedgerBinding, draft};
use issuing::background::{Background, BackgroundError};

use super::{
    files,
    network::{Network, OFFICER},
};
use crate::exit::{Exit, Failure};

/// Write a draft certificate to fill in.
///
/// Its id, its code and its place in the status list are new and random. Issuer, scheme and accreditation come from
/// the ledger; with --offline, or where it has none, they stay empty. `check` names what is still missing.
#[derive(clap::Args)]
pub struct Args {
    /// Ask no network; the ledger's channel and genesis are then taken from the connection profile, if there is one.
    #[arg(long)]
    offline: bool,
    /// Fill in the demonstration's material (JRC representative nanomaterial NM-110), to try things out.
    #[arg(long)]
    demonstration: bool,
    /// The issuer's did:web identifier, where the ledger has keys of more than one.
    #[arg(long, value_name = "DID", conflicts_with = "offline")]
    issuer: Option<String>,
    /// For how many years the certificate holds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=3))]
    years: i32,
    /// Where to write it. [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

pub async fn run(args: Args, network: &Network) -> Result<Exit, Failure> {
    let background = match args.offline {
        true => Background::default(),
        false => read(network, args.issuer.as_deref()).await?,
    };
    let profile = network.optional_profile()?;
    let (channel, genesis) = profile.map(|profile| (profile.channel, profile.genesis)).unwrap_or_default();
    let now = verifier::now();
    let until = now.plus_years(args.years).unwrap_or(now);
    let particulars =
        background.particulars(LedgerBinding { channel, genesis }, now, until).map_err(no_randomness)?;
    let draft = match args.demonstration {
        true => demo::document(&particulars),
        false => background.fill(draft::template(&particulars)),
    };
    let mut text =
        serde_json::to_string_pretty(&draft).map_err(|error| Failure::during("writing the draft", error))?;
    text.push('\n');
    files::write(args.out.as_deref(), text.as_bytes(), args.force)?;
    Ok(Exit::Ok)
}

async fn read(network: &Network, issuer: Option<&str>) -> Result<Background, Failure> {
    let read = Background::read(&network.contract(OFFICER).await?, issuer).await;
    read.map_err(|error| match error {
        BackgroundError::Call(error) => error.into(),
        error => Failure::usage(error.to_string()),
    })
}

fn no_randomness(error: getrandom::Error) -> Failure {
    Failure::during("asking the operating system for randomness", error)
}
