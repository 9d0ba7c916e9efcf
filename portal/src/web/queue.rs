//! The applications that wait for the people of an organisation: a list, and each with its dossier. Nothing is decided here.

use std::sync::Arc;

use accounts::people::Account;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::StatusCode,
};
use certificate::record::ApplicationState;
use desk::Step;
use dossiers::{
    Fields,
    index::{self, IndexError},
    queue::{self, Queue, Wanted, differences},
    store::Indexed,
};
use serde::Deserialize;

use super::{
    Site,
    application_form::{facts, label},
    applications::next,
    entrance::Answer,
    files, reply,
    visitor::Visitor,
};
use views::{
    application::ShownStep,
    page::{moment, moment_of},
    queue::{Difference, QueuePage, QueuedPage, ShownQueued, ShownReport, StateOf},
};

#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    search: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    page: i64,
}

async fn scope<'a>(site: &'a Site, account: &'a Account) -> Result<Queue<'a>, sqlx::Error> {
    let applicants = site.organisations.applicants().map(|it| it.msp_id.as_str());
    Queue::of(&site.database, account, applicants).await
}

pub(crate) async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(asked): Query<Asked>,
) -> Answer {
    let Asked { state, search, sort, page } = asked;
    let wanted = Wanted { state, search, newest_first: sort == "newest", page: page.max(0) };
    let scope = scope(&site, &account).await?;
    let found = scope.page(&site.database, &wanted).await?;
    let counts = scope.counts(&site.database).await?;
    let is_full = i64::try_from(found.len()).unwrap_or_default() == queue::PAGE;
    let awaited: Vec<&str> = account.roles.iter().flat_map(|role| queue::awaits(role)).copied().collect();
    let states = ApplicationState::ALL.map(|state| {
        let name = state.name();
        StateOf {
            name,
            count: counts.get(name).copied().unwrap_or_default(),
            is_awaited: awaited.contains(&name),
        }
    });
    let overdue = queue::overdue_before(visitor.now);
    let page = QueuePage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        has_ledger: !site.organisations.is_empty(),
        overdue_days: queue::OVERDUE_DAYS,
        states: states.into_iter().collect(),
        applications: found.iter().map(|known| shown(known, &overdue, &awaited)).collect(),
        older: is_full.then(|| wanted.page.saturating_add(1)),
        newer: (wanted.page > 0).then(|| wanted.page.saturating_sub(1)),
        wanted,
    };
    Ok(reply::page(StatusCode::OK, &page))
}

fn shown(known: &Indexed, overdue: &str, awaited: &[&str]) -> ShownQueued {
    let (next, who) = next(&known.state);
    ShownQueued {
        id: known.id.clone(),
        title: known.title.clone(),
        state: known.state.clone(),
        applicant: known.applicant.clone(),
        body: known.body.clone(),
        scheme: known.scheme.clone(),
        since: moment_of(&known.taken_at),
        next: next.to_owned(),
        who: who.to_owned(),
        is_overdue: !queue::is_at_rest(&known.state) && known.taken_at.as_str() < overdue,
        is_awaited: awaited.contains(&known.state.as_str()),
    }
}

