//! The servers of the network: their sockets, bound before anything is written, and their start.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use certificate::parties;
use endorsement::OwnChaincode;
use msp::SigningIdentity;
use node::{Channel, Config, Listener, Node, ServerConfig};
use peer_client::{
    ConnectionProfile,
    profile::{Organisation, Server},
};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use verifier::{BaseUrl, Feed, Head, ServedModel};

use super::{
    NAME, deploy,
    material::{Host, Material},
};
use crate::{
    exit::{Exit, Failure},
    expiry,
};

/// How often the read model learns that the head it knows is still the head.
const CONFIRMATION: Duration = Duration::from_secs(5);

/// How long a server may take to stop. Each has shorter limits for its connections.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Every socket of the network.
pub struct Sockets {
    pub orderer: TcpListener,
    /// One for each organisation, in their order.
    pub peers: Vec<TcpListener>,
    /// One for each chaincode, in their order.
    pub chaincodes: Vec<TcpListener>,
}

impl Sockets {
    /// Binds all sockets: the orderer on `first`, the peers after it, then the chaincodes of the first body and of the registry;
    /// then, behind the operations address, chaincode and peer of each further body. So no address changes where a network has
    /// one body more, and packages name the right ones. `first` 0 means any free ports.
    pub fn bind(first: u16, peers: usize, chaincodes: usize) -> Result<Self, Failure> {
        let further = chaincodes.saturating_sub(2);
        let peers = peers.saturating_sub(further);
        let behind = peers + 4;
        let last = usize::from(u16::MAX) - behind - 2 * further;
        if usize::from(first) > last {
            return Err(Failure::usage(format!(
                "--port {first}: at most {last}, the next ports are used too"
            )));
        }
        let local = |offset: usize| {
            let port = if first == 0 { 0 } else { first + offset as u16 };
            bind((Ipv4Addr::LOCALHOST, port).into())
        };
        Ok(Self {
            orderer: local(0)?,
            peers: (1..=peers)
                .chain((0..further).map(|body| behind + 2 * body + 1))
                .map(local)
                .collect::<Result<_, _>>()?,
            // The registry's comes first.
            chaincodes: [peers + 2, peers + 1]
                .into_iter()
                .chain((0..further).map(|body| behind + 2 * body))
                .map(local)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// The ports of bound sockets.
pub struct Ports {
    pub orderer: u16,
    pub peers: Vec<u16>,
    pub chaincodes: Vec<u16>,
}

impl Ports {
    /// The operations address where none is given: after the registry's, or any free one if they are.
    pub fn operations(&self, first: u16) -> SocketAddr {
        let registry = self.chaincodes.first().copied().unwrap_or_default();
        let port = if first == 0 { 0 } else { registry.saturating_add(1) };
        (Ipv4Addr::LOCALHOST, port).into()
    }
}

impl Sockets {
    pub fn ports(&self) -> Result<Ports, Failure> {
        let port = |socket: &TcpListener| {
            let address = socket.local_addr().map_err(|error| Failure::during("reading a port", error))?;
            Ok(address.port())
        };
        Ok(Ports {
            orderer: port(&self.orderer)?,
            peers: self.peers.iter().map(port).collect::<Result<_, Failure>>()?,
            chaincodes: self.chaincodes.iter().map(port).collect::<Result<_, Failure>>()?,
        })
    }
}

pub fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| {
        let advice = "Is another network running? Stop it, or choose other ports with --port and --verifier (0 \
                      takes any free port).";
        Failure::new(Exit::Failure, format!("cannot listen on {address}: {error}\n{advice}"))
    })
}

/// What clients need to know of the network. Paths are relative to the data directory.
pub fn profile(
    data_dir: &Path,
    material: &Material,
    ports: &Ports,
    public_base: &BaseUrl,
) -> ConnectionProfile {
    let server = |port: u16, host: &Host| {
        let tls_ca_file = host.tls.join("ca.crt");
        let relative = tls_ca_file.strip_prefix(data_dir).unwrap_or(&tls_ca_file).to_owned();
        Server { address: format!("localhost:{port}"), tls_ca_file: Some(relative), server_name: None }
    };
    let organisations = material.peers.iter().zip(&ports.peers).map(|(peer, port)| Organisation {
        name: peer.organisation.clone(),
        msp_id: peer.msp_id.clone(),
        domain: peer.domain.clone(),
        gateway: server(*port, peer),
    });
    ConnectionProfile {
        channel: NAME.into(),
        chaincode: NAME.into(),
        genesis: material.fingerprint(),
        crypto_config: super::material::CRYPTO_CONFIG.into(),
        verifier: Some(public_base.to_string()),
        orderer: server(ports.orderer, &material.orderer),
        organisations: organisations.collect(),
    }
}

/// What the operator says about the node.
pub struct NodeSettings {
    /// The ledger's directory.
    pub ledger: PathBuf,
    /// The first block of those that it may go on without.
    pub accept_loss_from: Option<u64>,
    pub time_window: Duration,
}

/// Starts the node: orderer and peers on one ledger.
pub fn start_node(
    settings: NodeSettings,
    material: &Material,
    orderer: TcpListener,
    peers: Vec<TcpListener>,
    own_chaincodes: Vec<OwnChaincode>,
) -> Result<Node, Failure> {
    let peers = material.peers.iter().zip(peers).map(|(host, socket)| server_config(host, socket));
    let config = Config {
        directory: settings.ledger,
        accept_loss_from: settings.accept_loss_from,
        genesis: material.genesis.clone(),
        orderer: server_config(&material.orderer, orderer)?,
        peers: peers.collect::<Result<_, _>>()?,
        own_chaincodes,
        time_window: settings.time_window,
    };
    Node::start(config).map_err(|error| Failure::during("starting the node", error))
}

fn server_config(host: &Host, socket: TcpListener) -> Result<ServerConfig, Failure> {
    let read = |name: &str| {
        let path = host.tls.join(name);
        fs::read(&path).map_err(|error| Failure::during(path.display(), error))
    };
    let port = socket.local_addr().map_err(|error| Failure::during("reading a port", error))?.port();
    let (certificate, key) = (read("server.crt")?, read("server.key")?);
    // What cannot be used is refused where it is used.
    if let Ok(identity) = SigningIdentity::from_msp_dir(&host.msp, &host.msp_id) {
        expiry::record(&host.name, expiry::Use::Signing, &identity);
    }
    if let Ok(identity) = SigningIdentity::from_pem(&host.msp_id, &certificate, &key) {
        expiry::record(&host.name, expiry::Use::Tls, &identity);
    }
    Ok(ServerConfig {
        msp_id: host.msp_id.clone(),
        address: format!("{}:{port}", host.name),
        msp: host.msp.clone(),
        listener: Listener { socket, certificate, key },
    })
}

/// A server of this process that stops when it is told to.
pub struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    pub fn new(stop: oneshot::Sender<()>, task: JoinHandle<()>) -> Self {
        Self { stop, task }
    }

    pub async fn stop(self) {
        // A server that has stopped by itself no longer listens.
        let _ = self.stop.send(());
        if timeout(STOP_PATIENCE, self.task).await.is_err() {
            tracing::warn!("a server did not stop in time");
        }
    }
}

/// Starts a chaincode's server, which the peers dial as they would any chaincode's.
pub fn start_chaincode(socket: TcpListener, chaincode: &deploy::Chaincode) -> Result<Running, Failure> {
    let doing = "starting the chaincode";
    socket.set_nonblocking(true).map_err(|error| Failure::during(doing, error))?;
    let socket = tokio::net::TcpListener::from_std(socket).map_err(|error| Failure::during(doing, error))?;
    let accreditation_body = parties::ACCREDITATION_BODY.to_owned();
    let own = certificate::Chaincode { part: chaincode.part, accreditation_body };
    let server = chaincode::Server::new(&chaincode.package.id, own);
    let server = server.map_err(|error| Failure::during(doing, error))?;
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        if let Err(error) = server.serve(socket, async { drop(stopped.await) }).await {
            tracing::error!(%error, "the chaincode's server broke off");
        }
    });
    Ok(Running { stop, task })
}

