//! Suspending, lifting and withdrawing.
//!
//! A body that stops a certificate writes one key that its own peer alone may write, and no other: a second key under
//! another policy, even an index, would take the other body's endorsement and with it the power to stop.

use bytes::Bytes;
use serde::Serialize;

use super::adoption::{Responsible, responsible};
use super::call::{Call, certificate, reason};
use crate::code::Code;
use crate::document::report::{Object, Report};
use crate::duty::Duty;
use crate::keys;
use crate::record::{Event, MAXIMUM_SUSPENSIONS, Stop, Suspension, Withdrawal};
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, Role, State};

#[derive(Serialize)]
struct Changed<'a> {
    certificate: Code,
    #[serde(flatten)]
    event: &'a Event,
}

/// What the caller's organisation has done to the certificate so far.
struct Own {
    /// The body that answers for the certificate here.
    body: String,
    stop: Option<Bytes>,
    withdrawal: Option<Bytes>,
}

/// `certificate:stop(certificate, reason)`: the issuing body or the accreditation body, each alone. From now on
/// its record takes both, so that lifting does.
pub async fn place<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (certificate, why) = call.fields(["certificate", "reason"], act)?;
    let own = own(&mut call, certificate).await?;
    let placed = call.event(&why);
    own.check_not_withdrawn(&placed.by)?;
    // A record that its own organisation spoilt does not keep it from stopping.
    let mut stop = own.stop(&placed.by).unwrap_or_default();
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
    call.state.set_policy(&key, &KeyPolicy::all(&[&own.body, &call.accreditation_body]));
    call.emit("CertificateSuspended", &Changed { certificate, event: &placed })
}

/// `certificate:lift(certificate, reason)`: the body that placed the suspension, with the endorsement of both.
pub async fn lift<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (certificate, why) = call.fields(["certificate", "reason"], act)?;
    let own = own(&mut call, certificate).await?;
    let lifted = call.event(&why);
    own.check_not_withdrawn(&lifted.by)?;
    let mut stop = own.stop(&lifted.by)?;
    let Some(suspension) = stop.suspensions.last_mut().filter(|last| last.lifted.is_none()) else {
        return Err(Refusal::Conflict(format!("{} has not suspended it", lifted.by)));
    };
    call.not_before(suspension.placed.effective_at)?;
    suspension.lifted = Some(lifted.clone());
    let key = keys::stop(certificate, &lifted.by);
    call.state.put(&key, stop.encode());
    call.state.set_policy(&key, &KeyPolicy::all(&[&lifted.by]));
    call.emit("CertificateLifted", &Changed { certificate, event: &lifted })
}

/// `certificate:withdraw(certificate, reason)`: the issuing body or the accreditation body, each alone, suspended
/// or not. Final: no endorsement changes the record again.
pub async fn withdraw<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (certificate, why) = call.fields(["certificate", "reason"], act)?;
    let own = own(&mut call, certificate).await?;
    let withdrawn = call.event(&why);
    own.check_not_withdrawn(&withdrawn.by)?;
    let key = keys::withdrawal(certificate, &withdrawn.by);
    call.state.put(&key, Withdrawal { withdrawn: Some(withdrawn.clone()) }.encode());
    call.state.set_policy(&key, &KeyPolicy::Nobody);
    call.emit("CertificateWithdrawn", &Changed { certificate, event: &withdrawn })
}

/// Which certificate, and why.
fn act(fields: &Object<'_>, report: &mut Report) -> Option<(Code, String)> {
    let certificate = certificate(fields, report);
    let why = reason(fields, report);
    Some((certificate?, why?))
}

/// Refuses callers who hold no power over this certificate. Beside the certificate, or its adoption, which are written once, only
/// the caller's own records are read: what the other body writes, or writes again and again, cannot make a stop
/// fail or be refused.
async fn own<S: State>(call: &mut Call<'_, S>, certificate: Code) -> Result<Own, Refusal> {
    let Responsible { body, issued_by, .. } = responsible(call, certificate).await?;
    call.caller_of_any(&[&body, &call.accreditation_body], &[Role::Admin, Role::Client])?;
    let organisation = call.state.creator().msp_id.clone();
    if let Some(issuer) = issued_by.filter(|_| organisation != body) {
        // Its own records have stood there since the issue; here it has none.
        let text = format!("{organisation} does so in the chaincode of {issuer}, which issued {certificate}");
        return Err(Refusal::Forbidden(text));
    }
    let duty = if organisation == body { Duty::DecisionMaker } else { Duty::Accreditor };
    call.on_duty_if_any(&[duty])?;
    let keys = [keys::stop(certificate, &organisation), keys::withdrawal(certificate, &organisation)];
    let [stop, withdrawal] = call.values([&keys[0], &keys[1]]).await?;
    Ok(Own { body, stop, withdrawal })
}

impl Own {
    fn stop(&self, organisation: &str) -> Result<Stop, Refusal> {
        let stop = self.stop.as_ref().map(|stop| Stop::decode(stop, organisation)).transpose()?;
        Ok(stop.unwrap_or_default())
    }

    fn check_not_withdrawn(&self, organisation: &str) -> Result<(), Refusal> {
        let record = self.withdrawal.as_ref().map(|record| Withdrawal::decode(record, organisation));
        match record.and_then(Result::ok).and_then(|record| record.withdrawn) {
            Some(event) => Err(Refusal::Conflict(format!(
                "{organisation} has withdrawn the certificate on {}",
                event.effective_at
            ))),
            None => Ok(()),
        }
    }
}
