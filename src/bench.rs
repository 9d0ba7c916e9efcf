//! `nanotrace bench`: how many transactions a network commits, and how long each takes.

mod report;

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use bench::{DocumentError, Load, People, Plan, ServerProcess, Stop, Template};
use certificate::{document::LedgerBinding, multikey};
use peer_client::{ConnectionProfile, certificate::Contract, profile::ProfileError};

use crate::{
    cert::{
        contract, files,
        network::{APPLICANT, Caller, EVALUATOR, LABORATORY, OFFICER, REVIEWER},
    },
    exit::{Exit, Failure},
    up,
};

/// Beside the cryptographic material of the network, so that the next run needs no new key.
const KEY_FILE: &str = "bench-issuer.key";

/// Load a network through one of its gateways, and measure.
///
/// A closed loop: each of N clients begins its next transaction when its last one is committed. Two rounds by
/// default, one client for the latency and many for the throughput. Every issue is a certificate of its own, signed
/// before the round begins; all of them are marked as demonstrations.
///
/// What the network needs (ledger binding, scheme, accreditation, issuer key) is set up first; what is there already
/// is left as it is. Any network with a connection profile will do, one of real Fabric peers too.
///
/// Exit codes: 0 measured, 1 some transactions failed, 2 wrong usage, 3 the network cannot be reached, 4 anything else.
#[derive(clap::Args)]
pub struct Args {
    /// What to do in each transaction.
    #[arg(long, value_enum, default_value = "issue")]
    operation: Operation,
    /// Transactions in flight, one round for each number.
    #[arg(long, value_delimiter = ',', default_value = "1,256", value_parser = clap::value_parser!(u16).range(1..))]
    in_flight: Vec<u16>,
    /// How long to measure in each round, such as 10s or 2m.
    #[arg(long, value_parser = parse_duration, default_value = "10s")]
    duration: Duration,
    /// Measure this many transactions instead of a time.
    #[arg(long, conflicts_with = "duration")]
    count: Option<u32>,
    /// How long to run before measuring begins.
    #[arg(long, value_parser = parse_duration, default_value = "2s")]
    warm_up: Duration,
    /// Connections to share the transactions among.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    connections: u8,
    /// The process id of the server, to measure its CPU time. [default: of `nanotrace up` on this data directory]
    #[arg(long)]
    pid: Option<u32>,
    /// The data directory of the network that `nanotrace up` runs.
    #[arg(long, env = "NANOTRACE_DATA", value_name = "DIR", default_value_os_t = up::default_data_dir())]
    data_dir: PathBuf,
    /// The connection profile of any other network.
    #[arg(long, env = "NANOTRACE_PROFILE", value_name = "FILE")]
    profile: Option<PathBuf>,
    /// The organisation whose gateway to load.
    #[arg(long, default_value = "CertBody")]
    org: String,
    /// Another address of that gateway, HOST:PORT.
    #[arg(long, value_name = "HOST:PORT")]
    gateway: Option<String>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Operation {
    /// Issue a certificate, and wait until it is committed.
    Issue,
    /// Take a certificate the whole path, in seven transactions: application, acceptance, test report, evaluation, review, decision,
    /// grant. What is counted are certificates.
    Path,
    /// Ask for a certificate; nothing is written.
    Evaluate,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let profile = profile(&args)?;
    let server = server(&args)?;
    let load = Arc::new(prepare(&profile, &args).await?);
    let operation = match args.operation {
        Operation::Issue => bench::Operation::Issue,
        Operation::Path => bench::Operation::Path,
        Operation::Evaluate => bench::Operation::Evaluate,
    };
    let mut rounds = Vec::with_capacity(args.in_flight.len());
    for in_flight in &args.in_flight {
        let plan = Plan {
            operation,
            in_flight: (*in_flight).into(),
            warm_up: args.warm_up,
            stop: args.count.map_or(Stop::After(args.duration), Stop::Count),
        };
        rounds.push(bench::round(&plan, &load, server.as_ref()).await.map_err(no_documents)?);
    }
    let failed = rounds.iter().any(|round| round.failures > 0);
    report::print(rounds, operation, args.json)?;
    Ok(if failed { Exit::No } else { Exit::Ok })
}

/// Sets up what the network lacks, connects, and issues one certificate: it shows that all is well before the load
/// begins, and there is one to ask for.
async fn prepare(profile: &ConnectionProfile, args: &Args) -> Result<Load, Failure> {
    let key = files::read_or_make_key(&profile.crypto_config.join(KEY_FILE))?;
    let now = verifier::now();
    let accreditor = contract::connect(profile, "Accreditation", "Admin").await?;
    let administrator = contract::connect(profile, "CertBody", "Admin").await?;
    let public_key = multikey::public_to_text(&key.verifying_key());
    for step in bench::setup(&accreditor, &administrator, &profile.genesis, &public_key, now) {
        contract::submit_once(step).await?;
    }
    let ledger = LedgerBinding { channel: profile.channel.clone(), genesis: profile.genesis.clone() };
    // Decided a little in the past: the clocks of client and server may differ by a moment.
    let template = Template::new(ledger, now.plus_seconds(-60), key).map_err(no_documents)?;
    let officer = person(profile, &args.org, OFFICER.organisation, OFFICER.user).await?;
    let (issued, document) = template.one().map_err(no_documents)?;
    contract::submit(officer.certificate_issue(document)).await?;
    let mut people = Vec::new();
    if matches!(args.operation, Operation::Path) {
        let laboratory = profile.organisation(LABORATORY.organisation).map_err(usage)?;
        contract::submit_once(bench::laboratory(&accreditor, &laboratory.msp_id, now)).await?;
        for _ in 0..args.connections {
            people.push(self::people(profile, &args.org).await?);
        }
    }
    let mut contracts = vec![officer];
    for _ in 1..args.connections {
        contracts.push(person(profile, &args.org, OFFICER.organisation, OFFICER.user).await?);
    }
    Ok(Load { contracts, people, template: Arc::new(template), issued })
}

/// Those who take a certificate the whole path.
async fn people(profile: &ConnectionProfile, gateway: &str) -> Result<People, Failure> {
    let at = |caller: Caller| person(profile, gateway, caller.organisation, caller.user);
    Ok(People {
        applicant: at(APPLICANT).await?,
        laboratory: at(LABORATORY).await?,
        evaluator: at(EVALUATOR).await?,
        reviewer: at(REVIEWER).await?,
        decision_maker: at(OFFICER).await?,
    })
}

/// A person at the gateway to be loaded, which may be another organisation's.
async fn person(
    profile: &ConnectionProfile,
    gateway: &str,
    organisation: &str,
    user: &str,
) -> Result<Contract, Failure> {
    let mut organisation = profile.organisation(organisation).map_err(usage)?.clone();
    organisation.gateway = profile.organisation(gateway).map_err(usage)?.gateway.clone();
    contract::at(profile, &organisation, user).await
}

fn usage(error: ProfileError) -> Failure {
    Failure::usage(error.to_string())
}

/// The process that was named, or the one that runs on this data directory. None where the server may be anywhere.
fn server(args: &Args) -> Result<Option<ServerProcess>, Failure> {
    if let Some(id) = args.pid {
        let found = ServerProcess::find(id).map(Some);
        return found.ok_or_else(|| Failure::usage(format!("there is no process {id} on this machine")));
    }
    if args.profile.is_some() {
        return Ok(None);
    }
    let id = fs::read_to_string(args.data_dir.join(up::PROCESS_ID)).ok();
    Ok(id.and_then(|id| ServerProcess::find(id.trim().parse().ok()?)))
}

fn no_documents(error: DocumentError) -> Failure {
    Failure::during("making the benchmark's documents", error)
}

fn profile(args: &Args) -> Result<ConnectionProfile, Failure> {
    let mut profile = match &args.profile {
        Some(path) => ConnectionProfile::load(path).map_err(|error| Failure::usage(error.to_string()))?,
        None => up::load_profile(&args.data_dir)?,
    };
    if let Some(address) = &args.gateway {
        let asked =
            profile.organisation(&args.org).map_err(|error| Failure::usage(error.to_string()))?.name.clone();
        let loaded = profile.organisations.iter_mut().filter(|organisation| organisation.name == asked);
        loaded.for_each(|organisation| organisation.gateway.address.clone_from(address));
    }
    Ok(profile)
}

/// `10s`, `500ms`, `2m`, or a bare number of seconds.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "begin with a number, such as 10s".to_owned())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(format!("{unit:?} is no unit: take ms, s or m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("3"), Ok(Duration::from_secs(3)));
        for wrong in ["", "s", "-1s", "1h", "1.5s", "99999999999999999999s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
