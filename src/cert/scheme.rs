//! `cert scheme`: the schemes under which certificates are granted.

use serde_json::{Value, json};

use super::{
    contract,
    network::{ACCREDITOR, Network, OFFICER},
    output::{self, text_at},
};
use crate::exit::{Exit, Failure};

#[derive(clap::Subcommand)]
pub enum Command {
    Register(Register),
    /// List all schemes.
    List,
}

/// Register a version of a scheme. By default as Admin of Accreditation.
#[derive(clap::Args)]
pub struct Register {
    /// The scheme's identifier, an absolute URI.
    #[arg(long, value_name = "URI")]
    id: String,
    #[arg(long)]
    version: String,
    #[arg(long)]
    title: String,
    /// A standard that certificates under this scheme may name; may be given more than once.
    #[arg(long = "standard", value_name = "URI", required = true)]
    standards: Vec<String>,
    /// Whether a certificate may be issued in one step, without an application.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    direct_issue: bool,
    /// Whether who reviewed an application may decide on it.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    reviewer_may_decide: bool,
}

pub async fn run(command: Command, network: &Network, json: bool) -> Result<Exit, Failure> {
    match command {
        Command::Register(Register { id, version, title, standards, direct_issue, reviewer_may_decide }) => {
            let request = json!({
                "id": id, "version": version, "title": title, "standards": standards,
                "directIssue": direct_issue, "reviewerMayDecide": reviewer_may_decide,
            });
            let register = network.contract(ACCREDITOR).await?.scheme_register(&request);
            let committed = contract::submit(register).await?;
            output::committed("registered", &committed, json)?;
        }
        Command::List => list(network, json).await?,
    }
    Ok(Exit::Ok)
}

async fn list(network: &Network, json: bool) -> Result<(), Failure> {
    let contract = network.contract(OFFICER).await?;
    let mut schemes: Vec<Value> = contract.scheme_list().read().await?;
    schemes.extend(contract.before_registry().scheme_list().read::<Vec<Value>>().await?);
    if json {
        return output::json(&schemes);
    }
    schemes.iter().try_for_each(|scheme| {
        let (id, version) = (text_at(scheme, "/id"), text_at(scheme, "/version"));
        output::line(format!("{id}  version {version}  {}", text_at(scheme, "/title")))
    })
}
