//! What somebody is told of.

use std::sync::Arc;

use accounts::people::Account;
use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use dossiers::notices::Inbox;
use site::{
    Answer, Site, entry,
    forms::{Nothing, Sent},
    reply,
    visitor::Visitor,
};
use views::notices::NoticesPage;

use super::forms::ReadUntil;

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    let notices = Inbox::of(&account).all(&site.database).await?;
    Ok(reply::page(StatusCode::OK, &NoticesPage::of(visitor.frame(), notices)))
}

pub(crate) async fn read_one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(notice): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    if !Inbox::of(&account).read_one(&mut change, &notice, visitor.now).await? {
        return Ok(reply::not_there().await);
    }
    change.record(&entry(&visitor, &account.party, "notification read", &notice, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/notifications").into_response())
}

pub(crate) async fn read_all(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(ReadUntil { until }): Sent<ReadUntil>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    Inbox::of(&account).read_all(&mut change, until, visitor.now).await?;
    change.record(&entry(&visitor, &account.party, "notifications read", "", "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/notifications").into_response())
}
