//! A node is backed up while it runs, its machine is lost, and another one goes on: with a follower's help to the last
//! acknowledged block, or with the operator's word for the loss.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use fabric::{
    proto::protos::TxValidationCode,
    types::{
        HeadedBlock,
        blockfile::{self, BlockFile},
    },
};
use peer_client::{Error, Gateway, Invocation};
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    Network, assert_success,
    durability::{assert_durable, durable_files, recorded},
    follower::Settings,
    get, get_with_status, nanotrace, nanotrace_with_files_up_to, run,
    visitor::Visitor,
};
use tokio::task::JoinSet;

/// A key of `age-keygen`, for these tests.
const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
const CLIENTS: usize = 8;
/// Transactions that are acknowledged before the backup, and after it.
const ACKNOWLEDGED: usize = 60;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with a file of the identity in it.
struct Safe(TempDir);

impl Safe {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("identity"), format!("# created\n{IDENTITY}\n")).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn backup(&self, data_dir: &Path) -> Value {
        let output = run(&[
            "backup",
            "create",
            "--data-dir",
            text(data_dir),
            "--out",
            text(&self.path("backup")),
            "--recipient",
            RECIPIENT,
            "--json",
        ]);
        serde_json::from_str(&assert_success(&output)).unwrap()
    }

    fn restore(&self, data_dir: &Path) -> Output {
        let (backup, identity) = (self.path("backup"), self.path("identity"));
        run(&[
            "backup",
            "restore",
            text(&backup),
            "--data-dir",
            text(data_dir),
            "--identity",
            text(&identity),
        ])
    }
}

fn import(source: &Path, data_dir: &Path) -> Output {
    run(&["ledger", "import", text(source), "--data-dir", text(data_dir)])
}

fn resume(word: &str, block: u64, data_dir: &Path) -> Output {
    run(&["ledger", "resume", word, &block.to_string(), "--data-dir", text(data_dir)])
}

async fn gateway(network: &Network) -> Gateway {
    let profile = network.profile();
    let organisation = profile.organisation("Accreditation").unwrap();
    let identity = profile.identity(organisation, "Admin").unwrap();
    Gateway::connect(&organisation.gateway.endpoint().unwrap(), identity).await.unwrap()
}

/// Writes something; returns transaction and block when it is acknowledged.
async fn register(gateway: &Gateway, id: &str) -> Result<(String, u64), Error> {
    let scheme = serde_json::json!({
        "id": format!("https://example.org/schemes/{id}"), "version": "1", "title": "Under load",
        "standards": ["https://example.org/standard"],
    });
    let invocation = Invocation::new("nanotrace", "nanotrace-registry", "scheme:register")
        .argument(scheme.to_string().into_bytes());
    let commit = gateway.proposal(invocation)?.endorse().await?.submit().await?;
    let status = commit.status().await?;
    assert_eq!(status.code, TxValidationCode::Valid);
    Ok((commit.transaction_id().to_owned(), status.block_number))
}

/// Clients that write until they are stopped.
struct Load {
    clients: JoinSet<()>,
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<(String, u64)>>>,
    grown: tokio::sync::watch::Receiver<usize>,
}

impl Load {
    async fn start(network: &Network) -> Self {
        let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<_>>>::default());
        let (growing, grown) = tokio::sync::watch::channel(0);
        let (gateway, mut clients) = (gateway(network).await, JoinSet::new());
        for client in 0..CLIENTS {
            let (gateway, stop, told, growing) =
                (gateway.clone(), stop.clone(), told.clone(), growing.clone());
            clients.spawn(async move {
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let acknowledged = register(&gateway, &format!("{client}/{number}")).await.unwrap();
                    let mut told = told.lock().unwrap();
                    told.push(acknowledged);
                    growing.send_replace(told.len());
                }
            });
        }
        Self { clients, stop, told, grown }
    }

    /// Waits until so many more are acknowledged; all of them.
    async fn more(&mut self, count: usize) -> Vec<(String, u64)> {
        let enough = *self.grown.borrow() + count;
        self.grown.wait_for(|told| *told >= enough).await.unwrap();
        self.told.lock().unwrap().clone()
    }

    async fn stop(self) -> Vec<(String, u64)> {
        self.stop.store(true, Ordering::SeqCst);
        self.clients.join_all().await;
        self.told.lock().unwrap().clone()
    }
}

