//! What honest clients notice of a hostile member: their latency, calm and attacked, and the network's memory.
//!
//! ```text
//! cargo build --release --bin nanotrace && cargo run --release -p tests --example soak
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use futures::StreamExt;
use peer_client::{ConnectionProfile, Gateway};
use tests::{
    Network,
    flood::{accreditation, connect, deliver, now, peak_memory, register, resident_memory, seek},
    hostile::Forgery,
};
use tokio::{task::JoinSet, time::sleep};

/// Starts a network, loads it in a calm phase and in one with a flooder and slow readers, and compares.
///
/// The flooder is a member of Industry: its clients submit wrongly endorsed transactions as fast as they are answered,
/// every second one a change of a key's policy. The slow readers are a member of Lab: each takes a block a second of
/// the whole chain. All share the machine's processors with the network, so the fewer there are the more the flooder's
/// own work counts.
///
/// Exit codes: 0 honest p99 within three times of the calm phase's and memory bounded, 1 not.
#[derive(Parser)]
struct Args {
    /// Seconds of each of the two phases.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Honest clients, each with one transaction under way.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Clients of the flooder.
    #[arg(long, default_value_t = 4)]
    flooders: usize,
    /// Streams of the slow reader.
    #[arg(long, default_value_t = 20)]
    readers: usize,
    /// MiB that the attack may add to the network's peak memory.
    #[arg(long, default_value_t = 300)]
    more_memory: u64,
}

/// What honest clients saw in a phase.
struct Phase {
    latencies: Vec<Duration>,
    failures: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let duration = Duration::from_secs(args.seconds);
    let network = Network::start();
    let profile = Arc::new(network.profile());
    println!("warming up");
    honest(&profile, args.clients, Duration::from_secs(5)).await;

    let calm = honest(&profile, args.clients, duration).await;
    calm.print("calm", &network);
    let before = peak_memory(&network);

    let hostile = Arc::new(AtomicU64::new(0));
    let mut attack = JoinSet::new();
    for number in 0..args.flooders {
        attack.spawn(flood(profile.clone(), number, hostile.clone()));
    }
    for _ in 0..args.readers {
        attack.spawn(read_slowly(profile.clone()));
    }
    let attacked = honest(&profile, args.clients, duration).await;
    attack.shutdown().await;
    attacked.print("attacked", &network);
    println!("{} hostile transactions were answered", hostile.load(Ordering::Relaxed));

    let ratio = attacked.percentile(99).as_secs_f64() / calm.percentile(99).as_secs_f64();
    let more = peak_memory(&network).saturating_sub(before) >> 20;
    println!("honest p99: {ratio:.2} times the calm one; {more} MiB more at the peak");
    let held = ratio <= 3.0 && more <= args.more_memory && attacked.failures == 0;
    if network.stop() && held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn honest(profile: &Arc<ConnectionProfile>, clients: usize, duration: Duration) -> Phase {
    let gateway = accreditation(profile).await;
    let end = Instant::now() + duration;
    let mut running = JoinSet::new();
    for _ in 0..clients {
        running.spawn(honest_client(gateway.clone(), end));
    }
    let phases = running.join_all().await;
    let mut latencies: Vec<Duration> = phases.iter().flat_map(|phase| phase.latencies.clone()).collect();
    latencies.sort();
    Phase { latencies, failures: phases.iter().map(|phase| phase.failures).sum() }
}

async fn honest_client(gateway: Gateway, end: Instant) -> Phase {
    let mut phase = Phase { latencies: Vec::new(), failures: 0 };
    while Instant::now() < end {
        let begun = Instant::now();
        let mut name = [0; 8];
        getrandom::fill(&mut name).unwrap();
        match register(&gateway, &hex::encode(name)).await {
            Ok(()) => phase.latencies.push(begun.elapsed()),
            Err(error) => {
                phase.failures += 1;
                eprintln!("an honest transaction failed: {error}");
            }
        }
    }
    phase
}

async fn flood(profile: Arc<ConnectionProfile>, client: usize, answered: Arc<AtomicU64>) {
    for number in 0_u64.. {
        let key = format!("flood/{client}/{number}");
        let policies = match number % 2 {
            0 => Vec::new(),
            _ => vec![(key.clone(), b"no policy".to_vec())],
        };
        let writes = vec![(key, vec![7; 1000])];
        let forgery = Forgery {
            namespace: "nanotrace",
            writes,
            policies,
            endorsers: &["Industry"],
            ..Forgery::default()
        };
        let profile = profile.clone();
        // It panics where the gateway refuses it, which is an answer too.
        let _ = tokio::spawn(async move { forgery.submit(&profile).await }).await;
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

async fn read_slowly(profile: Arc<ConnectionProfile>) {
    let connection = connect(&profile, "Lab").await;
    loop {
        let mut blocks = deliver(&connection, seek(&profile, "Lab", now())).await;
        while let Some(Ok(_)) = blocks.next().await {
            sleep(Duration::from_secs(1)).await;
        }
    }
}

impl Phase {
    fn percentile(&self, percent: usize) -> Duration {
        self.latencies[(self.latencies.len() - 1) * percent / 100]
    }

    fn print(&self, name: &str, network: &Network) {
        println!(
            "{name:>8}: {} transactions, {} failed, p50 {:.1?}, p99 {:.1?}, memory {} MiB, peak {} MiB",
            self.latencies.len(),
            self.failures,
            self.percentile(50),
            self.percentile(99),
            resident_memory(network) >> 20,
            peak_memory(network) >> 20,
        );
    }
}
