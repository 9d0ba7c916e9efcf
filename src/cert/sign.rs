//! `cert sign`: makes a draft a credential, where the certification body's key lies.

use std::path::PathBuf;

use issuing::sign::{SignError, sign};

use super::{files, output::refused};
use crate::exit::{Exit, Failure};

/// Sign a draft with the certification body's Ed25519 key. Needs no network.
///
/// The result is canonical JSON (RFC 8785) with one proof (W3C Data Integrity, eddsa-jcs-2022), ready to `issue`. A
/// draft that breaks a rule is not signed.
#[derive(clap::Args)]
pub struct Args {
    /// The draft; - for standard input.
    file: PathBuf,
    /// The secret key, as `cert key generate` wrote it. Only its owner may be able to read it.
    #[arg(long, env = "NANOTRACE_ISSUER_KEY", value_name = "FILE")]
    key: PathBuf,
    /// Where to write the signed document. [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

pub fn run(args: Args) -> Result<Exit, Failure> {
    let draft = files::read_document(&args.file)?;
    if draft.get("proof").is_some() {
        return Err(Failure::usage(format!("{} is signed already: sign its draft", args.file.display())));
    }
    let key = files::read_key(&args.key)?;
    let signed = sign(&draft, &key, verifier::now()).map_err(|error| match error {
        SignError::Rules(violations) => refused("not signed", &violations),
        error => Failure::usage(error.to_string()),
    })?;
    files::write(args.out.as_deref(), &signed, args.force)?;
    Ok(Exit::Ok)
}
