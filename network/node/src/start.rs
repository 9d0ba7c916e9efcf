//! Starts a node: opens the ledger, reads the channel's configuration from it, and sets pipeline and
//! servers going.

use std::{path::PathBuf, sync::Arc, thread, time::Duration};

use fabric::{crypto::VerifiedSignatureCache, types::HeadedBlock};
use msp::{Msp, MspError, MspManager, MspVersion, SigningIdentity};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use transport::Connections;

use super::{
    Channel, Ended, Orderer, Pipeline,
    channel::QUEUED_ENVELOPES,
    peer::{Listener, Peer, ServeError, orderer_services, peer_services, serve},
    restored,
};
use crate::{gateway::Gateway, limits};
use endorsement::{Endorser, EndorserSetup, OwnChaincode, PackageError, Packages};
use ledger::{Ledger, LedgerError, Loss, Recovery};
use ordering::BlockWriter;
use validation::{NoConfig, current_config};

/// Bytes of signatures kept as verified: enough for the endorsements and creators of some thousand transactions under way.
const VERIFIED_SIGNATURE_BYTES: usize = 4 << 20;

/// How long a stop waits for the pipeline to commit what is queued.
const PIPELINE_GRACE: Duration = Duration::from_secs(10);
/// How long a stop then waits for connections to close; their streams have ended by then.
const CONNECTION_GRACE: Duration = Duration::from_secs(3);

/// What a node is made of.
pub struct Config {
    /// Holds the block log, the database and the installed packages.
    pub directory: PathBuf,
    pub genesis: HeadedBlock,
    pub orderer: ServerConfig,
    pub peers: Vec<ServerConfig>,
    /// The chaincodes that this process serves itself.
    pub own_chaincodes: Vec<OwnChaincode>,
    /// How far from the orderer's clock the timestamp of a transaction may lie, in whole seconds.
    pub time_window: Duration,
    /// The first block of those that are lost and that the node may go on without.
    pub accept_loss_from: Option<u64>,
}

/// One server of the node: a peer with its gateway, or the orderer.
pub struct ServerConfig {
    pub msp_id: String,
    /// The name under which clients know it, `host:port`.
    pub address: String,
    /// Its MSP folder with certificate and key.
    pub msp: PathBuf,
    pub listener: Listener,
}

/// Why a node could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Config(#[from] NoConfig),
    #[error("cannot use the identity in {folder}: {source}")]
    Identity { folder: PathBuf, source: MspError },
    #[error("cannot read the installed packages of {msp_id}: {source}")]
    Packages { msp_id: String, source: PackageError },
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A running node.
pub struct Node {
    pub channel: Arc<Channel>,
    pub peers: Arc<[Arc<Peer>]>,
    /// What opening the ledger had to mend.
    pub recovery: Recovery,
    /// What the operator ever gave up of the chain after a backup was restored.
    pub losses: Vec<Loss>,
    stop: CancellationToken,
    servers: JoinSet<Result<(), ServeError>>,
    pipeline: thread::JoinHandle<()>,
}

impl Node {
    /// Starts every part; when this returns, all servers accept connections. Needs a tokio runtime.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let (directory, genesis) = (&config.directory, Some(&config.genesis));
        let (ledger, recovery) = match config.accept_loss_from {
            Some(block) => Ledger::open_accepting_loss(directory, genesis, block)?,
            None => Ledger::open(directory, genesis)?,
        };
        let (held, losses) = (restored::held(directory)?, ledger::losses(directory)?);
        restored::report(held.as_deref(), &losses);
        let (bundle, last_config) = current_config(&ledger)?;
        let memo = Arc::new(VerifiedSignatureCache::new(VERIFIED_SIGNATURE_BYTES));
        let (sender, envelopes) = mpsc::channel(QUEUED_ENVELOPES);

        let orderer_msp = &config.orderer.msp;
        let writer =
            BlockWriter::new(identity(&config.orderer)?, ledger.height(), ledger.last_hash(), last_config);
        let orderer = Orderer {
            address: config.orderer.address.clone(),
            msp_id: config.orderer.msp_id.clone(),
            signer: identity_from(orderer_msp, &config.orderer.msp_id)?,
            time_window: config.time_window,
        };
        let channel = Arc::new(Channel::new(ledger, bundle, memo, orderer, sender).held_for(held));

