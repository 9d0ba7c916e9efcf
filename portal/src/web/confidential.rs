//! The confidential part of a company's application: kept here with its salts, handed in by the outbox, removed by the company. No
//! value goes into a log, a mail or the audit log.

use std::sync::Arc;

use accounts::people::Account;
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect},
};
use certificate::Code;
use confidential::{Added, Removed, Scope};
use desk::{Away, Confidential};
use dossiers::{
    outbox,
    store::{self, Dossier, Indexed, NewAct, Stage},
};
use site::{
    Answer, Site, entry,
    forms::{Nothing, Sent},
    reply,
    visitor::Visitor,
};
use views::application::ConfidentialPart;

use super::{
    applications::{Asked, ask, indexed, page, page_with},
    forms::{Confided, OfHash},
};

/// In these states the contract takes fields.
const OPEN: [&str; 2] = ["submitted", "returned"];

const AWAY: &str =
    "The ledger does not answer, so nobody knows what stands on it. Nothing was done: try again later.";

/// The confidential part as its company sees it.
pub(super) async fn part(
    site: &Site,
    account: &Account,
    known: &Indexed,
    stage: Stage,
    typed: (String, String),
) -> Result<ConfidentialPart, sqlx::Error> {
    let kept = Scope::of(account).all(&site.database, &known.id).await?;
    let record = record(site, &known.body, &known.id).await;
    let is_compared = record.is_ok();
    let mut part = ConfidentialPart::of(&known.body, kept, record.ok().flatten().as_ref(), is_compared);
    let has_applicants = site.organisations.applicants().is_some();
    part.is_open = has_applicants && OPEN.contains(&known.state.as_str()) && stage != Stage::Waiting;
    part.may_hand_in = part.is_open && is_compared && !part.new_ones().is_empty();
    part.typed = typed;
    Ok(part)
}

/// What the ledger has of it.
async fn record(site: &Site, body: &str, id: &str) -> Result<Option<Confidential>, Away> {
    let reader = site.organisations.reader_of(body);
    let reader = reader.ok_or_else(|| Away::Unreachable("this portal was started without one".to_owned()))?;
    match id.parse::<Code>() {
        Ok(code) => reader.confidential(body, code).await,
        Err(_) => Ok(None),
    }
}

/// The dossier with what the index has of it; none where there is no such one, or no body has it.
async fn found(site: &Site, account: &Account, id: &str) -> Result<Option<(Dossier, Indexed)>, sqlx::Error> {
    let Some(dossier) = store::Scope::of(account).one(&site.database, id).await? else { return Ok(None) };
    let known = indexed(site, &dossier).await?;
    Ok(known.map(|known| (dossier, known)))
}

/// Keeps a field with a salt. Nothing leaves the portal.
pub(crate) async fn keep(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Confided { name, confidential }): Sent<Confided>,
) -> Answer {
    let (found, code) = (found(&site, &account, &id).await?, id.parse::<Code>());
    let (Some((dossier, known)), Ok(code)) = (found, code) else { return Ok(reply::not_there().await) };
    let added = match OPEN.contains(&known.state.as_str()) {
        true => {
            let mut change = site.change_of(&visitor).await?;
            let scope = Scope::of(&account);
            let added = scope.add(&mut change, code, &name, &confidential, visitor.now).await?;
            if added == Added::Done {
                change
                    .record(&entry(&visitor, &account.party, "confidential field kept", &id, "done"))
                    .await?;
                change.commit().await?;
            }
            added
        }
        false => Added::Refused("is taken while the application is submitted or returned alone"),
    };
    let notice = match added {
        Added::Done => return Ok(to_part(&id).into_response()),
        Added::Named => "There is a field of this name already, and what is handed in is never changed. Give this one another name.".to_owned(),
        Added::Full => "The application has 32 fields, and no more are taken.".to_owned(),
        Added::Refused(rule) => format!("The field was not kept: it {rule}."),
    };
    page_with(&site, &visitor, &account, &dossier, Some(&notice), (name, confidential)).await
}

fn to_part(id: &str) -> Redirect {
    Redirect::to(&format!("/applications/{id}#confidential"))
}

/// Lets the outbox hand in what is kept here and is not on the ledger.
pub(crate) async fn hand_in(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let Some((dossier, known)) = found(&site, &account, &id).await? else {
        return Ok(reply::not_there().await);
    };
    let Ok(record) = record(&site, &known.body, &id).await else {
        return page(&site, &visitor, &account, &dossier, Some(AWAY)).await;
    };
    let kept = Scope::of(&account).all(&site.database, &id).await?;
    let hashes = ConfidentialPart::of(&known.body, kept, record.as_ref(), true).new_ones();
    if hashes.is_empty() || !OPEN.contains(&known.state.as_str()) {
        // What was sent twice is done once, and shows what came of the first.
        return Ok(to_part(&id).into_response());
    }
    let argument = outbox::hashes_to_argument(&hashes);
    let new = NewAct {
        application: &id,
        version: dossier.version,
        body: &known.body,
        step: "confide",
        argument: &argument,
    };
    let asked = Asked { new, edition: None, action: "confidential part handed in" };
    ask(&site, &visitor, &account, &dossier, asked).await
}

/// Removes the portal's copy of a field. On the ledger, and with the two bodies, it stays as it is.
pub(crate) async fn remove(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(OfHash { hash }): Sent<OfHash>,
) -> Answer {
    let Some((dossier, known)) = found(&site, &account, &id).await? else {
        return Ok(reply::not_there().await);
    };
    // Where the ledger does not answer, the name stays: it may be that of a field which is on it.
    let record = record(&site, &known.body, &id).await;
    let is_on_ledger = match &record {
        Ok(record) => record.as_ref().is_some_and(|it| it.fields.contains(&hash)),
        Err(_) => true,
    };
    let mut change = site.change_of(&visitor).await?;
    match Scope::of(&account).remove(&mut change, &id, &hash, is_on_ledger).await? {
        Removed::Nothing => return Ok(reply::not_there().await),
        Removed::Waiting => {
            drop(change);
            let notice =
                "It is on its way to the ledger, so nothing was removed. Try again when it is there.";
            return page(&site, &visitor, &account, &dossier, Some(notice)).await;
        }
        Removed::Done => {}
    }
    let object = format!("{id} {hash}");
    change.record(&entry(&visitor, &account.party, "confidential field removed", &object, "done")).await?;
    change.commit().await?;
    site.database.empty_log().await?;
    Ok(to_part(&id).into_response())
}

/// The fields that are kept here with their salts, as `nanotrace application confide --keep` writes them.
pub(crate) async fn download(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
) -> Answer {
    let kept = Scope::of(&account).all(&site.database, &id).await?;
    let fields: Vec<_> = kept.into_iter().filter_map(|field| field.private).collect();
    if fields.is_empty() {
        return Ok(reply::not_there().await);
    }
    let mut change = site.change_of(&visitor).await?;
    change.record(&entry(&visitor, &account.party, "confidential part downloaded", &id, "done")).await?;
    change.commit().await?;
    let content = serde_json::to_string_pretty(&fields).unwrap_or_default();
    Ok(reply::download(&format!("{id}-confidential.json"), "application/json", content))
}
