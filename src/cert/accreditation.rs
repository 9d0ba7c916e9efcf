//! `cert accreditation`: who is accredited for which scheme; the accreditation body's own affair.

use certificate::{DateTime, parties};
use serde_json::{Value, json};

use super::{
    network::{ACCREDITOR, Network, OFFICER},
    output::{self, text_at},
    show::parse_date_time,
};
use crate::exit::{Exit, Failure};

#[derive(clap::Subcommand)]
pub enum Command {
    Register(Register),
    Suspend(Suspend),
    Restore(Restore),
    /// List all accreditations.
    List,
}

/// Which accreditation: a body's for a scheme.
#[derive(clap::Args)]
struct Which {
    /// The scheme's identifier.
    #[arg(long, value_name = "URI")]
    scheme: String,
    /// The certification body, by its MSP id.
    #[arg(long, value_name = "MSP-ID", default_value = parties::CERTIFICATION_BODY)]
    body: String,
}

/// Register an accreditation. By default as Admin of Accreditation, as are the others.
#[derive(clap::Args)]
pub struct Register {
    #[command(flatten)]
    which: Which,
    /// The number under which the accreditation body keeps it.
    #[arg(long)]
    number: String,
    /// From when it holds, such as 2026-01-31T12:00:00Z or 2026-01-31.
    #[arg(long, value_name = "DATE-TIME", value_parser = parse_date_time)]
    from: DateTime,
    /// Until when it holds, not included.
    #[arg(long, value_name = "DATE-TIME", value_parser = parse_date_time)]
    until: DateTime,
}

/// Suspend an accreditation, at once.
#[derive(clap::Args)]
pub struct Suspend {
    #[command(flatten)]
    which: Which,
    /// What it stops: new grants alone, or all certificates that rest on it too.
    #[arg(long, value_enum)]
    effect: Effect,
    /// Why, in a sentence; the public reads it.
    #[arg(long)]
    reason: String,
}

/// Restore a suspended accreditation.
#[derive(clap::Args)]
pub struct Restore {
    #[command(flatten)]
    which: Which,
    /// Why, in a sentence; the public reads it.
    #[arg(long)]
    reason: String,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Effect {
    NewGrants,
    AllCertificates,
}

pub async fn run(command: Command, network: &Network, json: bool) -> Result<Exit, Failure> {
    let (function, arguments, done) = match command {
        Command::List => return list(network, json).await,
        Command::Register(Register { which, number, from, until }) => {
            let request = json!({
                "body": which.body, "schemeId": which.scheme, "number": number,
                "validFrom": from, "validUntil": until,
            });
            ("accreditation:register", vec![request.to_string()], "registered")
        }
        Command::Suspend(Suspend { which, effect, reason }) => {
            let effect = match effect {
                Effect::NewGrants => "newGrants",
                Effect::AllCertificates => "allCertificates",
            };
            ("accreditation:suspend", vec![which.body, which.scheme, effect.into(), reason], "suspended")
        }
        Command::Restore(Restore { which, reason }) => {
            ("accreditation:restore", vec![which.body, which.scheme, reason], "restored")
        }
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let committed = network.contract(ACCREDITOR).await?.submit(function, &arguments).await?;
    output::committed(done, &committed, json)?;
    Ok(Exit::Ok)
}

async fn list(network: &Network, json: bool) -> Result<Exit, Failure> {
    let contract = network.contract(OFFICER).await?;
    let accreditations: Vec<Value> = contract.read("accreditation:list", &[]).await?;
    if json {
        output::json(&accreditations)?;
        return Ok(Exit::Ok);
    }
    for held in &accreditations {
        let text = |pointer| text_at(held, pointer);
        let period = format!("{} to {}", text("/validFrom"), text("/validUntil"));
        output::line(format!(
            "{}  {}  {}  {period}  {}",
            text("/number"),
            text("/body"),
            text("/schemeId"),
            state(held)
        ))?;
    }
    Ok(Exit::Ok)
}

fn state(accreditation: &Value) -> &'static str {
    let suspensions = accreditation.pointer("/suspensions").and_then(Value::as_array);
    let last = suspensions.and_then(|suspensions| suspensions.last());
    let stands = last.is_some_and(|last| last.pointer("/lifted").is_none_or(Value::is_null));
    if stands { "suspended" } else { "in force" }
}