        let organizations: Vec<_> = config.peers.iter().map(|peer| peer.msp_id.clone()).collect();
        let start = |peer| start_peer(&channel, &config, peer, &organizations);
        let started: Result<Vec<_>, _> = config.peers.iter().map(start).collect();
        let peers: Arc<[Arc<Peer>]> = started?.into();

        let stop = CancellationToken::new();
        let mut servers = JoinSet::new();
        let connections = Connections::new(limits::connections());
        servers.spawn(serve(
            config.orderer.listener,
            orderer_services(&channel),
            connections.clone(),
            stop.clone().cancelled_owned(),
        ));
        for (peer, server) in peers.iter().zip(config.peers) {
            let gateway = Gateway::new(channel.clone(), peer.clone(), peers.clone());
            let services = peer_services(&channel, peer, gateway);
            let stop = stop.clone().cancelled_owned();
            servers.spawn(serve(server.listener, services, connections.clone(), stop));
        }
        let pipeline = Pipeline { channel: channel.clone(), envelopes, writer };
        let pipeline = thread::Builder::new().name("pipeline".into()).spawn(move || {
            if let Err(error) = pipeline.run() {
                tracing::error!(%error, "the pipeline stopped; the node ends");
            }
        })?;
        Ok(Self { channel, peers, recovery, losses, stop, servers, pipeline })
    }

    /// Waits until the node can no longer work and says why; a healthy node never gets there.
    pub async fn failure(&mut self) -> String {
        tokio::select! {
            ended = self.channel.ended() => match ended {
                Ended::Failed(reason) => reason,
                Ended::ShuttingDown => "the pipeline ended".into(),
            },
            Some(ended) = self.servers.join_next() => match ended {
                Ok(Ok(())) => "a server stopped".into(),
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            },
        }
    }

    /// Takes no further transactions, commits those that are queued, then ends all streams and closes the ledger.
    ///
    /// Every step has a limit: neither a client that holds on to a connection nor a disk that does not answer keeps
    /// the node from ending. What was acknowledged is durable before.
    pub async fn stop(mut self) {
        self.channel.close();
        let pipeline = self.pipeline;
        // The pipeline reports its own failures; only a panic would be lost here, and that has been printed.
        let ended = tokio::task::spawn_blocking(move || pipeline.join());
        if timeout(PIPELINE_GRACE, ended).await.is_err() {
            tracing::warn!("the pipeline did not end in time; the next start recovers");
        }
        self.channel.end(Ended::ShuttingDown);
        self.stop.cancel();
        let closed = async { while self.servers.join_next().await.is_some() {} };
        if timeout(CONNECTION_GRACE, closed).await.is_err() {
            tracing::warn!("clients hold connections open; they are broken off");
            self.servers.abort_all();
        }
    }
}

fn identity(server: &ServerConfig) -> Result<SigningIdentity, StartError> {
    identity_from(&server.msp, &server.msp_id)
}

fn identity_from(folder: &std::path::Path, msp_id: &str) -> Result<SigningIdentity, StartError> {
    SigningIdentity::from_msp_dir(folder, msp_id)
        .map_err(|source| StartError::Identity { folder: folder.to_owned(), source })
}

fn start_peer(
    channel: &Arc<Channel>,
    config: &Config,
    server: &ServerConfig,
    organizations: &[String],
) -> Result<Arc<Peer>, StartError> {
    let signer = identity(server)?;
    let serialized = signer.serialized();
    let packages = Packages::open(&config.directory.join("packages").join(&server.msp_id))
        .map_err(|source| StartError::Packages { msp_id: server.msp_id.clone(), source })?;
    let endorser = Endorser::new(EndorserSetup {
        ledger: channel.ledger().clone(),
        signer,
        local_msp: local_msp(server)?,
        packages,
        own_chaincodes: config.own_chaincodes.clone(),
        memo: channel.memo().clone(),
        private_data_of: organizations.to_vec(),
    });
    Ok(Arc::new(Peer {
        msp_id: server.msp_id.clone(),
        address: server.address.clone(),
        identity: serialized,
        endorser: Arc::new(endorser),
    }))
}

/// The MSP of the peer's own organisation alone: it says who administers the peer.
fn local_msp(server: &ServerConfig) -> Result<MspManager, StartError> {
    let msp = msp::config_from_dir(&server.msp, &server.msp_id)
        .and_then(|config| Msp::from_config(&config, MspVersion::V1_4_3));
    let msp = msp.map_err(|source| StartError::Identity { folder: server.msp.clone(), source })?;
    Ok(MspManager::new(vec![msp]))
}
