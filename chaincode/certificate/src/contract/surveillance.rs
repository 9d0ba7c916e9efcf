//! The surveillance of certificates (ISO/IEC 17065, 7.9). What is due is data, not a timer: whether a certificate that is
//! overdue still holds follows from the dates, where its scheme says so.

use serde::Serialize;

use super::adoption::{Responsible, responsible};
use super::call::{Call, answer, certificate, code, line, put_of_both, reason};
use crate::code::Code;
use crate::date_time::DateTime;
use crate::document::report::{Object, Report};
use crate::duty::Duty;
use crate::keys;
use crate::record::{Activity, Conclusion, MAXIMUM_ACTIVITIES, MAXIMUM_REASON, Surveillance};
use crate::refusal::{Refusal, Violation};
use crate::state::{Role, State};

/// What a step answers, and its event.
#[derive(Serialize)]
struct Surveilled<'a> {
    certificate: Code,
    #[serde(flatten)]
    activity: &'a Activity,
}

#[derive(Serialize)]
struct Overview<'a> {
    certificate: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<DateTime>,
    #[serde(flatten)]
    surveillance: &'a Surveillance,
}

/// `surveillance:plan(certificate, due, reason)`: the next one is due on that day, instead of when it was.
pub async fn plan<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (code, due, why) = call.fields(["certificate", "due", "reason"], planned)?;
    let (certificate, surveillance) = existing(&mut call, code).await?;
    staff(&mut call, &certificate, &[Duty::Evaluator, Duty::Reviewer, Duty::DecisionMaker])?;
    if certificate.issued_by.is_some() && surveillance.last_done().is_none() {
        // When the body before it did the last one stands elsewhere: a plan could put off what is overdue.
        let text =
            format!("{} took it over: it records a surveillance before it plans one", certificate.body);
        return Err(Refusal::Conflict(text));
    }
    check_due(&call, &certificate, &surveillance, due)?;
    let activity = Activity { conclusion: None, due: Some(due), event: call.event(&why) };
    append(&mut call, code, &certificate, surveillance, activity, "SurveillancePlanned")
}

/// `surveillance:record(certificate, findings, conclusion)`: it was done now. The next is due when the scheme says so.
pub async fn record<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (code, findings, conclusion) = call.fields(["certificate", "findings", "conclusion"], found)?;
    let (certificate, surveillance) = existing(&mut call, code).await?;
    staff(&mut call, &certificate, &[Duty::Evaluator])?;
    let due = certificate.surveillance.map(|rule| rule.due(call.state.timestamp()));
    let activity = Activity { conclusion: Some(conclusion), due, event: call.event(&findings) };
    append(&mut call, code, &certificate, surveillance, activity, "SurveillanceRecorded")
}

/// `surveillance:get(certificate)`: anyone; when the next one is due, and all that were planned and done.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [text] = call.arguments(["certificate"])?;
    let code = code(text)?;
    let (certificate, surveillance) = existing(&mut call, code).await?;
    let due = match surveillance.activities.last() {
        Some(activity) => activity.due,
        None => certificate.surveillance.map(|rule| rule.due(certificate.since)),
    };
    answer(&Overview { certificate: code, due, surveillance: &surveillance })
}

fn planned(fields: &Object<'_>, report: &mut Report) -> Option<(Code, DateTime, String)> {
    let certificate = certificate(fields, report);
    let due = fields.required(report, "due").and_then(|node| node.date_time(report));
    let why = reason(fields, report);
    Some((certificate?, due?, why?))
}

fn found(fields: &Object<'_>, report: &mut Report) -> Option<(Code, String, Conclusion)> {
    let certificate = certificate(fields, report);
    let findings = line(fields, "findings", MAXIMUM_REASON, report);
    let conclusion =
        match fields.required(report, "conclusion")?.one_of(report, &["conforming", "nonconforming"])? {
            "conforming" => Conclusion::Conforming,
            _ => Conclusion::Nonconforming,
        };
    Some((certificate?, findings?, conclusion))
}

async fn existing<S: State>(
    call: &mut Call<'_, S>,
    code: Code,
) -> Result<(Responsible, Surveillance), Refusal> {
    let certificate = responsible(call, code).await?;
    let surveillance = call.record(&keys::surveillance(code), Surveillance::decode).await?;
    Ok((certificate, surveillance.unwrap_or_default()))
}

/// Refuses callers who are no such person of the body that answers for it.
fn staff<S: State>(
    call: &mut Call<'_, S>,
    certificate: &Responsible,
    duties: &[Duty],
) -> Result<(), Refusal> {
    call.caller(&certificate.body, &[Role::Admin, Role::Client])?;
    call.on_duty(duties)
}

/// A plan lies ahead, and no later than the scheme allows: it cannot put off what is overdue.
fn check_due<S: State>(
    call: &Call<'_, S>,
    certificate: &Responsible,
    surveillance: &Surveillance,
    due: DateTime,
) -> Result<(), Refusal> {
    let now = call.state.timestamp();
    let refuse = |rule: String| Err(Refusal::Rules(vec![Violation::new("/due", &due.to_string(), &rule)]));
    if due <= now {
        return refuse(format!("must be after the transaction's timestamp {now}"));
    }
    let last = surveillance.last_done().unwrap_or(certificate.since);
    match certificate.surveillance.map(|rule| rule.due(last)).filter(|latest| due > *latest) {
        Some(latest) => refuse(format!("must not be after {latest}, when the scheme asks for it")),
        None => Ok(()),
    }
}

fn append<S: State>(
    call: &mut Call<'_, S>,
    code: Code,
    certificate: &Responsible,
    mut surveillance: Surveillance,
    activity: Activity,
    event: &str,
) -> Result<Vec<u8>, Refusal> {
    if surveillance.activities.len() >= MAXIMUM_ACTIVITIES {
        let text =
            format!("the certificate has {MAXIMUM_ACTIVITIES} surveillances: supersede or withdraw it");
        return Err(Refusal::Conflict(text));
    }
    surveillance.activities.push(activity.clone());
    put_of_both(call, &keys::surveillance(code), surveillance.encode(), &certificate.body);
    call.emit(event, &Surveilled { certificate: code, activity: &activity })
}
