//! The confidential part of an application: handed in as private data of the two bodies, read by their persons, purged by
//! both. The public record has salted hashes alone. No refusal here says what a field holds, or its name: refusals are
//! seen by more people than the field is.

use bytes::Bytes;
use serde_json::{Value, json};

use super::application::{enter, existing as application_of};
use super::call::{Call, answer, code, reason};
use crate::code::Code;
use crate::confidential::{ConfidentialField, MAXIMUM_FIELD_BYTES, MAXIMUM_FIELDS, TRANSIENT_ENTRY, hash};
use crate::duty::Duty;
use crate::keys;
use crate::record::{Application, Confidential, FieldHash};
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, Role, State};
use crate::transition::{ACCREDITATION_READERS, BODY_READERS, CONFIDE, functions_from};

/// Bytes of the transient entry.
const MAXIMUM_ENTRY: usize = 2 * MAXIMUM_FIELDS * MAXIMUM_FIELD_BYTES;

/// `confidential:submit(application)`, the fields in the transient map: a person of the organisation that applies, or a
/// service of it, while the application is with the body for acceptance or back with its applicant. Fields are added, never
/// changed.
pub async fn submit<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [id] = call.arguments(["application"])?;
    let (application, _) = enter(&mut call, id, &[&CONFIDE]).await?;
    let code = application.application;
    let values = handed_in(&call, code)?;
    let mut record = record(&mut call, code).await?.unwrap_or_else(|| empty(code));
    let first = record.fields.len();
    if first + values.len() > MAXIMUM_FIELDS {
        return Err(Refusal::Conflict(format!(
            "the application has {first} confidential fields, {} more are over {MAXIMUM_FIELDS}",
            values.len()
        )));
    }
    for (place, value) in (first..).zip(values) {
        let hash = FieldHash(hash(&value));
        // Its own salt makes each hash the only one of its kind: this one was handed in before.
        if record.fields.contains(&hash) {
            return Err(Refusal::Conflict("these confidential fields are handed in already".into()));
        }
        record.fields.push(hash);
        for holder in &holders(&call, &application) {
            call.state.put_private(holder, &keys::confidential_field(code, place), value.clone());
        }
    }
    record.submitted.push(call.event(""));
    let both = KeyPolicy::all(&holders(&call, &application).each_ref().map(String::as_str));
    call.state.set_policy(&keys::confidential(code), &both);
    store(&mut call, &record, "ConfidentialSubmitted")
}

/// The private values of the fields in the transient map, each in canonical form.
fn handed_in<S: State>(call: &Call<'_, S>, application: Code) -> Result<Vec<Vec<u8>>, Refusal> {
    let entry = call.state.transient(TRANSIENT_ENTRY).ok_or_else(|| {
        Refusal::Arguments(format!("the transient map has no entry {TRANSIENT_ENTRY:?}, a list of fields"))
    })?;
    let fields = parse(&entry)?;
    for (place, field) in fields.iter().enumerate() {
        let is_repeated = |other: &ConfidentialField| other.field == field.field || other.salt == field.salt;
        let repeats = fields.iter().take(place).any(is_repeated);
        let fault =
            if repeats { Some("has the name or the salt of another") } else { field.fault(application) };
        if let Some(fault) = fault {
            return Err(Refusal::Arguments(format!("confidential field {place} {fault}")));
        }
    }
    fields.iter().enumerate().map(|(place, field)| canonical(place, field)).collect()
}

fn parse(entry: &Bytes) -> Result<Vec<ConfidentialField>, Refusal> {
    let too_long = || Refusal::Arguments(format!("the transient entry is over {MAXIMUM_ENTRY} bytes"));
    let entry = Some(entry).filter(|entry| entry.len() <= MAXIMUM_ENTRY).ok_or_else(too_long)?;
    // The parser's own words could quote what is there.
    let fields: Vec<ConfidentialField> = serde_json::from_slice(entry).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Refusal::Arguments(format!(
            "the transient entry {TRANSIENT_ENTRY:?} is no list of {{application, field, salt, value}}: see line {line}, \
             column {column}"
        ))
    })?;
    match fields.len() {
        1..=MAXIMUM_FIELDS => Ok(fields),
        count => {
            Err(Refusal::Arguments(format!("{count} confidential fields, must be 1 to {MAXIMUM_FIELDS}")))
        }
    }
}

fn canonical(place: usize, field: &ConfidentialField) -> Result<Vec<u8>, Refusal> {
    let value = field.canonical().ok().filter(|value| value.len() <= MAXIMUM_FIELD_BYTES);
    value.ok_or_else(|| {
        Refusal::Arguments(format!(
            "confidential field {place} must have at most {MAXIMUM_FIELD_BYTES} bytes"
        ))
    })
}

