//! `nanotrace chaincode`: the certificate chaincode as a service of its own, its package for a peer, and its definition.

use std::{
    fs,
    path::{Path, PathBuf},
};

use certificate::{Chaincode, Part, chaincode::REGISTRY, contract, parties};
use chaincode::{
    Server, ServerTls,
    package::{self, Connection},
};
use durable::Access;
use governance::command::chaincode as definition;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    cert::{files, output},
    exit::{Exit, Failure},
    signals::Signals,
};

/// Run the certificate chaincode as a service that peers dial (Fabric's "chaincode as a service").
///
/// Each organisation's peer opens one stream. The id must be the one that `nanotrace chaincode package` printed
/// and that the organisations approved. Ctrl-C or SIGTERM lets running transactions end and closes all streams.
///
/// Exit codes: 0 stopped as told, 2 wrong usage or input, 4 anything else.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(clap::Subcommand)]
enum Command {
    Package(Package),
    Install(definition::Install),
    Approve(definition::Approve),
    Commit(definition::Commit),
}

#[derive(clap::Args)]
struct Serve {
    /// The package id of a certification body's chaincode, such as nanotrace_0.2.0:a033… For several bodies it is given
    /// several times, with an address each.
    #[arg(long, env = "CHAINCODE_ID", value_name = "LABEL:HASH", required_unless_present = "registry_id")]
    id: Vec<String>,
    /// Where to listen for it.
    #[arg(long, env = "CHAINCODE_SERVER_ADDRESS", value_name = "HOST:PORT", default_value = "0.0.0.0:9999")]
    address: Vec<String>,
    /// The package id of the registry's chaincode, such as nanotrace-registry_0.2.0:5f1c…
    #[arg(long, env = "REGISTRY_ID", value_name = "LABEL:HASH")]
    registry_id: Option<String>,
    /// Where to listen for the registry's chaincode.
    #[arg(long, env = "REGISTRY_SERVER_ADDRESS", value_name = "HOST:PORT", default_value = "0.0.0.0:9998")]
    registry_address: String,
    /// The organisation that accredits certification bodies, by its MSP id. All services of a network name the same one.
    #[arg(long, env = "ACCREDITATION_MSP_ID", value_name = "MSP-ID", default_value = parties::ACCREDITATION_BODY)]
    accreditation: String,
    /// The server's certificate and the chain to its root (PEM). Without it there is no TLS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Let in only peers with a certificate of this root (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
}

/// Write the package that a peer installs so that it finds the service, and print its package id.
///
/// The same input gives the same package, and so the same id, on every machine.
#[derive(clap::Args)]
struct Package {
    /// The package's label: letters, digits and _ . + -
    #[arg(long, default_value_t = format!("nanotrace_{}", contract::VERSION))]
    label: String,
    /// The chaincode service as the peer dials it.
    #[arg(long, value_name = "HOST:PORT")]
    address: String,
    /// The root of the service's certificate (PEM). Without it the peer connects without TLS.
    #[arg(long, value_name = "FILE")]
    tls_root: Option<PathBuf>,
    /// A certificate that the peer presents, where the service asks for one (PEM).
    #[arg(long, value_name = "FILE", requires = "client_key", requires = "tls_root")]
    client_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM). It becomes part of the package.
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// The name in the service's certificate where it is not the host of --address. Fabric's peers look at it only
    /// when they present a client certificate.
    #[arg(long, value_name = "NAME", requires = "client_cert")]
    server_name: Option<String>,
    /// Where to write the package.
    #[arg(long, short, value_name = "FILE", default_value = "nanotrace.tar.gz")]
    out: PathBuf,
    /// Replace a file that is there and holds something else.
    #[arg(long)]
    force: bool,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Some(Command::Package(args)) => write_package(&args),
        Some(Command::Install(args)) => definition::install(&args).await,
        Some(Command::Approve(args)) => definition::approve(&args).await,
        Some(Command::Commit(args)) => definition::commit(&args).await,
        None => serve(args.serve).await,
    }
}

async fn serve(args: Serve) -> Result<Exit, Failure> {
    if !args.id.is_empty() && args.id.len() != args.address.len() {
        return Err(Failure::usage("give one --address for each --id, in the same order"));
    }
    let bodies = args.id.iter().zip(&args.address).map(|(id, address)| (Part::Body, id, address));
    let registry = args.registry_id.iter().map(|id| (Part::Registry, id, &args.registry_address));
    let stopping = CancellationToken::new();
    let mut services = JoinSet::new();
    for (part, id, address) in registry.chain(bodies) {
        let chaincode = Chaincode { part, accreditation_body: args.accreditation.clone() };
        let mut server = Server::new(id, chaincode).map_err(|error| Failure::usage(error.to_string()))?;
        if let Some(tls) = tls(&args)? {
            server = server.with_tls(tls);
        }
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| Failure::during(format!("listening on {address}"), error))?;
        output::line(format!("The chaincode {id} listens on {address}. Ctrl-C stops it."))?;
        services.spawn(server.serve(listener, stopping.clone().cancelled_owned()));
    }
    let mut signals = Signals::listen()?;
    tokio::spawn(async move {
        signals.received().await;
        stopping.cancel();
    });
    while let Some(ended) = services.join_next().await {
        let served = ended.map_err(|error| Failure::during("the chaincode service", error))?;
        served.map_err(|error| Failure::during("the chaincode service", error))?;
    }
    Ok(Exit::Ok)
}

fn tls(args: &Serve) -> Result<Option<ServerTls>, Failure> {
    let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) else { return Ok(None) };
    let client_root = args.client_ca.as_deref().map(pem).transpose()?;
    Ok(Some(ServerTls { certificate: pem(certificate)?, key: pem(key)?, client_root }))
}

fn write_package(args: &Package) -> Result<Exit, Failure> {
    let package = package::package(&args.label, &connection(args)?);
    let package = package.map_err(|error| Failure::usage(error.to_string()))?;
    let out = args.out.display();
    // With a client's private key in it, it is for its owner alone.
    let access = if args.client_key.is_some() { Access::Owner } else { Access::Everyone };
    files::write_for(&args.out, &package.bytes, access, args.force)?;
    let text = match args.json {
        true => json!({ "packageId": package.id, "file": args.out }).to_string(),
        false => format!(
            "{}\n\nwritten to {out}. On each peer:\n  peer lifecycle chaincode install {out}\nand start the service with:\n  \
             nanotrace chaincode {} {}",
            package.id,
            if args.label.starts_with(REGISTRY) { "--registry-id" } else { "--id" },
            package.id
        ),
    };
    output::line(text)?;
    Ok(Exit::Ok)
}

fn connection(args: &Package) -> Result<Connection, Failure> {
    let Some(root) = &args.tls_root else { return Ok(Connection::plain(&args.address)) };
    let connection = Connection::tls(&args.address, pem(root)?);
    let (Some(certificate), Some(key)) = (&args.client_cert, &args.client_key) else { return Ok(connection) };
    let name = args.server_name.clone().unwrap_or_default();
    Ok(connection.with_client(pem(certificate)?, pem(key)?, name))
}

fn pem(path: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    if text.contains("-----BEGIN ") {
        return Ok(text);
    }
    Err(Failure::usage(format!("{} holds no PEM block", path.display())))
}
