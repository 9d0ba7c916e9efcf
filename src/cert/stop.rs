//! `cert stop`, `lift`, `withdraw` and `supersede`: what the responsible bodies may do to a certificate.

use certificate::Code;
use peer_client::certificate::{Contract, Update};

use super::{
    contract,
    network::{Network, OFFICER},
    output,
    subject::parse_code,
};
use crate::{
    exit::{Exit, Failure},
    prompt,
};

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
///
/// It cannot be undone, so it asks first; where no terminal is to answer, it takes --yes.
#[derive(clap::Args)]
pub struct WithdrawArgs {
    #[command(flatten)]
    act: Act,
    /// Do not ask before it is done.
    #[arg(long)]
    yes: bool,
}

/// Let a newer certificate take the place of one, for ever. It takes the endorsement of both bodies.
#[derive(clap::Args)]
pub struct SupersedeArgs {
    /// The old certificate's code.
    #[arg(value_name = "OLD", value_parser = parse_code)]
    old: Code,
    /// The code of the one that takes its place, which is issued already.
    #[arg(value_name = "NEW", value_parser = parse_code)]
    new: Code,
    /// Why, in a sentence; the public reads it.
    #[arg(long)]
    reason: String,
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
    act(Contract::certificate_stop, "suspended", args.act, network, json).await
}

pub async fn lift(args: LiftArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    act(Contract::certificate_lift, "lifted", args.act, network, json).await
}

pub async fn withdraw(args: WithdrawArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    let WithdrawArgs { act: order, yes } = args;
    if !yes && !confirmed(order.code)? {
        output::warn("Nothing was withdrawn.");
        return Ok(Exit::No);
    }
    act(Contract::certificate_withdraw, "withdrawn for ever", order, network, json).await
}

pub async fn supersede(args: SupersedeArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    let SupersedeArgs { old, new, reason } = args;
    let supersede = network.contract(OFFICER).await?.certificate_supersede(old, new, &reason);
    let committed = contract::submit(supersede).await?;
    output::committed("superseded", &committed, json)?;
    Ok(Exit::Ok)
}

fn confirmed(code: Code) -> Result<bool, Failure> {
    let question = format!("Withdraw certificate {} for ever? It cannot be undone. [y/N]", code.grouped());
    Ok(matches!(prompt::ask(&question)?.as_str(), "y" | "yes"))
}

async fn act(
    function: fn(&Contract, Code, &str) -> Update,
    done: &str,
    act: Act,
    network: &Network,
    json: bool,
) -> Result<Exit, Failure> {
    let update = function(&network.contract(OFFICER).await?, act.code, &act.reason);
    let committed = contract::submit(update).await?;
    output::committed(done, &committed, json)?;
    Ok(Exit::Ok)
}
