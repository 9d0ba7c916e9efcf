//! The form of an application, page by page. Whatever is sent is saved, also where it breaks rules; each is shown at its field.

use std::{collections::BTreeMap, sync::Arc};

use accounts::people::{self, Account};
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use certificate::Code;
use dossiers::{
    Fields,
    check::Fault,
    form::{self, STEPS, StepOf},
    from_subject, import,
    store::{DRAFTS, Dossier, Saved, Scope, Stage},
};
use serde::Deserialize;
use site::{
    Answer, Site, entry,
    forms::{Nothing, Sent},
    reply,
    visitor::Visitor,
};
use views::{
    application::{NewApplicationPage, PreviewPage, StepPage},
    form::{Choices, facts, groups, label},
};

use super::{
    applications::{editable, work_of},
    forms::{AnyFields, FromCertificate, Imported},
};

/// What the form offers to choose from.
async fn choices(site: &Site, account: &Account) -> Choices {
    let Some(reader) = site.organisations.applicants() else { return Choices::default() };
    Choices {
        bodies: work_of(site, account).bodies().await,
        schemes: reader.schemes().await.unwrap_or_default(),
    }
}

pub(crate) async fn show_new(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
) -> Answer {
    new_page(&site, &visitor, None, "")
}

fn new_page(_site: &Site, visitor: &Visitor, problem: Option<String>, typed: &str) -> Answer {
    let status = reply::status(problem.as_deref());
    let page = NewApplicationPage { frame: visitor.frame(), problem, typed: typed.to_owned() };
    Ok(reply::page(status, &page))
}

pub(crate) async fn begin(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    create(&site, &visitor, &account, Fields::new(), &[]).await
}

/// Begins with what a text has: a document, its subject, or a line of a table.
pub(crate) async fn take_over(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(Imported { text }): Sent<Imported>,
) -> Answer {
    match import::read(&text) {
        Ok((fields, left)) => create(&site, &visitor, &account, fields, &left).await,
        Err(error) => new_page(&site, &visitor, Some(error.to_string()), &text),
    }
}

/// Begins with what an earlier certificate says, which is public.
pub(crate) async fn from_certificate(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(FromCertificate { certificate, replaces }): Sent<FromCertificate>,
) -> Answer {
    let refuse = |problem: &str| new_page(&site, &visitor, Some(problem.to_owned()), "");
    let Ok(code) = certificate.trim().parse::<Code>() else {
        return refuse("This is no code of a certificate, or it is mistyped.");
    };
    let Some(reader) = site.organisations.applicants() else { return refuse("This portal has no ledger.") };
    let bodies = match reader.bodies().await {
        Ok(bodies) => bodies,
        Err(away) => return refuse(&away.to_string()),
    };
    for body in bodies.iter() {
        match reader.certificate(&body.msp_id, code).await {
            Ok(Some(found)) => {
                let Some(document) = found.document.as_object() else { continue };
                let (mut fields, left) = from_subject(import::subject_of(document));
                if replaces == "yes" {
                    fields.insert("application.replaces".to_owned(), code.to_string());
                    fields.insert("application.body".to_owned(), body.msp_id.clone());
                }
                return create(&site, &visitor, &account, fields, &left).await;
            }
            Ok(None) => {}
            Err(away) => return refuse(&away.to_string()),
        }
    }
    refuse("The ledger has no certificate of this code.")
}

async fn create(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    fields: Fields,
    left: &[String],
) -> Answer {
    let fields = work_of(site, account).begun_with(fields).await?;
    let scope = Scope::of(account);
    let mut change = site.change_of(visitor).await?;
    let Some(id) = scope.create(&mut change, &fields, visitor.now).await? else {
        drop(change);
        let problem = format!("Your company has {DRAFTS} drafts, and may not have more. Discard one first.");
        return new_page(site, visitor, Some(problem), "");
    };
    change.record(&entry(visitor, &account.party, "draft begun", &id, "done")).await?;
    change.commit().await?;
    if left.is_empty() {
        return Ok(Redirect::to(&format!("/applications/{id}/form/product")).into_response());
    }
    let text = format!(
        "The draft was made. What the form does not have was left out: {}. You find the draft under Applications.",
        left.join("; ")
    );
    Ok(reply::message(StatusCode::OK, visitor.frame(), "Taken over in part", &text))
}

#[derive(Deserialize)]
pub(crate) struct Looked {
    #[serde(default)]
    saved: Option<String>,
}

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path((id, step)): Path<(String, String)>,
    Query(looked): Query<Looked>,
) -> Answer {
    let Some(step) = form::step(&step) else { return Ok(reply::not_there().await) };
    match editable(&site, &account, &id).await? {
        Ok((dossier, _)) => {
            page(&site, &visitor, &account, &dossier, step, None, looked.saved.is_some()).await
        }
        Err(answer) => Ok(answer),
    }
}

