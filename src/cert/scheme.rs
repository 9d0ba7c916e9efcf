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
    /// A surveillance is due so many days after the issue, and after each surveillance.
    #[arg(long, value_name = "DAYS")]
    surveillance_days: Option<u32>,
    /// After so many days overdue a certificate holds no more. [default: it is only shown]
    #[arg(long, value_name = "DAYS", requires = "surveillance_days")]
    grace_days: Option<u32>,
}

impl Register {
    fn request(self) -> Value {
        let mut request = json!({
            "id": self.id, "version": self.version, "title": self.title, "standards": self.standards,
            "directIssue": self.direct_issue, "reviewerMayDecide": self.reviewer_may_decide,
        });
        let surveillance = self.surveillance_days.map(|days| match self.grace_days {
            Some(grace) => json!({"everyDays": days, "graceDays": grace}),
            None => json!({"everyDays": days}),
        });
        if let (Some(surveillance), Some(members)) = (surveillance, request.as_object_mut()) {
            members.insert("surveillance".into(), surveillance);
        }
        request
    }
}

pub async fn run(command: Command, network: &Network, json: bool) -> Result<Exit, Failure> {
    match command {
        Command::Register(register) => {
            let request = register.request();
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
