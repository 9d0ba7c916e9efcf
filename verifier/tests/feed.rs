//! The feed: what it missed it reads from the ledger, and what a disk did to the read model it heals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::*;
use fabric::proto::kvrwset::KvWrite;
use fabric::proto::protos::TxValidationCode;
use ledger::CommittedBlock;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::broadcast::{Sender, channel as broadcast};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use verifier::{Config, Doubt, Feed, Head, ReadModel, ServedModel, Server};

const DAY: i64 = 86_400;
/// How long something may take to come true; far more than it should.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// A read model of its own that a feed keeps at the end of a world's ledger.
struct Fed {
    world: World,
    directory: PathBuf,
    served: Arc<ServedModel>,
    committed: Sender<Arc<CommittedBlock>>,
    feed: JoinHandle<()>,
}

impl Fed {
    async fn new(world: World) -> Self {
        let directory = world.directory.path().join("fed");
        let served = Arc::new(ServedModel::open(&directory, channel(world.genesis)).unwrap());
        let (committed, blocks) = broadcast(16);
        let feed = Feed::begin(served.clone(), world.ledger.clone()).await;
        let feed = tokio::spawn(feed.run(blocks));
        let fed = Self { world, directory, served, committed, feed };
        fed.confirm();
        fed
    }

    fn confirm(&self) {
        let height = self.world.ledger.height();
        self.served.confirm(Head { height, confirmed_at: self.world.now(), sources: None });
    }

    /// Commits a block that writes `bytes` bytes under a key that no certificate has.
    fn commit(&self, bytes: usize) -> Arc<CommittedBlock> {
        let key = format!("filling {}", self.world.ledger.height());
        let write = KvWrite { key, is_delete: false, value: noise(bytes).into() };
        self.world.commit(CHANNEL, vec![write], TxValidationCode::Valid)
    }

    fn publish(&self, block: Arc<CommittedBlock>) {
        self.committed.send(block).unwrap();
        self.confirm();
    }

    fn doubt(&self) -> Option<Doubt> {
        self.served.doubt(self.world.now(), DAY)
    }

    async fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                sleep(PAUSE).await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never {what}: {:?}", self.doubt()));
    }

    async fn wait_until_whole(&self) {
        let is_whole = |fed: &Self| {
            // As every few seconds: a read model that was built anew has to be confirmed anew.
            fed.confirm();
            fed.doubt().is_none() && fed.served.as_of().height == fed.world.ledger.height()
        };
        self.wait_until("whole", is_whole).await;
    }

    async fn site(&self) -> Site {
        let mut config = Config::new("127.0.0.1:0".parse().unwrap());
        config.clock = self.world.clock();
        let server = Server::bind(config, self.served.clone()).await.unwrap();
        Site::of(server)
    }
}

#[tokio::test]
async fn blocks_that_were_missed_are_read_from_the_ledger() {
    let mut world = World::new();
    world.issue(1, |_| {});
    let fed = Fed::new(world).await;
    fed.wait_until_whole().await;
    let missed = fed.commit(10);
    fed.publish(fed.commit(10));
    fed.wait_until_whole().await;
    fed.publish(missed);
    fed.publish(fed.commit(10));
    fed.wait_until_whole().await;
}

/// The directory is away while RocksDB wants to write a file, as on a disk that fails for a while. RocksDB takes no write
/// after that, also when the directory is back.
#[tokio::test]
async fn a_read_model_whose_disk_failed_heals_by_itself() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let fed = Fed::new(world).await;
    fed.wait_until_whole().await;
    let away = fed.world.directory.path().join("away");
    fs::rename(&fed.directory, &away).unwrap();
    fs::write(&fed.directory, "no directory").unwrap();
    while fed.doubt().is_none() {
        fed.publish(fed.commit(1_000_000));
        assert!(fed.world.ledger.height() < 100, "RocksDB has taken in 100 MB without a file");
        sleep(PAUSE).await;
    }
    assert_eq!(fed.doubt(), Some(Doubt::Broken), "at once");
    fed.wait_until("tried again", |fed| fed.served.model().is_none()).await;
    let site = fed.site().await;
    let (status, answer) = site.json(&format!("/c/{code}")).await;
    assert_eq!((status, &answer["result"]), (503, &json!("cannotTell")));
    assert_eq!(site.get("/readyz").await.status, 503);

    fs::remove_file(&fed.directory).unwrap();
    fs::rename(&away, &fed.directory).unwrap();
    fed.wait_until_whole().await;
    assert_eq!(site.json(&format!("/c/{code}")).await.1["result"], "valid");
    assert!(!fed.feed.is_finished());
}

