//! `nanotrace signer`.

use std::path::PathBuf;

use certificate::DateTime;
use commands::{
    exit::{Exit, Failure},
    files,
    network::{Caller, Network},
    output,
};

use crate::{server::Signer, socket};

/// A program of the certification body: it reads, and decides nothing.
const SERVICE: Caller = Caller { organisation: "CertBody", user: "User4" };

/// Keep the certification body's signing key, and sign what the ledger says is decided.
///
/// A process and a user of its own, so that an attacker who takes over the portal signs nothing: for each request the body's peer is asked,
/// over this process's own connection profile and identity, whether the application is decided on exactly this document. Ask it with
/// `nanotrace cert sign --signer SOCKET --application ID`. By default as User4 of CertBody, a service; any identity of the body that may read the
/// channel will do.
///
/// Exit codes: 0 stopped, 2 wrong usage or input, 3 the network cannot be reached, 4 anything else.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    network: Network,
    /// The secret key, as `cert key generate` wrote it. Only its owner may be able to read it.
    #[arg(long, env = "NANOTRACE_ISSUER_KEY", value_name = "FILE")]
    key: PathBuf,
    /// Where to listen. Its owner and its group may connect; a directory that others cannot enter keeps them out.
    #[arg(long, env = "NANOTRACE_SIGNER", value_name = "SOCKET")]
    socket: PathBuf,
}

/// `stopped` begins to listen for signals, and ends with one; `now` is the clock that proofs are dated by.
pub async fn run<S: Future<Output = ()>>(
    args: Args,
    stopped: impl FnOnce() -> Result<S, Failure>,
    now: fn() -> DateTime,
) -> Result<Exit, Failure> {
    let key = files::read_key(&args.key)?;
    let stopped = stopped()?;
    let contract = args.network.contract(SERVICE).await?;
    let body = contract.organization()?;
    let (listener, socket) = socket::listen(&args.socket).map_err(|error| {
        Failure::new(Exit::Failure, format!("cannot listen at {}: {error}", args.socket.display()))
    })?;
    output::line(format!("signs at {}", args.socket.display()))?;
    Signer::new(key, body, contract, now).serve(listener, stopped).await;
    drop(socket);
    Ok(Exit::Ok)
}