async fn page(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    dossier: &Dossier,
    step: &'static StepOf,
    problem: Option<&str>,
    is_saved: bool,
) -> Answer {
    let offered = choices(site, account).await;
    let is_looked_at = dossier.is_saved(step.name);
    let faults = if is_looked_at { work_of(site, account).faults(dossier).await? } else { Vec::new() };
    let files = uploads::list(&site.database, &people::Scope::of(account)).await?;
    let shown = step.groups.iter().flat_map(|group| groups(group, &dossier.fields, &faults, &offered));
    let page = StepPage {
        frame: visitor.frame(),
        id: dossier.id.clone(),
        title: step.title,
        name: step.name,
        version: dossier.version,
        problem: problem.map(str::to_owned),
        is_saved,
        faults: faults.iter().filter(|fault| step.has(&fault.field)).count(),
        steps: STEPS.iter().map(|it| (it.name, it.title)).collect(),
        groups: shown.collect(),
        files: files.into_iter().map(|file| (file.sha256, file.name)).collect(),
    };
    let status = if problem.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok(reply::page(status, &page))
}

/// Saves a page of the form.
pub(crate) async fn save(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path((id, step)): Path<(String, String)>,
    Sent(AnyFields(typed)): Sent<AnyFields>,
) -> Answer {
    let Some(step) = form::step(&step) else { return Ok(reply::not_there().await) };
    let mut typed: BTreeMap<String, String> = typed.into_iter().collect();
    let (version, then) = (typed.remove("version"), typed.remove("then"));
    if let Some(other) = typed.keys().find(|name| !step.has(name)) {
        tracing::debug!(other, "a field that the form does not have");
        return Ok(reply::other_fields());
    }
    let (mut dossier, _) = match editable(&site, &account, &id).await? {
        Ok(found) => found,
        Err(answer) => return Ok(answer),
    };
    let is_newest = version.and_then(|it| it.parse().ok()) == Some(dossier.version);
    dossier.fields = dossier.with(|name| step.has(name), typed);
    let scope = Scope::of(&account);
    let saved = match is_newest {
        true => {
            let mut change = site.change_of(&visitor).await?;
            let saved = scope.save(&mut change, &dossier, &dossier.fields, step.name, visitor.now).await?;
            if saved == Saved::Done {
                change.record(&entry(&visitor, &account.party, "draft saved", &id, "done")).await?;
                change.commit().await?;
            }
            saved
        }
        false => Saved::Stale,
    };
    match saved {
        Saved::Nothing => Ok(reply::not_there().await),
        Saved::Waiting => Ok(Redirect::to(&format!("/applications/{id}")).into_response()),
        Saved::Stale => {
            let notice = "Something else was saved since this page was loaded, by you in another window or by a colleague. What you \
                          typed is still here: look at it, and save it once more.";
            if let Some(newest) = scope.one(&site.database, &id).await? {
                dossier.version = newest.version;
            }
            page(&site, &visitor, &account, &dossier, step, Some(notice), false).await
        }
        Saved::Done => {
            let is_wrong =
                work_of(&site, &account).faults(&dossier).await?.iter().any(|fault| step.has(&fault.field));
            let on = then.as_deref() == Some("on") && !is_wrong;
            let to = match form::after(step.name) {
                Some(next) if on => format!("form/{}", next.name),
                None if on => "preview".to_owned(),
                _ => format!("form/{}?saved=1", step.name),
            };
            Ok(Redirect::to(&format!("/applications/{id}/{to}")).into_response())
        }
    }
}

/// What the public would read, and what is still missing.
pub(crate) async fn preview(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
) -> Answer {
    let (dossier, stage) = match editable(&site, &account, &id).await? {
        Ok(found) => found,
        Err(answer) => return Ok(answer),
    };
    let step_of = |fault: &Fault| STEPS.iter().find(|step| step.has(&fault.field));
    let mut faults = work_of(&site, &account).faults(&dossier).await?;
    faults.sort_by_key(|fault| STEPS.iter().position(|step| step.has(&fault.field)));
    let faults = faults.into_iter().map(|fault| {
        let step = step_of(&fault);
        let place = label(&fault.field).unwrap_or_default();
        (step.map_or("product", |step| step.name), step.map_or("", |step| step.title), place, fault.rule)
    });
    let page = PreviewPage {
        frame: visitor.frame(),
        id: id.clone(),
        title: if dossier.title().is_empty() {
            "No product yet".to_owned()
        } else {
            dossier.title().to_owned()
        },
        is_returned: stage == Stage::Returned,
        is_under_way: stage == Stage::UnderWay,
        is_demonstration: site.is_demonstration,
        faults: faults.collect(),
        groups: facts(&dossier.fields),
    };
    Ok(reply::page(StatusCode::OK, &page))
}
