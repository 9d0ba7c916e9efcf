//! A network or a follower that is killed under load, and while it starts, loses nothing that it told anybody, and mends
//! itself.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use channel::policy;
use fabric::proto::{lifecycle::QueryApprovedChaincodeDefinitionArgs, protos::TxValidationCode};
use peer_client::{Error, Gateway, Invocation, lifecycle::Definition};
use prost::Message;
use tests::{
    Network, assert_success,
    follower::{Follower, Settings},
    random, run, setting,
};
use tokio::task::JoinSet;

/// How often each is killed, unless NANOTRACE_KILLS says otherwise.
const KILLS: usize = 10;
/// Every so many times it is killed while it starts.
const KILLED_AT_START: usize = 4;
/// Longer than a start takes.
const START_MILLISECONDS: u64 = 300;
/// How long a follower may take to have some more blocks; far more than it should.
const PATIENCE: Duration = Duration::from_secs(60);
const CLIENTS: u32 = 24;
/// Transactions that are acknowledged before a kill, at most; and of older ones that are looked at after it.
const ACKNOWLEDGED: usize = 120;
const SAMPLE: usize = 20;
/// The certificate is stopped, or lifted, so often.
const BLOCKS_BETWEEN_ACTS: usize = 25;
/// The contract lets a certificate be suspended a hundred times.
const SUSPENSIONS: usize = 100;
/// Whose administrator approves chaincode definitions: they lie in its implicit private collection.
const APPROVER: &str = "Lab";

/// What the network was asked for, and what it acknowledged.
#[derive(Default)]
struct Told {
    /// Transactions with their blocks.
    transactions: Vec<(String, u64)>,
    /// Names of chaincodes whose approval was begun, and whether it was acknowledged.
    approvals: Vec<(String, bool)>,
}

type Shared = Arc<Mutex<Told>>;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_however_often_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let told = Shared::default();
    let mut random = random();
    let mut checked = (0, 0);
    for round in 0..setting("NANOTRACE_KILLS", KILLS) {
        if round % KILLED_AT_START == KILLED_AT_START - 1 {
            let after = Duration::from_millis(random.u64(0..START_MILLISECONDS));
            Network::kill_while_it_starts(folder.path(), &[], after);
            continue;
        }
        let network = Network::start_in(folder.path());
        checked = check(&network, &told, checked, &mut random).await;
        let enough = told.lock().unwrap().transactions.len() + random.usize(1..ACKNOWLEDGED);
        load_until(&network, round, &told, enough).await;
        network.kill();
    }
    let network = Network::start_in(folder.path());
    check(&network, &told, (0, 0), &mut random).await;
    let (transactions, approvals) = counts(&told);
    println!("{transactions} transactions, {approvals} approvals");
    let code = network.code().to_string();
    assert!(assert_success(&network.nanotrace(&["cert", "show", &code])).contains("valid"));
    assert!(network.stop());
}

fn counts(told: &Shared) -> (usize, usize) {
    let told = told.lock().unwrap();
    (told.transactions.len(), told.approvals.len())
}

/// Every transaction that was acknowledged has the verdict and the block that were told, and every approval is readable
/// where its organisation reads it: those since the last check, and a sample of the others. Returns how many there are.
async fn check(
    network: &Network,
    told: &Shared,
    checked: (usize, usize),
    random: &mut fastrand::Rng,
) -> (usize, usize) {
    let ledger = gateway(network, "Accreditation").await;
    let approver = gateway(network, APPROVER).await;
    let (transactions, approvals) = {
        let told = told.lock().unwrap();
        (sample(&told.transactions, checked.0, random), sample(&told.approvals, checked.1, random))
    };
    for (txid, block) in transactions {
        let status = ledger.commit("nanotrace", &txid).unwrap().status().await.unwrap();
        assert_eq!((status.code, status.block_number), (TxValidationCode::Valid, block), "{txid}");
    }
    for (name, is_acknowledged) in approvals {
        match approved(&approver, &name).await {
            Ok(()) => {}
            Err(error) => {
                assert!(!is_acknowledged && error.contains("could not fetch approved"), "{name}: {error}")
            }
        }
    }
    counts(told)
}

