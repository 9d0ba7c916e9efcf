//! `nanotrace verifier`: the public verifier alone, on a channel that others run.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use certificate::DateTime;
use durable::Access;
use fabric::{msp::SigningIdentity, types::HeadedBlock};
use metrics_exporter_prometheus::PrometheusHandle;
use network::{
    ledger::Ledger,
    node::follower::{Follower, News, Source, SourceError, SourceKind},
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Uri};
use verifier::{BaseUrl, Contact, Head, ReadModel};

use crate::{
    cert::output,
    channel::genesis_block,
    exit::{Exit, Failure},
    listen::{ProxyArgs, listen_address},
    signals::Signals,
};

/// How long a source may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Answer the public's questions about certificates from an own, independent copy of a channel.
///
/// Blocks come from the Deliver service of peers or orderers, which are not trusted: starting from the genesis
/// block in a file, whose fingerprint is published, every block's hashes and orderer signatures are checked and
/// every transaction is validated anew. While no source answers, the last known state is shown with its date.
///
/// It runs until Ctrl-C or SIGTERM. Exit codes: 0 stopped, 1 the genesis block has another fingerprint, 2 wrong
/// usage or input, 4 anything else, such as a port in use or a damaged data directory. A source that cannot be
/// reached is no reason to end: it is told, and tried again.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("sources").required(true).multiple(true).args(["peer", "orderer"])))]
pub struct Args {
    /// The channel's genesis block.
    #[arg(long)]
    genesis: PathBuf,
    /// The published fingerprint of the genesis block, sha256:…; a block with another one is refused.
    #[arg(long, value_parser = fingerprint)]
    fingerprint: Option<String>,
    /// A peer that delivers blocks. Can be given several times.
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    peer: Vec<String>,
    /// An orderer that delivers blocks. Can be given several times.
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
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
    /// Where ledger and read model are kept; by default in the folder verifier-data of the current directory.
    #[arg(long, default_value = "verifier-data")]
    data_dir: PathBuf,
    /// Where to listen; port 0 is any free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = listen_address)]
    listen: SocketAddr,
    /// Where the operator asks for /metrics, /healthz and /readyz: not for the public. [default: the loopback
    /// address, at the port after that of --listen; any free one where that is 0]
    #[arg(long, value_name = "HOST:PORT", value_parser = listen_address)]
    operations: Option<SocketAddr>,
    /// The address under which the public reaches this verifier.
    #[arg(long, value_name = "URL")]
    public_url: Option<BaseUrl>,
    /// Hours after which an unconfirmed state is shown as "cannot tell".
    #[arg(long, default_value_t = 24)]
    max_age_hours: u64,
    /// Whom to tell about a suspected fake: a mail or web address.
    #[arg(long)]
    contact: Option<Contact>,
    /// Go on without this block and all after it, which are lost here. Only where no copy of them is left
    /// anywhere: docs/recovery.md.
    #[arg(long, value_name = "BLOCK")]
    accept_loss_from: Option<u64>,
    #[command(flatten)]
    proxy: ProxyArgs,
}

pub async fn run(args: Args, metrics: PrometheusHandle) -> Result<Exit, Failure> {
    crate::privacy::keep_files_private();
    // From the first moment on: opening a long ledger takes time.
    let mut signals = Signals::listen()?;
    let genesis = read_genesis(&args.genesis, args.fingerprint.as_deref())?;
    let sources = sources(&args)?;
    let identity = SigningIdentity::from_msp_dir(&args.msp, &args.msp_id)
        .map_err(|error| Failure::usage(format!("--msp {}: {error}", args.msp.display())))?;
    durable::create_folder(&args.data_dir, Access::Owner)
        .map_err(|error| Failure::during(args.data_dir.display(), error))?;
    let ledger = open_ledger(&args, &genesis)?;
    let model = Arc::new(open_model(&args, &ledger)?);
    let config = verifier::Config {
        public_base: args.public_url,
        max_age: Duration::from_secs(args.max_age_hours.saturating_mul(60 * 60)),
        contact: args.contact,
        operations: Some(args.operations.unwrap_or_else(|| next_port(args.listen))),
        proxies: args.proxy.proxies(),
        metrics: Some(metrics),
        ..verifier::Config::new(args.listen)
    };
    let server = verifier::Server::bind(config, model.clone())
        .await
        .map_err(|error| Failure::during("starting the verifier", error))?;
    let follower = Follower::new(ledger.clone(), identity, sources)
        .map_err(|error| Failure::during("following the channel", error))?;
    let metrics = server.operations_address().map(|address| format!("\nMetrics: http://{address}/metrics"));
    output::line(format!(
        "The verifier answers at {} as of block {}.\nGenesis fingerprint: {}{}\nCtrl-C stops it.",
        server.public_base(),
        ledger.height().saturating_sub(1),
        model.channel().fingerprint(),
        metrics.unwrap_or_default()
    ))?;

    // A follower that cannot go on ends alone: the server goes on answering, dated.
    let mut contact = ChannelContact {
        ledger,
        identity: format!("{}, {}", args.msp_id, args.msp.display()),
        tls_ca: args.tls_ca,
        caught_up: false,
        told: BTreeMap::new(),
    };
    let following = tokio::spawn(async move {
        let hear = |news: News<'_>| {
            contact.tell(&news);
            take(&model, news);
        };
        let error = follower.run(hear).await;
        tracing::error!(%error, "the channel cannot be followed any further; what is known goes on being shown");
    });
    server.run(async move { signals.received().await }).await;
    following.abort();
    Ok(Exit::Ok)
}

