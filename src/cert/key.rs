//! `cert key`: the certification body's signing keys, from generation to revocation.

use std::path::PathBuf;

use certificate::{DateTime, multikey, parties};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::{
    contract, files,
    network::{ACCREDITOR, BODY_ADMIN, Network, OFFICER},
    output::{self, text_at},
    subject::parse_date_time,
};
use crate::exit::{Exit, Failure};

#[derive(clap::Subcommand)]
pub enum Command {
    Generate(Generate),
    Propose(Propose),
    Approve(Approve),
    Revoke(Revoke),
    Compromise(Compromise),
    /// List all keys with what became of them.
    List,
}

/// Make an Ed25519 key in a file that only its owner can read, and print its public half. Needs no network.
#[derive(clap::Args)]
pub struct Generate {
    /// Where to write the secret key; the file must not exist.
    file: PathBuf,
}

/// Propose a public key for one's own certification body. By default as Admin of CertBody.
#[derive(clap::Args)]
pub struct Propose {
    /// The public key (z6Mk…), as `generate` printed it.
    #[arg(value_parser = parse_public_key)]
    public_key: String,
    /// The did:web identifier that documents name as issuer; the same for all keys of a body.
    #[arg(long, value_name = "DID")]
    issuer_id: String,
    /// The issuer's name in documents.
    #[arg(long, value_name = "NAME")]
    issuer_name: String,
    /// The web address below which the issuer's status lists lie.
    #[arg(long, value_name = "URL")]
    status_lists: String,
}

/// Approve a proposed key, by a person of the accreditation body. By default as Admin of Accreditation.
#[derive(clap::Args)]
pub struct Approve {
    #[arg(value_parser = parse_public_key)]
    public_key: String,
    /// The certification body that proposed it, by its MSP id.
    #[arg(long, value_name = "MSP-ID", default_value = parties::CERTIFICATION_BODY)]
    body: String,
}

/// Revoke a key for ever. By default as Admin of CertBody; the accreditation body can do it too.
#[derive(clap::Args)]
pub struct Revoke {
    #[arg(value_parser = parse_public_key)]
    public_key: String,
    /// The certification body whose key it is, by its MSP id.
    #[arg(long, value_name = "MSP-ID", default_value = parties::CERTIFICATION_BODY)]
    body: String,
    /// Why, in a sentence; the public reads it.
    #[arg(long)]
    reason: String,
}

/// Declare that somebody else may have had a key: certificates issued at that time or later are not valid, those issued before
/// stand. Each of the two bodies does so alone; it cannot be taken back, and an earlier time can be declared later. By default
/// as Admin of CertBody.
#[derive(clap::Args)]
pub struct Compromise {
    #[arg(value_parser = parse_public_key)]
    public_key: String,
    /// The certification body whose key it is, by its MSP id.
    #[arg(long, value_name = "MSP-ID", default_value = parties::CERTIFICATION_BODY)]
    body: String,
    /// From when, such as 2026-01-31T12:00:00Z, or 2026-01-31 for its first second, UTC.
    #[arg(long, value_name = "DATE|DATE-TIME", value_parser = parse_date_time)]
    from: DateTime,
    /// Why, in a sentence; the public reads it.
    #[arg(long)]
    reason: String,
}

pub async fn run(command: Command, network: &Network, json: bool) -> Result<Exit, Failure> {
    match command {
        Command::Generate(args) => generate(&args, json)?,
        Command::Propose(args) => propose(&args, network, json).await?,
        Command::Approve(Approve { body, public_key }) => {
            let approve = network.contract(ACCREDITOR).await?.issuer_key_approve(&body, &public_key);
            let committed = contract::submit(approve).await?;
            output::committed("approved", &committed, json)?;
        }
        Command::Revoke(Revoke { body, public_key, reason }) => {
            let revoke = network.contract(BODY_ADMIN).await?.issuer_key_revoke(&body, &public_key, &reason);
            let committed = contract::submit(revoke).await?;
            output::committed("revoked", &committed, json)?;
        }
        Command::Compromise(Compromise { public_key, body, from, reason }) => {
            let contract = network.contract(BODY_ADMIN).await?;
            let declare = contract.issuer_key_compromise(&body, &public_key, from, &reason);
            output::committed("declared compromised", &contract::submit(declare).await?, json)?;
        }
        Command::List => list(network, json).await?,
    }
    Ok(Exit::Ok)
}

fn generate(args: &Generate, json: bool) -> Result<(), Failure> {
    let key = SigningKey::from_bytes(&files::random()?);
    files::write_key(&args.file, &key)?;
    let public_key = multikey::public_to_text(&key.verifying_key());
    match json {
        true => output::json(&json!({ "publicKey": public_key, "file": args.file })),
        false => output::line(public_key),
    }
}

async fn propose(args: &Propose, network: &Network, json: bool) -> Result<(), Failure> {
    let Propose { public_key, issuer_id, issuer_name, status_lists } = args;
    let request = json!({
        "publicKey": public_key, "issuerId": issuer_id, "issuerName": issuer_name, "statusLists": status_lists,
    });
    let propose = network.contract(BODY_ADMIN).await?.issuer_key_propose(&request);
    let committed = contract::submit(propose).await?;
    output::committed("proposed", &committed, json)
}

async fn list(network: &Network, json: bool) -> Result<(), Failure> {
    let contract = network.contract(OFFICER).await?;
    let keys: Vec<Value> = contract.issuer_key_list().read().await?;
    if json {
        return output::json(&keys);
    }
    keys.iter().try_for_each(|key| {
        let (public_key, body) = (text_at(key, "/publicKey"), text_at(key, "/body"));
        output::line(format!("{public_key}  {body}  {}  {}", state(key), text_at(key, "/issuerName")))
    })
}

fn state(key: &Value) -> &'static str {
    let happened = |pointer| key.pointer(pointer).is_some_and(|event| !event.is_null());
    match (happened("/compromised"), happened("/revoked"), happened("/approved")) {
        (true, ..) => "compromised",
        (false, true, _) => "revoked",
        (false, false, true) => "approved",
        (false, false, false) => "proposed",
    }
}

fn parse_public_key(text: &str) -> Result<String, String> {
    let key = multikey::public_from_text(text).map(|_| text.to_owned());
    key.ok_or_else(|| "no Ed25519 public key as Multikey text (z6Mk…)".into())
}
