//! `cert stop`, `lift` and `withdraw`: what the responsible bodies may do to a certificate.

use certificate::Code;

use super::{
    network::{Network, OFFICER},
    output,
    subject::parse_code,
};
use crate::exit::{Exit, Failure};

/// Suspend a certificate. The certification body and the accreditation body can each do it alone.
///
/// By default as User1 of CertBody; the accreditation body adds --org Accreditation.
#[derive(clap::Args)]
pub struct StopArgs {
    #[command(flatten)]
    act: Act,
}

/// Lift one's own suspension. It takes the endorsement of both bodies.
#[derive(clap::Args)]
pub struct LiftArgs {
    #[command(flatten)]
    act: Act,
}

/// Withdraw a certificate for ever. The certification body and the accreditation body can each do it alone.
#[derive(clap::Args)]
pub struct WithdrawArgs {
    #[command(flatten)]
    act: Act,
}

#[derive(clap::Args)]
struct Act {
    /// The certificate's code, as on its label.
    #[arg(value_parser = parse_code)]
    code: Code,
    /// Why, in a sentence; the public reads it.
    #[arg(long)]
    reason: String,
}

pub async fn stop(args: StopArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    act("certificate:stop", "suspended", args.act, network, json).await
}

pub async fn lift(args: LiftArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    act("certificate:lift", "lifted", args.act, network, json).await
}

pub async fn withdraw(args: WithdrawArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    act("certificate:withdraw", "withdrawn for ever", args.act, network, json).await
}

async fn act(function: &str, done: &str, act: Act, network: &Network, json: bool) -> Result<Exit, Failure> {
    let contract = network.contract(OFFICER).await?;
    let committed = contract.submit(function, &[&act.code.to_string(), &act.reason]).await?;
    output::committed(done, &committed, json)?;
    Ok(Exit::Ok)
}
