//! Complaints and appeals (ISO/IEC 17065, 7.13). What an upheld one leads to (a suspension, a new decision) is done apart,
//! by those whose power it is.

use serde::Serialize;

use super::adoption;
use super::application;
use super::call::{self, Call, answer, code, code_of, line, put_of_both, reason, state_of};
use crate::code::Code;
use crate::document::report::{Object, Report};
use crate::duty::Duty;
use crate::keys;
use crate::record::{
    About, Act, Application, Certificate, Complaint, ComplaintKind, ComplaintState, ComplaintStep, Event,
    MAXIMUM_REASON, Stop, Withdrawal,
};
use crate::refusal::Refusal;
use crate::state::State;

struct Filing {
    complaint: Code,
    kind: ComplaintKind,
    about: About,
    summary: String,
}

/// What a step answers, and its event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Taken<'a> {
    complaint: Code,
    kind: ComplaintKind,
    #[serde(flatten)]
    about: About,
    filed_by: &'a str,
    state: ComplaintState,
    #[serde(flatten)]
    event: &'a Event,
}

/// `complaint:file(request)`: any person of any organisation who has a pseudonym.
pub async fn file<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.person()?;
    let members = ["id", "kind", "application", "certificate", "summary"];
    let Filing { complaint, kind, about, summary } = call.request(&members, filing)?;
    let about_key = match about {
        About::Application(code) => keys::application(code),
        About::Certificate(code) => keys::certificate(code),
    };
    let [subject, known] = call.values([&about_key, &keys::complaint(complaint)]).await?;
    match about {
        _ if subject.is_some() => {}
        About::Application(code) => return Err(Refusal::Unknown(format!("no application {code}"))),
        // It may be one that was taken over.
        About::Certificate(code) => drop(adoption::responsible(&mut call, code).await?),
    }
    if known.is_some() {
        return Err(Refusal::Conflict(format!("complaint {complaint} is filed")));
    }
    let filed_by = call.state.creator().msp_id.clone();
    let state = ComplaintState::Filed;
    let complaint = Complaint { complaint, kind, about, filed_by, state, steps: Vec::new() };
    let body = call.ledger().await?.body;
    take(&mut call, &body, complaint, state, &summary, "ComplaintFiled")
}

/// `complaint:acknowledge(complaint, reason)`: the body has it, and says who looks into it (7.13.3).
pub async fn acknowledge<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (id, why) = call.fields(["complaint", "reason"], named)?;
    let complaint = existing(&mut call, id).await?;
    let body = call.ledger().await?.body;
    responsible(&mut call, &body, &[Duty::Evaluator, Duty::Reviewer, Duty::DecisionMaker])?;
    check_state(&complaint, &[ComplaintState::Filed])?;
    take(&mut call, &body, complaint, ComplaintState::Acknowledged, &why, "ComplaintAcknowledged")
}

/// `complaint:decide(complaint, outcome, reason)`: a person who had no part in what it is about (7.13.6).
pub async fn decide<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (id, outcome, why) = call.fields(["complaint", "outcome", "reason"], |fields, report| {
        let id = code_of(fields, "complaint", "complaint", report);
        let outcome = match fields.required(report, "outcome")?.one_of(report, &["upheld", "dismissed"])? {
            "upheld" => ComplaintState::Upheld,
            _ => ComplaintState::Dismissed,
        };
        Some((id?, outcome, reason(fields, report)?))
    })?;
    let complaint = existing(&mut call, id).await?;
    let body = call.ledger().await?.body;
    responsible(&mut call, &body, &[Duty::DecisionMaker])?;
    check_state(&complaint, &[ComplaintState::Filed, ComplaintState::Acknowledged])?;
    check_uninvolved(&mut call, &complaint).await?;
    take(&mut call, &body, complaint, outcome, &why, "ComplaintDecided")
}

/// `complaint:withdraw(complaint, reason)`: the person who filed it.
pub async fn withdraw<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (id, why) = call.fields(["complaint", "reason"], named)?;
    let complaint = existing(&mut call, id).await?;
    call.person()?;
    let creator = call.state.creator();
    let filed =
        complaint.steps.first().is_some_and(|step| creator.person.as_ref() == Some(&step.event.person));
    if complaint.filed_by != creator.msp_id || !filed {
        return Err(Refusal::Forbidden("is for the person who filed it".into()));
    }
    check_state(&complaint, &[ComplaintState::Filed, ComplaintState::Acknowledged])?;
    let body = call.ledger().await?.body;
    take(&mut call, &body, complaint, ComplaintState::Withdrawn, &why, "ComplaintWithdrawn")
}

/// `complaint:get(complaint)`: anyone.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [id] = call.arguments(["complaint"])?;
    let id = code(id)?;
    answer(&existing(&mut call, id).await?)
}

/// `complaint:list([state[, bookmark]])`: anyone; as `application:list`.
pub async fn list<S: State>(call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [state, bookmark] = call.options(["state", "bookmark"])?;
    let state = state_of(state, ComplaintState::ALL, ComplaintState::name)?;
    let is_wanted = |found: &Complaint| state.is_none_or(|state| found.state == state);
    let show = |_, found| Some(found).filter(is_wanted);
    let place = ("complaints", keys::COMPLAINT);
    call::list(call, place, bookmark, Complaint::decode, show).await
}

