//! An issuer key that somebody else may have used: each of the two bodies declares so alone, as it stops a certificate alone.

use serde::Serialize;
use serde_json::{Value, json};

use super::call::{Call, msp_id, reason, text_that};
use crate::date_time::DateTime;
use crate::document::report::{Object, Report};
use crate::keys;
use crate::multikey;
use crate::record::{Compromise, Declaration, IssuerKey};
use crate::refusal::{Refusal, Violation};
use crate::state::{KeyPolicy, State};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declared<'a> {
    body: &'a str,
    public_key: &'a str,
    #[serde(flatten)]
    declaration: &'a Declaration,
}

struct Request {
    body: String,
    public_key: String,
    from: DateTime,
    reason: String,
}

/// Makes the records of a key that is being approved, while both bodies endorse: neither could make its own alone later.
pub fn prepare<S: State>(call: &mut Call<'_, S>, key: &IssuerKey) {
    for owner in [key.body.as_str(), &call.accreditation_body.clone()] {
        write(call, key, owner, &Compromise::default());
    }
}

/// Whether one of the two bodies has declared the key compromised.
pub async fn is_declared<S: State>(call: &mut Call<'_, S>, key: &IssuerKey) -> Result<bool, Refusal> {
    let owners = [key.body.clone(), call.accreditation_body.clone()];
    let names = owners.each_ref().map(|owner| keys::compromise(&key.body, &key.public_key, owner));
    let records = call.values([&names[0], &names[1]]).await?;
    let read =
        owners.iter().zip(records).filter_map(|(owner, record)| Compromise::decode(&record?, owner).ok());
    Ok(read.into_iter().any(|record| record.declared.is_some()))
}

/// `issuerKey:compromise(body, publicKey, from, reason)`: the body whose key it is or the accreditation body, each alone; again
/// for an earlier time. Beside the key, which takes both to change, it reads the caller's own record alone.
pub async fn declare<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let Request { body, public_key, from, reason } =
        call.fields(["body", "publicKey", "from", "reason"], request)?;
    call.ends_keys_of(&body)?;
    let owner = call.state.creator().msp_id.clone();
    let now = call.state.timestamp();
    if from > now {
        let rule = format!("must not be after the transaction's timestamp {now}");
        return Err(Refusal::Rules(vec![Violation::new("/from", &from.to_string(), &rule)]));
    }
    let names = [keys::issuer_key(&body, &public_key), keys::compromise(&body, &public_key, &owner)];
    let [key, own] = call.values([&names[0], &names[1]]).await?;
    let unknown = || Refusal::Unknown(format!("{body} has no key {public_key}"));
    let key = IssuerKey::decode(&key.ok_or_else(unknown)?)?;
    // A record that its own organisation spoilt does not keep it from declaring.
    let own = own.and_then(|own| Compromise::decode(&own, &owner).ok()).unwrap_or_default();
    if let Some(declared) = own.declared.filter(|declared| declared.compromised_from <= from) {
        return Err(Refusal::Conflict(format!(
            "{owner} has declared the key compromised from {}",
            declared.compromised_from
        )));
    }
    let declaration = Declaration { compromised_from: from, event: call.event(&reason) };
    write(&mut call, &key, &owner, &Compromise { declared: Some(declaration.clone()) });
    let declared = Declared { body: &body, public_key: &public_key, declaration: &declaration };
    call.emit("IssuerKeyCompromised", &declared)
}

/// Keys as their readers see them, each with what the two bodies declare of it; nothing where that cannot be read.
pub async fn shown<S: State>(call: &mut Call<'_, S>, keys: Vec<IssuerKey>) -> Result<Vec<Value>, Refusal> {
    let accreditation_body = call.accreditation_body.clone();
    let of_key = |key: &IssuerKey| {
        let owners = [key.body.clone(), accreditation_body.clone()];
        owners.map(|owner| (keys::compromise(&key.body, &key.public_key, &owner), owner))
    };
    let names: Vec<_> = keys.iter().flat_map(of_key).collect();
    let values = call.values_of(&names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()).await?;
    let declared = names.iter().zip(values).map(|((_, owner), value)| {
        value.and_then(|value| Compromise::decode(&value, owner).ok()).and_then(|record| record.declared)
    });
    let declared: Vec<_> = declared.collect();
    let shown = keys.iter().zip(declared.chunks(2)).map(|(key, declared)| {
        let declared: Vec<&Declaration> = declared.iter().flatten().collect();
        let mut shown = json!(key);
        if let (false, Some(members)) = (declared.is_empty(), shown.as_object_mut()) {
            members.insert("compromised".into(), json!(declared));
        }
        shown
    });
    Ok(shown.collect())
}

fn request(fields: &Object<'_>, report: &mut Report) -> Option<Request> {
    let body = msp_id(fields, "body", report);
    let is_key = |text: &str| multikey::public_from_text(text).is_some();
    let rule = "must be an Ed25519 public key as Multikey text (z6Mk…)";
    let public_key = text_that(fields, "publicKey", is_key, rule, report);
    let from = fields.required(report, "from").and_then(|node| node.date_time(report));
    let reason = reason(fields, report);
    Some(Request { body: body?, public_key: public_key?, from: from?, reason: reason? })
}

fn write<S: State>(call: &mut Call<'_, S>, key: &IssuerKey, owner: &str, record: &Compromise) {
    let name = keys::compromise(&key.body, &key.public_key, owner);
    call.state.put(&name, record.encode());
    call.state.set_policy(&name, &KeyPolicy::all(&[owner]));
}