fn sample<T: Clone>(all: &[T], checked: usize, random: &mut fastrand::Rng) -> Vec<T> {
    let mut sample = random.choose_multiple(all[..checked].iter().cloned(), SAMPLE);
    sample.extend_from_slice(&all[checked..]);
    sample
}

async fn approved(approver: &Gateway, name: &str) -> Result<(), String> {
    let query = QueryApprovedChaincodeDefinitionArgs { name: name.to_owned(), sequence: 1 };
    let query = Invocation::new("nanotrace", "_lifecycle", "QueryApprovedChaincodeDefinition")
        .argument(query.encode_to_vec());
    let answer = approver.proposal(query).unwrap().evaluate().await;
    answer.map(drop).map_err(|error| error.to_string())
}

/// Submits from many clients at once until so many transactions are acknowledged; then returns while the
/// load goes on.
async fn load_until(network: &Network, round: usize, told: &Shared, enough: usize) {
    let (ledger, approver) = (gateway(network, "Accreditation").await, gateway(network, APPROVER).await);
    let stop = Arc::new(AtomicBool::new(false));
    let (full, mut filled) = tokio::sync::watch::channel(false);
    for client in 0..CLIENTS {
        let (gateway, told, stop, full) = (ledger.clone(), told.clone(), stop.clone(), full.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let id = format!("https://example.org/schemes/{round}/{client}/{number}");
                let Ok(acknowledged) = register(&gateway, &id).await else { return };
                let mut told = told.lock().unwrap();
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                told.transactions.push(acknowledged);
                if told.transactions.len() >= enough {
                    full.send_replace(true);
                }
            }
        });
    }
    tokio::spawn(approve(approver, round, told.clone(), stop.clone()));
    filled.wait_for(|full| *full).await.unwrap();
    stop.store(true, Ordering::SeqCst);
}

/// Fails once the network is gone.
async fn register(gateway: &Gateway, id: &str) -> Result<(String, u64), Error> {
    let scheme = serde_json::json!({
        "id": id, "version": "1", "title": "Under load", "standards": ["https://example.org/standard"],
    });
    let invocation = Invocation::new("nanotrace", "nanotrace-registry", "scheme:register")
        .argument(scheme.to_string().into_bytes());
    submit(gateway, invocation).await
}

/// Approves one chaincode definition after the other until the network is gone.
async fn approve(approver: Gateway, round: usize, told: Shared, stop: Arc<AtomicBool>) {
    for number in 0.. {
        let name = format!("chaincode-{round}-{number}");
        let definition = Definition {
            name: name.clone(),
            version: "1.0".into(),
            sequence: 1,
            endorsement_policy: policy::parse("OR('LabMSP.peer')").unwrap(),
        };
        {
            let mut told = told.lock().unwrap();
            if stop.load(Ordering::SeqCst) {
                return;
            }
            told.approvals.push((name, false));
        }
        let approval = definition.approve("nanotrace", "LabMSP", "");
        if submit(&approver, approval).await.is_err() {
            return;
        }
        let mut told = told.lock().unwrap();
        if stop.load(Ordering::SeqCst) {
            return;
        }
        told.approvals.last_mut().unwrap().1 = true;
    }
}

async fn submit(gateway: &Gateway, invocation: Invocation) -> Result<(String, u64), Error> {
    let commit = gateway.proposal(invocation)?.endorse().await?.submit().await?;
    let status = commit.status().await?;
    assert_eq!(status.code, TxValidationCode::Valid);
    Ok((commit.transaction_id().to_owned(), status.block_number))
}

