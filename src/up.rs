//! `nanotrace up`: a whole network in this process, until Ctrl-C.

mod data_dir;
mod deploy;
mod greeting;
mod ledger_time;
mod material;
mod portal;
mod servers;
mod signers;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use certificate::Part;
use demonstration::Extent;
use endorsement::OwnChaincode;
use futures::future::try_join_all;
use metrics_exporter_prometheus::PrometheusHandle;
use node::{Channel, Node, Peer};
use peer_client::ConnectionProfile;
use servers::Sockets;
use tokio::sync::watch;
use verifier::BaseUrl;

pub use self::material::LEDGER;
use crate::{
    cert::output,
    demo,
    exit::{Exit, Failure},
    listen::{ProxyArgs, listen_address},
    signals::Signals,
};
pub use commands::network::{NAME, PROFILE, default_data_dir, load_profile};
use data_dir::DataDir;
pub use data_dir::PROCESS_ID;

/// Run a Fabric-compatible network in this process: certification bodies, their accreditation body, a laboratory, industry and
/// customs, with the certificate chaincode, the public verifier, and a portal for people beside it.
///
/// The first start makes keys, a genesis block and demonstration certificates; later starts go on from
/// the same ledger. Stop with Ctrl-C. Everything lies in the data directory; the file network.json in it
/// tells clients where the servers are. One portal
/// serves all organisations here; each start prints links that let in as a person of each role, once.
#[derive(clap::Args)]
pub struct Args {
    /// Where keys, ledger and read model are kept.
    #[arg(long, env = "NANOTRACE_DATA", default_value_os_t = default_data_dir())]
    data_dir: PathBuf,
    /// The orderer's port; the organisations' gateways, the chaincode and the operations address follow on the next
    /// ones. 0: any free ports.
    #[arg(long, default_value_t = 7050)]
    port: u16,
    /// Where the public verifier listens; port 0 is any free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = listen_address)]
    verifier: SocketAddr,
    /// Where the operator asks for /metrics, /healthz and /readyz: not for the public. [default: the next port of
    /// the loopback address, after the chaincode's]
    #[arg(long, value_name = "HOST:PORT", value_parser = listen_address)]
    operations: Option<SocketAddr>,
    /// The address under which the public reaches the verifier, as printed in QR codes.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// How many seconds the timestamp of a transaction may lie before or after the orderer's clock. Clients that
    /// sign offline may need more time between endorsement and submission.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    time_window: u64,
    #[command(flatten)]
    portal: portal::PortalArgs,
    #[command(flatten)]
    proxy: ProxyArgs,
    /// Start with an empty ledger and new keys, after asking.
    #[arg(long)]
    reset: bool,
    /// Do not ask before a reset.
    #[arg(long, requires = "reset")]
    yes: bool,
    /// What the first start shows.
    #[arg(long, value_enum, default_value = "full")]
    demo: Demo,
    /// How many certification bodies a network has that begins here. One that has begun keeps its own; others join it by
    /// `nanotrace body join`.
    #[arg(long, value_enum, default_value = "two")]
    bodies: Bodies,
    /// Go on without this block and all after it, which are lost here. Only where no copy of them is left
    /// anywhere: docs/recovery.md.
    #[arg(long, value_name = "BLOCK")]
    accept_loss_from: Option<u64>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Demo {
    /// Nothing: an empty registry.
    None,
    /// One certificate, from its application to the grant.
    One,
    /// A consortium's month: applications and certificates in every state (`nanotrace demo`).
    Full,
}

/// The certification bodies of a network that begins.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Bodies {
    /// CertBody alone.
    One,
    /// CertBody, and SecondBody with a chaincode of its own. A change of the rules takes both, with the accreditation body.
    Two,
}

