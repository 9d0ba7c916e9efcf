//! `cert sign`: makes a draft a credential, where the certification body's key lies.

use std::path::{Path, PathBuf};

use certificate::{Code, canonical, document::check_signed, json::Json, proof};
use ed25519_dalek::SigningKey;
use issuing::sign::{SignError, sign};
use serde_json::Value;
use signer::{
    client,
    protocol::{Answer, Request},
};

use super::{files, output::refused, subject::parse_code};
use crate::exit::{Exit, Failure};

/// Sign a draft with the certification body's Ed25519 key, or have it signed by `nanotrace signer`. Needs no network.
///
/// A signer signs the document that an application was decided on (`--application`). The result is canonical JSON (RFC 8785) with one proof (W3C Data Integrity, eddsa-jcs-2022), ready to `issue`. A
/// draft that breaks a rule is not signed.
#[derive(clap::Args)]
pub struct Args {
    /// The draft; - for standard input.
    file: PathBuf,
    /// The secret key, as `cert key generate` wrote it. Only its owner may be able to read it.
    #[arg(long, env = "NANOTRACE_ISSUER_KEY", value_name = "FILE", required_unless_present = "signer")]
    key: Option<PathBuf>,
    /// The socket of a signer, which has the key.
    #[arg(
        long,
        env = "NANOTRACE_SIGNER",
        value_name = "SOCKET",
        requires = "application",
        conflicts_with = "key"
    )]
    signer: Option<PathBuf>,
    /// The application that was decided on this document.
    #[arg(long, value_name = "APPLICATION", value_parser = parse_code, requires = "signer")]
    application: Option<Code>,
    /// Where to write the signed document. [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let draft = files::read_document(&args.file)?;
    if draft.get("proof").is_some() {
        return Err(Failure::usage(format!("{} is signed already: sign its draft", args.file.display())));
    }
    let signed = match (&args.key, &args.signer, args.application) {
        (Some(key), ..) => with_key(&draft, &files::read_key(key)?)?,
        (None, Some(socket), Some(application)) => {
            by_signer(socket, Request { application, document: draft }).await?
        }
        (None, ..) => return Err(Failure::usage("needs --key, or --signer with --application")),
    };
    files::write(args.out.as_deref(), &signed, args.force)?;
    Ok(Exit::Ok)
}

fn with_key(draft: &Value, key: &SigningKey) -> Result<Vec<u8>, Failure> {
    sign(draft, key, verifier::now()).map_err(|error| match error {
        SignError::Rules(violations) => refused("not signed", &violations),
        error => Failure::usage(error.to_string()),
    })
}

async fn by_signer(socket: &Path, request: Request) -> Result<Vec<u8>, Failure> {
    let draft = request.document.clone();
    let answer = client::ask(socket, &request).await.map_err(|error| {
        Failure::new(Exit::Unreachable, format!("no signer answers at {}: {error}", socket.display()))
    })?;
    match answer {
        Answer::Signed(document) if is_of(&document, &draft) => Ok(document.into_bytes()),
        Answer::Signed(_) => Err(Failure::new(
            Exit::Failure,
            "what the signer answered is no genuine signature of this document",
        )),
        Answer::Refused(why) => Err(Failure::new(Exit::No, format!("not signed: {why}"))),
        Answer::Failed(why) => {
            Err(Failure::new(Exit::Unreachable, format!("the signer's ledger does not answer: {why}")))
        }
    }
}

/// Whether the text is a certificate of this document, with a proof that holds.
fn is_of(signed: &str, draft: &Value) -> bool {
    let hash = |document: &Json<'_>| proof::document_hash(document).ok();
    let read = canonical::from_canonical(signed.as_bytes()).ok();
    check_signed(signed.as_bytes()).is_ok()
        && read.is_some_and(|signed| hash(&signed).is_some() && hash(&signed) == hash(&Json::from(draft)))
}
