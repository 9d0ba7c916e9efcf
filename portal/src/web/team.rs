//! The people of a company: its owners invite, give roles and remove, everybody may leave.

use std::sync::Arc;

use accounts::{
    Change, PartyKind,
    people::{self, Account},
    store::{self, StoreError},
    team::{Outcome, Step, Team},
};
use axum::{
    Extension,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect},
};
use site::{
    Answer, Site, entry,
    forms::{self, Nothing, Sent},
    reply,
    visitor::{self, Visitor},
};
use views::{page::Frame, people::TeamPage};

use super::forms::{Invitation, StepOf, Withdrawn};

const LAST_OWNER: &str =
    "The company would be without an owner, so nothing was changed. Make somebody else an owner first.";

async fn page(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    problem: Option<(StatusCode, &str)>,
) -> Answer {
    let team = Team::of(account);
    let invited = match account.is_owner() {
        true => team.invited(&site.database, visitor.now).await?,
        false => Vec::new(),
    };
    let people = team.people(&site.database).await?;
    let page = TeamPage::of(visitor.frame(), account, problem.map(|(_, text)| text), people, invited);
    Ok(reply::page(problem.map_or(StatusCode::OK, |(status, _)| status), &page))
}

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    page(&site, &visitor, &account, None).await
}

/// The answer is the same whether or not the address has an account; what differs, its owner alone reads.
pub(crate) async fn invite(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(Invitation { email: typed, role }): Sent<Invitation>,
) -> Answer {
    let refuse = |text: &'static str| Some((StatusCode::UNPROCESSABLE_ENTITY, text));
    let Some(role) = PartyKind::Company.role(&role) else { return Ok(reply::not_there().await) };
    let Some(email) = forms::email(&typed) else {
        return page(&site, &visitor, &account, refuse("This is no e-mail address.")).await;
    };
    if site.is_tried_too_often(&email, visitor.now) {
        let problem = refuse("This address was tried too often. Wait a minute, then try again.");
        return page(&site, &visitor, &account, problem).await;
    }
    let mut change = site.change_of(&visitor).await?;
    let holder = people::holder(&mut change, &email).await?;
    let Some(token) = Team::of(&account).invite(&mut change, &email, role, visitor.now).await? else {
        drop(change);
        let problem = refuse("Your company has as many people and invitations as it may have.");
        return page(&site, &visitor, &account, problem).await;
    };
    let (base, party) = (&site.base, &account.party_name);
    let text = match holder {
        None => format!(
            "{} invites you to work for {party} at the NanoTrace portal, as {}.\n\nTo make your account, open this link within \
             a week:\n{base}/join?token={token}\n",
            account.name,
            with_article(role)
        ),
        Some(_) => format!(
            "{} invited you to work for {party} at the NanoTrace portal. This address has an account already, and an \
             account works for one company or organisation alone: answer with another address, or leave the other company first \
             and ask to be invited again.\n",
            account.name
        ),
    };
    store::post(&mut change, &email, "An invitation", &text, visitor.now).await?;
    let object = format!("{email} {role}");
    change.record(&entry(&visitor, &account.party, "invitation", &object, "mail sent")).await?;
    change.commit().await?;
    site.posted.notify_one();
    let text = "A mail with a link is on its way. The link works for a week.";
    Ok(reply::message(StatusCode::OK, visitor.frame(), "Invited", text))
}

fn with_article(role: &str) -> &'static str {
    match role {
        accounts::OWNER => "an owner",
        accounts::MEMBER => "a member",
        _ => "a reader",
    }
}