async fn assert_committed<'a>(network: &Network, transactions: impl IntoIterator<Item = &'a (String, u64)>) {
    let gateway = gateway(network).await;
    for (txid, block) in transactions {
        let status = gateway.commit("nanotrace", txid).unwrap().status().await.unwrap();
        assert_eq!((status.code, status.block_number), (TxValidationCode::Valid, *block), "{txid}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_restored_with_a_followers_help_to_the_last_acknowledged_block() {
    let (safe, machine, elsewhere) =
        (Safe::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let followers = tempfile::tempdir().unwrap();
    let mut network = Network::start_with(machine.path(), &["--portal", "0"]);
    let code = network.code();
    let mut applicant = Visitor::welcomed(&network.entrances()["applicant"]);
    let file = applicant.upload("report.txt", "what was measured");
    let follower = Settings::new(&network, followers.path()).start();

    let mut load = Load::start(&network).await;
    let before = load.more(ACKNOWLEDGED).await;
    let made = safe.backup(machine.path());
    let last = made["lastBlock"].as_u64().unwrap();
    assert!(before.iter().all(|(_, block)| *block <= last), "what was acknowledged is in it: {made}");
    let mode = safe.path("backup").metadata().unwrap().permissions().mode();
    assert_eq!((mode & 0o777, fs::read_dir(safe.0.path()).unwrap().count()), (0o600, 2));
    load.more(ACKNOWLEDGED).await;
    let all = load.stop().await;
    let newest = all.iter().map(|(_, block)| *block).max().unwrap();
    assert!(newest > last);
    follower.wait_for(code, |answer| answer["asOf"]["block"].as_u64() >= Some(newest));
    follower.kill();
    network.kill();
    machine.close().unwrap();

    let (backup, identity) = (safe.path("backup"), safe.path("identity"));
    let genesis = made["genesis"].as_str().unwrap();
    let verified = run(&[
        "backup",
        "verify",
        text(&backup),
        "--identity",
        text(&identity),
        "--fingerprint",
        genesis,
        "--json",
    ]);
    let verified: Value = serde_json::from_str(&assert_success(&verified)).unwrap();
    assert_eq!((&verified["keysDecrypted"], &verified["uploads"]), (&true.into(), &1.into()));
    let home = elsewhere.path().join("data");
    assert_success(&safe.restore(&home));
    assert_eq!(safe.restore(&home).status.code(), Some(2), "it is not empty any more");

    // What is there is served, and nothing is ordered.
    let mut network = Network::start_with(&home, &["--portal", "0"]);
    let operations = network.operations();
    let (status, ready) = get_with_status(&operations, "/readyz");
    assert!(
        status == 503 && ready.contains(&format!("restored from a backup as of block {last}")),
        "{ready}"
    );
    assert!(get(&operations, "/metrics").contains("nanotrace_orderer_held 1"));
    let refused = register(&gateway(&network).await, "too-early").await.unwrap_err().to_string();
    assert!(refused.contains("restored from a backup"), "{refused}");
    assert_committed(&network, all.iter().filter(|(_, block)| *block <= last)).await;
    assert!(assert_success(&network.nanotrace(&["cert", "show", &code.to_string()])).contains("valid"));
    let public: Value =
        serde_json::from_str(&get(&network.verifier(), &format!("/api/v1/certificates/{code}"))).unwrap();
    assert_eq!(public["result"], "cannotTell", "nobody knows whether this is the end of the chain");
    let mut applicant = Visitor::welcomed(&network.entrances()["applicant"]);
    assert_eq!(applicant.get(&format!("/files/{file}")).body, "what was measured");
    let exported = safe.path("exported");
    assert_success(&run(&["ledger", "export", text(followers.path()), "--out", text(&exported)]));
    let in_use = import(&exported, &home);
    assert!(in_use.status.code() == Some(4) && said(&in_use).contains("in use"), "{in_use:?}");
    assert!(network.stop());

    assert!(assert_success(&import(&exported, &home)).contains(&format!("the last one is block {newest}")));
    assert!(assert_success(&import(&exported, &home)).starts_with("0 blocks were added"));
    assert_eq!(resume("--complete-at", last, &home).status.code(), Some(2));
    assert_success(&resume("--complete-at", newest, &home));
    assert_eq!(resume("--complete-at", newest, &home).status.code(), Some(2), "it waits no more");
    let network = Network::start_in(&home);
    assert_committed(&network, &all).await;
    let (_, next) = register(&gateway(&network).await, "goes-on").await.unwrap();
    assert!(next > newest);
    assert_success(&network.nanotrace(&["status"]));
    let follower = Settings::new(&network, followers.path()).start();
    let answer = follower.wait_for(code, |answer| answer["asOf"]["block"].as_u64() >= Some(next));
    assert_eq!(answer["result"], "valid");
    assert!(!follower.get("/readyz").1.contains("forked"));
}

#[test]
fn without_a_follower_the_operator_gives_his_word_and_who_has_more_is_told() {
    let (safe, machine, elsewhere) =
        (Safe::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let followers = tempfile::tempdir().unwrap();
    let network = Network::start_in(machine.path());
    let code = network.code();
    let last = safe.backup(machine.path())["lastBlock"].as_u64().unwrap();
    let follower = Settings::new(&network, followers.path()).start();
    let act = |network: &Network, act: &str| {
        assert_success(&network.nanotrace(&["cert", act, &code.to_string(), "--reason", "a closer look"]));
    };
    act(&network, "stop");
    act(&network, "lift");
    act(&network, "stop");
    follower.wait_for(code, |answer| answer["asOf"]["block"].as_u64() >= Some(last + 3));
    follower.kill();
    network.kill();

    let home = elsewhere.path().join("data");
    assert_success(&safe.restore(&home));
    assert_eq!(resume("--accept-loss-after", last + 1, &home).status.code(), Some(2));
    assert_success(&resume("--accept-loss-after", last, &home));
    let mut network = Network::start_in(&home);
    let greeting = network.said_until("ready after");
    assert!(greeting.contains(&format!("given up     what may have followed block {last}")), "{greeting}");
    let status = assert_success(&network.nanotrace(&["status"]));
    assert!(status.contains(&format!("what may have followed block {last}")), "{status}");
    // Once where the other course is shorter than what the follower has, and once where it is longer.
    for acts in [["stop", "lift"], ["stop", "lift"]] {
        acts.iter().for_each(|it| act(&network, it));
        let follower = Settings::new(&network, followers.path()).start();
        follower.wait_for_page("/readyz", |_, ready| ready.contains("its operator has given up the blocks"));
        assert_ne!(follower.answer(code)["result"], "valid", "its own last word was a stop");
        follower.kill();
    }
    let checked = assert_success(&run(&["ledger", "check", text(followers.path())]));
    assert!(checked.starts_with(&format!("{} blocks", last + 4)), "nothing of it is mixed: {checked}");
}

#[test]
fn a_backup_that_was_cut_or_changed_is_refused() {
    let (safe, machine, elsewhere) =
        (Safe::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(Network::start_in(machine.path()).stop());
    let made = safe.backup(machine.path());
    let whole = fs::read(safe.path("backup")).unwrap();
    let (damaged, home) = (safe.path("damaged"), elsewhere.path().join("data"));
    let refuse = |bytes: &[u8], what: &str| {
        fs::write(&damaged, bytes).unwrap();
        for command in [
            vec!["backup", "verify", text(&damaged)],
            vec!["backup", "restore", text(&damaged), "--data-dir", text(&home), "--without-keys"],
        ] {
            let output = run(&command);
            assert!(
                output.status.code() == Some(1) && said(&output).contains("is not whole"),
                "{what}: {output:?}"
            );
        }
        assert!(!home.exists(), "{what}");
    };
    let places = (0..24).map(|step| step * (whole.len() - 1) / 23).collect::<Vec<_>>();
    for at in places.into_iter().chain([1, 8, whole.len() - 40, whole.len() - 33, whole.len() - 2]) {
        refuse(&whole[..at], &format!("cut at {at}"));
        let mut changed = whole.clone();
        changed[at] ^= 0x20;
        refuse(&changed, &format!("byte {at} changed"));
    }
    refuse(&[&whole[..], b"\n"].concat(), "a byte more");

    let other = format!("sha256:{}", "0a".repeat(32));
    let output = run(&["backup", "verify", text(&safe.path("backup")), "--fingerprint", &other]);
    assert!(output.status.code() == Some(1) && said(&output).contains("of another network"), "{output:?}");
    let output = run(&["backup", "restore", text(&safe.path("backup")), "--data-dir", text(&home)]);
    assert!(output.status.code() == Some(2) && said(&output).contains("--identity"), "{output:?}");
    fs::write(safe.path("identity"), "AGE-SECRET-KEY-1QQQ\n").unwrap();
    assert_eq!(safe.restore(&home).status.code(), Some(2));
    assert!(!home.exists());
    assert_eq!(made["keys"], "encrypted");
}

#[test]
fn only_the_channels_own_later_blocks_are_imported() {
    let (safe, machine, elsewhere) =
        (Safe::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let network = Network::start_in(machine.path());
    let code = network.code().to_string();
    let last = safe.backup(machine.path())["lastBlock"].as_u64().unwrap();
    for act in ["stop", "lift", "stop"] {
        assert_success(&network.nanotrace(&["cert", act, &code, "--reason", "a closer look"]));
    }
    assert!(network.stop());
    let home = elsewhere.path().join("data");
    assert_success(&safe.restore(&home));
    let exported = safe.path("exported");
    assert_success(&run(&["ledger", "export", text(machine.path()), "--out", text(&exported)]));
    let file = exported.join("ledgersData/chains/chains/nanotrace/blockfile_000000");
    let blocks: Vec<HeadedBlock> = BlockFile::new(fs::File::open(&file).unwrap())
        .map(|block| block.unwrap().try_into().unwrap())
        .collect();
    let records: Vec<_> = blocks.iter().map(blockfile::record).collect();
    let at = last as usize;
    let altered = safe.path("altered");
    let refuse = |content: Vec<u8>, reason: &str| {
        fs::write(&altered, content).unwrap();
        let output = import(&altered, &home);
        assert!(output.status.code() == Some(1) && said(&output).contains(reason), "{reason}: {output:?}");
    };

    let stranger = tempfile::tempdir().unwrap();
    assert!(Network::start_in(stranger.path()).stop());
    let output = import(stranger.path(), &home);
    assert!(output.status.code() == Some(1) && said(&output).contains("of another channel"), "{output:?}");
    refuse(
        [&records[..=at], &records[at + 2..]].concat().concat(),
        &format!("block {} is missing", last + 1),
    );
    // A byte of a transaction, and of the orderer's signature.
    let mut changed = records.clone();
    let middle = changed[at + 1].len() / 2;
    changed[at + 1][middle] ^= 1;
    refuse(changed.concat(), &format!("block {} is refused", last + 1));
    let mut message = blocks[at + 1].message().clone();
    let signatures = &mut message.metadata.as_mut().unwrap().metadata[0];
    let mut bytes = signatures.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    *signatures = bytes.into();
    let unsigned = blockfile::record(&HeadedBlock::try_from(message).unwrap());
    refuse([records[..=at].concat(), unsigned].concat(), "signatures");
    let cut = records.concat();
    refuse(cut[..cut.len() - 5].to_vec(), "ends inside record");
    // What was whole of it stays; the rest comes with the whole file.
    let said = assert_success(&import(&exported, &home));
    assert!(
        said.starts_with("1 blocks were added") && said.contains(&format!("block {}", last + 3)),
        "{said}"
    );
    let checked = assert_success(&run(&["ledger", "check", text(&home)]));
    assert!(checked.starts_with(&format!("{} blocks", last + 4)), "{checked}");
    assert_eq!(import(&exported, &safe.path("nothing")).status.code(), Some(2));
}

#[test]
fn a_full_disk_leaves_no_backup_behind() {
    let (safe, machine, elsewhere) =
        (Safe::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(Network::start_in(machine.path()).stop());
    let limited =
        |arguments: &[&str]| nanotrace_with_files_up_to(Some(100_000)).args(arguments).output().unwrap();
    let backup = safe.path("backup");
    let output = limited(&[
        "backup",
        "create",
        "--data-dir",
        text(machine.path()),
        "--out",
        text(&backup),
        "--recipient",
        RECIPIENT,
    ]);
    assert!(output.status.code() == Some(4) && said(&output).contains(text(&backup)), "{output:?}");
    assert_eq!(fs::read_dir(safe.0.path()).unwrap().count(), 1, "the identity alone");
    safe.backup(machine.path());
    let home = elsewhere.path().join("data");
    let (backup, identity) = (text(&backup).to_owned(), safe.path("identity"));
    let output =
        limited(&["backup", "restore", &backup, "--data-dir", text(&home), "--identity", text(&identity)]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
    assert_success(&safe.restore(&home));
}

#[test]
fn a_restore_that_was_interrupted_is_not_started_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".restoring")).unwrap();
    let refusal = Network::refusal(folder.path());
    assert!(refusal.contains("was interrupted"), "{refusal}");
    assert!(!folder.path().join("crypto-config").exists());
}

#[test]
fn backup_and_restored_directory_are_durable_and_without_a_recipient_the_keys_are_left_out_loudly() {
    let (safe, machine, elsewhere) =
        (Safe::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(Network::start_in(machine.path()).stop());
    let logged = |arguments: &[&str]| {
        let output =
            Command::new(nanotrace()).args(["--log", "warn,durable=trace"]).args(arguments).output().unwrap();
        assert_success(&output);
        (recorded(&said(&output)), said(&output))
    };
    let backup = safe.path("backup");
    let (events, _) = logged(&[
        "backup",
        "create",
        "--data-dir",
        text(machine.path()),
        "--out",
        text(&backup),
        "--recipient",
        RECIPIENT,
    ]);
    assert_durable(&events, &backup);
    let home = elsewhere.path().join("data");
    let identity = safe.path("identity");
    let (events, _) = logged(&[
        "backup",
        "restore",
        text(&backup),
        "--data-dir",
        text(&home),
        "--identity",
        text(&identity),
    ]);
    let files = durable_files(&home);
    assert!(files.len() > 100, "{files:?}");
    for path in files {
        assert_durable(&events, &path);
    }
    let bare = safe.path("bare");
    let (_, warned) = logged(&["backup", "create", "--data-dir", text(machine.path()), "--out", text(&bare)]);
    assert!(warned.contains("THE KEYS ARE NOT IN THE BACKUP"), "{warned}");
    let secrets = fs::read_dir(machine.path().join("crypto-config/peerOrganizations")).unwrap().count();
    assert!(secrets > 0 && !String::from_utf8_lossy(&fs::read(&bare).unwrap()).contains("PRIVATE KEY"));
    assert!(!String::from_utf8_lossy(&fs::read(&backup).unwrap()).contains("PRIVATE KEY"));
    let keyless = elsewhere.path().join("keyless");
    assert_success(&run(&["backup", "restore", text(&bare), "--data-dir", text(&keyless)]));
    let refusal = Network::refusal(&keyless);
    assert!(refusal.contains("crypto-config is missing"), "{refusal}");
}
