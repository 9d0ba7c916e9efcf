//! `nanotrace portal`: the pages where people work, and what its operator does at the command line.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use accounts::{
    BaseUrl, Database,
    audit::{self, Stand, Verdict},
};
use commands::{
    exit::{Exit, Failure},
    output,
};
use desk::{Identity, Organisations};
use granting::{SignerOf, Signers};
use peer_client::ConnectionProfile;

use background::{anchoring, mail::Post};
use portal::{Config, InviteError, Server};

/// Serve the portal, where people register, log in and are administrated in a browser.
///
/// It reaches the ledger as the organisations that its operator is: name the network with --profile, and each organisation's
/// service with --identity. Without them it runs too, and says that it has no ledger.
///
/// It speaks plain HTTP on a loopback address alone. For people elsewhere, a reverse proxy on this machine answers with
/// TLS at the address of --url, and names its client last in X-Forwarded-For. Mails go into a folder unless --mail names a
/// server. Nothing is decided here: decisions about certificates are the ledger's.
///
/// It runs until Ctrl-C or SIGTERM. Exit codes: 0 stopped, 2 wrong usage or input, 4 anything else, such as a port in use
/// or a database that does not answer.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(clap::Subcommand)]
enum Command {
    /// The administrators of organisations.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// The log of who did what.
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[derive(clap::Subcommand)]
enum AdminCommand {
    Create(CreateArgs),
}

#[derive(clap::Subcommand)]
enum AuditCommand {
    Verify(VerifyArgs),
}

#[derive(clap::Args)]
struct ServeArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    /// Where to listen: a loopback address. Port 0 is any free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The address under which people reach the portal: https://…, or http:// for this machine alone. [default:
    /// http://localhost and the port of --listen]
    #[arg(long, value_name = "URL")]
    url: Option<BaseUrl>,
    /// The origin of a single-page client elsewhere that may use the portal's /auth, such as `https://app.example`. Once for each.
    /// [default: none]
    #[arg(long, value_name = "URL")]
    client_origin: Vec<BaseUrl>,
    /// The folder of the files that people upload. Nothing else lies in it, and nothing serves it.
    #[arg(long, value_name = "FOLDER", env = "NANOTRACE_PORTAL_FILES", default_value = "portal-data/files")]
    files: PathBuf,
    /// Where mails go: smtps://USER:PASSWORD@HOST, smtp://HOST?tls=required, or a folder, for a demonstration.
    #[arg(
        long,
        value_name = "URL|FOLDER",
        env = "NANOTRACE_PORTAL_MAIL",
        hide_env_values = true,
        default_value = "portal-data/mails"
    )]
    mail: String,
    /// The address that mails come from.
    #[arg(long, value_name = "ADDRESS", default_value = "portal@localhost")]
    sender: String,
}

#[derive(clap::Args)]
struct LedgerArgs {
    /// The connection profile of the network. [default: none: the portal has no ledger]
    #[arg(long, value_name = "FILE", env = "NANOTRACE_PROFILE")]
    profile: Option<PathBuf>,
    /// An organisation that the portal's operator is, and its service: a user of the profile's folder of keys, or the MSP
    /// folder of one. Once for each organisation.
    #[arg(long, value_name = "ORGANISATION=USER|FOLDER", requires = "profile")]
    identity: Vec<Identity>,
    /// The organisation in whose name companies apply, one of those of --identity.
    #[arg(long, value_name = "ORGANISATION", requires = "profile")]
    applicants: Option<String>,
    /// The signer of a certification body among those of --identity, and its socket: what the body decides is then granted from
    /// here. Once for each body. See `nanotrace signer`.
    #[arg(long, value_name = "ORGANISATION=SOCKET", requires = "profile")]
    signer: Vec<SignerOf>,
    /// The chaincode of a certification body, once for each body. [default: the connection profile's]
    #[arg(long, value_name = "NAME", requires = "profile")]
    chaincode: Vec<String>,
}

impl LedgerArgs {
    fn organisations(&self) -> Result<(Organisations, Signers), Failure> {
        let Some(path) = &self.profile else { return Ok(Default::default()) };
        let usage = |error: &dyn std::error::Error| Failure::usage(error.to_string());
        let profile = ConnectionProfile::load(path).map_err(|error| usage(&error))?;
        let made = Organisations::new(&profile, &self.chaincode, &self.identity, self.applicants.as_deref());
        let (organisations, mut signers) = (made.map_err(|error| usage(&error))?, Signers::default());
        for SignerOf { organisation, socket } in &self.signer {
            let body = profile.organisation(organisation).map_err(|error| usage(&error))?;
            let added = signers.add(&organisations, &body.msp_id, granting::at(socket.clone()));
            added.map_err(|error| usage(&error))?;
        }
        Ok((organisations, signers))
    }
}

#[derive(clap::Args)]
struct DatabaseArgs {
    /// The database: the path of a SQLite file, which is made where it is missing, or postgres://USER:PASSWORD@HOST/NAME.
    #[arg(
        long,
        value_name = "PATH|URL",
        env = "NANOTRACE_PORTAL_DATABASE",
        hide_env_values = true,
        default_value = "portal-data/portal.db"
    )]
    database: String,
}

/// Invite an administrator of an organisation, and print the link.
///
/// The person who opens the link makes the account: once, and within a week. The administrator then invites colleagues. Exit
/// codes: 0 done, 1 the address has an account already, 2 wrong usage or input, 4 anything else.
#[derive(clap::Args)]
struct CreateArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The organisation, by its MSP id.
    #[arg(long, value_name = "MSP-ID")]
    organisation: String,
    /// The administrator's e-mail address.
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    /// The address under which people reach the portal.
    #[arg(long, value_name = "URL", default_value = "http://localhost:8090")]
    url: BaseUrl,
}