/// The operations address where none is given.
fn next_port(listen: SocketAddr) -> SocketAddr {
    let port = if listen.port() == 0 { 0 } else { listen.port().saturating_add(1) };
    (Ipv4Addr::LOCALHOST, port).into()
}

fn take(model: &ReadModel, news: News<'_>) {
    match news {
        News::Committed(block) => {
            if let Err(error) = model.apply(block) {
                tracing::error!(%error, block = block.number, "the read model cannot take a block");
            }
        }
        News::Height(height, at) => {
            model.confirm(Head { height, confirmed_at: date_time(at) });
        }
        News::Failed(..) => {}
    }
}

fn date_time(at: SystemTime) -> DateTime {
    let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    DateTime::from_seconds(since_1970.as_secs() as i64)
}

/// Tells the operator how the channel is followed: once when it is caught up with, and once for each reason
/// why a source fails, until it is caught up with again.
struct ChannelContact {
    ledger: Arc<Ledger>,
    /// MSP id and folder of the identity that asks for blocks.
    identity: String,
    tls_ca: PathBuf,
    caught_up: bool,
    /// The last reason told, by source.
    told: BTreeMap<String, String>,
}

impl ChannelContact {
    fn tell(&mut self, news: &News<'_>) {
        match news {
            News::Committed(_) => {}
            News::Height(height, at) => self.heard(*height, *at),
            News::Failed(source, error) => self.failed(source, error),
        }
    }

    fn heard(&mut self, height: u64, at: SystemTime) {
        if self.caught_up || self.ledger.height() < height {
            return;
        }
        self.caught_up = true;
        self.told.clear();
        // Nobody needs to read it.
        let _ = output::line(format!(
            "Caught up at block {}, confirmed {}",
            self.ledger.height().saturating_sub(1),
            date_time(at)
        ));
    }

    fn failed(&mut self, source: &Source, error: &SourceError) {
        let reason = match error {
            SourceError::Untrusted => {
                format!("its TLS certificate is not signed by {}", self.tls_ca.display())
            }
            SourceError::Forbidden => format!("{error}: {}", self.identity),
            _ => error.to_string(),
        };
        self.caught_up = false;
        let source = source.endpoint.uri().authority().map(ToString::to_string).unwrap_or_default();
        if self.told.get(&source) != Some(&reason) {
            output::warn(format!("No blocks from {source}: {reason}. It is tried again."));
            self.told.insert(source, reason);
        }
    }
}

/// `sha256:` and 64 hexadecimal digits, in lower case.
fn fingerprint(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    match text.strip_prefix("sha256:").map(hex::decode) {
        Some(Ok(bytes)) if bytes.len() == 32 => Ok(text),
        _ => Err("a fingerprint is sha256: and 64 hexadecimal digits".to_owned()),
    }
}

/// A host and a port, and nothing else.
fn address(text: &str) -> Result<String, String> {
    let uri: Option<Uri> = format!("https://{text}").parse().ok();
    let authority = uri.as_ref().and_then(Uri::authority);
    match authority.filter(|authority| authority.as_str() == text && !text.contains('@')) {
        Some(authority) if authority.port_u16().is_some() && !authority.host().is_empty() => {
            Ok(text.to_owned())
        }
        _ => Err("expected HOST:PORT, such as peer0.example.com:7051".to_owned()),
    }
}