async fn gateway(network: &Network, organisation: &str) -> Gateway {
    let profile = network.profile();
    let organisation = profile.organisation(organisation).unwrap();
    let identity = profile.identity(organisation, "Admin").unwrap();
    Gateway::connect(&organisation.gateway.endpoint().unwrap(), identity).await.unwrap()
}

/// The acts on the certificate that were committed: the block, and what is true of the certificate from there on.
type Acts = Arc<Mutex<Vec<(u64, &'static str)>>>;

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_goes_back_behind_nothing_that_it_answered_however_often_it_is_killed() {
    let network = Network::start();
    let folder = tempfile::tempdir().unwrap();
    let address = |name: &str| network.profile().organisation(name).unwrap().gateway.address.clone();
    let peers = [("Lab", address("Lab")), ("Customs", address("Customs"))];
    let directory = folder.path().join("data");
    let settings = Settings::new(&network, &directory).with_peers(&network, &peers);
    let acts = Acts::default();
    let mut acting = JoinSet::new();
    acting.spawn(act(gateway(&network, "Accreditation").await, network.code().to_string(), acts.clone()));

    let mut random = random();
    let mut answers = Vec::new();
    for round in 0..setting("NANOTRACE_KILLS", KILLS) {
        if round % KILLED_AT_START == KILLED_AT_START - 1 {
            settings.kill_while_it_starts(Duration::from_millis(random.u64(0..START_MILLISECONDS)));
            continue;
        }
        let follower = settings.start();
        ask_for_blocks(&follower, &network, random.u64(0..6), &mut answers);
        follower.kill();
    }
    acting.shutdown().await;

    let acts = acts.lock().unwrap();
    let told = answers.len();
    println!(
        "{told} answers as of up to {} blocks, {} acts",
        answers.last().map_or(0, |last| last.0),
        acts.len()
    );
    assert!(answers.is_sorted_by_key(|(block, _)| *block));
    for (block, result) in answers {
        let before = acts.partition_point(|(committed, _)| *committed <= block);
        // The last act may have been committed without having been told.
        if before < acts.len() {
            let expected = before.checked_sub(1).map_or("valid", |last| acts[last].1);
            assert_eq!(result, expected, "as of block {block}");
        }
    }
    assert_success(&run(&["ledger", "check", directory.join("ledger").to_str().unwrap()]));
}

/// Makes blocks without end; in some of them the certificate is suspended, or that is lifted again.
async fn act(gateway: Gateway, code: String, acts: Acts) {
    for number in 0.. {
        let may_act = number / (2 * BLOCKS_BETWEEN_ACTS) < SUSPENSIONS;
        let (function, result) = match number % (2 * BLOCKS_BETWEEN_ACTS) {
            0 if may_act => ("certificate:stop", "notValid"),
            BLOCKS_BETWEEN_ACTS if may_act => ("certificate:lift", "valid"),
            _ => {
                register(&gateway, &format!("https://example.org/schemes/{number}")).await.unwrap();
                continue;
            }
        };
        let invocation = Invocation::new("nanotrace", "nanotrace", function)
            .argument(code.clone().into_bytes())
            .argument("under load".as_bytes().to_vec());
        let (_, block) = submit(&gateway, invocation).await.unwrap();
        acts.lock().unwrap().push((block, result));
    }
}

/// Asks until there are answers as of so many more blocks, and keeps them with their blocks.
fn ask_for_blocks(follower: &Follower, network: &Network, more: u64, answers: &mut Vec<(u64, String)>) {
    let (mut first, since) = (None, Instant::now());
    loop {
        assert!(since.elapsed() < PATIENCE, "no further blocks");
        let answer = follower.answer(network.code());
        if answer["result"] == "cannotTell" {
            continue;
        }
        let block = answer["asOf"]["block"].as_u64().unwrap();
        answers.push((block, answer["result"].as_str().unwrap().to_owned()));
        if block >= *first.get_or_insert(block) + more {
            return;
        }
    }
}
