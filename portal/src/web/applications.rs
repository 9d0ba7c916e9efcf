//! A company's applications: where each stands, who has it, and what can be done.

use std::sync::Arc;

use accounts::people::Account;
use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use desk::Organisation;
use dossiers::{
    claims::Own,
    form::STEPS,
    index,
    store::{Acted, Dossier, Indexed, NewAct, Scope, Stage},
    work::{self, Position, Ready, Submission, Work, is_over, reason_of},
};
use site::{
    Answer, Site, entry,
    forms::{Nothing, Sent},
    reply,
    visitor::Visitor,
};
use views::{
    application::{ApplicationPage, ApplicationsPage, ShownApplication, ShownStep},
    page::moment,
};

use super::{
    confidential,
    forms::{HandedIn, Reason},
};

/// An organisation through which the ledger is read.
pub(super) fn reader(site: &Site) -> Option<&Arc<Organisation>> {
    work::reader(&site.organisations)
}

pub(super) fn work_of<'a>(site: &'a Site, account: &'a Account) -> Work<'a> {
    Work {
        database: &site.database,
        organisations: &site.organisations,
        account,
        is_demonstration: site.is_demonstration,
    }
}

/// What the index has of the application to its body.
pub(super) async fn indexed(site: &Site, dossier: &Dossier) -> Result<Option<Indexed>, sqlx::Error> {
    index::one(&site.database, dossier.body().unwrap_or_default(), &dossier.id).await
}

pub(crate) async fn all(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    let scope = Scope::of(&account);
    let mut shown = Vec::new();
    for (dossier, known) in scope.all(&site.database).await? {
        let acts = match known {
            Some(_) => Vec::new(),
            None => scope.acts(&site.database, &dossier.id).await?,
        };
        shown.push(summary(&dossier, known.as_ref(), Stage::of(&acts, known.as_ref())));
    }
    let page = ApplicationsPage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        has_ledger: site.organisations.applicants().is_some(),
        applications: shown,
        claims: Own::of(&account).all(&site.database).await?.into_iter().map(Into::into).collect(),
    };
    Ok(reply::page(StatusCode::OK, &page))
}

fn summary(dossier: &Dossier, known: Option<&Indexed>, stage: Stage) -> ShownApplication {
    let (state, next, who) = match (known, stage) {
        (_, Stage::Draft) => ("draft", "You go on with it.", "you"),
        (_, Stage::Waiting) => ("under way", "The ledger takes it.", "this portal"),
        (Some(known), _) => {
            let (next, who) = views::application::next(&known.state);
            (known.state.as_str(), next, who)
        }
        (None, _) => ("submitted", "The ledger is read.", "this portal"),
    };
    let title = if dossier.title().is_empty() { "No product yet" } else { dossier.title() };
    ShownApplication {
        id: dossier.id.clone(),
        title: title.to_owned(),
        state: state.to_owned(),
        next: next.to_owned(),
        who: who.to_owned(),
        changed: moment(dossier.changed_at),
        question: known.filter(|it| it.state == "returned").map(|it| it.reason.clone()),
    }
}

pub(crate) async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
) -> Answer {
    let Some(dossier) = Scope::of(&account).one(&site.database, &id).await? else {
        return Ok(reply::not_there().await);
    };
    page(&site, &visitor, &account, &dossier, None).await
}

pub(super) async fn page(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    dossier: &Dossier,
    notice: Option<&str>,
) -> Answer {
    page_with(site, visitor, account, dossier, notice, Default::default()).await
}

/// The page, with what was typed into the confidential part and not taken.
pub(super) async fn page_with(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    dossier: &Dossier,
    notice: Option<&str>,
    typed: (String, String),
) -> Answer {
    let scope = Scope::of(account);
    let Position { live, known, away } = work_of(site, account).position(dossier).await?;
    let acts = scope.acts(&site.database, &dossier.id).await?;
    let stage = Stage::of(&acts, known.as_ref());
    let confidential = match &known {
        Some(known) => Some(confidential::part(site, account, known, stage, typed).await?),
        None => None,
    };
    let page = ApplicationPage {
        confidential,
        frame: visitor.frame(),
        shown: summary(dossier, known.as_ref(), stage),
        notice: notice.map(str::to_owned),
        away: away.filter(|_| stage != Stage::Draft),
        is_draft: stage == Stage::Draft && !acts.iter().any(|act| act.state == "done"),
        is_editable: stage.is_editable(),
        is_under_way: stage == Stage::UnderWay,
        may_withdraw: known.as_ref().is_some_and(|it| !is_over(&it.state)) && stage != Stage::Waiting,
        may_complain: known.is_some(),
        faults: work_of(site, account).faults(dossier).await?.len(),
        form: STEPS.iter().map(|step| (step.name, step.title, dossier.is_saved(step.name))).collect(),
        acts: acts.into_iter().map(Into::into).collect(),
        certificate: known.as_ref().filter(|it| it.state == "granted").and_then(|it| it.certificate.clone()),
        was_handed_in: scope.edition(&site.database, &dossier.id).await?.is_some(),
        steps: live.iter().flat_map(|it| it.steps.iter().rev()).map(ShownStep::of).collect(),
    };
    let status = if notice.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok(reply::page(status, &page))
}

