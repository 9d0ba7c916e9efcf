//! `nanotrace verifier`: the public verifier alone, on a channel that others run.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use certificate::DateTime;
use fabric::{msp::SigningIdentity, proto::common::Block, types::block::header_hash};
use metrics_exporter_prometheus::PrometheusHandle;
use network::{
    ledger::Ledger,
    node::follower::{Follower, News, Source, SourceKind},
};
use prost::Message;
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use verifier::{BaseUrl, Contact, Head, ReadModel};

use crate::{
    cert::output,
    exit::{Exit, Failure},
};

/// Answer the public's questions about certificates from an own, independent copy of a channel.
///
/// Blocks come from the Deliver service of peers or orderers, which are not trusted: starting from the genesis
/// block in a file, whose fingerprint is published, every block's hashes and orderer signatures are checked and
/// every transaction is validated anew. While no source answers, the last known state is shown with its date.
#[derive(clap::Args)]
pub struct Args {
    /// The channel's genesis block.
    #[arg(long)]
    genesis: PathBuf,
    /// The published fingerprint of the genesis block, sha256:…; a block with another one is refused.
    #[arg(long)]
    fingerprint: Option<String>,
    /// A peer that delivers blocks, host:port. Can be given several times.
    #[arg(long, required_unless_present = "orderer")]
    peer: Vec<String>,
    /// An orderer that delivers blocks, host:port. Can be given several times.
    #[arg(long)]
    orderer: Vec<String>,
    /// The root certificate (PEM) of the sources' TLS certificates.
    #[arg(long)]
    tls_ca: PathBuf,
    /// The name to expect in the sources' TLS certificates, where it is not the host.
    #[arg(long)]
    server_name: Option<String>,
    /// The MSP folder of an identity that may read the channel.
    #[arg(long)]
    msp: PathBuf,
    /// Its organisation's MSP id.
    #[arg(long)]
    msp_id: String,
    /// The chaincode whose certificates are shown.
    #[arg(long, default_value = crate::up::NAME)]
    chaincode: String,
    /// Where ledger and read model are kept.
    #[arg(long, default_value = "verifier-data")]
    data_dir: PathBuf,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The address under which the public reaches this verifier.
    #[arg(long, value_name = "URL")]
    public_url: Option<BaseUrl>,
    /// Hours after which an unconfirmed state is shown as "cannot tell".
    #[arg(long, default_value_t = 24)]
    max_age_hours: u64,
    /// Whom to tell about a suspected fake: a mail or web address.
    #[arg(long)]
    contact: Option<Contact>,
}

pub async fn run(args: Args, metrics: PrometheusHandle) -> Result<Exit, Failure> {
    let genesis = read_genesis(&args.genesis, args.fingerprint.as_deref())?;
    let sources = sources(&args)?;
    let identity = SigningIdentity::from_msp_dir(&args.msp, &args.msp_id)
        .map_err(|error| Failure::usage(format!("--msp {}: {error}", args.msp.display())))?;
    let (ledger, _) = Ledger::open(&args.data_dir.join("ledger"), Some(&genesis))
        .map_err(|error| Failure::during("opening the ledger", error))?;
    let model = Arc::new(open_model(&args, &ledger)?);
    let config = verifier::Config {
        public_base: args.public_url,
        max_age: Duration::from_secs(args.max_age_hours.saturating_mul(60 * 60)),
        contact: args.contact,
        metrics: Some(metrics),
        ..verifier::Config::new(args.listen)
    };
    let server = verifier::Server::bind(config, model.clone())
        .await
        .map_err(|error| Failure::during("starting the verifier", error))?;
    let follower = Follower::new(ledger.clone(), identity, sources)
        .map_err(|error| Failure::during("following the channel", error))?;
    output::line(format!(
        "The verifier answers at {} as of block {}.\nGenesis fingerprint: {}",
        server.public_base(),
        ledger.height().saturating_sub(1),
        model.channel().fingerprint()
    ))?;

    // A follower that cannot go on ends alone: the server goes on answering, dated.
    let following = tokio::spawn(async move {
        let error = follower.run(|news| take(&model, news)).await;
        tracing::error!(%error, "the channel cannot be followed any further; what is known goes on being shown");
    });
    let mut terminated =
        signal(SignalKind::terminate()).map_err(|error| Failure::during("listening for signals", error))?;
    let stop = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
    };
    server.run(stop).await;
    following.abort();
    Ok(Exit::Ok)
}

fn take(model: &ReadModel, news: News<'_>) {
    match news {
        News::Committed(block) => {
            if let Err(error) = model.apply(block) {
                tracing::error!(%error, block = block.number, "the read model cannot take a block");
            }
        }
        News::Height(height, at) => {
            let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
            let confirmed_at = DateTime::from_seconds(since_1970.as_secs() as i64);
            model.confirm(Head { height, confirmed_at });
        }
    }
}

fn read_genesis(path: &Path, fingerprint: Option<&str>) -> Result<Block, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let block = Block::decode(bytes.as_slice())
        .map_err(|error| Failure::usage(format!("{} is no block: {error}", path.display())))?;
    let header = block.header.clone().unwrap_or_default();
    let actual = format!("sha256:{}", hex::encode(header_hash(&header)));
    match fingerprint {
        Some(expected) if !expected.eq_ignore_ascii_case(&actual) => Err(Failure::new(
            Exit::No,
            format!("{} has the fingerprint {actual}, not {expected}: it is another channel", path.display()),
        )),
        _ => Ok(block),
    }
}

fn sources(args: &Args) -> Result<Vec<Source>, Failure> {
    let root = fs::read(&args.tls_ca)
        .map_err(|error| Failure::usage(format!("--tls-ca {}: {error}", args.tls_ca.display())))?;
    let peers = args.peer.iter().map(|address| (address, SourceKind::Peer));
    let orderers = args.orderer.iter().map(|address| (address, SourceKind::Orderer));
    let source = |(address, kind): (&String, SourceKind)| {
        let wrong = |error: tonic::transport::Error| Failure::usage(format!("{address}: {error}"));
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&root));
        if let Some(name) = &args.server_name {
            tls = tls.domain_name(name);
        }
        let endpoint = Endpoint::from_shared(format!("https://{address}")).map_err(wrong)?;
        Ok(Source { endpoint: endpoint.tls_config(tls).map_err(wrong)?, kind })
    };
    peers.chain(orderers).map(source).collect()
}

fn open_model(args: &Args, ledger: &Ledger) -> Result<ReadModel, Failure> {
    let doing = "opening the read model";
    let channel = verifier::Channel {
        name: ledger.channel_id().to_owned(),
        genesis: ledger.genesis_hash(),
        chaincode: args.chaincode.clone(),
    };
    let model = ReadModel::open(&args.data_dir.join("read-model"), channel)
        .map_err(|error| Failure::during(doing, error))?;
    model.catch_up(ledger).map_err(|error| Failure::during(doing, error))?;
    Ok(model)
}
