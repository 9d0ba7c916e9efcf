//! The applications that wait for the people of an organisation: a list, and each with its dossier. Nothing is decided here.

use std::sync::Arc;

use accounts::people::{self, Account};
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use certificate::{
    record::ApplicationState,
    transition::{ACCREDITATION_READERS, BODY_READERS, DECIDE},
};
use desk::{Application, Organisation};
use disclosure::Holder;
use dossiers::{
    Fields,
    claims::OfBody,
    complaints::About,
    index::{self, IndexError},
    queue::{self, Edition, Queue, Queued, Wanted, differences},
    steps,
    store::Indexed,
};
use serde::Deserialize;
use site::{Answer, Site, entry, forms::Sent, reply, visitor::Visitor};
use views::{
    application::{ShownStep, next},
    form::{facts, label},
    page::{moment, moment_of},
    queue::{ConfidentialOf, Difference, Drafting, QueuePage, QueuedPage, ShownQueued, StateOf, reports},
    steps::{Offered, StepForm, of_application},
};

use crate::{NO_IDENTITY, complaints, forms::Assignment, studies};

/// How long a certificate holds where nobody says otherwise.
const USUAL_MONTHS: u32 = 12;

#[derive(Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    search: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    mine: String,
    #[serde(default)]
    page: i64,
}

/// For a decision: how long the certificate is to hold.
#[derive(Default, Deserialize)]
pub struct Prepared {
    months: Option<u32>,
}

pub async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(asked): Query<Asked>,
) -> Answer {
    let Asked { state, search, sort, mine, page } = asked;
    let (newest_first, mine) = (sort == "newest", mine == "yes");
    let wanted = Wanted { state, search, newest_first, mine, page: page.max(0) };
    let scope = site.scope(&account).await?;
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
    let requests = match Holder::of(&account) {
        Some(holder) => Some(holder.waiting(&site.database).await?),
        None => None,
    };
    let page = QueuePage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        has_ledger: !site.organisations.is_empty(),
        overdue_days: queue::OVERDUE_DAYS,
        states: states.into_iter().collect(),
        applications: found.iter().map(|queued| shown(queued, &overdue, &awaited)).collect(),
        older: is_full.then(|| wanted.page.saturating_add(1)),
        claims: OfBody::of(&account).count(&site.database).await?,
        may_confirm: account.is_administrator(),
        newer: (wanted.page > 0).then(|| wanted.page.saturating_sub(1)),
        requests,
        wanted,
    };
    Ok(reply::page(StatusCode::OK, &page))
}

fn shown(Queued { known, assigned }: &Queued, overdue: &str, awaited: &[&str]) -> ShownQueued {
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
        assigned: assigned.as_ref().map(|(_, name)| name.clone()),
    }
}

pub async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path((body, id)): Path<(String, String)>,
    Query(Prepared { months }): Query<Prepared>,
) -> Answer {
    let scope = site.scope(&account).await?;
    let Some(Queued { known, .. }) = scope.one(&site.database, &body, &id).await? else {
        return Ok(reply::not_there().await);
    };
    // In the name of who looks, or not at all: another organisation's service may read what this one may not.
    let reader = site.organisations.get(&account.party);
    let (mut live, mut away) = (None, None);
    if let (Some(reader), Ok(code)) = (reader, id.parse()) {
        match index::refresh(&site.database, &site.organisations, reader, &known.body, code).await {
            Ok(found) => live = found,
            Err(IndexError::Database(error)) => return Err(error.into()),
            Err(error) => away = Some(error.to_string()),
        }
    } else {
        away = Some(NO_IDENTITY.to_owned());
    }
    // Another step may have been taken since the list was shown.
    let Some(queued) = scope.one(&site.database, &body, &id).await? else {
        return Ok(reply::not_there().await);
    };
    let known = &queued.known;
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
    let mut offered = match &live {
        Some(live) => offered(&site, &account, &scope, known, live).await?,
        None => Vec::new(),
    };
    let decision = offered.iter_mut().find(|it| it.form.function == DECIDE.function && it.conflict.is_none());
    let drafting = match (decision, &live, newest.filter(|_| is_handed_in)) {
        (Some(decision), Some(live), Some(newest)) => {
            Some(prepare(&site, live, newest, months, &mut decision.document).await)
        }
        _ => None,
    };
    let confidential = match (&live, reader) {
        (Some(_), Some(reader)) => confidential(&scope, &account, reader, known).await,
        _ => None,
    };
    let about = About::Application(id.clone());
    let (complaints, file_path) = complaints::about(&site, &account, &body, &about, visitor.now).await?;
    let page = QueuedPage {
        confidential,
        complaints,
        file_path,
        files: files_of(&site, &scope, &id, current).await?,
        studies: if is_of_body { studies::listed(&site, &scope, &id).await? } else { Vec::new() },
        offered,
        drafting,
        signing: site.signing(&account, visitor.now).await?,
        colleagues: colleagues(&site, &account, &queued).await?,
        frame: visitor.frame(),
        shown: shown(&queued, &overdue, &[]),
        away,
        is_of_body,
        hash,
        category: live.as_ref().and_then(|it| it.category.clone()),
        replaces: live.as_ref().and_then(|it| it.replaces.clone()),
        handed_in: newest.map(|edition| moment(edition.at)),
        is_handed_in,
        groups: current.map(facts).unwrap_or_default(),
        data_sheet: current.and_then(|it| it.get("application.sdsLink").cloned()),
        changes: changes.into_iter().map(named).collect(),
        reports: reports(current, steps),
        steps: steps.iter().rev().map(ShownStep::of).collect(),
        reason: known.reason.clone(),
    };
    Ok(reply::with_script(reply::page(StatusCode::OK, &page)))
}

