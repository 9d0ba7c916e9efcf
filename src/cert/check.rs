//! `cert check`: every rule, tried before anything is signed or submitted.

use std::path::PathBuf;

use certificate::{
    document::{check_draft, check_signed},
    multikey, proof,
    refusal::Violation,
};
use ed25519_dalek::SigningKey;
use serde::Deserialize;
use serde_json::Value;

use super::{
    contract::Contract,
    files,
    network::{Network, OFFICER},
    output::{self, text_at},
    subject,
};
use crate::exit::{Exit, Failure};

/// Try every rule on a draft or a signed certificate; nothing is written.
///
/// First the rules of the document itself, then those that only the ledger can judge: issuer, scheme, accreditation,
/// what is taken. For a draft, which has no proof yet, the ledger's rules about the key are left out.
///
/// Exit codes: 0 no rule is broken, 1 some are (each is named), 2 the file cannot be read, 3 no network.
#[derive(clap::Args)]
pub struct Args {
    /// The draft or the signed document; - for standard input.
    file: PathBuf,
    /// Try the document's own rules alone; ask no network.
    #[arg(long)]
    offline: bool,
}

#[derive(Deserialize)]
struct DryRun {
    violations: Vec<LedgerViolation>,
}

#[derive(Deserialize)]
struct LedgerViolation {
    pointer: String,
    value: String,
    rule: String,
}

/// Where the ledger's rules about the key are broken by any draft.
const KEY: &str = "/proof/verificationMethod";

pub async fn run(args: Args, network: &Network, json: bool) -> Result<Exit, Failure> {
    let document = files::read_document(&args.file)?;
    let is_draft = document.get("proof").is_none();
    let mut violations = own_rules(&document, is_draft)?;
    if violations.is_empty() && !args.offline {
        let contract = network.contract(OFFICER).await?;
        violations = ledger_rules(&contract, document, is_draft).await?;
    }
    if !violations.is_empty() || json {
        output::violations(&violations, json)?;
    }
    if !violations.is_empty() {
        return Ok(Exit::No);
    }
    if !json {
        let kind = if is_draft { "draft" } else { "signed certificate" };
        let left = if args.offline { " (the ledger's rules were not tried)" } else { "" };
        output::line(format!("the {kind} breaks no rule{left}"))?;
    }
    Ok(Exit::Ok)
}

fn own_rules(document: &Value, is_draft: bool) -> Result<Vec<Violation>, Failure> {
    let violations = match is_draft {
        true => check_draft(document).err(),
        false => check_signed(&subject::canonical_bytes(document)?).err(),
    };
    Ok(violations.unwrap_or_default())
}

async fn ledger_rules(
    contract: &Contract,
    document: Value,
    is_draft: bool,
) -> Result<Vec<Violation>, Failure> {
    let signed = if is_draft { sign_for_trial(&document)? } else { document };
    let bytes = subject::canonical_bytes(&signed)?;
    let dry_run: DryRun = contract.read("certificate:check", &[&String::from_utf8_lossy(&bytes)]).await?;
    let ours = dry_run.violations.into_iter().filter(|violation| !(is_draft && violation.pointer == KEY));
    Ok(ours.map(|LedgerViolation { pointer, value, rule }| Violation { pointer, value, rule }).collect())
}

/// The contract judges signed documents only; a draft goes there under a key that is thrown away.
fn sign_for_trial(draft: &Value) -> Result<Value, Failure> {
    let key = SigningKey::from_bytes(&files::random()?);
    let public_key = multikey::public_to_text(&key.verifying_key());
    let method = format!("{}#{public_key}", text_at(draft, "/issuer/id"));
    let signed = proof::sign(draft, &key, &method, verifier::now());
    signed.map_err(|error| Failure::during("trying the ledger's rules", error))
}