/// Hands the application in, or a change of it: what was filled in is kept as it is hashed, and the call of the contract waits in
/// the outbox, in one change.
pub(crate) async fn submit(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(HandedIn { reason }): Sent<HandedIn>,
) -> Answer {
    let scope = Scope::of(&account);
    let Some(dossier) = scope.one(&site.database, &id).await? else {
        return Ok(reply::not_there().await);
    };
    let to_page = Redirect::to(&format!("/applications/{id}")).into_response();
    let notice = match work_of(&site, &account).submission(&dossier, reason.as_deref()).await? {
        Submission::NoApplicants => {
            "This portal has no organisation in whose name companies apply: its operator names one with --applicants."
        }
        Submission::Faulty(_) => {
            return Ok(Redirect::to(&format!("/applications/{id}/preview")).into_response());
        }
        // What was sent twice is done once, and shows what came of the first.
        Submission::Nothing => return Ok(to_page),
        Submission::Away => {
            "The ledger does not answer, so nobody knows where the application stands. Nothing was sent: try again later."
        }
        Submission::Unchanged => {
            "What you write is what the certification body has: there is no change to hand in."
        }
        Submission::NoReason => NO_REASON,
        Submission::Ready(Ready { step, argument, content, hash }) => {
            let body = dossier.body().unwrap_or_default();
            let new = NewAct { application: &id, version: dossier.version, body, step, argument: &argument };
            let asked = Asked { new, edition: Some((&content, &hash)), action: "application handed in" };
            return ask(&site, &visitor, &account, &dossier, asked).await;
        }
    };
    page(&site, &visitor, &account, &dossier, Some(notice)).await
}

const NO_REASON: &str = "Nothing was sent: say why in a sentence of at most 500 characters. Members of the ledger's channel read it.";

/// A call for the outbox, with what is handed in by it, and how the log names it.
pub(super) struct Asked<'a> {
    pub new: NewAct<'a>,
    pub edition: Option<(&'a str, &'a str)>,
    pub action: &'static str,
}

/// Puts a call into the outbox, and leads to the page that shows it; or says on it why not.
pub(super) async fn ask(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    dossier: &Dossier,
    Asked { new, edition, action }: Asked<'_>,
) -> Answer {
    let (scope, id) = (Scope::of(account), &dossier.id);
    let mut change = site.change_of(visitor).await?;
    let acted = scope.act(&mut change, &new, visitor.now).await?;
    if acted == Acted::Done {
        if let Some((content, hash)) = edition {
            scope.keep(&mut change, id, content, hash, visitor.now).await?;
        }
        change.record(&entry(visitor, &account.party, action, id, "waiting")).await?;
        change.commit().await?;
        site.acts.notify_one();
    } else {
        drop(change);
    }
    match refusal(acted) {
        Some(notice) => page(site, visitor, account, dossier, Some(notice)).await,
        None => Ok(Redirect::to(&format!("/applications/{id}")).into_response()),
    }
}

/// Why a call was not put into the outbox, where its page does not show it.
fn refusal(acted: Acted) -> Option<&'static str> {
    match acted {
        Acted::Done | Acted::Waiting => None,
        Acted::Stale => Some(
            "Something else was saved meanwhile, so nothing was sent. Look at the application, and try again.",
        ),
        Acted::Full => Some(
            "Your company has as many calls under way as it may have, so nothing was sent. Try again when the ledger has taken them.",
        ),
    }
}

pub(crate) async fn withdraw(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Reason { reason }): Sent<Reason>,
) -> Answer {
    let scope = Scope::of(&account);
    let Some(dossier) = scope.one(&site.database, &id).await? else {
        return Ok(reply::not_there().await);
    };
    let Some(reason) = reason_of(&reason) else {
        return page(&site, &visitor, &account, &dossier, Some(NO_REASON)).await;
    };
    let body = dossier.body().unwrap_or_default();
    // Before the change, which holds its lock and a connection: who waits for a second one in it would wait for those who wait
    // for the lock.
    let is_known = indexed(&site, &dossier).await?.is_some_and(|known| !is_over(&known.state));
    if !is_known {
        return Ok(Redirect::to(&format!("/applications/{id}")).into_response());
    }
    let new = NewAct { application: &id, version: dossier.version, body, step: "withdraw", argument: reason };
    let asked = Asked { new, edition: None, action: "withdrawal asked" };
    ask(&site, &visitor, &account, &dossier, asked).await
}

pub(crate) async fn discard(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    if !Scope::of(&account).discard(&mut change, &id).await? {
        return Ok(reply::not_there().await);
    }
    change.record(&entry(&visitor, &account.party, "draft discarded", &id, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/applications").into_response())
}

/// What was handed in last, byte for byte as it was hashed.
pub(crate) async fn dossier(
    State(site): State<Arc<Site>>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
) -> Answer {
    let Some((content, _)) = Scope::of(&account).edition(&site.database, &id).await? else {
        return Ok(reply::not_there().await);
    };
    Ok(reply::download(&format!("{id}.json"), "application/json", content))
}

/// The same answer as for a page that is not there, unless the dossier may be changed now.
pub(super) async fn editable(
    site: &Site,
    account: &Account,
    id: &str,
) -> Result<Result<(Dossier, Stage), Response>, super::reply::Failed> {
    let scope = Scope::of(account);
    let Some(dossier) = scope.one(&site.database, id).await? else {
        return Ok(Err(reply::not_there().await));
    };
    let stage = stage(site, account, &dossier).await?;
    Ok(match stage.is_editable() {
        true => Ok((dossier, stage)),
        false => Err(Redirect::to(&format!("/applications/{id}")).into_response()),
    })
}

async fn stage(site: &Site, account: &Account, dossier: &Dossier) -> Result<Stage, sqlx::Error> {
    let known = indexed(site, dossier).await?;
    Ok(Stage::of(&Scope::of(account).acts(&site.database, &dossier.id).await?, known.as_ref()))
}

/// Whether a dossier may be changed now.
pub(super) async fn is_editable(
    site: &Site,
    account: &Account,
    dossier: &Dossier,
) -> Result<bool, sqlx::Error> {
    Ok(stage(site, account, dossier).await?.is_editable())
}
