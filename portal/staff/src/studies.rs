//! The stability studies that a dossier names: shown to the people of the body that was applied to, computed again for them, and
//! compared with what the ledger has.

use std::sync::Arc;

use accounts::people::Account;
use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use dossiers::{
    queue::{self, Queue},
    store::Indexed,
};
use site::{
    Answer, Site, entry,
    forms::{Nothing, Sent},
    reply,
    visitor::Visitor,
};
use studies::{Asked, MAXIMUM_WAITING, Study, ask_again, check, named, result, stated};
use views::{
    page::moment_of,
    studies::{QueuedStudyPage, ShownReport},
};

/// A study, and how it got here.
struct Named {
    known: Indexed,
    study: Study,
}

/// The studies that the newest dossier for this organisation names and that were computed here.
pub(crate) async fn of_dossier(
    site: &Site,
    scope: &Queue<'_>,
    application: &str,
) -> Result<Vec<Study>, sqlx::Error> {
    let newest = scope.editions(&site.database, application).await?.into_iter().next();
    let fields = newest.and_then(|edition| edition.fields()).unwrap_or_default();
    let mut found = Vec::new();
    for it in stated(&fields) {
        found.extend(named(&site.database, application, &it.sha256, &it.statement).await?);
    }
    Ok(found)
}

/// One of them; none for who is not of the body that was applied to.
async fn find(
    site: &Site,
    account: &Account,
    body: &str,
    application: &str,
    id: &str,
) -> Result<Option<Named>, sqlx::Error> {
    let scope = site.scope(account).await?;
    if body != account.party {
        return Ok(None);
    }
    let Some(queued) = scope.one(&site.database, body, application).await? else { return Ok(None) };
    let study = of_dossier(site, &scope, application).await?.into_iter().find(|study| study.id == id);
    Ok(study.map(|study| Named { known: queued.known, study }))
}

type InPath = (String, String, String);

pub async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path((body, application, id)): Path<InPath>,
) -> Answer {
    match find(&site, &account, &body, &application, &id).await? {
        Some(found) => page(&site, &visitor, &account, found, None).await,
        None => Ok(reply::not_there().await),
    }
}

async fn page(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    Named { known, study }: Named,
    problem: Option<String>,
) -> Answer {
    let Some((json, _)) = result(&site.database, &study).await? else { return Ok(reply::not_there().await) };
    let report = serde_json::from_str(&json).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let (anchored, is_compared) = anchored(site, account, &known, &study).await;
    let again = check(&site.database, &study, account).await?;
    let application = format!("/queue/{}/{}", known.body, known.id);
    let path = format!("{application}/studies/{}", study.id);
    let page = QueuedStudyPage {
        frame: visitor.frame(),
        application,
        product: known.title,
        title: study.title.clone(),
        sha256: study.sha256.clone(),
        anchored,
        is_compared,
        statement: study.statement.clone(),
        shown: ShownReport::new(&report, &study, path),
        again: again.map(Into::into),
        problem: problem.clone(),
    };
    let status = if problem.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok(reply::page(status, &page))
}

/// Who anchored the hash of a study's data in the application, and whether the ledger said so.
async fn anchored(site: &Site, account: &Account, known: &Indexed, study: &Study) -> (Option<String>, bool) {
    let (Some(reader), Ok(id)) = (site.organisations.get(&account.party), known.id.parse()) else {
        return (None, false);
    };
    let Ok(Some(application)) = reader.application(&known.body, id).await else { return (None, false) };
    let step = application.steps.iter().find(|step| step.sha256.as_deref() == Some(study.sha256.as_str()));
    (step.map(|step| format!("{}, {}", step.event.by, moment_of(&step.event.effective_at))), true)
}

/// The data, and what came of them. The data are what the dossier names.
pub async fn file(
    State(site): State<Arc<Site>>,
    Extension(account): Extension<Account>,
    Path((body, application, id, file)): Path<(String, String, String, String)>,
) -> Answer {
    let Some(Named { study, .. }) = find(&site, &account, &body, &application, &id).await? else {
        return Ok(reply::not_there().await);
    };
    if file != "data.csv" {
        return file_of(&site, &study, &file).await;
    }
    let scope = site.scope(&account).await?;
    match queue::file(&site.database, &scope, &application, &study.sha256).await? {
        Some(stored) => reply::attachment(&site, &stored).await,
        None => Ok(reply::not_there().await),
    }
}

/// What came of a study that somebody may see, as a file.
pub async fn file_of(site: &Site, study: &Study, file: &str) -> Answer {
    let content = match file {
        "result.json" | "plot.svg" => result(&site.database, study).await?,
        _ => None,
    };
    let Some((json, svg)) = content else { return Ok(reply::not_there().await) };
    Ok(match file {
        // With the line end that a terminal gets.
        "result.json" => reply::download("study.json", "application/json", format!("{json}\n").into_bytes()),
        _ => reply::download("study.svg", "image/svg+xml", svg.into_bytes()),
    })
}

/// Lets a study be computed again here, from the data.
pub async fn recompute(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path((body, application, id)): Path<InPath>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let found = find(&site, &account, &body, &application, &id).await?;
    let mut change = site.change_of(&visitor).await?;
    let Some(found) = found else { return Ok(reply::not_there().await) };
    match ask_again(&mut change, &found.study, &account, visitor.now).await? {
        Asked::Busy => {
            drop(change);
            let problem = format!(
                "{MAXIMUM_WAITING} studies wait for your organisation already: let one of them end first."
            );
            return page(&site, &visitor, &account, found, Some(problem)).await;
        }
        Asked::Waiting => {}
        Asked::Done => {
            let object = format!("{id} {}", found.study.sha256);
            change.record(&entry(&visitor, &account.party, "study asked again", &object, "done")).await?;
            change.commit().await?;
            site.studies.notify_one();
        }
    }
    Ok(Redirect::to(&format!("/queue/{body}/{application}/studies/{id}")).into_response())
}

/// For the page of an application: the studies that can be looked at, by id and what they came to.
pub(crate) async fn listed(
    site: &Site,
    scope: &Queue<'_>,
    application: &str,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let found = of_dossier(site, scope, application).await?;
    Ok(found.into_iter().map(|study| (study.id, study.statement)).collect())
}
