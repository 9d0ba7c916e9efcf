//! `cert sign`: makes a draft a credential, where the certification body's key lies.

use std::path::PathBuf;

use certificate::{
    document::{check_draft, check_signed},
    multikey, proof,
};

use super::{
    files,
    output::{refused, text_at},
    subject,
};
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
    check_draft(&draft).map_err(|violations| refused("not signed", &violations))?;
    let public_key = multikey::public_to_text(&key.verifying_key());
    let method = format!("{}#{public_key}", text_at(&draft, "/issuer/id"));
    let signed = proof::sign(&draft, &key, &method, verifier::now());
    let signed = signed.map_err(|error| Failure::usage(error.to_string()))?;
    let bytes = subject::canonical_bytes(&signed)?;
    check_signed(&bytes).map_err(|violations| refused("not signed", &violations))?;
    files::write(args.out.as_deref(), &bytes, args.force)?;
    Ok(Exit::Ok)
}