/// The steps that the contract lets somebody take in an application now, each with what it would hold against this person.
async fn offered(
    site: &Site,
    account: &Account,
    scope: &Queue<'_>,
    known: &Indexed,
    live: &Application,
) -> Result<Vec<Offered>, sqlx::Error> {
    let state = ApplicationState::ALL.into_iter().find(|state| state.name() == live.state);
    let (Some(state), Some(side)) = (state, scope.side(known)) else { return Ok(Vec::new()) };
    let open = steps::open(&account.roles, side, state);
    let Some(reader) = site.organisations.get(&account.party).filter(|_| !open.is_empty()) else {
        return Ok(Vec::new());
    };
    let bodies = reader.bodies().await.unwrap_or_default();
    let Some(body) = bodies.iter().find(|body| body.msp_id == known.body) else { return Ok(Vec::new()) };
    let schemes = reader.schemes().await.unwrap_or_default();
    let scheme = schemes.iter().find(|it| (&it.id, &it.version) == (&live.scheme_id, &live.scheme_version));
    let person = enrolment::keys::person(&site.database, &account.id).await?.unwrap_or_default();
    let offer = |form: &'static StepForm| {
        let transition = open.iter().find(|it| it.function == form.function)?;
        let conflict = steps::conflict(transition, &person, &live.steps, scheme);
        let offer = Offered::of(form, &body.chaincode, vec![known.id.clone()]);
        Some(Offered { conflict: conflict.map(str::to_owned), ..offer })
    };
    Ok(of_application().iter().filter_map(offer).collect())
}

/// What the ledger has of the application's confidential part, for who may read it by the contract; nobody else is shown it.
async fn confidential(
    scope: &Queue<'_>,
    account: &Account,
    reader: &Organisation,
    known: &Indexed,
) -> Option<ConfidentialOf> {
    let duties = match known.body == account.party {
        true => BODY_READERS,
        false if scope.oversees_all() => ACCREDITATION_READERS,
        false => &[],
    };
    let may_read = account.roles.iter().any(|role| duties.iter().any(|duty| duty.name() == role));
    if !may_read {
        return None;
    }
    let record = reader.confidential(&known.body, known.id.parse().ok()?).await.ok()??;
    let chaincode = reader.chaincode(&known.body).await.ok()?;
    Some(ConfidentialOf::of(record, &chaincode))
}

/// Makes the document to decide on, once it is said how long the certificate is to hold.
async fn prepare(
    site: &Site,
    live: &Application,
    handed_in: &Edition,
    months: Option<u32>,
    document: &mut Option<String>,
) -> Drafting {
    let wanted = months.map(|months| granting::Wanted { months, is_demonstration: site.is_demonstration });
    let mut problem = None;
    if let Some(wanted) = wanted {
        match granting::draft(&site.organisations, live, handed_in, wanted).await {
            Ok(draft) => *document = Some(draft.document),
            Err(why) => problem = Some(why.to_string()),
        }
    }
    Drafting { months: months.unwrap_or(USUAL_MONTHS), is_prepared: document.is_some(), problem }
}

/// Who an application can be given to: account, name, and whether that person has it.
async fn colleagues(
    site: &Site,
    account: &Account,
    queued: &Queued,
) -> Result<Vec<(String, String, bool)>, sqlx::Error> {
    if queued.known.body != account.party {
        return Ok(Vec::new());
    }
    let people = people::Scope::of(account).people(&site.database).await?;
    let has = |id: &str| queued.assigned.as_ref().is_some_and(|(chosen, _)| chosen == id);
    let found = people.into_iter().filter(|person| !person.is_disabled);
    Ok(found.map(|person| (has(&person.id), person)).map(|(has, it)| (it.id, it.name, has)).collect())
}

/// Notes who has an application in hand.
pub async fn assign(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path((body, id)): Path<(String, String)>,
    Sent(Assignment { to }): Sent<Assignment>,
) -> Answer {
    let scope = site.scope(&account).await?;
    let found = scope.one(&site.database, &body, &id).await?;
    let mut change = site.change_of(&visitor).await?;
    let Some(Queued { known, .. }) = found else { return Ok(reply::not_there().await) };
    let person = Some(to.as_str()).filter(|to| !to.is_empty());
    if !scope.assign(&mut change, &known, person, visitor.now).await? {
        return Ok(reply::not_there().await);
    }
    let object = format!("{id} {to}");
    change.record(&entry(&visitor, &account.party, "application assigned", object.trim(), "done")).await?;
    change.commit().await?;
    Ok(Redirect::to(&format!("/queue/{body}/{id}")).into_response())
}

/// A file that the dossier names, of whom applied.
pub async fn file(
    State(site): State<Arc<Site>>,
    Extension(account): Extension<Account>,
    Path((body, id, sha256)): Path<(String, String, String)>,
) -> Answer {
    let scope = site.scope(&account).await?;
    let found = match body == account.party {
        true => queue::file(&site.database, &scope, &id, &sha256).await?,
        false => None,
    };
    match found {
        Some(stored) => reply::attachment(&site, &stored).await,
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
