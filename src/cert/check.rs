//! `cert check`: every rule, tried before anything is signed or submitted.

use std::path::PathBuf;

use certificate::{
    document::{check_draft, check_signed},
    multikey, proof,
    refusal::Violation,
};
use ed25519_dalek::SigningKey;
use peer_client::certificate::Contract;
use serde_json::{Value, json};

use super::{
    files,
    network::{Network, OFFICER},
    output::{self, text_at},
    subject,
};
use crate::exit::{Exit, Failure};

/// Try every rule on a draft or a signed certificate; nothing is written.
///
/// First the rules of the document itself; where none of them is broken, those that only the ledger can check:
/// issuer, scheme, accreditation, what is taken. For a draft, which has no proof yet, the ledger's rules about the
/// key are left out. The last line, and with --json `ledgerRulesTried`, says how far it came.
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

/// Where the ledger's rules about the key are broken by any draft.
const KEY: &str = "/proof/verificationMethod";

pub async fn run(args: Args, network: &Network, json: bool) -> Result<Exit, Failure> {
    let document = files::read_document(&args.file)?;
    let is_draft = document.get("proof").is_none();
    let mut violations = own_rules(&document, is_draft)?;
    let ledger_rules_tried = violations.is_empty() && !args.offline;
    if ledger_rules_tried {
        let contract = network.contract(OFFICER).await?;
        violations = ledger_rules(&contract, document, is_draft).await?;
    }
    if json {
        output::json(&json!({
            "violations": violations, "broken": violations.len(), "ledgerRulesTried": ledger_rules_tried,
        }))?;
    } else {
        output::violations(&violations)?;
        output::line(summary(violations.len(), is_draft, ledger_rules_tried))?;
    }
    Ok(if violations.is_empty() { Exit::Ok } else { Exit::No })
}

/// `the draft breaks 3 rules; the ledger's rules were not tried`
fn summary(broken: usize, is_draft: bool, ledger_rules_tried: bool) -> String {
    let kind = if is_draft { "draft" } else { "signed certificate" };
    let rules = match broken {
        0 => "no rule".to_owned(),
        1 => "1 rule".to_owned(),
        more => format!("{more} rules"),
    };
    let left = if ledger_rules_tried { "" } else { "; the ledger's rules were not tried" };
    format!("the {kind} breaks {rules}{left}")
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
    let mut violations = contract.certificate_check(bytes).await?;
    violations.retain(|violation| !(is_draft && violation.pointer == KEY));
    Ok(violations)
}

/// The contract checks signed documents only; a draft goes there under a key that is thrown away.
fn sign_for_trial(draft: &Value) -> Result<Value, Failure> {
    let key = SigningKey::from_bytes(&files::random()?);
    let public_key = multikey::public_to_text(&key.verifying_key());
    let method = format!("{}#{public_key}", text_at(draft, "/issuer/id"));
    let signed = proof::sign(draft, &key, &method, verifier::now());
    signed.map_err(|error| Failure::during("trying the ledger's rules", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_came_is_said() {
        assert_eq!(summary(0, true, true), "the draft breaks no rule");
        assert_eq!(summary(1, false, true), "the signed certificate breaks 1 rule");
        assert_eq!(summary(2, true, false), "the draft breaks 2 rules; the ledger's rules were not tried");
    }
}
