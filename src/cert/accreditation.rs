//! `cert accreditation`: who is accredited for which scheme; the accreditation body's own affair.

use certificate::{parties, record};
use peer_client::certificate::Contract;
use serde_json::{Value, json};

use super::{
    contract,
    network::{ACCREDITOR, Network, OFFICER},
    output::{self, text_at},
    term::{Term, terms},
};
use crate::exit::{Exit, Failure};

#[derive(clap::Subcommand)]
pub enum Command {
    Register(Register),
    Suspend(Suspend),
    Restore(Restore),
    Renew(Renew),
    Scope(Scope),
    EndBody(EndBody),
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
    #[command(flatten)]
    term: Term,
    #[command(flatten)]
    limits: Limits,
}

/// Renew an accreditation: another term, which begins and ends after the last. The terms before cover their time.
#[derive(clap::Args)]
pub struct Renew {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    term: Term,
    /// Why, in a sentence; the public reads it.
    #[arg(long)]
    reason: String,
}

/// What is within an accreditation; what is not given limits nothing.
#[derive(clap::Args)]
struct Limits {
    /// A standard within its scope, by URI; may be given more than once.
    #[arg(long = "standard", value_name = "URI")]
    standards: Vec<String>,
    /// A category of products within its scope, as applications name it; may be given more than once.
    #[arg(long = "category", value_name = "NAME")]
    categories: Vec<String>,
}

impl Limits {
    fn is_empty(&self) -> bool {
        self.standards.is_empty() && self.categories.is_empty()
    }

    fn request(&self) -> Value {
        let lists = [("standards", &self.standards), ("categories", &self.categories)];
        let given = lists.into_iter().filter(|(_, list)| !list.is_empty());
        Value::Object(given.map(|(name, list)| (name.to_owned(), json!(list))).collect())
    }
}

/// Change the scope of an accreditation: from now on it is what is given here. Certificates issued before stand.
#[derive(clap::Args)]
pub struct Scope {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    limits: Limits,
    /// Why, in a sentence; the public reads it.
    #[arg(long)]
    reason: String,
}

/// Declare that a certification body has ended, for ever, and which other takes its certificates over.
#[derive(clap::Args)]
pub struct EndBody {
    /// The body that has ended, by its MSP id.
    #[arg(value_name = "MSP-ID")]
    body: String,
    /// The body that may take its certificates over, by its MSP id. Another one can be named later.
    #[arg(long, value_name = "MSP-ID")]
    successor: String,
    /// The successor's chaincode.
    #[arg(long, value_name = "NAME")]
    successor_chaincode: String,
    /// Why, in a sentence; the public reads it.
    #[arg(long)]
    reason: String,
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

impl From<Effect> for record::Effect {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::NewGrants => Self::NewGrants,
            Effect::AllCertificates => Self::AllCertificates,
        }
    }
}

pub async fn run(command: Command, network: &Network, json: bool) -> Result<Exit, Failure> {
    match command {
        Command::List => list(network, json).await?,
        Command::Register(Register { which, term, limits }) => {
            let mut request = json!({"body": which.body, "schemeId": which.scheme});
            if let Some(members) = request.as_object_mut() {
                members.extend(term.members());
                if !limits.is_empty() {
                    members.insert("scope".into(), limits.request());
                }
            }
            let register = network.contract(ACCREDITOR).await?.accreditation_register(&request);
            output::committed("registered", &contract::submit(register).await?, json)?;
        }
        Command::Suspend(Suspend { which: Which { body, scheme }, effect, reason }) => {
            let contract = network.contract(ACCREDITOR).await?;
            let suspend =
                |contract: &Contract| contract.accreditation_suspend(&body, &scheme, effect.into(), &reason);
            let committed = contract::submit_where_registered(&contract, suspend).await?;
            output::committed("suspended", &committed, json)?;
        }
        Command::Restore(Restore { which: Which { body, scheme }, reason }) => {
            let contract = network.contract(ACCREDITOR).await?;
            let restore = |contract: &Contract| contract.accreditation_restore(&body, &scheme, &reason);
            let committed = contract::submit_where_registered(&contract, restore).await?;
            output::committed("restored", &committed, json)?;
        }
        Command::Renew(Renew { which: Which { body, scheme }, term, reason }) => {
            let contract = network.contract(ACCREDITOR).await?;
            let term = Value::Object(term.members());
            let renew = |contract: &Contract| contract.accreditation_renew(&body, &scheme, &term, &reason);
            let committed = contract::submit_where_registered(&contract, renew).await?;
            output::committed("renewed", &committed, json)?;
        }
        Command::EndBody(EndBody { body, successor, successor_chaincode, reason }) => {
            let contract = network.contract(ACCREDITOR).await?;
            let end = contract.body_end(&body, &successor, &successor_chaincode, &reason);
            output::committed("ended", &contract::submit(end).await?, json)?;
        }
        Command::Scope(Scope { which: Which { body, scheme }, limits, reason }) => {
            let contract = network.contract(ACCREDITOR).await?;
            let scope = limits.request();
            let change =
                |contract: &Contract| contract.accreditation_change_scope(&body, &scheme, &scope, &reason);
            let committed = contract::submit_where_registered(&contract, change).await?;
            output::committed("scope changed", &committed, json)?;
        }
    }
    Ok(Exit::Ok)
}

async fn list(network: &Network, json: bool) -> Result<(), Failure> {
    let contract = network.contract(OFFICER).await?;
    let mut accreditations: Vec<Value> = contract.accreditation_list().read().await?;
    accreditations.extend(contract.before_registry().accreditation_list().read::<Vec<Value>>().await?);
    if json {
        return output::json(&accreditations);
    }
    for held in &accreditations {
        let text = |pointer| text_at(held, pointer);
        let (number, period) = terms(held);
        output::line(format!(
            "{number}  {}  {}  {period}  {}{}",
            text("/body"),
            text("/schemeId"),
            state(held),
            scope(held)
        ))?;
    }
    Ok(())
}

/// Nothing where it has no limits.
fn scope(accreditation: &Value) -> String {
    let names = |pointer: &str| {
        let names = accreditation.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    let limits = [("standards", names("/scope/standards")), ("categories", names("/scope/categories"))];
    let given = limits.into_iter().filter(|(_, names)| !names.is_empty());
    given.map(|(what, names)| format!("  {what}: {names}")).collect()
}

fn state(accreditation: &Value) -> &'static str {
    let suspensions = accreditation.pointer("/suspensions").and_then(Value::as_array);
    let last = suspensions.and_then(|suspensions| suspensions.last());
    let stands = last.is_some_and(|last| last.pointer("/lifted").is_none_or(Value::is_null));
    if stands { "suspended" } else { "in force" }
}
