//! `cert verify`: is a certificate genuine, and does it hold?

use certificate::document::{SignedDocument, check_signed};
use peer_client::certificate::{CallError, Contract};
use serde_json::{Value, json};

use super::{
    network::{Network, OFFICER},
    output, show,
    subject::{self, Subject},
};
use crate::exit::{Exit, Failure};

/// Verify a certificate: its proof here, its state on the ledger.
///
/// Given a file, the ledger must hold the document in it. How the file is laid out does not matter, because the proof
/// is made over the document's canonical form (RFC 8785), which is what the ledger holds; a file that is laid out
/// otherwise, and so has another hash, is said to be. --offline checks the proof against the key
/// that the document itself names, and says nothing on whether the key is the body's or the certificate still holds.
///
/// Exit codes: 0 genuine and valid (with --offline: the proof holds), 1 anything less, 2 a mistyped code or a file
/// that cannot be read, 3 no network.
#[derive(clap::Args)]
pub struct Args {
    /// The certificate's code, or the file of its signed document.
    #[arg(value_parser = subject::parse, value_name = "CODE|FILE")]
    certificate: Subject,
    /// Check the proof alone; ask no network.
    #[arg(long)]
    offline: bool,
}

/// What the ledger says of a document.
enum Standing {
    Unknown,
    /// A certificate of this code is on the ledger, with another document.
    Different,
    Known(Value),
}

pub async fn run(args: Args, network: &Network, json: bool) -> Result<Exit, Failure> {
    let contract = match args.offline {
        true => None,
        false => Some(network.contract(OFFICER).await?),
    };
    let document = subject::document(&args.certificate, contract.as_ref()).await?;
    let proof = check_signed(&document.bytes);
    let standing = match &contract {
        Some(contract) => Some(standing(contract, &document.bytes).await?),
        None => None,
    };
    let exit = match (&proof, &standing) {
        (Ok(_), None) => Exit::Ok,
        (Ok(_), Some(Standing::Known(record))) => show::exit(record),
        _ => Exit::No,
    };
    match json {
        true => print_json(proof.is_ok(), document.came_canonical, standing.as_ref(), exit)?,
        false => print(proof, document.came_canonical, standing)?,
    }
    Ok(exit)
}

async fn standing(contract: &Contract, document: &[u8]) -> Result<Standing, Failure> {
    let code = subject::code_of(document)?;
    match contract.certificate_document(code).evaluate().await {
        Err(CallError::Refused { status: 404, .. }) => Ok(Standing::Unknown),
        Ok(issued) if issued != document => Ok(Standing::Different),
        Ok(_) => Ok(Standing::Known(show::read(contract, code, None).await?)),
        Err(error) => Err(error.into()),
    }
}

fn print(
    proof: Result<SignedDocument, Vec<certificate::refusal::Violation>>,
    came_canonical: bool,
    standing: Option<Standing>,
) -> Result<(), Failure> {
    match proof {
        Ok(signed) => output::line(format!(
            "proof   holds: signed {} with {}",
            signed.proof.created, signed.proof.public_key
        ))?,
        Err(violations) => {
            output::line("proof   DOES NOT HOLD")?;
            output::violations(&violations)?;
        }
    }
    if !came_canonical {
        output::line(
            "file    not in canonical form (RFC 8785): its content was verified, its bytes are others",
        )?;
    }
    match standing {
        None => output::line("ledger  not asked: this does not say whether the certificate holds"),
        Some(Standing::Unknown) => output::line("ledger  UNKNOWN: no such certificate was ever issued there"),
        Some(Standing::Different) => {
            output::line("ledger  DIFFERENT: this is not the document that was issued under this code")
        }
        Some(Standing::Known(record)) => output::line(format!("ledger  {}", show::verdict(&record))),
    }
}

fn print_json(
    proof_holds: bool,
    came_canonical: bool,
    standing: Option<&Standing>,
    exit: Exit,
) -> Result<(), Failure> {
    let (ledger, record) = match standing {
        None => ("notAsked", Value::Null),
        Some(Standing::Unknown) => ("unknown", Value::Null),
        Some(Standing::Different) => ("different", Value::Null),
        Some(Standing::Known(record)) => ("same", record.clone()),
    };
    let verdict = record.get("verdict").cloned().unwrap_or_default();
    // Whether it is valid is not known unless the ledger was asked.
    let valid = standing.map(|_| exit == Exit::Ok);
    output::json(&json!({
        "proofHolds": proof_holds, "canonical": came_canonical, "ledger": ledger, "valid": valid, "verdict": verdict,
    }))
}
