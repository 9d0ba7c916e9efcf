//! A ledger that was recorded when everything stood in one chaincode is read on: its certificates, what was done to them,
//! and the accreditation on which they rest.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;

use certificate::event_log::{Kind, Moment};
use certificate::verdict::{Cause, Verdict};
use certificate::{Code, parties};
use follower::replay::{self, Replay};
use tempfile::TempDir;
use verifier::{Channel, Entry, ReadModel};

const SUSPENDED: &str = "10H28A0Z1G8AASS9GEM02WBBDJC";
const WITHDRAWN: &str = "4E5NMWBMQP8Q5V0S837586CPQNU";
const DAY: i64 = 86_400;

#[test]
fn a_ledger_of_the_first_version_is_read() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/version-0.1.0/blockfile_000000");
    let directory = TempDir::new().unwrap();
    let mut replay = Replay::new(directory.path().join("ledger"));
    for block in replay::read(&file).unwrap() {
        replay.block(block.unwrap()).unwrap();
    }
    let ledger = replay.ledger().unwrap();
    let channel = Channel {
        name: ledger.channel_id().to_owned(),
        genesis: ledger.genesis_hash(),
        chaincode: "nanotrace".to_owned(),
        accreditation_body: parties::ACCREDITATION_BODY.to_owned(),
    };
    let folder = directory.path().join("model");
    std::fs::create_dir(&folder).unwrap();
    let model = ReadModel::open(&folder, channel).unwrap();
    model.catch_up(ledger).unwrap();
    let [(_, Some(now))] = model.ledger_times()[..] else { unreachable!("one body, with a ledger time") };

    let reading = model.read(now, DAY).unwrap();
    let entry = |code: &str| reading.entry(code.parse::<Code>().unwrap()).unwrap().unwrap();
    for (code, cause, by) in [
        (SUSPENDED, Cause::Suspended, parties::ACCREDITATION_BODY),
        (WITHDRAWN, Cause::Withdrawn, parties::CERTIFICATION_BODY),
    ] {
        let entry = entry(code);
        let Verdict::NotValid { reasons } = entry.verdict(Moment::Now(now)) else {
            unreachable!("{code} is not valid")
        };
        assert_eq!((reasons[0].cause, reasons[0].by.as_deref()), (cause, Some(by)), "{code}");
        assert_rests_on_its_accreditation(&entry);
    }
    let suspended = entry(SUSPENDED);
    let then = Moment::At(suspended.issued_at);
    assert_eq!(suspended.verdict(then), Verdict::Valid, "before it was suspended");
}

fn assert_rests_on_its_accreditation(entry: &Entry) {
    assert_eq!(entry.accreditation.as_ref().unwrap().body, parties::CERTIFICATION_BODY);
    let suspended = entry.periods().any(|(_, period)| period.kind == Kind::NewGrantsSuspended);
    assert!(entry.within_accreditation && suspended);
}
