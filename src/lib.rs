//! The command line of the `nanotrace` binary: one file or folder a subcommand, with arguments, wiring, prompts and exit codes.
//!
//! It is a library for one reason: `examples/manual.rs` writes man pages and completions from [`command`], and what does
//! so is then no part of the program that is shipped.

// A closed pipe makes them panic; `cert::output` prints.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod cert;
mod chaincode;
mod channel;
mod crypto;
mod demo;
mod expiry;
mod listen;
mod privacy;
mod processor;
mod replay;
mod signals;
mod status;
mod up;
mod verifier;

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use cert::output;
use certification::{application, audit, complaint, laboratory, surveillance};
use clap::{
    CommandFactory, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};
use commands::{exit, prompt};
use exit::{Exit, Failure};
use governance::command::body;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

/// How long what still runs at the end may take: tasks of connections that were broken off.
const RUNTIME_GRACE: Duration = Duration::from_secs(2);

/// A Hyperledger Fabric node with an embedded public verifier for nanomaterial certificates.
///
/// `nanotrace up` runs a whole network on this machine and prints what to try next. Every subcommand
/// explains itself with --help.
///
/// Exit codes: 0 done, 1 the answer is no, 2 wrong usage or input, 3 no server reachable, 4 anything else.
#[derive(Parser)]
#[command(name = "nanotrace", version, max_term_width = 100)]
struct Cli {
    /// What to log to standard error, such as `info` or `node=debug,warn`.
    #[arg(long, global = true, env = "NANOTRACE_LOG", default_value = "warn")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(up::Args),
    Status(status::Args),
    Cert(cert::Args),
    Application(application::Args),
    Lab(laboratory::Args),
    Surveillance(surveillance::Args),
    Complaint(complaint::Args),
    Audit(audit::Args),
    Crypto(crypto::Args),
    Channel(channel::Args),
    Body(body::Args),
    Chaincode(chaincode::Args),
    Verifier(verifier::Args),
    Portal(portal_command::Args),
    Signer(signer::command::Args),
    Replay(replay::Args),
    Q1e(stability_command::Args),
    Ledger(backup::ledger_command::Args),
    Backup(backup::command::Args),
    Demo(demo::Args),
    Bench(bench::Args),
}

/// All options and subcommands, as clap knows them.
pub fn command() -> clap::Command {
    Cli::command()
}

/// What the binary does: it reads the command line, runs it, and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| empty_is_not_absent(error).exit());
    match start(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::warn(format!("nanotrace: {failure}"));
            failure.exit.into()
        }
    }
}

/// Clap says of an empty text that no value was given.
fn empty_is_not_absent(error: clap::Error) -> clap::Error {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    };
    let is_empty = context(ContextKind::InvalidValue).is_some_and(String::is_empty);
    match context(ContextKind::InvalidArg) {
        Some(argument) if is_empty && error.kind() == ErrorKind::InvalidValue => {
            Cli::command().error(ErrorKind::InvalidValue, format!("the value of {argument} is an empty text"))
        }
        _ => error,
    }
}

fn start(cli: Cli) -> Result<Exit, Failure> {
    processor::check()?;
    let filter = EnvFilter::builder()
        .parse(&cli.log)
        .map_err(|error| Failure::usage(format!("--log {:?}: {error}", cli.log)))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // It would be told on standard error, and panic where that is closed.
        .log_internal_errors(false)
        .init();
    if let Err(error) = transport::descriptors::raise_limit() {
        tracing::warn!(%error, "the limit on open files cannot be raised; fewer connections are taken");
    }
    // Two providers in one process would make rustls panic; this one is the only one there is.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::during("starting the runtime", error))?;
    let ended = runtime.block_on(run(cli.command));
    runtime.shutdown_timeout(RUNTIME_GRACE);
    ended
}

async fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Up(args) => {
            let metrics = metrics()?;
            node::metrics::describe();
            up::run(args, metrics).await
        }
        Command::Status(args) => status::run(args).await,
        Command::Crypto(args) => crypto::run(args),
        Command::Channel(args) => channel::run(args).await,
        Command::Body(args) => body::run(args).await,
        Command::Chaincode(args) => chaincode::run(args).await,
        Command::Verifier(args) => verifier::run(args, metrics()?).await,
        Command::Portal(args) => {
            privacy::keep_files_private();
            portal_command::run(args, stopped).await
        }
        Command::Signer(args) => {
            privacy::keep_files_private();
            signer::command::run(args, stopped, ::verifier::now).await
        }
        Command::Replay(args) => replay::run(args),
        Command::Q1e(args) => stability_command::run(args),
        Command::Ledger(args) => backup::ledger_command::run(args, ::verifier::now()).await,
        Command::Backup(args) => {
            privacy::keep_files_private();
            backup::command::run(args, ::verifier::now()).await
        }
        Command::Cert(args) => cert::run(args).await,
        Command::Application(args) => application::run(args).await,
        Command::Lab(args) => laboratory::run(args).await,
        Command::Surveillance(args) => surveillance::run(args).await,
        Command::Complaint(args) => complaint::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Bench(args) => bench::run(args).await,
    }
}

/// Listens for signals from now on; what it returns ends with the first.
fn stopped() -> Result<impl Future<Output = ()>, Failure> {
    let mut signals = signals::Signals::listen()?;
    Ok(async move { signals.received().await })
}

/// Records metrics from now on; the handle renders them.
fn metrics() -> Result<PrometheusHandle, Failure> {
    let recording = PrometheusBuilder::new().install_recorder();
    let handle = recording.map_err(|error| Failure::during("recording metrics", error))?;
    expiry::describe();
    Ok(handle)
}
