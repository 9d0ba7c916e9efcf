//! Pages that a demonstration has and no other portal: the links that let somebody in as anybody, and the mails that nobody
//! gets.

use std::sync::Arc;

use accounts::{
    people,
    store::{self, Link, Purpose},
};
use axum::{
    Extension,
    body::Body,
    extract::{Query, State},
    http::{StatusCode, header},
    response::Response,
};
use http_body_util::BodyExt;

use super::{
    Site,
    entrance::{Answer, entry, log_in_as, spent_link},
    forms::{Confirmation, Sent, Token},
    reply,
    visitor::Visitor,
};
use views::{
    demonstration::{OutboxPage, ShownMail},
    page::{Field, FormOf, FormPage},
};

/// Where `base.html` leaves room for a notice.
const ROOM: &str = "<!-- notice -->";
const NOTICE: &str = "<p class=\"demonstration\">Demonstration: one portal serves all organisations, and signs for the bodies, \
                      here; elsewhere each has its own. Mails go to the <a href=\"/outbox\">outbox</a>.</p>";

/// The answer, which says that it is of a demonstration where it is a page.
pub(super) async fn noted(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        return Response::from_parts(parts, body);
    }
    let Ok(body) = body.collect().await else { return Response::from_parts(parts, Body::empty()) };
    let page = String::from_utf8_lossy(&body.to_bytes()).replacen(ROOM, NOTICE, 1);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(page))
}

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
