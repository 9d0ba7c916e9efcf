//! `nanotrace verifier`: the public verifier alone, on a channel that others run.

mod contact;
mod following;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use durable::Access;
use fabric::types::HeadedBlock;
use follower::{self, Source, SourceKind};
use ledger::Ledger;
use metrics_exporter_prometheus::PrometheusHandle;
use msp::SigningIdentity;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tonic::transport::Uri;
use verifier::{BaseUrl, Contact, Feed, ServedModel};

use crate::{
    cert::output,
    channel::genesis_block,
    exit::{Exit, Failure},
    expiry,
    listen::{ProxyArgs, listen_address},
    signals::Signals,
};
use contact::ChannelContact;
use following::Following;

/// Answer the public's questions about certificates from an own, independent copy of a channel.
///
/// Blocks come from the Deliver service of peers or orderers, which are not trusted: starting from the genesis
/// block in a file, whose fingerprint is published, every block's hashes and orderer signatures are checked and
/// every transaction is validated anew. All sources are asked for their newest block again and again, and the
/// highest counts, so that one of them that withholds blocks is found out: give several, of different
/// organisations. While no source answers, the last known state is shown with its date.
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
    /// The chaincode of the first certification body. Those of further bodies are called after it, with a hyphen, and are
    /// followed too.
    #[arg(long, default_value = crate::up::NAME)]
    chaincode: String,
    /// The organisation that accredits certification bodies, by its MSP id.
    #[arg(long, value_name = "MSP-ID", default_value = certificate::parties::ACCREDITATION_BODY)]
    accreditation: String,
    /// How many sources have to confirm the newest block; with fewer every answer is "cannot tell". Without it one
    /// is enough, and while none answers the last known state is shown with its date.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    min_sources: Option<u16>,
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
    expiry::record(identity.mspid(), expiry::Use::Signing, &identity);
    durable::create_folder(&args.data_dir, Access::Owner)
        .map_err(|error| Failure::during(args.data_dir.display(), error))?;
    let directory = args.data_dir.join("ledger");
    let ledger = open_ledger(&args, &directory, &genesis)?;
    let served = Arc::new(open_model(&args, &ledger)?);
    let height = ledger.height();
    // Before anybody is answered: after a crash the read model is behind what it answered then.
    let feed = Feed::begin(served.clone(), ledger.clone()).await;
    let min_sources = args.min_sources.map(usize::from);
    if let Some(required) = min_sources {
        served.set_quorum(0, required);
    }
    let config = verifier::Config {
        public_base: args.public_url,
        max_age: Duration::from_secs(args.max_age_hours.saturating_mul(60 * 60)),
        contact: args.contact,
        operations: Some(args.operations.unwrap_or_else(|| next_port(args.listen))),
        proxies: args.proxy.proxies(),
        metrics: Some(metrics),
        ..verifier::Config::new(args.listen)
    };
    let server = verifier::Server::bind(config, served.clone())
        .await
        .map_err(|error| Failure::during("starting the verifier", error))?;
    let metrics = server.operations_address().map(|address| format!("\nMetrics: http://{address}/metrics"));
    output::line(format!(
        "The verifier answers at {} as of block {}.\nGenesis fingerprint: {}{}\nCtrl-C stops it.",
        server.public_base(),
        height.saturating_sub(1),
        served.channel().fingerprint(),
        metrics.unwrap_or_default()
    ))?;

    let contact = ChannelContact::new(format!("{}, {}", args.msp_id, args.msp.display()), args.tls_ca);
    let following =
        Following::new(directory, genesis, Arc::new(identity), sources, min_sources, served, contact);
    let following = tokio::spawn(following.run(ledger, feed));
    server.run(async move { signals.received().await }).await;
    following.abort();
    Ok(Exit::Ok)
}

/// The operations address where none is given.
fn next_port(listen: SocketAddr) -> SocketAddr {
    let port = if listen.port() == 0 { 0 } else { listen.port().saturating_add(1) };
    (Ipv4Addr::LOCALHOST, port).into()
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
    let unusable = |reason: String| Failure::usage(format!("--tls-ca {}: {reason}", args.tls_ca.display()));
    let roots = read_roots(&args.tls_ca).map_err(unusable)?;
    let tls = follower::tls(roots).map_err(|error| unusable(error.to_string()))?;
    let peers = args.peer.iter().map(|address| (address, SourceKind::Peer));
    let orderers = args.orderer.iter().map(|address| (address, SourceKind::Orderer));
    let source = |(address, kind): (&String, SourceKind)| {
        Source::new(address, kind, tls.clone(), args.server_name.as_deref())
            .map_err(|error| Failure::usage(format!("{address}: {error}")))
    };
    let sources = peers.chain(orderers).map(source).collect::<Result<Vec<_>, _>>()?;
    match args.min_sources {
        Some(required) if usize::from(required) > sources.len() => {
            let given = sources.len();
            Err(Failure::usage(format!("--min-sources {required}, but {given} sources are given")))
        }
        _ => Ok(sources),
    }
}

/// The roots of trust in a PEM file: every certificate in it can be one, and there is one.
fn read_roots(path: &Path) -> Result<RootCertStore, String> {
    let pem = fs::read(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("it is no PEM: {error}"))?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("no certificate (PEM) in it".to_owned()) } else { Ok(roots) }
}

fn open_ledger(args: &Args, directory: &Path, genesis: &HeadedBlock) -> Result<Arc<Ledger>, Failure> {
    let opened = match args.accept_loss_from {
        Some(block) => Ledger::open_accepting_loss(directory, Some(genesis), block),
        None => Ledger::open(directory, Some(genesis)),
    };
    let (ledger, recovery) = opened.map_err(|error| Failure::during("opening the ledger", error))?;
    if let Some(aside) = recovery.set_aside {
        let text = format!("What is left of lost blocks was set aside in {}.", aside.display());
        output::line(text)?;
    }
    Ok(ledger)
}

fn open_model(args: &Args, ledger: &Ledger) -> Result<ServedModel, Failure> {
    let failed = |error| Failure::during("opening the read model", error);
    let channel = verifier::Channel {
        name: ledger.channel_id().to_owned(),
        genesis: ledger.genesis_hash(),
        chaincode: args.chaincode.clone(),
        accreditation_body: args.accreditation.clone(),
    };
    let folder = args.data_dir.join("read-model");
    durable::create_private_folder(&folder).map_err(|error| Failure::during(folder.display(), error))?;
    let served = ServedModel::open(&folder, channel).map_err(failed)?;
    if args.accept_loss_from == Some(ledger.height()) {
        served.accept_loss(ledger.height()).map_err(failed)?;
    }
    served.check(ledger).map_err(failed)?;
    Ok(served)
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
