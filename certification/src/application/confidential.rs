//! The confidential part of an application: handing it in with salts, reading it, purging it.

use std::{fs, io::ErrorKind, path::PathBuf};

use certificate::{Code, confidential::ConfidentialField};
use durable::Access;
use serde_json::Value;

use super::{Which, WithReason};
use commands::{
    contract,
    exit::Failure,
    files,
    network::{APPLICANT, EVALUATOR, Network, OFFICER},
    output::{self, text_at},
};

/// Bytes of a salt.
const SALT: usize = 16;

/// Hand in the confidential part of an application: a formulation, customers. By default as User1 of Industry.
///
/// The fields go to the certification body and the accreditation body alone, as private data; the ledger gets a salted hash of
/// each. A field can later be opened by itself (`nanotrace cert disclose`), by either body or by who has the file kept.
#[derive(clap::Args)]
pub struct Confide {
    #[command(flatten)]
    which: Which,
    /// The fields, as a JSON object: each member is a field, its value any JSON. Write numbers as texts.
    #[arg(long, value_name = "FILE")]
    fields: PathBuf,
    /// Where to keep the fields with their salts, for yourself alone. Where the file is there, its salts are used again, so that
    /// the same command twice hands in once.
    #[arg(long, value_name = "FILE")]
    keep: PathBuf,
    /// The certification body, by its MSP id: to it and to the accreditation body they are sent. [default: what a peer of one's
    /// own organisation says, which must have the chaincode]
    #[arg(long, value_name = "MSP-ID")]
    body: Option<String>,
}

pub async fn confide(order: Confide, network: &Network, json: bool) -> Result<(), Failure> {
    let application = order.which.id;
    let fields = salted(&order, application)?;
    let (contract, body) = (network.contract(APPLICANT).await?, order.body.as_deref());
    let submit = contract.confidential_submit(application, &fields, body).await?;
    output::committed("handed in", &contract::submit(submit).await?, json)
}

/// The fields with their salts, which are on the disk before anything is handed in.
fn salted(order: &Confide, application: Code) -> Result<Vec<ConfidentialField>, Failure> {
    let wanted = files::read_object(&order.fields)?;
    if let Some(kept) = read_kept(order)? {
        let of_kept = kept.iter().map(|field| (&field.field, &field.value));
        let is_same = kept.iter().all(|field| field.application == application) && of_kept.eq(&wanted);
        return if is_same { Ok(kept) } else { Err(other_fields(order)) };
    }
    let salted = |(field, value)| {
        let salt = hex::encode(files::random::<SALT>()?);
        Ok(ConfidentialField { application, field, salt, value })
    };
    let fields = wanted.into_iter().map(salted).collect::<Result<Vec<_>, Failure>>()?;
    let content = serde_json::to_vec_pretty(&fields)
        .map_err(|error| Failure::during("writing the fields as JSON", error))?;
    files::write_for(&order.keep, &content, Access::Owner, false)?;
    Ok(fields)
}

fn read_kept(order: &Confide) -> Result<Option<Vec<ConfidentialField>>, Failure> {
    match fs::metadata(&order.keep) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => files::read_kept(&order.keep).map(Some),
    }
}

fn other_fields(order: &Confide) -> Failure {
    let (kept, fields) = (order.keep.display(), order.fields.display());
    Failure::usage(format!(
        "{kept} has other fields than {fields}, or those of another application: choose another file"
    ))
}

/// Shows the fields, at the caller's own organisation.
pub async fn show(which: Which, network: &Network, json: bool) -> Result<(), Failure> {
    let answer: Value = network.contract(EVALUATOR).await?.confidential_get(which.id)?.read().await?;
    if json {
        return output::json(&answer);
    }
    let fields = answer.pointer("/fields").and_then(Value::as_array);
    fields.into_iter().flatten().try_for_each(|field| {
        let parts = ["/index", "/private/field", "/private/value"].map(|pointer| text_at(field, pointer));
        output::line(parts.join("  "))
    })
}

pub async fn purge(order: WithReason, network: &Network, json: bool) -> Result<(), Failure> {
    let contract = network.contract(OFFICER).await?;
    let purge = contract.confidential_purge(order.which.id, &order.reason.reason).await?;
    output::committed("purged", &contract::submit(purge).await?, json)
}
