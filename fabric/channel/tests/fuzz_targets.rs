//! The fuzz targets without a fuzzer: every seed of their corpora, and simple mutants of the seeds.
//!
//! `scripts/fuzz` lets libFuzzer look for inputs; this runs wherever tests run, and is the same each time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::{fs, path::Path};

/// Feeds a target its corpus, and `mutants` inputs made from it.
fn check(name: &str, mutants: usize, target: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(seeds.len() > 5, "the corpus of {name} is missing");
    seeds.iter().for_each(|seed| target(seed));
    let mut mutator = Mutator { seeds: &seeds, random: 0x9e37_79b9_7f4a_7c15 };
    for _ in 0..mutants {
        let mutant = mutator.mutant();
        let outcome = std::panic::catch_unwind(|| target(&mutant));
        assert!(outcome.is_ok(), "target {name} panics at {}", hex::encode(&mutant));
    }
}

/// Makes inputs from seeds; the same ones each time.
struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    random: u64,
}

impl Mutator<'_> {
    fn mutant(&mut self) -> Vec<u8> {
        let seeds = self.seeds;
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            let (at, length) = (self.below(input.len() + 1), self.below(8));
            let end = (at + length).min(input.len());
            match self.below(6) {
                0 => drop(input.drain(at..end)),
                1 => drop(input.splice(at..end, vec![0xff; length])),
                2 => input.truncate(at),
                3 => {
                    let again = input[at..end].to_vec();
                    drop(input.splice(at..at, again));
                }
                4 => {
                    let other = &seeds[self.below(seeds.len())];
                    let begin = self.below(other.len() + 1);
                    let part = other[begin..(begin + 64).min(other.len())].to_vec();
                    drop(input.splice(at..at, part));
                }
                _ => {
                    let byte = self.below(256) as u8;
                    input[at..end].iter_mut().take(1).for_each(|place| *place = byte);
                }
            }
        }
        input
    }

    /// A number below `limit`, by the generator xorshift64*.
    fn below(&mut self, limit: usize) -> usize {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

#[test]
fn block() {
    check("block", 100_000, targets::block::run);
}

#[test]
fn config() {
    check("config", 10_000, targets::config::run);
}

#[test]
fn envelope() {
    check("envelope", 100_000, targets::envelope::run);
}

#[test]
fn identity() {
    check("identity", 10_000, targets::identity::run);
}

#[test]
fn policy() {
    check("policy", 100_000, targets::policy::run);
}

#[test]
fn rwset() {
    check("rwset", 100_000, targets::rwset::run);
}
