//! `cert ledger`: binds the contract to its ledger, once, before the first certificate.

use serde_json::Value;

use super::{
    network::{ACCREDITOR, Network, OFFICER},
    output::{self, text_at},
};
use crate::exit::{Exit, Failure};

#[derive(clap::Subcommand)]
pub enum Command {
    Bind(Bind),
    /// Show the ledger that the contract is bound to.
    Show,
}

/// Bind the contract to its ledger, so that it refuses certificates of any other. By default as Admin of
/// Accreditation.
#[derive(clap::Args)]
pub struct Bind {
    /// sha256: and the hash of the genesis block's header. [default: the connection profile's]
    genesis: Option<String>,
}

pub async fn run(command: Command, network: &Network, json: bool) -> Result<Exit, Failure> {
    match command {
        Command::Bind(Bind { genesis }) => {
            let genesis = match genesis {
                Some(genesis) => genesis,
                None => network.profile()?.genesis,
            };
            let committed = network.contract(ACCREDITOR).await?.submit("ledger:bind", &[&genesis]).await?;
            output::committed("bound", &committed, json)?;
        }
        Command::Show => {
            let ledger: Value = network.contract(OFFICER).await?.read("ledger:get", &[]).await?;
            match json {
                true => output::json(&ledger)?,
                false => output::rows(&[
                    ("channel", text_at(&ledger, "/channel")),
                    ("genesis", text_at(&ledger, "/genesis")),
                ])?,
            }
        }
    }
    Ok(Exit::Ok)
}
