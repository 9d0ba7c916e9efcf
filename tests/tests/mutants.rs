//! A short chain of mutants without a real peer: nothing panics, and its blocks alone lead to the verdicts
//! that were reached when it was made. Our orderer composes blocks of the same envelopes, those that stop peers among
//! them: no peer stops at what it orders, and all reach the verdicts that it reached.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use follower::replay::Replay;
use tests::differential::{
    channel::{Channel, Level},
    generator::{Generator, Made},
};

const TRANSACTIONS: usize = 600;

fn check(level: Level, seed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let channel = Channel::create(directory.path(), level, 7050);
    let replayed = tempfile::tempdir().unwrap();
    let mut replay = Replay::new(replayed.path().to_owned());
    replay.block(channel.genesis.message().clone()).unwrap();
    let mut generator = Generator::new(channel, seed);
    generator.composes = true;
    let (mut made, mut codes) = (0, BTreeSet::new());
    while made < TRANSACTIONS {
        let Made::Judged(block, records) = generator.next_block() else { panic!("no halt was wanted") };
        let filter: Vec<u8> = records.iter().map(|record| record.code as i32 as u8).collect();
        assert_eq!(replay.block(block.into_message()).unwrap().ours.filter, filter);
        made += records.len();
        codes.extend(filter);
    }
    let (ours, again) = (&generator.channel.ledger, replay.ledger().unwrap());
    assert_eq!(ours.commit_hash(), again.commit_hash());
    assert!(generator.composed > 0, "no composed block was validated");
    println!("{} blocks composed", generator.composed);
    assert!(codes.len() >= 12, "mutants reach few verdicts only: {codes:?}");
}

#[test]
fn mutants_of_a_channel_of_fabric_2_5_are_judged_from_their_blocks_alone() {
    check(Level::V2_5, 1);
}

#[test]
fn mutants_of_a_channel_of_fabric_3_are_judged_from_their_blocks_alone() {
    check(Level::V3_0, 2);
}
