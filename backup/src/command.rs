//! `nanotrace backup`: arguments, and what is printed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use certificate::DateTime;
use commands::{
    exit::{Exit, Failure},
    network::default_data_dir,
    output,
};
use serde_json::json;
use tokio::{runtime::Handle, task};

use crate::{
    age::{self, Identity, Recipient},
    archive::{Keys, Manifest},
    create::{self, PORTAL, Source},
    error::BackupError,
    restore,
    verify::{self, Verified},
};

/// Back up a node while it runs, check a backup, and make a data directory of one.
///
/// A backup is one file: the blocks up to the last confirmed one, the private data beside them, the portal's database and
/// uploaded files, and the keys, encrypted. State, indexes and the verifier's read model are made again from the blocks. What it
/// says is exact: up to the block that it names nothing is lost.
///
/// Exit codes: 0 done, 1 the backup is not whole, of another network, or its keys cannot be decrypted, 2 wrong usage or input,
/// 4 anything else, such as a full disk.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Create(CreateArgs),
    Verify(VerifyArgs),
    Restore(RestoreArgs),
}

/// Write a backup, while the node and the portal run or not.
///
/// The file is its owner's alone. What is in it besides the keys is in clear, as on the node's disk: private data, the portal's
/// database and files are confidential. A portal's database on PostgreSQL is its server's to back up (pg_dump, before the
/// files).
#[derive(clap::Args)]
struct CreateArgs {
    /// The data directory of `nanotrace up` or of `nanotrace verifier`.
    #[arg(long, env = "NANOTRACE_DATA", value_name = "DIR", default_value_os_t = default_data_dir())]
    data_dir: PathBuf,
    /// The file to write; there must be none yet.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// For whom the keys are encrypted: age1…, as `age-keygen` prints it. Can be given several times; each alone can decrypt them.
    /// Without one the keys are left out.
    #[arg(long, value_name = "AGE1…")]
    recipient: Vec<String>,
    /// The database of a portal that runs by itself: the path of its SQLite file. [default: portal/portal.db in the data
    /// directory]
    #[arg(long, value_name = "PATH", requires = "portal_files")]
    portal_database: Option<PathBuf>,
    /// The folder of its uploaded files. [default: portal/files in the data directory]
    #[arg(long, value_name = "FOLDER", requires = "portal_database")]
    portal_files: Option<PathBuf>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

/// Read a backup through: its hash, the chain of blocks, the portal's database and its files.
#[derive(clap::Args)]
struct VerifyArgs {
    /// The backup.
    #[arg(value_name = "FILE")]
    backup: PathBuf,
    #[command(flatten)]
    expected: Expected,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

/// Make a data directory of a backup.
///
/// The orderer of what was restored takes no transactions until it is known what became of later blocks: `nanotrace ledger
/// import` brings them in from a follower, and `nanotrace ledger resume` lets it go on.
#[derive(clap::Args)]
struct RestoreArgs {
    /// The backup.
    #[arg(value_name = "FILE")]
    backup: PathBuf,
    /// The directory to make; it must be empty or not there.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Restore without the keys that the backup has: put the folder crypto-config there from elsewhere.
    #[arg(long, conflicts_with = "identity")]
    without_keys: bool,
    #[command(flatten)]
    expected: Expected,
}

#[derive(clap::Args)]
struct Expected {
    /// The fingerprint of the network's genesis block, sha256:…; a backup of another network is refused.
    #[arg(long, value_name = "SHA256:…")]
    fingerprint: Option<String>,
    /// The file with the identity of age (AGE-SECRET-KEY-1…) that decrypts the keys.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

/// `now` is this machine's time.
pub async fn run(args: Args, now: DateTime) -> Result<Exit, Failure> {
    let runtime = Handle::current();
    // It reads and writes files all the time.
    let done = task::spawn_blocking(move || match args.command {
        Command::Create(args) => create(args, now, &runtime),
        Command::Verify(args) => verify(&args, &runtime),
        Command::Restore(args) => restore(&args, &runtime),
    });
    let done = done.await.map_err(|error| Failure::during("the backup", error))?;
    done.map(|()| Exit::Ok)
}

fn create(args: CreateArgs, now: DateTime, runtime: &Handle) -> Result<(), Failure> {
    let recipients = args.recipient.iter().map(|text| {
        text.parse::<Recipient>().map_err(|error| Failure::usage(format!("--recipient {text}: {error}")))
    });
    let recipients = recipients.collect::<Result<Vec<_>, _>>()?;
    let source = source(&args)?;
    let made = create::create(&source, &args.out, &recipients, now, runtime);
    let manifest = made.map_err(BackupError::into_failure)?;
    if manifest.keys == Keys::LeftOut {
        output::warn(
            "THE KEYS ARE NOT IN THE BACKUP. Without them no network starts on it: give --recipient age1…, for whom they are \
             encrypted, or keep a copy of the folder crypto-config elsewhere.",
        );
    }
    if args.json {
        return output::json(&manifest_as_json(&manifest));
    }
    output::line(format!(
        "{}: channel {} up to block {} ({} parts). Up to that block nothing is lost.",
        args.out.display(),
        manifest.channel,
        manifest.last_block,
        manifest.parts.len()
    ))
}

fn source(args: &CreateArgs) -> Result<Source, Failure> {
    let portal = args.data_dir.join(PORTAL);
    if let Some(database) = &args.portal_database {
        let text = database.to_string_lossy();
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            let advice = "a database on PostgreSQL is backed up by pg_dump, before the files; this takes SQLite's alone";
            return Err(Failure::usage(format!("--portal-database: {advice}")));
        }
        if !database.is_file() {
            return Err(Failure::usage(format!("--portal-database {text}: there is no such file")));
        }
    }
    Ok(Source {
        data_dir: args.data_dir.clone(),
        portal_database: args.portal_database.clone().unwrap_or_else(|| portal.join("portal.db")),
        portal_files: args.portal_files.clone().unwrap_or_else(|| portal.join("files")),
    })
}

fn manifest_as_json(manifest: &Manifest) -> serde_json::Value {
    json!({
        "channel": manifest.channel,
        "genesis": manifest.genesis,
        "lastBlock": manifest.last_block,
        "lastBlockHash": manifest.last_hash,
        "created": manifest.created,
        "keys": manifest.keys,
        "parts": manifest.parts.len(),
    })
}

fn verify(args: &VerifyArgs, runtime: &Handle) -> Result<(), Failure> {
    let verified = looked_at(&args.backup, &args.expected, runtime)?;
    let Verified { archive, chain, uploads, has_portal, has_private_data, key_files, .. } = &verified;
    let manifest = &archive.manifest;
    if args.json {
        let mut value = manifest_as_json(manifest);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("transactions".to_owned(), chain.transactions.into());
            fields.insert("uploads".to_owned(), (*uploads).into());
            fields.insert("keysDecrypted".to_owned(), verified.keys.is_some().into());
        }
        return output::json(&value);
    }
    let keys = match (manifest.keys, &verified.keys) {
        (Keys::None, _) => "none: the data directory had none".to_owned(),
        (Keys::LeftOut, _) => "LEFT OUT: a restore needs the folder crypto-config from elsewhere".to_owned(),
        (Keys::Encrypted, None) => "encrypted; not looked at without --identity".to_owned(),
        (Keys::Encrypted, Some(_)) => format!("decrypted, {key_files} files"),
    };
    let portal = if *has_portal { format!("database, {uploads} files") } else { "none".to_owned() };
    output::rows(&[
        ("whole", format!("{} blocks with {} transactions", chain.blocks, chain.transactions)),
        ("channel", manifest.channel.clone()),
        ("genesis", manifest.genesis.clone()),
        ("last block", format!("{} {}", manifest.last_block, manifest.last_hash)),
        ("made", manifest.created.clone()),
        ("private data", if *has_private_data { "yes" } else { "none" }.to_owned()),
        ("portal", portal),
        ("keys", keys),
    ])
}

fn restore(args: &RestoreArgs, runtime: &Handle) -> Result<(), Failure> {
    let verified = looked_at(&args.backup, &args.expected, runtime)?;
    let manifest = &verified.archive.manifest;
    if manifest.keys == Keys::Encrypted && verified.keys.is_none() && !args.without_keys {
        return Err(Failure::usage(
            "the backup has the keys, encrypted: give --identity FILE, which decrypts them, or --without-keys",
        ));
    }
    restore::restore(&verified, &args.data_dir).map_err(BackupError::into_failure)?;
    let (here, block) = (args.data_dir.display(), manifest.last_block);
    output::line(format!(
        "{here}: channel {} up to block {block}, as of {}",
        manifest.channel, manifest.created
    ))?;
    if manifest.keys != Keys::None && verified.keys.is_none() {
        output::warn(format!("The keys are missing: put the folder crypto-config into {here}."));
    }
    output::line(
        "Its orderer takes no transactions yet: blocks that were acknowledged after the backup may be with a follower.\n  \
         nanotrace ledger import   brings them in\n  nanotrace ledger resume   lets the orderer go on",
    )
}

fn looked_at(path: &Path, expected: &Expected, runtime: &Handle) -> Result<Verified, Failure> {
    let identities = expected.identity.as_deref().map(read_identities).transpose()?;
    let fingerprint = expected.fingerprint.as_deref().map(str::to_ascii_lowercase);
    verify::verify(path, fingerprint.as_deref(), identities.as_deref(), runtime)
        .map_err(BackupError::into_failure)
}

fn read_identities(path: &Path) -> Result<Vec<Identity>, Failure> {
    let unusable = |reason: String| Failure::usage(format!("--identity {}: {reason}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    age::identities(&text).map_err(|error| unusable(error.to_string()))
}