/// Where the verifier is reached.
pub struct Public {
    pub base: BaseUrl,
    pub operations: SocketAddr,
}

/// Starts the public verifier on the node's own blocks.
pub async fn start_verifier(
    data_dir: &Path,
    config: verifier::Config,
    channel: &Arc<Channel>,
    accept_loss_from: Option<u64>,
) -> Result<(Running, Public, Arc<ServedModel>), Failure> {
    let doing = "starting the verifier";
    let identity = verifier::Channel {
        name: NAME.into(),
        genesis: channel.ledger().genesis_hash(),
        chaincode: NAME.into(),
        accreditation_body: parties::ACCREDITATION_BODY.into(),
    };
    let folder = data_dir.join("verifier");
    durable::create_private_folder(&folder).map_err(|error| Failure::during(folder.display(), error))?;
    let served = ServedModel::open(&folder, identity).map_err(|error| Failure::during(doing, error))?;
    let ledger = channel.ledger();
    if accept_loss_from == Some(ledger.height()) {
        served.accept_loss(ledger.height()).map_err(|error| Failure::during(doing, error))?;
    }
    served.check(ledger).map_err(|error| Failure::during(doing, error))?;
    let served = Arc::new(served);
    let committed = channel.committed();
    // Before anybody is answered: after a crash the model is behind what it answered then.
    let feed = Feed::begin(served.clone(), ledger.clone()).await;
    let listen = config.listen;
    let server = verifier::Server::bind(config, served.clone())
        .await
        .map_err(|error| Failure::during(doing, error))?;
    let base = server.public_base().clone();
    let operations = server.operations_address().unwrap_or(listen);
    let mut fed = JoinSet::new();
    fed.spawn(feed.run(committed));
    // Where later blocks may be missing, nobody knows whether this is the chain's end: then every answer is "cannot tell".
    if channel.held().is_none() {
        fed.spawn(confirm(served.clone(), channel.clone()));
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        server.run(async { drop(stopped.await) }).await;
        fed.shutdown().await;
    });
    Ok((Running { stop, task }, Public { base, operations }, served))
}

/// Blocks are ordered in this process: its ledger's end is the chain's.
async fn confirm(served: Arc<ServedModel>, channel: Arc<Channel>) {
    let mut height = channel.height();
    loop {
        let head = Head { height: *height.borrow_and_update(), confirmed_at: verifier::now(), sources: None };
        served.confirm(head);
        // The sender lives as long as the channel.
        if let Ok(Err(_)) = tokio::time::timeout(CONFIRMATION, height.changed()).await {
            return;
        }
    }
}