pub(crate) async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path((body, id)): Path<(String, String)>,
) -> Answer {
    let scope = scope(&site, &account).await?;
    let Some(known) = scope.one(&site.database, &body, &id).await? else {
        return Ok(reply::not_there().await);
    };
    // In the name of who looks, or not at all: another organisation's service may read what this one may not.
    let reader = site.organisations.get(&account.party);
    let (mut live, mut away) = (None, None);
    if let (Some(reader), Ok(code)) = (reader, id.parse()) {
        match index::refresh(&site.database, reader, &known.body, code).await {
            Ok(found) => live = found,
            Err(IndexError::Database(error)) => return Err(error.into()),
            Err(error) => away = Some(error.to_string()),
        }
    } else {
        away = Some("this portal was started without an identity of your organisation".to_owned());
    }
    // Another step may have been taken since the list was shown.
    let Some(known) = scope.one(&site.database, &body, &id).await? else {
        return Ok(reply::not_there().await);
    };
    let is_of_body = known.body == account.party;
    let editions = match is_of_body {
        true => scope.editions(&site.database, &id).await?,
        false => Vec::new(),
    };
    let fields: Vec<Fields> = editions.iter().map_while(|edition| edition.fields()).collect();
    let hash = live.as_ref().map(|it| it.dossier.clone());
    let newest = editions.first();
    let is_handed_in = newest.is_some_and(|edition| Some(&edition.hash) == hash.as_ref());
    let steps = live.as_ref().map(|it| it.steps.as_slice()).unwrap_or_default();
    let changes = match fields.as_slice() {
        [new, old, ..] => differences(old, new),
        _ => Vec::new(),
    };
    let named = |(name, old, new): (String, String, String)| Difference {
        field: label(&name).map_or(name, str::to_owned),
        old,
        new,
    };
    let overdue = queue::overdue_before(visitor.now);
    let current = fields.first().filter(|_| is_handed_in);
    let page = QueuedPage {
        files: files_of(&site, &scope, &id, current).await?,
        frame: visitor.frame(),
        shown: shown(&known, &overdue, &[]),
        away,
        is_of_body,
        hash,
        handed_in: newest.map(|edition| moment(edition.at)),
        is_handed_in,
        groups: current.map(facts).unwrap_or_default(),
        data_sheet: current.and_then(|it| it.get("application.sdsLink").cloned()),
        changes: changes.into_iter().map(named).collect(),
        reports: reports(current, steps),
        steps: steps.iter().rev().map(ShownStep::of).collect(),
        reason: known.reason,
    };
    Ok(reply::page(StatusCode::OK, &page))
}

/// A file that the dossier names, of whom applied.
pub(crate) async fn file(
    State(site): State<Arc<Site>>,
    Extension(account): Extension<Account>,
    Path((body, id, sha256)): Path<(String, String, String)>,
) -> Answer {
    let scope = scope(&site, &account).await?;
    let found = match body == account.party {
        true => queue::file(&site.database, &scope, &id, &sha256).await?,
        false => None,
    };
    match found {
        Some(stored) => files::attachment(&site, &stored).await,
        None => Ok(reply::not_there().await),
    }
}

/// Which of the files that a dossier names were uploaded here.
async fn files_of(
    site: &Site,
    scope: &Queue<'_>,
    id: &str,
    fields: Option<&Fields>,
) -> Result<Vec<String>, sqlx::Error> {
    let mut here = Vec::new();
    for (_, sha256) in fields.into_iter().flatten().filter(|(name, _)| name.ends_with("sha256")) {
        if queue::file(&site.database, scope, id, sha256).await?.is_some() {
            here.push(sha256.clone());
        }
    }
    Ok(here)
}

/// The reports that the dossier names, each with who anchored its hash on the ledger; and those that were anchored alone.
fn reports(fields: Option<&Fields>, steps: &[Step]) -> Vec<ShownReport> {
    let named = |row: usize, part: &str| {
        fields.and_then(|it| it.get(&format!("testReports.{row}.{part}"))).cloned().unwrap_or_default()
    };
    let anchored: Vec<&Step> = steps.iter().filter(|step| step.sha256.is_some()).collect();
    let mut reports = Vec::new();
    for row in 0..dossiers::form::ROWS {
        let sha256 = named(row, "sha256");
        if sha256.is_empty() {
            break;
        }
        let anchor = anchored.iter().find(|step| step.sha256.as_deref() == Some(sha256.as_str()));
        reports.push(ShownReport {
            laboratory: named(row, "lab"),
            method: named(row, "method"),
            anchored: anchor
                .map(|step| format!("{}, {}", step.event.by, moment_of(&step.event.effective_at))),
            is_named: true,
            sha256,
        });
    }
    for step in anchored {
        let sha256 = step.sha256.clone().unwrap_or_default();
        if !reports.iter().any(|known| known.sha256 == sha256) {
            reports.push(ShownReport {
                laboratory: step.event.by.clone(),
                method: step.method.clone().unwrap_or_default(),
                anchored: Some(format!("{}, {}", step.event.by, moment_of(&step.event.effective_at))),
                is_named: false,
                sha256,
            });
        }
    }
    reports
}
