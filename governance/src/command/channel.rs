//! `nanotrace channel fetch`, `sign` and `submit`: config updates on their way.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use commands::{
    exit::{Exit, Failure},
    files,
    network::Network,
    output,
};
use peer_client::{ConnectionProfile, Error, Gateway, certificate::CallError, ordering};
use tokio::time::{Instant, sleep};

use super::read;
use crate::{Change, ChannelConfig, Signers, Update, revoke};

/// How long the peers may take to have what the orderer took.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions whether they have it.
const PAUSE: Duration = Duration::from_millis(100);

/// Write the block with the channel's configuration, as an organisation's peer has it.
#[derive(clap::Args)]
pub struct Fetch {
    #[command(flatten)]
    network: Network,
    /// Where to write it.
    #[arg(long, short, value_name = "FILE", default_value = "config.block")]
    out: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

/// Sign a config update in the name of an organisation, by default as its Admin, after showing what it changes. The signature
/// is added to the file, as `peer channel signconfigtx` does; no network is needed.
#[derive(clap::Args)]
pub struct Sign {
    #[command(flatten)]
    network: Network,
    /// The update, as `nanotrace body` or Fabric's tools write it.
    update: PathBuf,
    /// Write the signed update here, and leave the file as it is.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only show what it changes and who has signed.
    #[arg(long)]
    show: bool,
}

/// Hand a signed config update to the orderer, and wait until it is in force. By default as Admin of --org.
///
/// Of several copies, each signed by another organisation, the signatures are put together.
#[derive(clap::Args)]
pub struct Submit {
    #[command(flatten)]
    network: Network,
    /// The update; several files are copies of one.
    #[arg(required = true)]
    updates: Vec<PathBuf>,
}

/// Prepare the update that puts revocation lists into an organisation's membership definition on the channel. Its own
/// administrator alone signs it.
#[derive(clap::Args)]
pub struct Revocations {
    #[command(flatten)]
    network: Network,
    /// The organisation, by name or MSP id.
    organisation: String,
    /// A revocation list, as `nanotrace crypto revoke` or `fabric-ca-client gencrl` writes it (PEM). May be given several times.
    #[arg(long = "crl", value_name = "FILE", required = true)]
    lists: Vec<PathBuf>,
    /// In place of the lists that the channel has. What they revoke and the new ones do not is valid again.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    prepared: Prepared,
}

/// Where a prepared update comes from, and where it goes.
#[derive(clap::Args)]
pub(super) struct Prepared {
    /// The channel's config block, where it is not asked of the network (peer channel fetch config).
    #[arg(long, value_name = "FILE")]
    pub config_block: Option<PathBuf>,
    /// Where to write the update.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    pub force: bool,
}

/// Prepares an update of revocation lists.
pub async fn revocations(args: &Revocations) -> Result<Exit, Failure> {
    let Revocations { network, organisation, lists, replace, prepared } = args;
    let lists = lists.iter().map(|path| Ok(read(path)?.into())).collect::<Result<_, Failure>>()?;
    let config = configuration(network, prepared.config_block.as_deref()).await?;
    write(&revoke(&config, organisation, lists, *replace)?, prepared)?;
    Ok(Exit::Ok)
}

/// Writes the config block.
pub async fn fetch(args: Fetch) -> Result<Exit, Failure> {
    let profile = args.network.profile()?;
    let block = config_block(&args.network.reader(&profile).await?, &profile.channel).await?;
    let config = ChannelConfig::from_block(&block)?;
    files::write(Some(&args.out), &block, args.force)?;
    output::line(format!(
        "{}: the configuration of {} after {} updates",
        args.out.display(),
        config.channel,
        config.sequence
    ))?;
    Ok(Exit::Ok)
}

/// Shows and signs.
pub fn sign(args: &Sign) -> Result<Exit, Failure> {
    let mut update = read_update(&args.update)?;
    show(&update)?;
    if !args.show {
        let profile = args.network.profile()?;
        let (organisation, identity) = args.network.administrator_identity(&profile)?;
        update.sign(&identity, files::random()?)?;
        let out = args.out.as_ref().unwrap_or(&args.update);
        files::write(Some(out), &update.to_bytes(), args.out.is_none())?;
        output::line(format!("signed for {}: {}", organisation.msp_id, out.display()))?;
    }
    output::line(format!("signatures: {}", signers(&update)))?;
    Ok(Exit::Ok)
}

/// Puts signatures together, and submits.
pub async fn submit(args: &Submit) -> Result<Exit, Failure> {
    let mut copies = args.updates.iter();
    let first = copies.next().ok_or_else(|| Failure::usage("name the update's file"))?;
    let mut update = read_update(first)?;
    for copy in copies {
        update.merge(read_update(copy)?).map_err(|error| {
            Failure::usage(format!("{} and {}: {error}", first.display(), copy.display()))
        })?;
    }
    let profile = args.network.profile()?;
    let sequence = broadcast(&args.network, &profile, &update).await?;
    output::line(format!("in force: configuration {sequence} of {}", update.channel))?;
    Ok(Exit::Ok)
}

/// Returns the sequence of the configuration that the update led to.
async fn broadcast(network: &Network, profile: &ConnectionProfile, update: &Update) -> Result<u64, Failure> {
    let (_, identity) = network.administrator_identity(profile)?;
    let gateway = network.administrator(profile).await?;
    let before = sequence(&gateway, &profile.channel).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
    let envelope = update.envelope(&identity, files::random()?, now)?;
    let orderer = profile.orderer.endpoint().map_err(commands::contract::usage)?;
    ordering::broadcast(&orderer, envelope).await.map_err(|error| refused(error, update))?;
    let begun = Instant::now();
    loop {
        let now = sequence(&gateway, &profile.channel).await?;
        if now > before {
            return Ok(now);
        }
        if begun.elapsed() > PATIENCE {
            let reason = "the orderer took the update, but the peer does not have it yet: see `nanotrace channel fetch`";
            return Err(Failure::new(Exit::Unreachable, reason));
        }
        sleep(PAUSE).await;
    }
}

/// What the orderer says, and what may be missing.
fn refused(error: Error, update: &Update) -> Failure {
    match error {
        Error::NotOrdered(refusal) => {
            let advice = "Signatures of organisations whose say it takes may be missing, or the configuration has changed since the \
                          update was prepared: then prepare and sign it anew.";
            Failure::new(Exit::No, format!("{refusal}\nsigned by: {}\n{advice}", signers(update)))
        }
        other => CallError::Failed(other).into(),
    }
}

async fn sequence(gateway: &Gateway, channel: &str) -> Result<u64, Failure> {
    Ok(ChannelConfig::from_block(&config_block(gateway, channel).await?)?.sequence)
}

pub(super) async fn config_block(gateway: &Gateway, channel: &str) -> Result<Bytes, Failure> {
    Ok(ordering::config_block(gateway, channel).await.map_err(CallError::Failed)?)
}

/// The configuration in a file, or, without one, as an organisation's peer has it.
pub(super) async fn configuration(network: &Network, file: Option<&Path>) -> Result<ChannelConfig, Failure> {
    let block = match file {
        Some(file) => read(file)?.into(),
        None => {
            let profile = network.profile()?;
            config_block(&network.reader(&profile).await?, &profile.channel).await?
        }
    };
    let named = |error| match file {
        Some(file) => Failure::usage(format!("{}: {error}", file.display())),
        None => Failure::from(error),
    };
    ChannelConfig::from_block(&block).map_err(named)
}

/// Writes a prepared update, and says who signs it, and how.
pub(super) fn write(change: &Change, prepared: &Prepared) -> Result<(), Failure> {
    let Prepared { out, force, .. } = prepared;
    show(&change.update)?;
    files::write(Some(out), &change.update.to_bytes(), *force)?;
    let file = out.display();
    let who = match &change.signers {
        Signers::Bodies { now, then } => {
            format!("administrators of {now} sign it; after it, {then} decide")
        }
        Signers::Itself(mspid) => format!("an administrator of {mspid} signs it"),
    };
    output::line(format!(
        "\nwritten to {file}\n{who}. Each with its own key:\n  nanotrace channel sign {file} --org ORGANISATION\nand with all \
         signatures, one of them:\n  nanotrace channel submit {file} --org ORGANISATION"
    ))
}

fn show(update: &Update) -> Result<(), Failure> {
    output::line(format!("changes of channel {}:", update.channel))?;
    update.changes().into_iter().try_for_each(|line| output::line(format!("  {line}")))
}

fn read_update(path: &Path) -> Result<Update, Failure> {
    let update = Update::from_bytes(&read(path)?);
    update.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn signers(update: &Update) -> String {
    let signers = update.signed_by();
    if signers.is_empty() { "none yet".to_owned() } else { signers.join(", ") }
}