pub(crate) async fn withdraw(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(Withdrawn { email }): Sent<Withdrawn>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    if !Team::of(&account).withdraw(&mut change, &email).await? {
        return Ok(reply::not_there().await);
    }
    change.record(&entry(&visitor, &account.party, "invitation withdrawn", &email, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/team").into_response())
}

/// Another role, ownership handed over, or an end.
pub(crate) async fn change(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(person): Path<String>,
    Sent(StepOf { step, role }): Sent<StepOf>,
) -> Answer {
    let Some(step) = Step::read(&step, &role) else { return Ok(reply::not_there().await) };
    let object = match step {
        Step::Role(role) => format!("{person} {role}"),
        Step::HandOver | Step::Remove => person.clone(),
    };
    let team = Team::of(&account);
    let mut change = site.change_of(&visitor).await?;
    // Before the step: who is removed has no address afterwards.
    let address = people::address_of(&mut change, &person).await?.map(|(address, _)| address);
    match team.take(&mut change, &person, step, visitor.now).await? {
        Outcome::Nobody => return Ok(reply::not_there().await),
        Outcome::LastOwner => {
            drop(change);
            return refused(&site, &visitor, &account, step.action(), &object).await;
        }
        Outcome::Done => {}
    }
    change.record(&entry(&visitor, &account.party, step.action(), &object, "done")).await?;
    let address = address.unwrap_or_default();
    tell(&mut change, &team, &account, (&address, step), visitor.now).await?;
    change.commit().await?;
    site.posted.notify_one();
    match (step, person == account.id) {
        (Step::Remove, true) => Ok(gone(&site, &account)),
        _ => Ok(Redirect::to("/team").into_response()),
    }
}

/// Says why the company keeps its owner, and that somebody tried.
async fn refused(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    action: &'static str,
    object: &str,
) -> Answer {
    let mut change = site.change_of(visitor).await?;
    change.record(&entry(visitor, &account.party, action, object, "refused")).await?;
    change.commit().await?;
    page(site, visitor, account, Some((StatusCode::CONFLICT, LAST_OWNER))).await
}

/// By mail: the person, and the owners where it is about who is one. Somebody who got hold of an owner's session cannot hide it.
async fn tell(
    change: &mut Change,
    team: &Team<'_>,
    account: &Account,
    (address, step): (&str, Step),
    now: i64,
) -> Result<(), StoreError> {
    let (who, party) = (&account.name, &account.party_name);
    let text = match step {
        Step::Role(role) => {
            format!("{who} made you {} of {party} at the NanoTrace portal.\n", with_article(role))
        }
        Step::HandOver => {
            format!("{who} handed over {party} at the NanoTrace portal to you: you are an owner now.\n")
        }
        Step::Remove => format!(
            "{who} removed you from {party} at the NanoTrace portal. Your account ended; what you made stays with {party}.\n"
        ),
    };
    if address != account.email {
        store::post(change, address, "Your role", &text, now).await?;
    }
    let text = match step {
        Step::Role(role) => {
            format!("{who} made {address} {} of {party} at the NanoTrace portal.\n", with_article(role))
        }
        Step::HandOver => {
            format!("{who} handed over {party} at the NanoTrace portal to {address}, and is a member now.\n")
        }
        Step::Remove => format!("{who} removed {address} from {party} at the NanoTrace portal.\n"),
    };
    to_owners(change, team, &[address, &account.email], &text, now).await
}

/// To every owner but these, who know.
async fn to_owners(
    change: &mut Change,
    team: &Team<'_>,
    known: &[&str],
    text: &str,
    now: i64,
) -> Result<(), StoreError> {
    for owner in team.owners(change).await?.iter().filter(|it| !known.contains(&it.as_str())) {
        store::post(change, owner, "The people of your company", text, now).await?;
    }
    Ok(())
}

pub(crate) async fn leave(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    const ACTION: &str = "company left";
    let team = Team::of(&account);
    let mut change = site.change_of(&visitor).await?;
    match team.leave(&mut change, visitor.now).await? {
        Outcome::Nobody => return Ok(reply::not_there().await),
        Outcome::LastOwner => {
            drop(change);
            return refused(&site, &visitor, &account, ACTION, &account.id).await;
        }
        Outcome::Done => {}
    }
    change.record(&entry(&visitor, &account.party, ACTION, &account.id, "done")).await?;
    let party = &account.party_name;
    let text = format!("{} ({}) left {party} at the NanoTrace portal.\n", account.name, account.email);
    to_owners(&mut change, &team, &[], &text, visitor.now).await?;
    let text = format!(
        "You left {party} at the NanoTrace portal. Your account ended; what you made stays with {party}.\n"
    );
    store::post(&mut change, &account.email, "You left", &text, visitor.now).await?;
    change.commit().await?;
    site.posted.notify_one();
    Ok(gone(&site, &account))
}

/// For somebody whose account has just ended.
fn gone(site: &Site, account: &Account) -> axum::response::Response {
    let text = format!("You left {}, and are logged out. What you made stays with it.", account.party_name);
    let mut response = reply::message(StatusCode::OK, Frame::plain(), "You left", &text);
    if let Some(cookie) = visitor::session_cookie(&site.base, None) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
