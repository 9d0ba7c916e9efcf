//! `nanotrace cert`: certificates, and the records that they rest on, through an organisation's gateway.

mod accreditation;
mod adopt;
mod bulk;
mod check;
mod disclosure;
mod grant;
mod issue;
mod key;
pub mod ledger;
mod qr;
mod scheme;
pub mod show;
mod sign;
mod stop;
pub mod template;
mod verify;

use certification::certificates;
pub use commands::{contract, files, network, output, subject, term};

use crate::exit::{Exit, Failure};
use network::Common;

/// Certificates: write, check, sign, issue, look at, stop and verify them.
///
/// The way of a certificate: `template` makes a draft to fill in, `check` tries every rule on it, `sign` signs it
/// where the certification body's key lies (no network needed), `issue` puts it on the ledger, `qr` draws its
/// label, `verify` checks it as the public would. Where an application was decided on (`nanotrace application`), `grant`
/// takes the place of `issue`.
///
/// What it rests on comes first: `scheme`, `accreditation` and `key` (proposed by the certification body, approved
/// by the accreditation body).
///
/// Exit codes: 0 done, or the certificate asked about is valid; 1 refused by a rule, or not valid; 2 wrong usage or
/// input; 3 the network cannot be reached; 4 anything else.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Template(template::Args),
    Check(check::Args),
    Sign(sign::Args),
    Issue(issue::Args),
    Grant(grant::Args),
    Show(show::ShowArgs),
    List(certificates::ListArgs),
    Index(certificates::IndexArgs),
    History(show::HistoryArgs),
    Stop(stop::StopArgs),
    Lift(stop::LiftArgs),
    Withdraw(stop::WithdrawArgs),
    Supersede(stop::SupersedeArgs),
    Adopt(adopt::Args),
    Qr(qr::Args),
    Verify(verify::Args),
    Disclose(disclosure::DiscloseArgs),
    VerifyDisclosure(disclosure::VerifyArgs),
    /// The keys with which a certification body signs.
    #[command(subcommand)]
    Key(key::Command),
    /// The schemes under which certificates are granted.
    #[command(subcommand)]
    Scheme(scheme::Command),
    /// Accreditations of certification bodies.
    #[command(subcommand)]
    Accreditation(accreditation::Command),
    /// The binding of the contract to its ledger, and ledger time.
    #[command(subcommand)]
    Ledger(ledger::Command),
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let Args { common: Common { network, json }, command } = args;
    match command {
        Command::Template(args) => template::run(args, &network).await,
        Command::Check(args) => check::run(args, &network, json).await,
        Command::Sign(args) => sign::run(args).await,
        Command::Issue(args) => issue::run(args, &network, json).await,
        Command::Grant(args) => grant::run(args, &network, json).await,
        Command::Show(args) => show::show(args, &network, json).await,
        Command::List(args) => certificates::list(args, &network, json).await,
        Command::Index(args) => certificates::index(args, &network, json).await,
        Command::History(args) => show::history(args, &network, json).await,
        Command::Stop(args) => stop::stop(args, &network, json).await,
        Command::Lift(args) => stop::lift(args, &network, json).await,
        Command::Withdraw(args) => stop::withdraw(args, &network, json).await,
        Command::Adopt(args) => adopt::run(args, &network, json).await,
        Command::Supersede(args) => stop::supersede(args, &network, json).await,
        Command::Qr(args) => qr::run(args, &network, json).await,
        Command::Verify(args) => verify::run(args, &network, json).await,
        Command::Disclose(args) => disclosure::disclose(args, &network, json).await,
        Command::VerifyDisclosure(args) => disclosure::verify(args, &network, json).await,
        Command::Key(command) => key::run(command, &network, json).await,
        Command::Scheme(command) => scheme::run(command, &network, json).await,
        Command::Accreditation(command) => accreditation::run(command, &network, json).await,
        Command::Ledger(command) => ledger::run(command, &network, json).await,
    }
}
