//! Accreditations of certification bodies: the accreditation body's own affair, with its own peer's endorsement
//! alone once one is registered.

use serde::Deserialize;

use super::call::{Call, answer, line, reason, require};
use crate::date_time::DateTime;
use crate::document::identifiers::is_uri;
use crate::keys;
use crate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use crate::record::{Accreditation, AccreditationSuspension, Effect, MAXIMUM_NUMBER, MAXIMUM_SUSPENSIONS};
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, Role, State};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Registration {
    body: String,
    scheme_id: String,
    number: String,
    valid_from: String,
    valid_until: String,
}

/// `accreditation:register(request)`: an administrator of the accreditation body.
pub async fn register<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.caller(ACCREDITATION_BODY, &[Role::Admin])?;
    let Registration { body, scheme_id, number, valid_from, valid_until } = call.request()?;
    require(
        body == CERTIFICATION_BODY,
        "/body",
        &body,
        "must be the MSP id of a certification body of this network",
    )?;
    require(is_uri(&scheme_id), "/schemeId", &scheme_id, "must be an absolute URI")?;
    line("/number", &number, MAXIMUM_NUMBER)?;
    let valid_from = date_time("/validFrom", &valid_from)?;
    let until = date_time("/validUntil", &valid_until)?;
    require(until > valid_from, "/validUntil", &valid_until, "must be after validFrom")?;

    let key = keys::accreditation(&body, &scheme_id);
    if call.record(&key, Accreditation::decode).await?.is_some() {
        return Err(Refusal::Conflict(format!("{body} has an accreditation for {scheme_id}")));
    }
    let registered = call.event("");
    let accreditation = Accreditation {
        body,
        scheme_id,
        number,
        valid_from,
        valid_until: until,
        registered,
        suspensions: Vec::new(),
    };
    call.state.set_policy(&key, &KeyPolicy::all(&[ACCREDITATION_BODY]));
    store(&mut call, &accreditation, "AccreditationRegistered")
}

/// `accreditation:suspend(body, schemeId, effect, reason)`: the accreditation body. A suspension of new grants can
/// be made one of all certificates, and the other way round, without a gap.
pub async fn suspend<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.caller(ACCREDITATION_BODY, &[Role::Admin, Role::Client])?;
    let [body, scheme_id, effect, why] = call.arguments(["body", "schemeId", "effect", "reason"])?;
    let effect = match effect {
        "newGrants" => Effect::NewGrants,
        "allCertificates" => Effect::AllCertificates,
        other => {
            return Err(Refusal::Arguments(format!(
                "effect is {other:?}, must be newGrants or allCertificates"
            )));
        }
    };
    let placed = call.event(reason(why)?);
    let mut accreditation = existing(&mut call, body, scheme_id).await?;
    if accreditation.standing().is_some_and(|standing| standing.effect == effect) {
        return Err(Refusal::Conflict("the accreditation is suspended with this effect".into()));
    }
    if accreditation.suspensions.len() >= MAXIMUM_SUSPENSIONS {
        return Err(Refusal::Conflict(format!(
            "the accreditation was suspended {MAXIMUM_SUSPENSIONS} times"
        )));
    }
    if let Some(last) = accreditation.suspensions.last_mut() {
        last.lifted.get_or_insert_with(|| placed.clone());
    }
    accreditation.suspensions.push(AccreditationSuspension { effect, placed, lifted: None });
    store(&mut call, &accreditation, "AccreditationSuspended")
}

/// `accreditation:restore(body, schemeId, reason)`: the accreditation body.
pub async fn restore<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.caller(ACCREDITATION_BODY, &[Role::Admin, Role::Client])?;
    let [body, scheme_id, why] = call.arguments(["body", "schemeId", "reason"])?;
    let lifted = call.event(reason(why)?);
    let mut accreditation = existing(&mut call, body, scheme_id).await?;
    let Some(standing) = accreditation.suspensions.last_mut().filter(|last| last.lifted.is_none()) else {
        return Err(Refusal::Conflict("the accreditation is not suspended".into()));
    };
    call.not_before(standing.placed.effective_at)?;
    standing.lifted = Some(lifted);
    store(&mut call, &accreditation, "AccreditationRestored")
}

/// `accreditation:get(body, schemeId)`: anyone.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [body, scheme_id] = call.arguments(["body", "schemeId"])?;
    let key = keys::accreditation(body, scheme_id);
    answer(&call.record(&key, Accreditation::decode).await?.ok_or_else(|| unknown(body, scheme_id))?)
}

/// `accreditation:list()`: anyone.
pub async fn list<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [] = call.arguments([])?;
    answer(&call.records(keys::ACCREDITATION, Accreditation::decode).await?)
}

async fn existing<S: State>(
    call: &mut Call<'_, S>,
    body: &str,
    scheme_id: &str,
) -> Result<Accreditation, Refusal> {
    let key = keys::accreditation(body, scheme_id);
    call.record(&key, Accreditation::decode).await?.ok_or_else(|| unknown(body, scheme_id))
}

fn store<S: State>(call: &mut Call<'_, S>, record: &Accreditation, event: &str) -> Result<Vec<u8>, Refusal> {
    call.state.put(&keys::accreditation(&record.body, &record.scheme_id), record.encode());
    call.emit(event, record)
}

fn unknown(body: &str, scheme_id: &str) -> Refusal {
    Refusal::Unknown(format!("{body} has no accreditation for {scheme_id}"))
}

fn date_time(pointer: &str, text: &str) -> Result<DateTime, Refusal> {
    let rule = "must be a UTC date-time in whole seconds, such as \"2026-01-31T12:00:00Z\"";
    let instant = DateTime::parse(text);
    require(instant.is_some(), pointer, text, rule)?;
    instant.ok_or_else(|| Refusal::Arguments(rule.into()))
}
