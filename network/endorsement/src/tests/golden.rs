//! What real peers endorsed, simulated again: the read-write sets must come out byte for byte.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use channel::Bundle;
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::{
        common::{Config, ConfigGroup},
        kvrwset::{KvMetadataEntry, RangeQueryInfo},
        protos::SignedProposal,
    },
    types::{
        decode,
        rwset::{NamespaceRwSet, TxRwSet},
    },
};
use msp::{Msp, MspManager, MspVersion, SigningIdentity};

use super::recorded::{Endorsed, Recorded};
use crate::{
    Endorser, EndorserSetup, Packages,
    invoke::Transaction,
    lifecycle,
    rwset::Metadata,
    simulate::{Simulation, Simulator},
    system,
};
use ledger::{Ledger, Waiting};

/// Approvals and commits go through `_lifecycle` itself, with each organisation's private data as our own
/// simulation left it; so also what it reads back of them is checked.
#[test]
fn lifecycle_of_small() {
    let Some(chain) = Recorded::open("small") else { return };
    assert_eq!(check_lifecycle(chain).unwrap_or(20), 20);
}

#[test]
fn lifecycle_of_alpha() {
    let Some(chain) = Recorded::open("alpha") else { return };
    assert_eq!(check_lifecycle(chain).unwrap_or(66), 66);
}

/// Everything else is simulated from what it is recorded to have read and written.
#[test]
fn state_of_small() {
    let Some(chain) = Recorded::open("small") else { return };
    assert_eq!(check_state(chain), 13);
}

#[test]
fn state_of_alpha() {
    let Some(chain) = Recorded::open("alpha") else { return };
    assert_eq!(check_state(chain), 615);
}

fn check_lifecycle(mut chain: Recorded) -> Option<usize> {
    let ledger = chain.ledger();
    let mut endorsers = BTreeMap::new();
    let (mut checked, mut differences) = (0, Vec::new());
    while let Some(transactions) = chain.next() {
        for call in
            transactions.iter().filter(|call| call.chaincode == lifecycle::NAMESPACE && is_honest(call))
        {
            if !endorsers.contains_key(&call.endorser) {
                endorsers.insert(call.endorser.clone(), endorser(&call.endorser, &ledger, chain.bundle())?);
            }
            let results = simulate_lifecycle(call, &endorsers[&call.endorser], chain.bundle());
            if results != Ok(call.action.results.clone()) {
                differences.push(format!("{}: {}", call.name, explain(results, &call.action.results)));
            }
            let id = call.action.chaincode_id.as_ref().unwrap();
            assert_eq!((id.name.as_str(), id.version.as_str()), (lifecycle::NAMESPACE, system::VERSION));
            assert!(call.action.events.is_empty());
            checked += 1;
        }
        chain.commit();
    }
    assert!(differences.is_empty(), "{} of {checked}:\n{}", differences.len(), differences.join("\n"));
    Some(checked)
}

fn simulate_lifecycle(call: &Endorsed, endorser: &Endorser, bundle: &Arc<Bundle>) -> Result<Bytes, String> {
    let ledger = endorser.ledger();
    let view = ledger.view().unwrap();
    let creator = bundle.msps().deserialize(&call.creator).unwrap();
    let transaction = Transaction {
        txid: &call.txid,
        channel_id: bundle.channel_id(),
        bundle,
        signed: &SignedProposal::default(),
        creator: &creator,
        invoked: lifecycle::NAMESPACE,
    };
    let mut simulator = Simulator::new(&view, ledger.private_store(&call.endorser), bundle, &call.txid);
    let response = lifecycle::invoke(endorser, &transaction, Some(&mut simulator), &call.input.args);
    if Some(&response) != call.action.response.as_ref() {
        return Err(format!("{} {}", response.status, response.message));
    }
    let Simulation { public, private, .. } = simulator.finish();
    if let Some(private) = private {
        let (txid, height) = (&call.txid, view.height());
        let waiting = Waiting { txid, creator: &call.endorser, height, private: &private };
        ledger.private_store(&call.endorser).keep(waiting).unwrap();
    }
    Ok(public)
}

/// A peer of a recorded organisation, with a key of our own: only its MSP id matters here.
fn endorser(msp_id: &str, ledger: &Arc<Ledger>, bundle: &Bundle) -> Option<Endorser> {
    let directory = tempfile::tempdir().unwrap();
    let setup = EndorserSetup {
        ledger: ledger.clone(),
        signer: signer(msp_id, directory.path())?,
        local_msp: local_msp(msp_id, bundle),
        packages: Packages::open(directory.path()).unwrap(),
        own_chaincodes: Vec::new(),
        memo: Arc::new(VerifiedSignatureCache::disabled()),
        private_data_of: Vec::new(),
    };
    Some(Endorser::new(setup))
}

