//! Every write to disk fails once, in every way; whatever was acknowledged is there afterwards.

use std::{path::Path, sync::Arc};

use super::{
    super::{
        Ledger, LedgerError, check_ledger,
        files::{
            Files,
            faults::{Fault, Faults},
        },
        recovery,
    },
    chain::{Chain, tx},
};

const BLOCKS: u64 = 4;

#[test]
fn no_failing_write_loses_an_acknowledged_block() {
    for fault in [Fault::Lost, Fault::Torn, Fault::Done] {
        let mut operation = 0;
        while fails_at(operation, fault) {
            operation += 1;
        }
        // Creation, appends in two parts, syncs, several segments: if this number falls, the test tests less.
        assert!(operation >= 21, "{operation} operations");
    }
}

#[test]
fn a_failing_repair_can_be_repeated() {
    for fault in [Fault::Lost, Fault::Torn, Fault::Done] {
        for operation in 0..6 {
            let directory = tempfile::tempdir().unwrap();
            assert_eq!(run(directory.path(), &Faults::default()), BLOCKS);
            let segments = std::fs::read_dir(directory.path().join("blocks")).unwrap();
            let last = segments.map(|entry| entry.unwrap().path()).max().unwrap();
            let mut torn = std::fs::read(&last).unwrap();
            torn.extend(b"the beginning of a block");
            std::fs::write(&last, torn).unwrap();
            // Create three directories; truncate, sync, and sync the directory.
            let faults = Faults::default();
            faults.arm(operation, fault);
            assert!(open(directory.path(), None, &faults).is_err());
            assert!(!faults.disarm());
            let (ledger, _) = open(directory.path(), None, &faults).unwrap();
            assert_eq!(ledger.height(), BLOCKS);
            check_ledger(&ledger, tempfile::tempdir().unwrap().path()).unwrap();
        }
    }
}

/// Runs a ledger whose n-th operation fails; returns whether there was such an operation.
fn fails_at(operation: usize, fault: Fault) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    faults.arm(operation, fault);
    let acknowledged = run(directory.path(), &faults);
    if faults.disarm() {
        assert_eq!(acknowledged, BLOCKS);
        return false;
    }
    let (_, genesis) = Chain::begin("mychannel");
    let (ledger, recovery) = open(directory.path(), Some(&genesis), &faults).unwrap();
    let case = format!("operation {operation} {fault:?}: {recovery:?}");
    assert!(
        recovery.height == acknowledged || recovery.height == acknowledged + 1,
        "{case}, had {acknowledged}"
    );
    let mut chain = chain_up_to(ledger.height());
    while ledger.height() < BLOCKS {
        next(&mut chain, &ledger).expect(&case);
    }
    check_ledger(&ledger, tempfile::tempdir().unwrap().path()).expect(&case);
    true
}

/// Begins a ledger and commits blocks until one fails; returns how many were acknowledged.
fn run(directory: &Path, faults: &Faults) -> u64 {
    let (mut chain, genesis) = Chain::begin("mychannel");
    let Ok((ledger, _)) = open(directory, Some(&genesis), faults) else { return 0 };
    let ledger = &ledger;
    while ledger.height() < BLOCKS {
        let height = ledger.height();
        if next(&mut chain, ledger).is_err() {
            assert_eq!(ledger.height(), height, "a block that failed is not visible");
            refuses_everything(ledger, height);
            return height;
        }
    }
    BLOCKS
}

fn refuses_everything(ledger: &Ledger, height: u64) {
    let error = next(&mut chain_up_to(height), ledger).unwrap_err();
    assert!(matches!(error, LedgerError::Poisoned { .. }), "{error}");
    assert!(ledger.block(height - 1).unwrap().is_some(), "reading goes on");
}

fn next(chain: &mut Chain, ledger: &Ledger) -> Result<(), LedgerError> {
    let height = ledger.height();
    chain.commit(ledger, &[tx(&format!("tx{height}"), "cc").put("k", &height.to_string())]).map(|_| ())
}

fn chain_up_to(height: u64) -> Chain {
    let (mut chain, _) = Chain::begin("mychannel");
    for number in 1..height {
        chain.block(&[tx(&format!("tx{number}"), "cc").put("k", &number.to_string())]);
    }
    chain
}

fn open(
    directory: &Path,
    genesis: Option<&fabric::types::HeadedBlock>,
    faults: &Faults,
) -> Result<(Arc<Ledger>, recovery::Recovery), LedgerError> {
    recovery::open(directory, genesis, None, Files { segment_bytes: 400, faults: faults.clone() })
}
