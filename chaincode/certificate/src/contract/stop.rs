//! Suspending, lifting and withdrawing.
//!
//! Whoever stops a certificate writes one key that its own peer alone may write, and no other: a second key under
//! another policy, even an index, would take the other body's endorsement and with it the power to stop.

use serde::Serialize;

use super::call::{Call, code, reason};
use crate::code::Code;
use crate::keys;
use crate::parties::ACCREDITATION_BODY;
use crate::record::{Certificate, Event, Stop, Suspension, Withdrawal};
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, Role, State};

/// Keeps the record small; a withdrawal is always possible.
const MAXIMUM_SUSPENSIONS: usize = 100;

/// What a responsible body finds when it acts on a certificate.
struct Standing {
    body: String,
    stop: Stop,
}

#[derive(Serialize)]
struct Changed<'a> {
    certificate: Code,
    #[serde(flatten)]
    event: &'a Event,
}

/// `certificate:stop(certificate, reason)`: the issuing body or the accreditation body, each alone. From now on
/// its record takes both, so that lifting does.
pub async fn place<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [certificate, why] = call.arguments(["certificate", "reason"])?;
    let certificate = code(certificate)?;
    let placed = call.event(reason(why)?);
    let Standing { body, mut stop } = standing(&mut call, certificate).await?;
    if let Some(suspension) = stop.standing() {
        return Err(Refusal::Conflict(format!(
            "{} has suspended it on {}",
            placed.by, suspension.placed.effective_at
        )));
    }
    if stop.suspensions.len() >= MAXIMUM_SUSPENSIONS {
        return Err(Refusal::Conflict(format!("it was suspended {MAXIMUM_SUSPENSIONS} times: withdraw it")));
    }
    stop.suspensions.push(Suspension { placed: placed.clone(), lifted: None });
    let key = keys::stop(certificate, &placed.by);
    call.state.put(&key, stop.encode());
    call.state.set_policy(&key, &KeyPolicy::all(&[&body, ACCREDITATION_BODY]));
    call.emit("CertificateSuspended", &Changed { certificate, event: &placed })
}

/// `certificate:lift(certificate, reason)`: whoever placed the suspension, with the endorsement of both.
pub async fn lift<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [certificate, why] = call.arguments(["certificate", "reason"])?;
    let certificate = code(certificate)?;
    let lifted = call.event(reason(why)?);
    let Standing { mut stop, .. } = standing(&mut call, certificate).await?;
    match stop.suspensions.last_mut().filter(|last| last.lifted.is_none()) {
        Some(suspension) => suspension.lifted = Some(lifted.clone()),
        None => return Err(Refusal::Conflict(format!("{} has not suspended it", lifted.by))),
    }
    let key = keys::stop(certificate, &lifted.by);
    call.state.put(&key, stop.encode());
    call.state.set_policy(&key, &KeyPolicy::all(&[&lifted.by]));
    call.emit("CertificateLifted", &Changed { certificate, event: &lifted })
}

/// `certificate:withdraw(certificate, reason)`: the issuing body or the accreditation body, each alone, suspended
/// or not. Final: nobody's endorsement changes the record again.
pub async fn withdraw<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [certificate, why] = call.arguments(["certificate", "reason"])?;
    let certificate = code(certificate)?;
    let withdrawn = call.event(reason(why)?);
    standing(&mut call, certificate).await?;
    let key = keys::withdrawal(certificate, &withdrawn.by);
    call.state.put(&key, Withdrawal { withdrawn: Some(withdrawn.clone()) }.encode());
    call.state.set_policy(&key, &KeyPolicy::Nobody);
    call.emit("CertificateWithdrawn", &Changed { certificate, event: &withdrawn })
}

/// Refuses callers who hold no power over this certificate, and anything after a withdrawal.
async fn standing<S: State>(call: &mut Call<'_, S>, certificate: Code) -> Result<Standing, Refusal> {
    let record = call.record(&keys::certificate(certificate), Certificate::decode).await?;
    let record = record.ok_or_else(|| Refusal::Unknown(format!("no certificate {certificate}")))?;
    call.caller_of_any(&[&record.body, ACCREDITATION_BODY], &[Role::Admin, Role::Client])?;

    let own_stop = keys::stop(certificate, &call.state.creator().msp_id);
    let withdrawals =
        [keys::withdrawal(certificate, &record.body), keys::withdrawal(certificate, ACCREDITATION_BODY)];
    let [stop, by_body, by_accreditation] =
        call.values([&own_stop, &withdrawals[0], &withdrawals[1]]).await?;
    for withdrawal in [by_body, by_accreditation].iter().flatten() {
        if let Some(event) = Withdrawal::decode(withdrawal)?.withdrawn {
            let (by, at) = (event.by, event.effective_at);
            return Err(Refusal::Conflict(format!(
                "certificate {certificate} was withdrawn by {by} on {at}"
            )));
        }
    }
    let stop = stop.as_ref().map(Stop::decode).transpose()?.unwrap_or_default();
    let last = stop.suspensions.last().map(|last| last.lifted.as_ref().unwrap_or(&last.placed));
    call.not_before(last.unwrap_or(&record.issued).effective_at)?;
    Ok(Standing { body: record.body, stop })
}