pub async fn run(args: Args, metrics: PrometheusHandle) -> Result<Exit, Failure> {
    let started = Instant::now();
    crate::privacy::keep_files_private();
    // From the first moment on, so that a network half begun is stopped in order too.
    let mut signals = Signals::listen()?;
    let public_url = args.public_url.as_deref().map(str::parse::<BaseUrl>).transpose();
    let public_url = public_url.map_err(|error| Failure::usage(format!("--public-url: {error}")))?;
    let _held = DataDir::take(&args.data_dir)?;
    if args.reset && !reset(&args)? {
        return Ok(Exit::No);
    }
    let material = material::prepare(&args.data_dir, args.bodies)?;
    let chaincodes = deploy::chaincodes(&material)?;
    let sockets = Sockets::bind(args.port, material.peers.len(), chaincodes.len())?;
    let ports = sockets.ports()?;
    let Sockets { orderer, peers, chaincodes: chaincode_sockets } = sockets;

    let mut services = Vec::new();
    let mut own_chaincodes = Vec::new();
    for ((chaincode, socket), port) in chaincodes.iter().zip(chaincode_sockets).zip(&ports.chaincodes) {
        services.push(servers::start_chaincode(socket, chaincode)?);
        let package_id = chaincode.package.id.clone();
        own_chaincodes.push(OwnChaincode { package_id, address: format!("127.0.0.1:{port}") });
    }
    let settings = servers::NodeSettings {
        ledger: args.data_dir.join(material::LEDGER),
        accept_loss_from: args.accept_loss_from,
        time_window: Duration::from_secs(args.time_window),
    };
    let mut node = servers::start_node(settings, &material, orderer, peers, own_chaincodes)?;
    let (obstacle, seen) = watch::channel(Some("the chaincode is not in force yet".to_owned()));
    let config = verifier::Config {
        public_base: public_url,
        demonstration: true,
        operations: Some(args.operations.unwrap_or(ports.operations(args.port))),
        metrics: Some(metrics),
        proxies: args.proxy.proxies(),
        obstacle: seen,
        ..verifier::Config::new(args.verifier)
    };
    let (verifier, public, served) =
        servers::start_verifier(&args.data_dir, config, &node.channel, args.accept_loss_from).await?;
    servers::profile(&args.data_dir, &material, &ports, &public.base)
        .store(&args.data_dir.join(PROFILE))
        .map_err(|error| Failure::during("writing the connection profile", error))?;
    let profile = load_profile(&args.data_dir)?;

    // It begins meanwhile: what the ledger does first and what the portal does first are independent.
    let portal = args.portal.address(args.port).map(|listen| {
        let (data_dir, profile) = (args.data_dir.clone(), profile.clone());
        let at = (listen, args.portal.client_origin.clone());
        let of_bodies = chaincodes.iter().filter(|chaincode| chaincode.part == Part::Body);
        let names = of_bodies.map(|chaincode| chaincode.name.to_owned()).collect::<Vec<_>>();
        tokio::spawn(async move { portal::start(&data_dir, at, &profile, &names).await })
    });
    let (channel, peers) = (node.channel.clone(), node.peers.clone());
    let prepared = tokio::select! {
        // A failure of the node comes first: it is the cause of what fails here.
        biased;
        stopped = until_stopped(&mut node, &mut signals) => stopped.map(Some),
        prepared = prepare(&args, &profile, &channel, &peers, &chaincodes, &obstacle) => prepared.map(|()| None),
    };
    let portal = match portal {
        Some(task) => {
            let started = task.await;
            started.unwrap_or_else(|error| Err(Failure::during("starting the portal", error))).map(Some)
        }
        None => Ok(None),
    };
    let (portal, prepared) = match portal {
        Ok(portal) => (portal, prepared),
        Err(failure) => (None, prepared.and(Err(failure))),
    };
    let greet =
        || greeting::print(&args.data_dir, &profile, &node, &public, portal.as_ref(), started.elapsed());
    let is_held = channel.held().is_some();
    let ended = match prepared {
        Ok(None) => match greet() {
            Ok(()) => tokio::select! {
                stopped = until_stopped(&mut node, &mut signals) => stopped,
                never = ledger_time::keep_moving(&profile, &chaincodes, &served), if !is_held => match never {},
            },
            Err(failure) => Err(failure),
        },
        Ok(Some(stopped)) => Ok(stopped),
        Err(failure) => Err(failure),
    };
    obstacle.send_replace(Some("the node stops".to_owned()));
    if let Some(portal) = portal {
        portal.running.stop().await;
    }
    // The verifier answers as long as the node lives; the chaincode serves what is under way.
    node.stop().await;
    tokio::join!(verifier.stop(), async {
        for service in services {
            service.stop().await;
        }
    });
    ended
}

/// Nothing is removed before the new network could start: its addresses must be free.
fn reset(args: &Args) -> Result<bool, Failure> {
    let begins = args.bodies.defaults();
    let sockets = Sockets::bind(args.port, begins.peers, begins.chaincodes)?;
    servers::bind(args.verifier)?;
    servers::bind(args.operations.unwrap_or(sockets.ports()?.operations(args.port)))?;
    material::reset(&args.data_dir, args.yes)
}

/// What a network needs once: the chaincode in force, and something to show. Every step can be repeated, so that a
/// start goes on where an interrupted one ended.
async fn prepare(
    args: &Args,
    profile: &ConnectionProfile,
    channel: &Channel,
    peers: &[Arc<Peer>],
    chaincodes: &[deploy::Chaincode],
    obstacle: &watch::Sender<Option<String>>,
) -> Result<(), Failure> {
    let asker = deploy::first_administrator(profile).await?;
    if let Some(reason) = channel.held() {
        let installing =
            chaincodes.iter().map(|chaincode| deploy::install(profile, peers, &chaincode.package));
        try_join_all(installing).await?;
        obstacle.send_replace(Some(reason.to_owned()));
        return Ok(());
    }
    try_join_all(chaincodes.iter().map(async |chaincode| {
        deploy::install(profile, peers, &chaincode.package).await?;
        match deploy::due(&asker, &profile.channel, chaincode).await? {
            Some(sequence) => deploy::run(profile, chaincode, sequence).await,
            None => Ok(()),
        }
    }))
    .await?;
    obstacle.send_replace(None);
    match args.demo {
        Demo::None => Ok(()),
        Demo::One => demo::play_first(profile, Extent::One).await,
        Demo::Full => demo::play_first(profile, Extent::Full).await,
    }
}

async fn until_stopped(node: &mut Node, signals: &mut Signals) -> Result<Exit, Failure> {
    tokio::select! {
        () = signals.received() => {}
        reason = node.failure() => {
            let advice = "What was acknowledged is on disk: remove the cause, then start again \
                          (docs/operations.md, \"Exit codes\").";
            return Err(Failure::new(Exit::Failure, format!("the node cannot go on: {reason}\n{advice}")));
        }
    }
    output::line("\nStopping …")?;
    Ok(Exit::Ok)
}