fn signer(msp_id: &str, folder: &std::path::Path) -> Option<SigningIdentity> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=peer",
        ])
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .output();
    if made.is_err() {
        println!("skipped: no openssl to make certificates with");
        return None;
    }
    let read = |path| std::fs::read(path).unwrap();
    Some(SigningIdentity::from_pem(msp_id, &read(&certificate), &read(&key)).unwrap())
}

fn local_msp(msp_id: &str, bundle: &Bundle) -> MspManager {
    let config: Config = decode(bundle.config().clone()).unwrap();
    let application = &config.channel_group.unwrap().groups["Application"];
    let msp = |organisation: &ConfigGroup| {
        let config = decode(organisation.values["MSP"].value.clone()).unwrap();
        Msp::from_config(&config, MspVersion::V1_4_3).unwrap()
    };
    let mut msps = application.groups.values().map(msp);
    MspManager::new(vec![msps.find(|msp| msp.name() == msp_id).unwrap()])
}

fn check_state(mut chain: Recorded) -> usize {
    let ledger = chain.ledger();
    let (mut checked, mut differences) = (0, Vec::new());
    while let Some(transactions) = chain.next() {
        for call in transactions.iter().filter(|call| call.valid && is_honest(call)) {
            let recorded = TxRwSet::decode(call.action.results.clone()).unwrap();
            if recorded.namespaces.iter().any(|namespace| !namespace.collections.is_empty()) {
                continue;
            }
            let results = simulate_again(&recorded, &ledger, chain.bundle());
            if results != call.action.results {
                differences.push(format!("{}: {}", call.name, explain(Ok(results), &call.action.results)));
            }
            checked += 1;
        }
        chain.commit();
    }
    assert!(differences.is_empty(), "{} of {checked}:\n{}", differences.len(), differences.join("\n"));
    checked
}

/// Others were tampered with after a peer had simulated them, or endorsed by a peer that had not.
fn is_honest(call: &Endorsed) -> bool {
    let kinds = ["ordinary:", "preparation", "lifecycle:", "upgrade:"];
    kinds.iter().any(|kind| call.label.starts_with(kind)) && !call.label.ends_with("endorsed-by-other-org")
}

/// Reads and writes what the recorded transaction read and wrote, backwards, since the order must not show.
fn simulate_again(recorded: &TxRwSet, ledger: &Ledger, bundle: &Bundle) -> Bytes {
    let view = ledger.view().unwrap();
    let mut simulator = Simulator::new(&view, ledger.private_store("nobody"), bundle, "txid");
    for NamespaceRwSet { namespace, public, .. } in recorded.namespaces.iter().rev() {
        for query in &public.range_queries_info {
            repeat(query, namespace, &mut simulator);
        }
        for read in public.reads.iter().rev() {
            simulator.get_state(namespace, &read.key).unwrap();
        }
        for write in public.writes.iter().rev() {
            simulator.set_state(namespace, write.key.clone(), write.value.clone()).unwrap();
        }
        for write in public.metadata_writes.iter().rev() {
            let entry = |entry: &KvMetadataEntry| (entry.name.clone(), entry.value.clone());
            let metadata: Metadata = write.entries.iter().map(entry).collect();
            simulator.set_state_metadata(namespace, write.key.clone(), metadata).unwrap();
        }
    }
    simulator.finish().public
}

/// Reads a range as far as the recorded query did.
fn repeat(query: &RangeQueryInfo, namespace: &str, simulator: &mut Simulator<'_>) {
    let end = if query.itr_exhausted { query.end_key.as_str() } else { "" };
    let range = simulator.open_range(namespace, &query.start_key, end, None).unwrap();
    while let Some(entry) = simulator.next_in_range(range).unwrap() {
        if !query.itr_exhausted && entry.key == query.end_key {
            return;
        }
    }
}

fn explain(ours: Result<Bytes, String>, recorded: &Bytes) -> String {
    match ours {
        Err(reason) => reason,
        Ok(ours) => format!(
            "\n  ours     {:?}\n  recorded {:?}",
            TxRwSet::decode(ours).unwrap(),
            TxRwSet::decode(recorded.clone()).unwrap()
        ),
    }
}
