//! `nanotrace lab`: the laboratories whose test reports count, and their scope; the accreditation body's own affair.

use peer_client::certificate::Contract;
use serde_json::{Value, json};

use commands::{
    contract,
    exit::{Exit, Failure},
    network::{ACCREDITOR, Common},
    output::{self, text_at},
    term::{Term, terms},
};

/// Laboratories (ISO/IEC 17025): which organisations may anchor test reports, by which methods.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Register(Register),
    /// Suspend a laboratory: it anchors no more reports. By default as Admin of Accreditation.
    Suspend(Act),
    /// Restore a suspended laboratory. By default as Admin of Accreditation.
    Restore(Act),
    Renew(Renew),
    Scope(Scope),
    /// List all laboratories.
    List,
}

/// Register a laboratory and its scope. By default as Admin of Accreditation.
#[derive(clap::Args)]
struct Register {
    /// The laboratory's organisation, by its MSP id.
    #[arg(value_name = "MSP-ID")]
    organisation: String,
    #[command(flatten)]
    term: Term,
    /// A method within its scope; may be given more than once.
    #[arg(long = "method", required = true)]
    methods: Vec<String>,
}

/// Renew a laboratory's accreditation: another term, which begins and ends after the last. Reports of the terms before count.
#[derive(clap::Args)]
struct Renew {
    /// The laboratory's organisation, by its MSP id.
    #[arg(value_name = "MSP-ID")]
    organisation: String,
    #[command(flatten)]
    term: Term,
    /// Why, in a sentence.
    #[arg(long)]
    reason: String,
}

/// Change a laboratory's methods: from now on they are those given here. Reports of a day count by the methods of that day.
#[derive(clap::Args)]
struct Scope {
    /// The laboratory's organisation, by its MSP id.
    #[arg(value_name = "MSP-ID")]
    organisation: String,
    /// A method within its scope; may be given more than once.
    #[arg(long = "method", required = true)]
    methods: Vec<String>,
    /// Why, in a sentence.
    #[arg(long)]
    reason: String,
}

#[derive(clap::Args)]
struct Act {
    /// The laboratory's organisation, by its MSP id.
    #[arg(value_name = "MSP-ID")]
    organisation: String,
    /// Why, in a sentence.
    #[arg(long)]
    reason: String,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let Args { common: Common { network, json }, command } = args;
    let contract = network.contract(ACCREDITOR).await?;
    let (update, done) = match command {
        Command::List => return list(&contract, json).await,
        Command::Register(Register { organisation, term, methods }) => {
            let mut request = json!({"organisation": organisation, "methods": methods});
            if let Some(members) = request.as_object_mut() {
                members.extend(term.members());
            }
            (contract.laboratory_register(&request), "registered")
        }
        Command::Renew(Renew { organisation, term, reason }) => {
            let term = Value::Object(term.members());
            (contract.laboratory_renew(&organisation, &term, &reason), "renewed")
        }
        Command::Suspend(Act { organisation, reason }) => {
            (contract.laboratory_suspend(&organisation, &reason), "suspended")
        }
        Command::Restore(Act { organisation, reason }) => {
            (contract.laboratory_restore(&organisation, &reason), "restored")
        }
        Command::Scope(Scope { organisation, methods, reason }) => {
            let scope = json!({"methods": methods});
            (contract.laboratory_change_scope(&organisation, &scope, &reason), "scope changed")
        }
    };
    let committed = contract::submit(update).await?;
    output::committed(done, &committed, json)?;
    Ok(Exit::Ok)
}

async fn list(contract: &Contract, json: bool) -> Result<Exit, Failure> {
    let laboratories: Vec<Value> = contract.laboratory_list().read().await?;
    if json {
        output::json(&laboratories)?;
        return Ok(Exit::Ok);
    }
    for laboratory in &laboratories {
        let text = |pointer| text_at(laboratory, pointer);
        let (number, period) = terms(laboratory);
        let methods = laboratory.pointer("/methods").and_then(Value::as_array).into_iter().flatten();
        let methods: Vec<&str> = methods.filter_map(Value::as_str).collect();
        output::line(format!("{number}  {}  {period}  {}", text("/organisation"), methods.join(", ")))?;
    }
    Ok(Exit::Ok)
}
