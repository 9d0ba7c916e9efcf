//! A real peer of Fabric in a process of its own, which joins the channel and commits its blocks.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::channel::CHANNEL;

/// How long a peer may take to start.
const START: Duration = Duration::from_secs(60);
/// A peer that has written nothing for so long has stopped.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running peer of organisation A.
pub struct Peer {
    process: Child,
    binary: PathBuf,
    /// Where its `core.yaml` lies.
    configuration: PathBuf,
    /// Of the channel: `crypto` in it holds the keys.
    channel: PathBuf,
    directory: PathBuf,
    port: u16,
}

/// How a peer came to its end of the chain.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has all blocks.
    Complete,
    /// It works no more on the block of this number.
    Stopped(u64),
}

impl Peer {
    /// Starts `binary` with the `core.yaml` in `configuration`, as the peer of organisation A, and joins
    /// the channel. Its files and its log go into `directory`.
    pub fn start(binary: &Path, configuration: &Path, channel: &Path, directory: &Path, port: u16) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        let directory = directory.canonicalize().unwrap();
        let mut command = command(binary, configuration, channel, &directory, port);
        let log = File::create(directory.join("peer.log")).unwrap();
        command.args(["node", "start"]).stdout(log.try_clone().unwrap()).stderr(log);
        let peer = Self {
            process: command.spawn().unwrap(),
            binary: binary.to_owned(),
            configuration: configuration.to_owned(),
            channel: channel.to_owned(),
            directory,
            port,
        };
        peer.join();
        peer
    }

    fn join(&self) {
        let started = Instant::now();
        loop {
            let mut join =
                command(&self.binary, &self.configuration, &self.channel, &self.directory, self.port);
            let admin = self.channel.join("crypto/peerOrganizations/a.test/users/Admin@a.test/msp");
            join.env("CORE_PEER_MSPCONFIGPATH", admin.canonicalize().unwrap());
            join.args(["channel", "join", "-b"]).arg(self.channel.join("blocks/000000.block"));
            let output = join.stderr(Stdio::piped()).output().unwrap();
            if output.status.success() {
                return;
            }
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(started.elapsed() < START, "the peer cannot join: {error}");
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// The folder with the channel's block files.
    pub fn blocks(&self) -> PathBuf {
        self.directory.join("data/ledgersData/chains/chains").join(CHANNEL)
    }

    /// Waits until the peer has committed `height` blocks, or has stopped.
    pub fn wait(&mut self, height: u64) -> Outcome {
        let (mut size, mut since) = (0, Instant::now());
        loop {
            thread::sleep(Duration::from_millis(500));
            let ended = self.process.try_wait().unwrap().is_some();
            let current = self.size();
            if current != size {
                (size, since) = (current, Instant::now());
            }
            let quiet = since.elapsed();
            if ended || quiet > Duration::from_secs(2) {
                let committed = self.height();
                if committed >= height {
                    return Outcome::Complete;
                }
                if ended || quiet > PATIENCE {
                    return Outcome::Stopped(committed);
                }
            }
        }
    }

    fn size(&self) -> u64 {
        let files = std::fs::read_dir(self.blocks()).into_iter().flatten();
        files.map(|file| file.unwrap().metadata().map_or(0, |file| file.len())).sum()
    }

    fn height(&self) -> u64 {
        let Ok(blocks) = follower::replay::read(&self.blocks()) else { return 0 };
        // What follows the last whole block is being written.
        blocks.take_while(Result::is_ok).count() as u64
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Harmless where the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(binary: &Path, configuration: &Path, channel: &Path, directory: &Path, port: u16) -> Command {
    let mut command = Command::new(binary);
    let msp = channel.join("crypto/peerOrganizations/a.test/peers/peer0.a.test/msp");
    let address = format!("127.0.0.1:{port}");
    command
        .env("FABRIC_CFG_PATH", configuration)
        .env("FABRIC_LOGGING_SPEC", "warning")
        .env("CORE_PEER_ID", "peer0.a.test")
        .env("CORE_PEER_NETWORKID", "mutants")
        .env("CORE_PEER_LOCALMSPID", "AMSP")
        .env("CORE_PEER_MSPCONFIGPATH", msp.canonicalize().unwrap())
        .env("CORE_PEER_TLS_ENABLED", "false")
        .env("CORE_PEER_ADDRESS", &address)
        .env("CORE_PEER_LISTENADDRESS", &address)
        .env("CORE_PEER_CHAINCODELISTENADDRESS", format!("127.0.0.1:{}", port + 1))
        .env("CORE_OPERATIONS_LISTENADDRESS", format!("127.0.0.1:{}", port + 2))
        .env("CORE_PEER_FILESYSTEMPATH", directory.join("data"))
        .env("CORE_LEDGER_SNAPSHOTS_ROOTDIR", directory.join("snapshots"))
        // Private data cannot be had: the peer is not to wait for them.
        .env("CORE_PEER_GOSSIP_PVTDATA_PULLRETRYTHRESHOLD", "0s")
        .env("CORE_PEER_GOSSIP_PVTDATA_RECONCILIATIONENABLED", "false")
        .env("CORE_PEER_GOSSIP_ORGLEADER", "true")
        .env("CORE_PEER_GOSSIP_USELEADERELECTION", "false")
        .env("CORE_PEER_GOSSIP_BOOTSTRAP", "")
        .env("CORE_VM_ENDPOINT", "");
    command
}
