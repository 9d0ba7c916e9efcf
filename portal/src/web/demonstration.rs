//! Pages that a demonstration has and no other portal: the links that let somebody in as anybody, and the mails that nobody
//! gets.

use std::sync::Arc;

use accounts::{
    people,
    store::{self, Link, Purpose},
};
use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
};
use site::{Answer, Site, entry, forms::Sent, reply, spent_link, visitor::Visitor};
use views::{
    demonstration::{OutboxPage, ShownMail},
    page::{Field, FormOf, FormPage},
};

use super::{
    entrance::log_in_as,
    forms::{Confirmation, Token},
};

fn welcomed(link: &Link) -> Option<&str> {
    link.account.as_deref().filter(|_| link.purpose == Purpose::Welcome)
}

pub(super) async fn show_welcome(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Query(Token { token }): Query<Token>,
) -> Answer {
    let link = store::link(&site.database, &token, visitor.now).await?;
    let Some(account) = link.as_ref().and_then(welcomed) else { return Ok(spent_link(&visitor)) };
    let account = people::account(&site.database, account).await?;
    let Some(account) = account else { return Ok(spent_link(&visitor)) };
    let roles = account.roles.join(", ");
    let page = FormPage {
        frame: visitor.frame(),
        title: "Come in",
        lead: format!("As {}, who works for {} ({roles}).", account.name, account.party_name),
        problem: None,
        form: FormOf { action: "/welcome", fields: vec![Field::hidden("token", &token)], button: "Log in" },
        links: Vec::new(),
    };
    Ok(reply::page(StatusCode::OK, &page))
}

pub(super) async fn welcome(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(Confirmation { token }): Sent<Confirmation>,
) -> Answer {
    let mut change = site.database.change().await?;
    let link = store::use_link(&mut change, &token, visitor.now).await?;
    let Some(account) = link.as_ref().and_then(welcomed) else { return Ok(spent_link(&visitor)) };
    let Some(party) = people::party_of(&mut change, account).await? else { return Ok(spent_link(&visitor)) };
    let mut entry = entry(&visitor, &party, "login by link", account, "done");
    entry.actor = account.to_owned();
    change.record(&entry).await?;
    log_in_as(&site, change, account, &visitor, "/", false).await
}

pub(super) async fn outbox(State(site): State<Arc<Site>>, Extension(visitor): Extension<Visitor>) -> Answer {
    let mails = store::newest_mails(&site.database, &site.places()).await?;
    let shown = |mail| ShownMail::of(mail, &site.base);
    let page = OutboxPage { frame: visitor.frame(), mails: mails.into_iter().map(shown).collect() };
    Ok(reply::page(StatusCode::OK, &page))
}