#[tokio::test]
async fn a_read_model_that_answers_cannot_read_is_built_anew() {
    let mut world = World::new();
    let codes: Vec<_> = (1..30).map(|number| world.issue(number, |_| {})).collect();
    let directory = world.directory.path().join("fed");
    let model = ReadModel::open(&directory, channel(world.genesis)).unwrap();
    model.catch_up(&world.ledger).unwrap();
    drop(model);
    damage(&directory);
    let fed = Fed::new(world).await;
    let site = fed.site().await;
    let mut damaged = 0;
    for code in &codes {
        let (status, answer) = site.json(&format!("/c/{code}")).await;
        damaged += u32::from(status == 503 && answer["result"] == "cannotTell");
    }
    assert!(damaged > 0, "the damage does not show");
    for code in &codes {
        let is_read = |fed: &Fed| {
            let reading =
                |model: Arc<ReadModel>| Some(model.read(fed.world.now(), DAY).ok()?.entry(*code).is_ok());
            fed.confirm();
            fed.served.model().and_then(reading).unwrap_or_default()
        };
        fed.wait_until("read", is_read).await;
        fed.wait_until_whole().await;
        assert_eq!(site.json(&format!("/c/{code}")).await.1["result"], "valid");
    }
}

#[tokio::test]
async fn a_verifier_that_was_never_in_touch_names_no_last_answer() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    for is_caught_up in [false, true] {
        let directory = world.directory.path().join(format!("new {is_caught_up}"));
        let model = ReadModel::open(&directory, channel(world.genesis)).unwrap();
        if is_caught_up {
            model.catch_up(&world.ledger).unwrap();
        }
        let config = Config::new("127.0.0.1:0".parse().unwrap());
        let served = Arc::new(ServedModel::new(Arc::new(model)));
        let server = Server::bind(config, served).await.unwrap();
        let site = Site::of(server);
        let (status, answer) = site.json(&format!("/c/{code}")).await;
        assert_eq!((status, &answer["result"]), (503, &json!("cannotTell")));
        assert!(answer.get("lastKnown").is_none(), "{answer}");
        let page = site.get(&format!("/c/{code}")).await;
        assert!(!page.says("Cannot tell").text().contains("Last known answer"));
    }
}

#[tokio::test]
async fn a_read_model_that_cannot_be_opened_for_damage_is_built_anew() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let directory = world.directory.path().join("fed");
    ReadModel::open(&directory, channel(world.genesis)).unwrap().catch_up(&world.ledger).unwrap();
    fs::write(directory.join("CURRENT"), "garbage").unwrap();
    let fed = Fed::new(world).await;
    fed.wait_until_whole().await;
    let model = fed.served.model().unwrap();
    assert!(model.read(fed.world.now(), DAY).unwrap().entry(code).unwrap().is_some());
}

/// What cannot be compressed.
fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes.div_ceil(32)).flat_map(|at| Sha256::digest(at.to_be_bytes())).take(bytes).collect()
}

/// Turns bits in the middle of each file of long values, as certificates are.
fn damage(directory: &Path) {
    let mut damaged = 0;
    for file in fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "blob") {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 3..bytes.len() * 2 / 3;
            bytes[middle].iter_mut().for_each(|byte| *byte = !*byte);
            fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0, "no file to damage");
}