fn read_genesis(path: &Path, fingerprint: Option<&str>) -> Result<HeadedBlock, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let block =
        genesis_block(&bytes).map_err(|reason| Failure::usage(format!("{} {reason}", path.display())))?;
    let actual = format!("sha256:{}", hex::encode(block.hash()));
    match fingerprint {
        Some(expected) if expected != actual => Err(Failure::new(
            Exit::No,
            format!("{} has the fingerprint {actual}, not {expected}: it is another channel", path.display()),
        )),
        _ => Ok(block),
    }
}

fn sources(args: &Args) -> Result<Vec<Source>, Failure> {
    let root = read_roots(&args.tls_ca)
        .map_err(|reason| Failure::usage(format!("--tls-ca {}: {reason}", args.tls_ca.display())))?;
    let peers = args.peer.iter().map(|address| (address, SourceKind::Peer));
    let orderers = args.orderer.iter().map(|address| (address, SourceKind::Orderer));
    let source = |(address, kind): (&String, SourceKind)| {
        let wrong = |error: tonic::transport::Error| Failure::usage(format!("{address}: {error}"));
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&root));
        if let Some(name) = &args.server_name {
            tls = tls.domain_name(name);
        }
        let endpoint = Endpoint::from_shared(format!("https://{address}")).map_err(wrong)?;
        let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT);
        Ok(Source { endpoint: endpoint.tls_config(tls).map_err(wrong)?, kind })
    };
    peers.chain(orderers).map(source).collect()
}

/// The PEM file, in which every certificate can be a root of trust and one is.
fn read_roots(path: &Path) -> Result<Vec<u8>, String> {
    let pem = fs::read(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("it is no PEM: {error}"))?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("no certificate (PEM) in it".to_owned()) } else { Ok(pem) }
}

fn open_ledger(args: &Args, genesis: &HeadedBlock) -> Result<Arc<Ledger>, Failure> {
    let directory = args.data_dir.join("ledger");
    let opened = match args.accept_loss_from {
        Some(block) => Ledger::open_accepting_loss(&directory, Some(genesis), block),
        None => Ledger::open(&directory, Some(genesis)),
    };
    let (ledger, recovery) = opened.map_err(|error| Failure::during("opening the ledger", error))?;
    if let Some(aside) = recovery.set_aside {
        let text = format!("What is left of lost blocks was set aside in {}.", aside.display());
        output::line(text)?;
    }
    Ok(ledger)
}

fn open_model(args: &Args, ledger: &Ledger) -> Result<ReadModel, Failure> {
    let doing = "opening the read model";
    let channel = verifier::Channel {
        name: ledger.channel_id().to_owned(),
        genesis: ledger.genesis_hash(),
        chaincode: args.chaincode.clone(),
    };
    let folder = args.data_dir.join("read-model");
    durable::create_private_folder(&folder).map_err(|error| Failure::during(folder.display(), error))?;
    let model = ReadModel::open(&folder, channel).map_err(|error| Failure::during(doing, error))?;
    if args.accept_loss_from == Some(ledger.height()) {
        model.accept_loss(ledger.height()).map_err(|error| Failure::during(doing, error))?;
    }
    model.catch_up(ledger).map_err(|error| Failure::during(doing, error))?;
    Ok(model)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        for right in ["peer0.example.com:7051", "127.0.0.1:7051", "[::1]:7051"] {
            assert_eq!(address(right).unwrap(), right);
        }
        for wrong in
            ["", "peer0", "peer0:", ":7051", "https://peer0:7051", "peer0:7051/x", "a@b:1", "a:99999"]
        {
            address(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_fingerprint_is_a_whole_hash() {
        let right = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(fingerprint(&right.to_uppercase()).unwrap(), right);
        for wrong in ["", "sha256:", "sha256:0a", &right[7..], &format!("{right}0a")] {
            fingerprint(wrong).unwrap_err();
        }
    }

    #[test]
    fn roots_are_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.crt");
        let wrong = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "hello", wrong] {
            fs::write(&path, text).unwrap();
            read_roots(&path).unwrap_err();
        }
    }
}
