//! `nanotrace chaincode install`, `approve` and `commit`: a definition, decided on by the organisations.

use std::path::PathBuf;

use certificate::contract;
use channel::policy;
use commands::{
    exit::{Exit, Failure},
    network::Network,
    output,
};
use fabric::proto::lifecycle::InstallChaincodeResult;
use peer_client::{
    Gateway, Invocation,
    certificate::CallError,
    lifecycle::{self, Definition},
};
use prost::Message;

use super::read;

/// Install a chaincode's package on an organisation's peer, and print its package id; one that is there stays. By default as its
/// Admin.
#[derive(clap::Args)]
pub struct Install {
    #[command(flatten)]
    network: Network,
    /// The package, as `nanotrace chaincode package` writes it.
    package: PathBuf,
}

/// Approve a chaincode's definition in the name of an organisation, by default as its Admin.
#[derive(clap::Args)]
pub struct Approve {
    #[command(flatten)]
    definition: Proposed,
    /// The id of the package that this organisation's peer runs.
    #[arg(long, value_name = "LABEL:HASH")]
    package_id: String,
}

/// Put a definition in force that enough organisations have approved. By default as Admin of --org.
#[derive(clap::Args)]
pub struct Commit {
    #[command(flatten)]
    definition: Proposed,
}

/// A definition: organisations that approve one agree on every part of it.
#[derive(clap::Args)]
struct Proposed {
    #[command(flatten)]
    network: Network,
    /// The chaincode, such as nanotrace-lab.
    name: String,
    /// Whose peers endorse its transactions, such as AND('LabMSP.peer','AccreditationMSP.peer').
    #[arg(long, value_name = "POLICY")]
    policy: String,
    /// The definition's version.
    #[arg(long = "definition-version", value_name = "VERSION", default_value = contract::VERSION)]
    version: String,
    /// The definition's number: 1 for the first. [default: the next after the one in force]
    #[arg(long)]
    sequence: Option<i64>,
}

/// Installs a package.
pub async fn install(args: &Install) -> Result<Exit, Failure> {
    let package = read(&args.package)?;
    let profile = args.network.profile()?;
    let (organisation, identity) = args.network.administrator_identity(&profile)?;
    let endpoint = organisation.gateway.endpoint().map_err(commands::contract::usage)?;
    let response =
        lifecycle::install(&endpoint, identity, package.into()).await.map_err(CallError::Failed)?;
    if let Some(package_id) = installed_already(&response.message) {
        output::line(package_id)?;
        return Ok(Exit::Ok);
    }
    if response.status != 200 {
        let reason = format!("{} did not install it: {}", organisation.name, response.message);
        return Err(Failure::new(Exit::No, reason));
    }
    let installed = InstallChaincodeResult::decode(response.payload)
        .map_err(|error| Failure::during("reading what was installed", error))?;
    output::line(installed.package_id)?;
    Ok(Exit::Ok)
}

/// The package id in a peer's answer that it has the package (`core/chaincode/lifecycle/lifecycle.go`).
fn installed_already(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("already successfully installed (package ID '")?;
    rest.split_once('\'').map(|(package_id, _)| package_id)
}

/// Approves a definition.
pub async fn approve(args: &Approve) -> Result<Exit, Failure> {
    let network = &args.definition.network;
    let profile = network.profile()?;
    let (organisation, _) = network.administrator_identity(&profile)?;
    let gateway = network.administrator(&profile).await?;
    let definition = definition(&args.definition, &gateway, &profile.channel).await?;
    let approval = definition.approve(&profile.channel, &organisation.msp_id, &args.package_id);
    submit(&gateway, approval).await?;
    let Definition { name, version, sequence, .. } = definition;
    output::line(format!("{} approves {name} {version}, sequence {sequence}", organisation.msp_id))?;
    Ok(Exit::Ok)
}

/// Commits a definition. The gateway chooses the peers whose endorsement the channel's policy asks for.
pub async fn commit(args: &Commit) -> Result<Exit, Failure> {
    let network = &args.definition.network;
    let profile = network.profile()?;
    let gateway = network.administrator(&profile).await?;
    let definition = definition(&args.definition, &gateway, &profile.channel).await?;
    submit(&gateway, definition.commit(&profile.channel, &[])).await?;
    let Definition { name, version, sequence, .. } = definition;
    output::line(format!("in force: {name} {version}, sequence {sequence}"))?;
    Ok(Exit::Ok)
}

async fn definition(proposed: &Proposed, gateway: &Gateway, channel: &str) -> Result<Definition, Failure> {
    let endorsement_policy = policy::parse(&proposed.policy)
        .map_err(|error| Failure::usage(format!("--policy {:?}: {error}", proposed.policy)))?;
    let sequence = match proposed.sequence {
        Some(sequence) => sequence,
        None => {
            let in_force = lifecycle::in_force(gateway, channel, &proposed.name).await;
            in_force.map_err(CallError::Failed)?.map_or(1, |(_, sequence)| sequence + 1)
        }
    };
    let (name, version) = (proposed.name.clone(), proposed.version.clone());
    Ok(Definition { name, version, sequence, endorsement_policy })
}

async fn submit(gateway: &Gateway, invocation: Invocation) -> Result<(), Failure> {
    let submitted = async {
        let commit = gateway.proposal(invocation)?.endorse().await?.submit().await?;
        Ok(commit.status().await?.successful()?)
    };
    submitted.await.map(drop).map_err(|error| CallError::Failed(error).into())
}
