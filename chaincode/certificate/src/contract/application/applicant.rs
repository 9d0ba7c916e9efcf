//! What the organisation that applies does: a person of it, or a service.

use super::decision::release;
use super::{enter, take};
use crate::code::Code;
use crate::contract::call::{Call, code_of, line, msp_id, reason, text_that};
use crate::document::identifiers::{is_fingerprint, is_uri};
use crate::document::report::{Object, Report};
use crate::keys;
use crate::record::{
    Act, Application, ApplicationState, Certificate, MAXIMUM_CATEGORY, MAXIMUM_NAME, MAXIMUM_TITLE, Scheme,
};
use crate::refusal::{Refusal, Violation};
use crate::state::{KeyPolicy, State};
use crate::transition::{CHANGE, COMPLETE, SUBMIT, WITHDRAW};

const DOSSIER: &str = "must be sha256: and the 64 lower-case hex digits of the dossier's hash";

struct Submission {
    id: Code,
    body: String,
    title: String,
    scheme_id: String,
    scheme_version: String,
    dossier: String,
    replaces: Option<Code>,
    category: Option<String>,
}

/// `application:submit(request)`.
pub async fn submit<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.on_duty(SUBMIT.duties)?;
    let members = ["id", "body", "title", "schemeId", "schemeVersion", "dossier", "replaces", "category"];
    let submission = call.request(&members, submission)?;
    let own = call.ledger().await?.body;
    if submission.body != own {
        let rule = format!("must be {own}, whose chaincode this is");
        return Err(Refusal::Rules(vec![Violation::new("/body", &submission.body, &rule)]));
    }
    let applicant = call.state.creator().msp_id.clone();
    if applicant == submission.body {
        return Err(Refusal::Forbidden(format!(
            "a certification body certifies others, {applicant} is this one"
        )));
    }
    check_known(&mut call, &submission).await?;
    let Submission { id, body, title, scheme_id, scheme_version, dossier, replaces, category } = submission;
    call.state.set_policy(&keys::application(id), &KeyPolicy::all(&[&body, &call.accreditation_body]));
    let application = Application {
        application: id,
        body,
        applicant,
        title,
        scheme_id,
        scheme_version,
        dossier: dossier.clone(),
        replaces,
        category,
        state: ApplicationState::Submitted,
        decision: None,
        steps: Vec::new(),
    };
    take(&mut call, application, &SUBMIT, Act::Submit { dossier }, "")
}

fn submission(request: &Object<'_>, report: &mut Report) -> Option<Submission> {
    let id = code_of(request, "id", "application", report);
    let body = msp_id(request, "body", report);
    let title = line(request, "title", MAXIMUM_TITLE, report);
    let scheme_id = text_that(request, "schemeId", is_uri, "must be an absolute URI", report);
    let scheme_version = line(request, "schemeVersion", MAXIMUM_NAME, report);
    let dossier = text_that(request, "dossier", is_fingerprint, DOSSIER, report);
    let replaces = match request.optional("replaces") {
        Some(_) => Some(code_of(request, "replaces", "certificate", report)?),
        None => None,
    };
    let category = match request.optional("category") {
        Some(_) => Some(line(request, "category", MAXIMUM_CATEGORY, report)?),
        None => None,
    };
    Some(Submission {
        id: id?,
        body: body?,
        title: title?,
        scheme_id: scheme_id?,
        scheme_version: scheme_version?,
        dossier: dossier?,
        replaces,
        category,
    })
}

/// The scheme and the certificate that the request names are there, an application of this id is not.
async fn check_known<S: State>(call: &mut Call<'_, S>, submission: &Submission) -> Result<(), Refusal> {
    let Submission { id, body, scheme_id, scheme_version, .. } = submission;
    if call.values([&keys::application(*id)]).await? != [None] {
        return Err(Refusal::Conflict(format!("application {id} is submitted")));
    }
    let [scheme] = call.registered([&keys::scheme(scheme_id, scheme_version)]).await?;
    if scheme.as_ref().map(Scheme::decode).transpose()?.is_none() {
        let value = format!("{scheme_id} version {scheme_version}");
        let rule = "must be registered by the accreditation body";
        return Err(Refusal::Rules(vec![Violation::new("/schemeId", &value, rule)]));
    }
    let Some(replaced) = submission.replaces else { return Ok(()) };
    let certificate = call.record(&keys::certificate(replaced), Certificate::decode).await?;
    if certificate.is_none_or(|certificate| certificate.body != *body) {
        let rule = format!("must be a certificate of {body}");
        return Err(Refusal::Rules(vec![Violation::new("/replaces", &replaced.to_string(), &rule)]));
    }
    Ok(())
}

/// `application:complete(application, dossier)`: with what was asked for when it was returned.
pub async fn complete<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let names = ["application", "dossier"];
    let [id, _] = call.arguments(names)?;
    let dossier = call.fields(names, dossier)?;
    let (application, transition) = enter(&mut call, id, &[&COMPLETE]).await?;
    let application = Application { dossier: dossier.clone(), ..application };
    take(&mut call, application, transition, Act::Complete { dossier }, "")
}

/// `application:change(application, dossier, reason)`: what was evaluated before is evaluated anew. Of two that came by one press, the
/// second changes nothing and is refused.
pub async fn change<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let names = ["application", "dossier", "reason"];
    let [id, ..] = call.arguments(names)?;
    let (dossier, why) = call.fields(names, |fields, report| {
        let dossier = dossier(fields, report);
        let why = reason(fields, report);
        Some((dossier?, why?))
    })?;
    let (application, transition) = enter(&mut call, id, &[&CHANGE]).await?;
    if application.dossier == dossier {
        return Err(Refusal::Conflict(format!(
            "the application has the dossier {dossier}: nothing is changed"
        )));
    }
    let application = Application { dossier: dossier.clone(), ..application };
    take(&mut call, application, transition, Act::Change { dossier }, &why)
}

/// `application:withdraw(application, reason)`: final; what a decision reserved is free again.
pub async fn withdraw<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let names = ["application", "reason"];
    let [id, _] = call.arguments(names)?;
    let why = call.fields(names, reason)?;
    let (application, transition) = enter(&mut call, id, &[&WITHDRAW]).await?;
    release(&mut call, &application);
    take(&mut call, application, transition, Act::Withdraw, &why)
}

fn dossier(fields: &Object<'_>, report: &mut Report) -> Option<String> {
    text_that(fields, "dossier", is_fingerprint, DOSSIER, report)
}
