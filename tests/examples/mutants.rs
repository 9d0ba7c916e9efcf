//! Compares our verdicts with a real peer's, on a chain of mutants.
//!
//! ```text
//! cargo run --release -p tests --example mutants -- --seed 1 --transactions 10000 \
//!     --peer /path/to/fabric/build/bin/peer --peer-config /path/to/fabric/sampleconfig /tmp/mutants
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use fabric::types::HeadedBlock;
use follower::replay::{self, Difference, Replay};
use prost::Message;
use tests::differential::{
    channel::{Channel, Level},
    generator::{Generator, Made, Record},
    orderer::{Orderer, block_file},
    peer::{Outcome, Peer},
};

/// Make a chain of mutants, let a real peer of Fabric validate it, and compare.
///
/// Exit codes: 0 all verdicts and commit hashes are equal, 1 something differs or the peer stopped.
#[derive(Parser)]
struct Args {
    /// What the chain looks like follows from this number; keys and signatures are new each time.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// At least so many transactions.
    #[arg(long, default_value_t = 10_000)]
    transactions: usize,
    /// Capabilities of Fabric 3 (only peers of Fabric 3 can follow).
    #[arg(long)]
    v3: bool,
    /// End with a block that stops peers by the defect of this name (a `validation::Defect`), and
    /// see that the peer stops.
    #[arg(long)]
    halt: Option<String>,
    /// A `peer` built from Fabric's repository. Without one the chain is only made.
    #[arg(long, requires = "peer_config")]
    peer: Option<PathBuf>,
    /// The folder with that peer's `core.yaml` (`sampleconfig` in Fabric's repository).
    #[arg(long)]
    peer_config: Option<PathBuf>,
    /// The orderer's port; the peer takes the three after it.
    #[arg(long, default_value_t = 27050)]
    port: u16,
    /// Where keys, blocks and the peer's files go. If a chain is there already, it is used again.
    directory: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if !args.directory.join("records.jsonl").exists() {
        make(&args);
    }
    let Some(binary) = args.peer.clone() else { return ExitCode::SUCCESS };
    let orderer = Orderer::new(args.directory.join("blocks"));
    let orderer = tokio::spawn(orderer.serve(([127, 0, 0, 1], args.port).into()));
    let is_equal = tokio::task::spawn_blocking(move || compare(&args, &binary)).await.unwrap();
    orderer.abort();
    if is_equal { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn make(args: &Args) {
    fs::create_dir_all(args.directory.join("blocks")).unwrap();
    let level = if args.v3 { Level::V3_0 } else { Level::V2_5 };
    let channel = Channel::create(&args.directory, level, args.port);
    write_block(args, &channel.genesis, 0);
    let mut generator = Generator::new(channel, args.seed);
    generator.wanted_halt = args.halt.clone();
    let mut log = fs::File::create(args.directory.join("records.jsonl.part")).unwrap();
    let (mut made, mut number, mut histogram) = (0, 1, Histogram::default());
    while made < args.transactions {
        match generator.next_block() {
            Made::Judged(block, records) => {
                write_block(args, &block, number);
                write_records(&mut log, number, &records);
                records.iter().for_each(|record| histogram.add(record));
                made += records.len();
            }
            Made::Halting(block, halt) => {
                write_block(args, &block, number);
                fs::write(args.directory.join("halt"), halt.to_string()).unwrap();
                println!("the chain ends with a halt: {halt}");
                break;
            }
        }
        number += 1;
    }
    fs::rename(args.directory.join("records.jsonl.part"), args.directory.join("records.jsonl")).unwrap();
    histogram.print();
    println!("left out: {:#?}", generator.left_out);
    println!("{made} transactions in {number} blocks, seed {}", args.seed);
}

fn write_records(log: &mut fs::File, number: u64, records: &[Record]) {
    for (index, Record { kind, code, reason }) in records.iter().enumerate() {
        let line = serde_json::json!({
            "block": number, "index": index, "kind": kind, "code": code.as_str_name(), "reason": reason,
        });
        writeln!(log, "{line}").unwrap();
    }
}

fn write_block(args: &Args, block: &HeadedBlock, number: u64) {
    fs::write(block_file(&args.directory.join("blocks"), number), block.message().encode_to_vec()).unwrap();
}

/// Lets the peer commit the chain, and compares what it has recorded with our verdicts.
fn compare(args: &Args, binary: &Path) -> bool {
    let height = fs::read_dir(args.directory.join("blocks")).unwrap().count() as u64;
    let version = binary.canonicalize().unwrap().to_string_lossy().replace('/', "_");
    let directory = args.directory.join(format!("peer{version}"));
    let config = args.peer_config.as_ref().unwrap();
    let mut peer = Peer::start(binary, config, &args.directory, &directory, args.port + 1);
    let outcome = peer.wait(height);
    let (blocks, log) = (peer.blocks(), directory.join("peer.log"));
    drop(peer);
    if let Outcome::Stopped(number) = outcome {
        println!("the peer stopped at block {number}; its log is {}", log.display());
    }
    // The last block of a chain that was made to stop peers is not to be committed.
    let expected = match fs::read_to_string(args.directory.join("halt")) {
        Ok(halt) => {
            println!("it was to stop at block {}: {halt}", height - 1);
            Outcome::Stopped(height - 1)
        }
        Err(_) => Outcome::Complete,
    };
    let is_equal = replay(&blocks);
    is_equal && outcome == expected
}

fn replay(blocks: &Path) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let mut replay = Replay::new(directory.path().to_owned());
    let started = Instant::now();
    let mut summary = replay::Summary::default();
    let mut has_verdict_differed = false;
    for block in replay::read(blocks).unwrap().map_while(Result::ok) {
        let report = replay.block(block).unwrap();
        summary.add(&report);
        match report.difference {
            // It follows from the verdicts, also those of the blocks before.
            Some(Difference::CommitHash) if has_verdict_differed => {}
            Some(_) => {
                has_verdict_differed = true;
                println!("{report}");
            }
            None => {}
        }
    }
    summary.elapsed = started.elapsed();
    println!("{summary}");
    summary.all_equal()
}

/// Codes by the kind of mutant.
#[derive(Default)]
struct Histogram {
    by_kind: BTreeMap<String, BTreeMap<&'static str, usize>>,
    by_code: BTreeMap<&'static str, usize>,
}

impl Histogram {
    fn add(&mut self, record: &Record) {
        let code = record.code.as_str_name();
        let kind = record.kind.split(':').take(2).collect::<Vec<_>>().join(":");
        *self.by_kind.entry(kind).or_default().entry(code).or_default() += 1;
        *self.by_code.entry(code).or_default() += 1;
    }

    fn print(&self) {
        for (kind, codes) in &self.by_kind {
            println!("{kind:<36} {codes:?}");
        }
        println!("\n{:#?}", self.by_code);
    }
}