/// `confidential:hashes(application)`: anyone; the public record.
pub async fn hashes<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [id] = call.arguments(["application"])?;
    answer(&existing(&mut call, code(id)?).await?)
}

/// `confidential:get(application)`: a person on duty of either body, at a peer of its own organisation: it reads that
/// organisation's collection, which no other peer holds.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [id] = call.arguments(["application"])?;
    let application = application_of(&mut call, id).await?;
    let code = application.application;
    let own = check_reader(&mut call, &application)?;
    let record = existing(&mut call, code).await?;
    if let Some(purged) = &record.purged {
        return Err(Refusal::Unknown(format!("the fields were purged on {}", purged.effective_at)));
    }
    let keys: Vec<String> =
        (0..record.fields.len()).map(|place| keys::confidential_field(code, place)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let values = call.state.get_private(&own, &keys).await.map_err(|error| {
        Refusal::Ledger(format!("{error}: confidential fields are read at a peer of {own}, the caller's own"))
    })?;
    let fields: Vec<Value> = (0..).zip(&record.fields).zip(values).map(opened).collect::<Result<_, _>>()?;
    answer(&json!({"application": code, "fields": fields}))
}

/// The organisation whose private data the caller may read: its own, if it is one of the two.
fn check_reader<S: State>(call: &mut Call<'_, S>, application: &Application) -> Result<String, Refusal> {
    let caller = call.state.creator().msp_id.clone();
    let duties = match caller.as_str() {
        accreditation if accreditation == call.accreditation_body => ACCREDITATION_READERS,
        body if body == application.body => BODY_READERS,
        _ => {
            return Err(Refusal::Forbidden(format!(
                "is for {} and {}, the caller is of {caller}",
                application.body, call.accreditation_body
            )));
        }
    };
    call.on_duty(duties)?;
    Ok(caller)
}

/// A body alone can write anything into its own collection, so what lies there is held against the public record.
fn opened(((place, expected), value): ((usize, &FieldHash), Option<Bytes>)) -> Result<Value, Refusal> {
    let other =
        |what| Refusal::Ledger(format!("confidential field {place} {what} this organisation's private data"));
    let value = value.ok_or_else(|| other("is not in"))?;
    if hash(&value) != expected.0 {
        return Err(other("is not what was handed in, in"));
    }
    let private: Value = serde_json::from_slice(&value).map_err(|_| other("cannot be read in"))?;
    Ok(json!({"index": place, "hash": expected, "private": private}))
}

/// `confidential:purge(application, reason)`: a decision-maker or administrator of the body, which answers for how long
/// such data are kept (ISO/IEC 17065, 4.5 and 7.12), once the application has ended. The hashes stay.
pub async fn purge<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let names = ["application", "reason"];
    let [id, _] = call.arguments(names)?;
    let why = call.fields(names, reason)?;
    let application = application_of(&mut call, id).await?;
    let code = application.application;
    call.caller(&application.body, &[Role::Admin, Role::Client])?;
    call.on_duty_or_admin(&[Duty::DecisionMaker])?;
    if !functions_from(application.state).is_empty() {
        return Err(Refusal::Conflict(format!(
            "the application is {}: its confidential fields are purged when it has ended (refused, granted, withdrawn)",
            application.state
        )));
    }
    let mut record = existing(&mut call, code).await?;
    if let Some(purged) = &record.purged {
        return Err(Refusal::Conflict(format!("the fields were purged on {}", purged.effective_at)));
    }
    for place in 0..record.fields.len() {
        for holder in &holders(&call, &application) {
            call.state.purge_private(holder, &keys::confidential_field(code, place));
        }
    }
    record.purged = Some(call.event(&why));
    store(&mut call, &record, "ConfidentialPurged")
}

/// Whose private data they are.
fn holders<S: State>(call: &Call<'_, S>, application: &Application) -> [String; 2] {
    [application.body.clone(), call.accreditation_body.clone()]
}

fn empty(application: Code) -> Confidential {
    Confidential { application, fields: Vec::new(), submitted: Vec::new(), purged: None }
}

async fn record<S: State>(
    call: &mut Call<'_, S>,
    application: Code,
) -> Result<Option<Confidential>, Refusal> {
    call.record(&keys::confidential(application), Confidential::decode).await
}

async fn existing<S: State>(call: &mut Call<'_, S>, application: Code) -> Result<Confidential, Refusal> {
    let unknown = || Refusal::Unknown(format!("application {application} has no confidential fields"));
    record(call, application).await?.ok_or_else(unknown)
}

fn store<S: State>(call: &mut Call<'_, S>, record: &Confidential, event: &str) -> Result<Vec<u8>, Refusal> {
    call.state.put(&keys::confidential(record.application), record.encode());
    call.emit(event, record)
}
