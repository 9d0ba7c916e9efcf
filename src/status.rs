//! `nanotrace status`: how a running network is.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use peer_client::{ConnectionProfile, Gateway, Invocation, profile::Organisation};
use serde::Serialize;

use crate::{
    cert::output,
    exit::{Exit, Failure},
    up,
};

const PATIENCE: Duration = Duration::from_secs(5);

/// Ask a running network for its endpoints, the channel's height, each organisation's health and the
/// verifier's height.
///
/// Exit codes: 0 everything answers, 1 something does not, 2 there is no network in the data directory,
/// or its network.json is broken.
#[derive(clap::Args)]
pub struct Args {
    /// The data directory of the network.
    #[arg(long, env = "NANOTRACE_DATA", default_value_os_t = up::default_data_dir())]
    data_dir: PathBuf,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    channel: String,
    chaincode: String,
    genesis: String,
    orderer: String,
    verifier: Option<VerifierStatus>,
    /// The blocks after which the operator gave up what may have followed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    given_up_after: Vec<u64>,
    organisations: Vec<OrganisationStatus>,
}

#[derive(Serialize)]
struct OrganisationStatus {
    name: String,
    gateway: String,
    /// The number of blocks that its peer has; none where it does not answer.
    height: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct VerifierStatus {
    address: String,
    ready: bool,
    answer: String,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let profile = up::load_profile(&args.data_dir)?;
    let mut organisations = Vec::with_capacity(profile.organisations.len());
    for organisation in &profile.organisations {
        organisations.push(ask(&profile, organisation).await);
    }
    let verifier = match &profile.verifier {
        Some(address) => Some(ask_verifier(address).await),
        None => None,
    };
    let well = organisations.iter().all(|organisation| organisation.height.is_some())
        && verifier.as_ref().is_none_or(|verifier| verifier.ready);
    let status = Status {
        channel: profile.channel,
        chaincode: profile.chaincode,
        genesis: profile.genesis,
        orderer: profile.orderer.address,
        verifier,
        given_up_after: given_up(&args.data_dir)?,
        organisations,
    };
    status.print(args.json)?;
    Ok(if well { Exit::Ok } else { Exit::No })
}

fn given_up(data_dir: &Path) -> Result<Vec<u64>, Failure> {
    let losses = ::ledger::losses(&data_dir.join(up::LEDGER));
    let losses = losses.map_err(|error| Failure::during("reading what was given up", error))?;
    Ok(losses.into_iter().map(|loss| loss.after).collect())
}

async fn ask(profile: &ConnectionProfile, organisation: &Organisation) -> OrganisationStatus {
    let asked = tokio::time::timeout(PATIENCE, height(profile, organisation)).await;
    let answer = asked.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")));
    OrganisationStatus {
        name: organisation.name.clone(),
        gateway: organisation.gateway.address.clone(),
        height: answer.as_ref().ok().copied(),
        error: answer.err(),
    }
}

/// Asks the organisation's own peer, through its gateway, for the chain's height (`qscc/GetChainInfo`).
async fn height(profile: &ConnectionProfile, organisation: &Organisation) -> Result<u64, String> {
    let identity = profile.identity(organisation, "Admin").map_err(|error| error.to_string())?;
    let endpoint = organisation.gateway.endpoint().map_err(|error| error.to_string())?;
    let gateway = Gateway::connect(&endpoint, identity).await.map_err(|error| error.to_string())?;
    let query = Invocation::new(&profile.channel, "qscc", "GetChainInfo")
        .argument(profile.channel.clone().into_bytes())
        .organizations([organisation.msp_id.clone()]);
    let proposal = gateway.proposal(query).map_err(|error| error.to_string())?;
    let answer = proposal.evaluate().await.map_err(|error| error.to_string())?;
    let info: fabric::proto::common::BlockchainInfo =
        fabric::types::decode(answer).map_err(|error| error.to_string())?;
    Ok(info.height)
}

async fn ask_verifier(address: &str) -> VerifierStatus {
    let asked = tokio::time::timeout(PATIENCE, readiness(address)).await;
    let (ready, answer) = match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => (false, error),
        Err(_) => (false, format!("no answer within {PATIENCE:?}")),
    };
    VerifierStatus { address: address.to_owned(), ready, answer }
}

/// `GET /readyz`: whether the verifier answers for the head, and what it says of itself.
async fn readiness(address: &str) -> Result<(bool, String), String> {
    use http_body_util::{BodyExt, Empty};
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let uri = format!("{address}/readyz").parse().map_err(|error| format!("{address}: {error}"))?;
    let response = client.get(uri).await.map_err(|error| error.to_string())?;
    let ready = response.status().is_success();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
    Ok((ready, String::from_utf8_lossy(&body.to_bytes()).trim().to_owned()))
}

impl Status {
    fn print(&self, json: bool) -> Result<(), Failure> {
        if json {
            return output::json(self);
        }
        output::line(format!("channel    {}", self.channel))?;
        output::line(format!("chaincode  {}", self.chaincode))?;
        output::line(format!("genesis    {}", self.genesis))?;
        output::line(format!("orderer    {}", self.orderer))?;
        if let Some(verifier) = &self.verifier {
            output::line(format!("verifier   {}  {}", verifier.address, verifier.answer))?;
        }
        for block in &self.given_up_after {
            output::line(format!("given up   what may have followed block {block}, by the operator's word"))?;
        }
        output::line(format!("\n{:<16}{:<24}height", "organisation", "gateway"))?;
        for OrganisationStatus { name, gateway, height, error } in &self.organisations {
            let height = height.map(|height| height.to_string());
            let answer = height.or_else(|| error.clone()).unwrap_or_default();
            output::line(format!("{name:<16}{gateway:<24}{answer}"))?;
        }
        Ok(())
    }
}
