//! From the application's acceptance to the review of its evaluation: what laboratories and the body's persons do.

use super::{enter, take};
use crate::contract::call::{Call, line, reason, text_that};
use crate::date_time::DateTime;
use crate::document::identifiers::is_sha256;
use crate::document::report::{Object, Report};
use crate::keys;
use crate::record::{
    Act, Application, Laboratory, MAXIMUM_REASON, MAXIMUM_REPORTS, MAXIMUM_TITLE, Recommendation, Step,
    TestReport,
};
use crate::refusal::{Refusal, Violation};
use crate::state::State;
use crate::transition::{ACCEPT, EVALUATE, REPORT, RETURN, REVIEW, Transition};

/// Reports of one laboratory in one application.
const MAXIMUM_REPORTS_OF_ONE: usize = 16;

/// `application:return(application, reason)`: to the applicant, for more.
pub async fn give_back<S: State>(call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    with_reason(call, &RETURN, Act::Return).await
}

/// `application:review(application, reason)`: with the review's conclusion.
pub async fn review<S: State>(call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    with_reason(call, &REVIEW, Act::Review).await
}

async fn with_reason<S: State>(
    mut call: Call<'_, S>,
    transition: &'static Transition,
    act: Act,
) -> Result<Vec<u8>, Refusal> {
    let names = ["application", "reason"];
    let [id, _] = call.arguments(names)?;
    let why = call.fields(names, reason)?;
    let (application, transition) = enter(&mut call, id, &[transition]).await?;
    take(&mut call, application, transition, act, &why)
}

/// `application:accept(application)`.
pub async fn accept<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [id] = call.arguments(["application"])?;
    let (application, transition) = enter(&mut call, id, &[&ACCEPT]).await?;
    take(&mut call, application, transition, Act::Accept, "")
}

/// `application:report(application, request)`: a laboratory vouches for its report by the report's hash.
pub async fn report<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [id, request] = call.arguments(["application", "request"])?;
    let test = call.json(request, &["sha256", "method", "number", "date"], test_report)?;
    let (application, transition) = enter(&mut call, id, &[&REPORT]).await?;
    check_new(&application, &test, &call.state.creator().msp_id)?;
    check_scope(&mut call, &test).await?;
    take(&mut call, application, transition, Act::Report(test), "")
}

fn test_report(request: &Object<'_>, report: &mut Report) -> Option<TestReport> {
    let rule = "must be the SHA-256 of the report, 64 lower-case hex digits";
    let sha256 = text_that(request, "sha256", is_sha256, rule, report);
    let method = line(request, "method", MAXIMUM_TITLE, report);
    let number = line(request, "number", MAXIMUM_TITLE, report);
    let date = request.required(report, "date").and_then(|node| node.date(report));
    Some(TestReport { sha256: sha256?, method: method?, number: number?, date: date? })
}

/// New, and not too many: one laboratory cannot take the place of all others.
fn check_new(application: &Application, test: &TestReport, laboratory: &str) -> Result<(), Refusal> {
    if application.reports().any(|known| known.sha256 == test.sha256) {
        return Err(Refusal::Conflict(format!("the application has the report {}", test.sha256)));
    }
    let is_own = |step: &&Step| step.event.by == laboratory && matches!(step.act, Act::Report(_));
    if application.steps.iter().filter(is_own).count() >= MAXIMUM_REPORTS_OF_ONE {
        let text = format!("the application has {MAXIMUM_REPORTS_OF_ONE} reports of {laboratory}");
        return Err(Refusal::Conflict(text));
    }
    if application.reports().count() >= MAXIMUM_REPORTS {
        return Err(Refusal::Conflict(format!("the application has {MAXIMUM_REPORTS} reports")));
    }
    Ok(())
}

/// The caller's organisation was accredited for the method on the report's day, and is not suspended now.
async fn check_scope<S: State>(call: &mut Call<'_, S>, test: &TestReport) -> Result<(), Refusal> {
    let organisation = call.state.creator().msp_id.clone();
    let [laboratory] = call.registered([&keys::laboratory(&organisation)]).await?;
    let Some(laboratory) = laboratory.as_ref().map(Laboratory::decode).transpose()? else {
        return Err(Refusal::Forbidden(format!("{organisation} is not registered as a laboratory")));
    };
    if let Some(suspension) = laboratory.standing() {
        let since = suspension.placed.effective_at;
        return Err(Refusal::Forbidden(format!("the laboratory {organisation} is suspended since {since}")));
    }
    let found = out_of_scope(&laboratory, test, call.state.timestamp());
    if found.is_empty() { Ok(()) } else { Err(Refusal::Rules(found)) }
}

fn out_of_scope(laboratory: &Laboratory, test: &TestReport, now: DateTime) -> Vec<Violation> {
    let mut found = Vec::new();
    // A change of scope counts from its own moment on: on that day both scopes do.
    let end_of_day = test.date.plus_days(1).plus_seconds(-1);
    let (begun, ended) = (laboratory.methods_at(test.date), laboratory.methods_at(end_of_day));
    if !begun.contains(&test.method) && !ended.contains(&test.method) {
        let rule = format!("must be a method of the laboratory on that day: {}", begun.join(", "));
        found.push(Violation::new("/method", &test.method, &rule));
    }
    let date = test.date.to_string();
    if !laboratory.covers(test.date) {
        let (from, until) = (laboratory.term.valid_from, laboratory.term.valid_until);
        let rule =
            format!("must be within the laboratory's accreditation, which holds from {from} to {until}");
        found.push(Violation::new("/date", &date, &rule));
    }
    if test.date > now {
        let rule = format!("must not be after the transaction's timestamp {now}");
        found.push(Violation::new("/date", &date, &rule));
    }
    found
}

/// `application:evaluate(application, findings, recommendation)`: the findings in a line, or the hash of a paper.
pub async fn evaluate<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let names = ["application", "findings", "recommendation"];
    let [id, ..] = call.arguments(names)?;
    let (findings, recommendation) = call.fields(names, |fields, report| {
        let findings = line(fields, "findings", MAXIMUM_REASON, report);
        let recommendation = recommendation(fields, report);
        Some((findings?, recommendation?))
    })?;
    let (application, transition) = enter(&mut call, id, &[&EVALUATE]).await?;
    if application.reports().next().is_none() {
        return Err(Refusal::Conflict("the application has no test report of a laboratory yet".into()));
    }
    let evaluations = application.steps.iter().filter(|step| matches!(step.act, Act::Evaluate { .. }));
    if evaluations.count() >= MAXIMUM_REPORTS {
        return Err(Refusal::Conflict(format!("the application was evaluated {MAXIMUM_REPORTS} times")));
    }
    take(&mut call, application, transition, Act::Evaluate { recommendation }, &findings)
}

fn recommendation(fields: &Object<'_>, report: &mut Report) -> Option<Recommendation> {
    match fields.required(report, "recommendation")?.one_of(report, &["grant", "refuse"])? {
        "grant" => Some(Recommendation::Grant),
        _ => Some(Recommendation::Refuse),
    }
}