/// Check that no entry of the audit log was changed or removed.
///
/// Prints how many entries there are and the hash of the newest. Whoever can write the whole database could write the whole log
/// anew: with --profile and --identity, everything that the organisation ever anchored on the ledger is looked for in the
/// log. Exit codes: 0 intact, 1 changed, or nothing of it is anchored there, 3 the ledger cannot be read, 4 anything else.
#[derive(clap::Args)]
struct VerifyArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The connection profile of the network whose anchors are compared.
    #[arg(long, value_name = "FILE", requires = "identity")]
    profile: Option<PathBuf>,
    /// The organisation that anchored the log, and one of its users, or the MSP folder of one.
    #[arg(long, value_name = "ORGANISATION=USER|FOLDER", requires = "profile")]
    identity: Option<Identity>,
}

/// `shutdown` is asked for where a server runs, and completes when it has to stop.
pub async fn run<S: Future<Output = ()>>(
    args: Args,
    shutdown: impl FnOnce() -> Result<S, Failure>,
) -> Result<Exit, Failure> {
    match args.command {
        None => serve(args.serve, shutdown()?).await,
        Some(Command::Admin(AdminCommand::Create(args))) => create(args).await,
        Some(Command::Audit(AuditCommand::Verify(args))) => verify(args).await,
    }
}

async fn open(args: &DatabaseArgs) -> Result<Database, Failure> {
    let opened = Database::open(&args.database).await;
    opened.map_err(|error| Failure::during("opening the portal's database", error))
}

async fn serve(args: ServeArgs, shutdown: impl Future<Output = ()>) -> Result<Exit, Failure> {
    if !args.listen.ip().is_loopback() {
        let text = "--listen: the portal speaks plain HTTP, so it listens on a loopback address alone; let a reverse proxy \
                    on this machine answer with TLS, and give its address with --url";
        return Err(Failure::usage(text));
    }
    let post = Post::new(&args.sender, &args.mail).map_err(|error| Failure::usage(error.to_string()))?;
    let (organisations, signers) = args.ledger.organisations()?;
    let database = open(&args.database).await?;
    let config = Config {
        listen: args.listen,
        base: args.url,
        origins: args.client_origin,
        database,
        post,
        organisations: Arc::new(organisations),
        signers,
        files: args.files,
        certify: None,
        is_demonstration: false,
    };
    let server = Server::bind(config).await.map_err(|error| Failure::during("starting the portal", error))?;
    output::line(format!("The portal answers at {}.\nCtrl-C stops it.", server.base()))?;
    server.run(shutdown).await;
    Ok(Exit::Ok)
}

async fn create(args: CreateArgs) -> Result<Exit, Failure> {
    let database = open(&args.database).await?;
    let invited = portal::invite_administrator(&database, &args.url, &args.organisation, &args.email).await;
    let link = invited.map_err(|error| {
        let exit = match &error {
            InviteError::Taken(_) => Exit::No,
            InviteError::Email(_) | InviteError::Organisation(_) => Exit::Usage,
            InviteError::Failed(_) => Exit::Failure,
        };
        Failure::new(exit, error.to_string())
    })?;
    output::line(format!("This link makes the account, once and within a week:\n{link}"))?;
    Ok(Exit::Ok)
}

async fn verify(args: VerifyArgs) -> Result<Exit, Failure> {
    let database = open(&args.database).await?;
    let known = match (&args.profile, args.identity) {
        (Some(profile), Some(identity)) => Some(anchors(profile, identity).await?),
        _ => None,
    };
    let verdict = audit::verify(&database, known.as_deref().unwrap_or_default()).await;
    let changed = |text: String| Err(Failure::new(Exit::No, text));
    match verdict.map_err(|error| Failure::during("reading the audit log", error))? {
        Verdict::Intact(Stand { entries, hash }) => {
            output::line(format!("Intact: {entries} entries, the newest has the hash {hash}."))?;
        }
        Verdict::Broken { seq } => {
            return changed(format!(
                "the audit log was changed: entry {seq} does not follow from the one before"
            ));
        }
        Verdict::Another(Stand { entries, hash }) => {
            let text = "the audit log was cut off or written anew: the ledger knows it with";
            return changed(format!("{text} {entries} entries and the hash {hash}"));
        }
    }
    match known.as_deref() {
        None => output::line("Not compared with the ledger: name its --profile and an --identity.")?,
        Some([]) => {
            return changed("nothing of this organisation's log is anchored on the ledger".to_owned());
        }
        Some([.., newest]) => {
            output::line(format!("As the ledger knows it, last with {} entries.", newest.entries))?;
        }
    }
    Ok(Exit::Ok)
}

/// Everything that an organisation ever anchored of the portal's log.
async fn anchors(profile: &Path, identity: Identity) -> Result<Vec<Stand>, Failure> {
    let profile = ConnectionProfile::load(profile).map_err(|error| Failure::usage(error.to_string()))?;
    let organisations = Organisations::new(&profile, &[], &[identity], None);
    let organisations = organisations.map_err(|error| Failure::usage(error.to_string()))?;
    let mut stands = Vec::new();
    for organisation in organisations.iter() {
        let anchors = organisation.anchors(anchoring::LOG).await;
        let anchors = anchors.map_err(|error| {
            Failure::new(Exit::Unreachable, format!("reading the anchors of the log: {error}"))
        })?;
        stands.extend(anchors.iter().map(anchoring::stand));
    }
    Ok(stands)
}
