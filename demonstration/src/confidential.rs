//! The confidential part of an application, and one field of it that is opened.

use certificate::{
    Code,
    confidential::ConfidentialField,
    disclosure::{Disclosure, LedgerName},
};
use commands::{
    exit::{Exit, Failure},
    files,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Stage, bodies::Body};

/// The fields with their salts, as the applicant keeps them.
const KEPT: &str = "confidential.json";
/// What `nanotrace cert verify-disclosure` checks.
const DISCLOSURE: &str = "disclosure.json";
/// The field that is opened.
const OPENED: &str = "customers";
/// Bytes of a salt.
const SALT: usize = 16;

#[derive(Deserialize)]
struct Hashes {
    fields: Vec<String>,
}

/// Hands the fields in. They are kept first, so that a run after an interruption hands in the same.
pub async fn hand_in(stage: &Stage, body: &Body, application: Code) -> Result<(), Failure> {
    let fields = match kept(stage, application)? {
        Some(fields) => fields,
        None => {
            let fields = fields(application)?;
            stage.write(KEPT, &json_of(&fields)?)?;
            fields
        }
    };
    let submit = body.applicant.confidential_submit(application, &fields, Some(&body.msp_id)).await?;
    body.submit_once(submit).await
}

/// Opens one field, in a file. Where the fields are no longer kept, there is nothing to open.
pub async fn disclose(
    stage: &Stage,
    body: &Body,
    application: Code,
    certificate: Code,
) -> Result<(), Failure> {
    let fields = kept(stage, application)?.unwrap_or_default();
    let Some(private) = fields.into_iter().find(|field| field.field == OPENED) else { return Ok(()) };
    let hash = private.hash().map_err(|error| Failure::during("hashing a field", error))?;
    let public: Hashes = body.applicant.confidential_hashes(application).read().await?;
    let index = public.fields.iter().position(|known| *known == hash);
    let unknown = || Failure::new(Exit::Failure, "the ledger has other confidential fields than are kept");
    let disclosure = Disclosure {
        certificate: certificate.to_string(),
        index: index.ok_or_else(unknown)?,
        private,
        hash,
        ledger: LedgerName { channel: stage.channel.clone(), genesis: stage.genesis.clone() },
    };
    stage.write(DISCLOSURE, &json_of(&disclosure)?)
}

/// What is kept of this application.
fn kept(stage: &Stage, application: Code) -> Result<Option<Vec<ConfidentialField>>, Failure> {
    let path = stage.folder.join(KEPT);
    if !path.exists() {
        return Ok(None);
    }
    let fields = files::read_kept(&path)?;
    let is_of_it = fields.iter().all(|field| field.application == application);
    Ok(is_of_it.then_some(fields))
}

fn fields(application: Code) -> Result<Vec<ConfidentialField>, Failure> {
    let salted = |(field, value): (&str, Value)| {
        let salt = hex::encode(files::random::<SALT>()?);
        Ok(ConfidentialField { application, field: field.to_owned(), salt, value })
    };
    let values = [
        ("formulation", json!({"titanium dioxide": "96.5 % w/w", "dispersant": "3.5 % w/w"})),
        (OPENED, json!(["Demonstration, no real customer"])),
    ];
    values.into_iter().map(salted).collect()
}

fn json_of(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec_pretty(value).map_err(|error| Failure::during("writing JSON", error))
}