fn filing(request: &Object<'_>, report: &mut Report) -> Option<Filing> {
    let complaint = code_of(request, "id", "complaint", report);
    let kind = match request.required(report, "kind")?.one_of(report, &["complaint", "appeal"])? {
        "complaint" => ComplaintKind::Complaint,
        _ => ComplaintKind::Appeal,
    };
    let about = match (request.optional("application"), request.optional("certificate")) {
        (Some(node), Some(_)) => {
            report.refuse(&node, "must be absent where there is a certificate");
            None
        }
        (Some(_), None) => code_of(request, "application", "application", report).map(About::Application),
        (None, _) => code_of(request, "certificate", "certificate", report).map(About::Certificate),
    };
    let summary = line(request, "summary", MAXIMUM_REASON, report);
    Some(Filing { complaint: complaint?, kind, about: about?, summary: summary? })
}

fn named(fields: &Object<'_>, report: &mut Report) -> Option<(Code, String)> {
    let id = code_of(fields, "complaint", "complaint", report);
    let why = reason(fields, report);
    Some((id?, why?))
}

async fn existing<S: State>(call: &mut Call<'_, S>, id: Code) -> Result<Complaint, Refusal> {
    let record = call.record(&keys::complaint(id), Complaint::decode).await?;
    record.ok_or_else(|| Refusal::Unknown(format!("no complaint {id}")))
}

/// Refuses callers who are neither such persons of the body nor accreditors.
fn responsible<S: State>(call: &mut Call<'_, S>, body: &str, duties: &[Duty]) -> Result<(), Refusal> {
    let of_body = call.state.creator().msp_id == body;
    if of_body {
        return call.on_duty(duties);
    }
    call.organisation(&[body, &call.accreditation_body.clone()])?;
    call.on_duty(&[Duty::Accreditor])
}

fn check_state(complaint: &Complaint, states: &[ComplaintState]) -> Result<(), Refusal> {
    if states.contains(&complaint.state) {
        return Ok(());
    }
    Err(Refusal::Conflict(format!("complaint {} is {}", complaint.complaint, complaint.state)))
}

/// Compared by the pseudonym alone, whichever organisation certified it: with those who evaluated, reviewed, decided or
/// issued, who suspended or withdrew, and who filed it.
async fn check_uninvolved<S: State>(call: &mut Call<'_, S>, complaint: &Complaint) -> Result<(), Refusal> {
    let person = call.state.creator().person.clone().unwrap_or_default();
    let mut involved: Vec<Event> =
        complaint.steps.first().map(|step| step.event.clone()).into_iter().collect();
    let application = match complaint.about {
        About::Application(code) => Some(code),
        About::Certificate(code) => of_certificate(call, code, &mut involved).await?,
    };
    if let Some(code) = application {
        let application = application::existing(call, &code.to_string()).await?;
        involved.extend(of_application(application));
    }
    if involved.iter().any(|event| event.person == person) {
        let text = format!("takes a person who had no part in the case, {person} had one");
        return Err(Refusal::Forbidden(text));
    }
    Ok(())
}

/// What was done to it; and its application, if there is one. What its owner spoilt names no person.
async fn of_certificate<S: State>(
    call: &mut Call<'_, S>,
    code: Code,
    involved: &mut Vec<Event>,
) -> Result<Option<Code>, Refusal> {
    let certificate = call.record(&keys::certificate(code), Certificate::decode).await?;
    let (body, application) = match certificate {
        Some(certificate) => {
            involved.push(certificate.issued);
            (certificate.body, certificate.application)
        }
        // What was done before it was taken over stands in the chaincode of the body that has ended.
        None => (adoption::responsible(call, code).await?.body, None),
    };
    for party in [body, call.accreditation_body.clone()] {
        let [stop, withdrawal] =
            call.values([&keys::stop(code, &party), &keys::withdrawal(code, &party)]).await?;
        let stop = stop.and_then(|stop| Stop::decode(&stop, &party).ok()).unwrap_or_default();
        involved.extend(stop.suspensions.into_iter().map(|suspension| suspension.placed));
        let withdrawal = withdrawal.and_then(|record| Withdrawal::decode(&record, &party).ok());
        involved.extend(withdrawal.and_then(|record| record.withdrawn));
    }
    Ok(application)
}

/// All who acted for the body or for a laboratory.
fn of_application(application: Application) -> impl Iterator<Item = Event> {
    let by_applicant = |act: &Act| {
        matches!(act, Act::Submit { .. } | Act::Complete { .. } | Act::Change { .. } | Act::Withdraw)
    };
    application.steps.into_iter().filter(move |step| !by_applicant(&step.act)).map(|step| step.event)
}

fn take<S: State>(
    call: &mut Call<'_, S>,
    body: &str,
    mut complaint: Complaint,
    state: ComplaintState,
    why: &str,
    name: &str,
) -> Result<Vec<u8>, Refusal> {
    let event = call.event(why);
    complaint.state = state;
    complaint.steps.push(ComplaintStep { state, event: event.clone() });
    put_of_both(call, &keys::complaint(complaint.complaint), complaint.encode(), body);
    let Complaint { complaint, kind, about, filed_by, .. } = &complaint;
    let taken = Taken { complaint: *complaint, kind: *kind, about: *about, filed_by, state, event: &event };
    call.emit(name, &taken)
}
