//! A network that is killed under load loses nothing that it acknowledged, and mends itself.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use fabric::proto::protos::TxValidationCode;
use peer_client::{Gateway, Invocation};
use tests::{Network, assert_success};

/// How often the network is killed.
const KILLS: u32 = 10;
const CLIENTS: u32 = 24;

type Acknowledged = Arc<Mutex<HashMap<String, u64>>>;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_however_often_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let acknowledged = Acknowledged::default();
    for round in 0..KILLS {
        let network = Network::start_in(folder.path());
        check(&network, &acknowledged).await;
        let enough = acknowledged.lock().unwrap().len() + 20 + 37 * round as usize;
        load_until(&network, round, &acknowledged, enough).await;
        network.kill();
    }
    let network = Network::start_in(folder.path());
    check(&network, &acknowledged).await;
    let code = network.code().to_string();
    assert!(assert_success(&network.nanotrace(&["cert", "show", &code])).contains("valid"));
    assert!(network.stop());
}

/// Every transaction that was acknowledged has the verdict and the block that were told.
async fn check(network: &Network, acknowledged: &Acknowledged) {
    let gateway = gateway(network).await;
    let known: Vec<_> =
        acknowledged.lock().unwrap().iter().map(|(txid, block)| (txid.clone(), *block)).collect();
    for (txid, block) in known {
        let status = gateway.commit("nanotrace", &txid).unwrap().status().await.unwrap();
        assert_eq!((status.code, status.block_number), (TxValidationCode::Valid, block), "{txid}");
    }
}

/// Submits from many clients at once until so many transactions are acknowledged; then returns while the
/// load goes on.
async fn load_until(network: &Network, round: u32, acknowledged: &Acknowledged, enough: usize) {
    let gateway = gateway(network).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (full, mut filled) = tokio::sync::watch::channel(false);
    for client in 0..CLIENTS {
        let (gateway, acknowledged, stop, full) =
            (gateway.clone(), acknowledged.clone(), stop.clone(), full.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let id = format!("https://example.org/schemes/{round}/{client}/{number}");
                let Some((txid, block)) = register(&gateway, &id).await else { return };
                let mut acknowledged = acknowledged.lock().unwrap();
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                acknowledged.insert(txid, block);
                if acknowledged.len() >= enough {
                    full.send_replace(true);
                }
            }
        });
    }
    filled.wait_for(|full| *full).await.unwrap();
    stop.store(true, Ordering::SeqCst);
}

/// None once the network is gone.
async fn register(gateway: &Gateway, id: &str) -> Option<(String, u64)> {
    let scheme = serde_json::json!({
        "id": id, "version": "1", "title": "Under load", "standards": ["https://example.org/standard"],
    });
    let invocation = Invocation::new("nanotrace", "nanotrace", "scheme:register")
        .argument(scheme.to_string().into_bytes());
    let commit = gateway.proposal(invocation).unwrap().endorse().await.ok()?.submit().await.ok()?;
    let status = commit.status().await.ok()?;
    assert_eq!(status.code, TxValidationCode::Valid);
    Some((commit.transaction_id().to_owned(), status.block_number))
}

async fn gateway(network: &Network) -> Gateway {
    let profile = network.profile();
    let organisation = profile.organisation("Accreditation").unwrap();
    let identity = profile.identity(organisation, "Admin").unwrap();
    Gateway::connect(&organisation.gateway.endpoint().unwrap(), identity).await.unwrap()
}
