//! `cert ledger`: binds the contract to its ledger, once, before the first certificate, and keeps ledger time moving.

use std::time::Duration;

use certificate::parties;
use serde_json::Value;
use tokio::time::MissedTickBehavior;

use super::{
    contract,
    network::{ACCREDITOR, Network, OFFICER},
    output::{self, text_at},
};
use crate::{
    exit::{Exit, Failure},
    signals::Signals,
};

#[derive(clap::Subcommand)]
pub enum Command {
    Bind(Bind),
    /// Show the ledger that the contract is bound to.
    Show,
    Tick(Tick),
}

/// Bind a body's chaincode to its ledger and to the body, so that it refuses certificates of any other. By default as
/// Admin of Accreditation.
#[derive(clap::Args)]
pub struct Bind {
    /// sha256: and the hash of the genesis block's header. [default: the connection profile's]
    genesis: Option<String>,
    /// The certification body whose chaincode it is, by its MSP id.
    #[arg(long, value_name = "MSP-ID", default_value = parties::CERTIFICATION_BODY)]
    body: String,
}

/// Move ledger time, by a transaction that writes nothing and that both bodies endorse. By default as User1 of
/// CertBody.
///
/// Events count from no earlier than 15 minutes before the ledger time of their block. On a quiet channel a body lets
/// this run as a service, with --every 10; `nanotrace up` does it by itself.
#[derive(clap::Args)]
pub struct Tick {
    /// Go on, once in so many minutes, until Ctrl-C; a failure is printed and tried again.
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=1440))]
    every: Option<u64>,
}

pub async fn run(command: Command, network: &Network, json: bool) -> Result<Exit, Failure> {
    match command {
        Command::Bind(Bind { genesis, body }) => {
            let genesis = match genesis {
                Some(genesis) => genesis,
                None => network.profile()?.genesis,
            };
            let bind = network.contract(ACCREDITOR).await?.ledger_bind(&genesis, &body);
            let committed = contract::submit(bind).await?;
            output::committed("bound", &committed, json)?;
        }
        Command::Tick(Tick { every }) => tick(every, network, json).await?,
        Command::Show => {
            let ledger: Value = network.contract(OFFICER).await?.ledger_get().read().await?;
            match json {
                true => output::json(&ledger)?,
                false => output::rows(&[
                    ("channel", text_at(&ledger, "/channel")),
                    ("genesis", text_at(&ledger, "/genesis")),
                    ("body", text_at(&ledger, "/body")),
                ])?,
            }
        }
    }
    Ok(Exit::Ok)
}

async fn tick(every: Option<u64>, network: &Network, json: bool) -> Result<(), Failure> {
    let Some(minutes) = every else {
        let committed = contract::submit(network.contract(OFFICER).await?.ledger_tick()).await?;
        return output::committed("moved", &committed, json);
    };
    let mut signals = Signals::listen()?;
    let mut interval = tokio::time::interval(Duration::from_secs(60 * minutes));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = signals.received() => return Ok(()),
            _ = interval.tick() => {}
        }
        let moved = match network.contract(OFFICER).await {
            Ok(contract) => contract::submit(contract.ledger_tick()).await,
            Err(failure) => Err(failure),
        };
        match moved {
            Ok(committed) => output::committed("moved", &committed, json)?,
            Err(failure) => output::warn(format!("{failure}\nIt is tried again in {minutes} minutes.")),
        }
    }
}
