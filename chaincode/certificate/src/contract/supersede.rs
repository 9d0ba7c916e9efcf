//! Superseding: a new certificate takes the place of another, for a changed scope or product (ISO/IEC 17065, 7.10).

use serde::Serialize;

use super::adoption::responsible;
use super::call::{Call, code_of, reason};
use crate::code::Code;
use crate::document::report::{Object, Report};
use crate::duty::Duty;
use crate::keys;
use crate::record::{Certificate, Superseded};
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, Role, State};

#[derive(Serialize)]
struct Changed<'a> {
    certificate: Code,
    #[serde(flatten)]
    superseded: &'a Superseded,
}

/// `certificate:supersede(old, new, reason)`: a decision-maker or administrator of the body that issued the new one, and issued
/// the old one or took it over. Final: no endorsement changes the record again.
pub async fn supersede<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (old, new, why) = call.fields(["old", "new", "reason"], fields)?;
    let body = responsible(&mut call, old).await?.body;
    let names = [keys::certificate(new), keys::superseded(old), keys::superseded(new)];
    let [new_record, of_old, of_new] = call.values(names.each_ref().map(String::as_str)).await?;
    let unknown = |code| Refusal::Unknown(format!("no certificate {code}"));
    let successor = Certificate::decode(&new_record.ok_or_else(|| unknown(new))?)?;
    call.caller(&body, &[Role::Admin, Role::Client])?;
    call.on_duty_or_admin(&[Duty::DecisionMaker])?;
    if successor.body != body {
        return Err(Refusal::Forbidden(format!("{new} is a certificate of {}", successor.body)));
    }
    // A circle would leave no certificate in force.
    for (code, record) in [(old, of_old), (new, of_new)] {
        if let Some(record) = record {
            let by = Superseded::decode(&record)?.superseded_by;
            return Err(Refusal::Conflict(format!("certificate {code} is superseded by {by}")));
        }
    }
    let superseded = Superseded { superseded_by: new, event: call.event(&why) };
    let key = keys::superseded(old);
    call.state.put(&key, superseded.encode());
    call.state.set_policy(&key, &KeyPolicy::Nobody);
    call.emit("CertificateSuperseded", &Changed { certificate: old, superseded: &superseded })
}

fn fields(fields: &Object<'_>, report: &mut Report) -> Option<(Code, Code, String)> {
    let old = code_of(fields, "old", "certificate", report);
    let new = code_of(fields, "new", "certificate", report);
    if let Some(node) = fields.optional("new").filter(|_| new.is_some() && old == new) {
        report.refuse(&node, "must be another certificate than the old");
    }
    let why = reason(fields, report);
    Some((old?, new?, why?))
}
