//! Applications for certification: what each step has in common, and reading them. The steps themselves are in the
//! files below, who may take them and when in [`crate::transition`].

mod applicant;
mod decision;
mod evaluation;

use serde::Serialize;

use super::call::{self, Call, answer, code, state_of};
use crate::code::Code;
use crate::keys;
use crate::record::{Act, Application, ApplicationState, Event, MAXIMUM_STEPS, Step};
use crate::refusal::Refusal;
use crate::state::State;
use crate::transition::{Side, Transition, functions_from};

pub use applicant::{change, complete, submit, withdraw};
pub use decision::{decide, grant, refuse};
pub use evaluation::{accept, evaluate, give_back, report, review};

/// What a step answers, and its event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Taken<'a> {
    application: Code,
    body: &'a str,
    applicant: &'a str,
    state: ApplicationState,
    #[serde(flatten)]
    act: &'a Act,
    #[serde(flatten)]
    event: &'a Event,
}

/// An application in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    application: Code,
    body: String,
    applicant: String,
    title: String,
    scheme_id: String,
    scheme_version: String,
    state: ApplicationState,
    steps: usize,
}

/// The application, and the one of `transitions` that its caller may take in its state.
pub async fn enter<S: State>(
    call: &mut Call<'_, S>,
    id: &str,
    transitions: &[&'static Transition],
) -> Result<(Application, &'static Transition), Refusal> {
    let application = existing(call, id).await?;
    let now: Vec<_> = transitions.iter().filter(|row| row.from.contains(&application.state)).collect();
    let is_time = !now.is_empty();
    // In another state its caller would learn what may be done now, and others that it is not theirs.
    let judged = if is_time { now } else { transitions.iter().collect() };
    let mut refusal = None;
    for transition in judged {
        match may(call, &application, transition) {
            Ok(()) if is_time => return within_bounds(application, transition),
            Ok(()) => return Err(wrong_state(application.state)),
            Err(other) => refusal = Some(other),
        }
    }
    Err(refusal.unwrap_or_else(|| wrong_state(application.state)))
}

/// Refuses callers whose step this is not.
fn may<S: State>(
    call: &mut Call<'_, S>,
    application: &Application,
    transition: &Transition,
) -> Result<(), Refusal> {
    let caller = call.state.creator().msp_id.clone();
    let (belongs, whose) = match transition.side {
        Side::Applicant => (caller == application.applicant, application.applicant.as_str()),
        Side::Body => (caller == application.body, application.body.as_str()),
        Side::Laboratory => (caller != application.applicant, "a laboratory other than the applicant"),
    };
    if !belongs {
        return Err(Refusal::Forbidden(format!("is for {whose}, the caller is of {caller}")));
    }
    call.on_duty(transition.duties)?;
    if transition.uninvolved { check_uninvolved(call, application) } else { Ok(()) }
}

/// ISO/IEC 17065, 7.5.1 and 7.6.2: compared by the pseudonym alone, whichever organisation certified it.
fn check_uninvolved<S: State>(call: &Call<'_, S>, application: &Application) -> Result<(), Refusal> {
    let person = call.state.creator().person.clone().unwrap_or_default();
    let evaluates = |act: &Act| matches!(act, Act::Report(_) | Act::Evaluate { .. });
    if application.was_taken_by(&person, evaluates) {
        let text = format!("takes a person who had no part in the evaluation, {person} had one");
        return Err(Refusal::Forbidden(text));
    }
    Ok(())
}

fn within_bounds(
    application: Application,
    transition: &'static Transition,
) -> Result<(Application, &'static Transition), Refusal> {
    let ends = transition.to.is_some_and(|state| functions_from(state).is_empty());
    if application.steps.len() >= MAXIMUM_STEPS && !ends {
        return Err(Refusal::Conflict(format!(
            "the application has {MAXIMUM_STEPS} steps: begin another one"
        )));
    }
    Ok((application, transition))
}

fn wrong_state(state: ApplicationState) -> Refusal {
    let next = match functions_from(state).as_slice() {
        [] => "nothing more can be done with it".to_owned(),
        functions => format!("what can be done now: {}", functions.join(", ")),
    };
    Refusal::Conflict(format!("the application is {state}; {next}"))
}

/// Writes the step, and answers with it.
fn take<S: State>(
    call: &mut Call<'_, S>,
    mut application: Application,
    transition: &Transition,
    act: Act,
    reason: &str,
) -> Result<Vec<u8>, Refusal> {
    let event = record(call, &mut application, transition, act.clone(), reason);
    let taken = Taken {
        application: application.application,
        body: &application.body,
        applicant: &application.applicant,
        state: application.state,
        act: &act,
        event: &event,
    };
    call.emit(transition.event, &taken)
}

/// Writes the step alone.
fn record<S: State>(
    call: &mut Call<'_, S>,
    application: &mut Application,
    transition: &Transition,
    act: Act,
    reason: &str,
) -> Event {
    let event = call.event(reason);
    application.state = transition.to.unwrap_or(application.state);
    application.steps.push(Step { act, event: event.clone() });
    call.state.put(&keys::application(application.application), application.encode());
    event
}

/// `application:get(application)`: anyone.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [id] = call.arguments(["application"])?;
    answer(&existing(&mut call, id).await?)
}

/// `application:list([state[, bookmark]])`: anyone; in the order of their ids, those behind the bookmark. An answer
/// looks at a bounded number of applications, so that it may have few of the state asked for, and a bookmark to go on.
pub async fn list<S: State>(call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [state, bookmark] = call.options(["state", "bookmark"])?;
    let state = state_of(state, ApplicationState::ALL, ApplicationState::name)?;
    let is_wanted = |found: &Application| state.is_none_or(|state| found.state == state);
    let show = |_, found| Some(found).filter(is_wanted).map(summary);
    let place = ("applications", keys::APPLICATION);
    call::list(call, place, bookmark, Application::decode, show).await
}

fn summary(application: Application) -> Summary {
    Summary {
        application: application.application,
        body: application.body,
        applicant: application.applicant,
        title: application.title,
        scheme_id: application.scheme_id,
        scheme_version: application.scheme_version,
        state: application.state,
        steps: application.steps.len(),
    }
}

pub async fn existing<S: State>(call: &mut Call<'_, S>, id: &str) -> Result<Application, Refusal> {
    let id = code(id)?;
    let record = call.record(&keys::application(id), Application::decode).await?;
    record.ok_or_else(|| Refusal::Unknown(format!("no application {id}")))
}
