//! A company's keys for the partner API: made, rotated and ended by its owners.

use std::sync::Arc;

use accounts::{
    Change,
    api_keys::{Keys, NewKey, SCOPES},
    people::Account,
    store::{self, StoreError},
    team::Team,
};
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect},
};
use site::{
    Answer, Site, entry,
    forms::{self, Nothing, Sent},
    reply,
    visitor::Visitor,
};
use views::people::ApiKeysPage;

use super::forms::{AnyFields, Rotated};

const DAY: i64 = 24 * 60 * 60;
/// Days for which a key may be made.
const DAYS: [i64; 3] = [30, 90, 365];
/// Hours for which a key that is rotated works longer.
const HOURS: [i64; 4] = [0, 1, 24, 168];

async fn page(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    problem: Option<&str>,
    made: Option<String>,
) -> Answer {
    let keys = Keys::of(account).all(&site.database, visitor.now).await?;
    let page = ApiKeysPage::of(visitor.frame(), account, problem, made, keys, (&DAYS, &HOURS));
    Ok(reply::page(reply::status(problem), &page))
}

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    page(&site, &visitor, &account, None, None).await
}

/// What was typed for a new key: its name, its scopes and its days.
fn wanted(typed: &[(String, String)]) -> Result<(String, Vec<&'static str>, i64), &'static str> {
    let (mut name, mut days, mut scopes) = (None, None, Vec::new());
    for (field, value) in typed {
        match field.as_str() {
            "name" => name = forms::name(value),
            "days" => days = DAYS.into_iter().find(|days| days.to_string() == *value),
            "scope" => {
                let scope = SCOPES.into_iter().find(|(scope, _)| scope == value);
                scopes.push(scope.ok_or("There is no such scope.")?.0);
            }
            _ => return Err("These are not the fields of the form."),
        }
    }
    scopes.dedup();
    let name = name.ok_or("A name has 1 to 100 characters.")?;
    let days = days.ok_or("A key is made for 30, 90 or 365 days.")?;
    match scopes.is_empty() {
        true => Err("Choose what the key may do."),
        false => Ok((name, scopes, days)),
    }
}

/// Shows the key once: the database has its hash.
pub(crate) async fn make(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(AnyFields(typed)): Sent<AnyFields>,
) -> Answer {
    let (name, scopes, days) = match wanted(&typed) {
        Ok(wanted) => wanted,
        Err(problem) => return page(&site, &visitor, &account, Some(problem), None).await,
    };
    let new = NewKey { name: &name, scopes: &scopes, seconds: days.saturating_mul(DAY) };
    let mut change = site.change_of(&visitor).await?;
    let Some(key) = Keys::of(&account).make(&mut change, &new, visitor.now).await? else {
        drop(change);
        let problem = "Your company has as many keys as it may have. End one first.";
        return page(&site, &visitor, &account, Some(problem), None).await;
    };
    let object = format!("{} {}", prefix(&key), scopes.join(" "));
    change.record(&entry(&visitor, &account.party, "api key made", &object, "done")).await?;
    tell(&mut change, &account, &format!("made the API key {} ({name})", prefix(&key)), visitor.now).await?;
    change.commit().await?;
    site.posted.notify_one();
    page(&site, &visitor, &account, None, Some(key)).await
}

/// What of a key is no secret.
fn prefix(key: &str) -> &str {
    key.rsplit_once('_').map_or("", |(prefix, _)| prefix)
}

pub(crate) async fn rotate(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Rotated { hours }): Sent<Rotated>,
) -> Answer {
    let Some(hours) = HOURS.into_iter().find(|it| *it == hours) else { return Ok(reply::not_there().await) };
    let mut change = site.change_of(&visitor).await?;
    let overlap = hours.saturating_mul(60 * 60);
    let Some(key) = Keys::of(&account).rotate(&mut change, &id, overlap, visitor.now).await? else {
        return Ok(reply::not_there().await);
    };
    let object = format!("{id} {} {hours} hours", prefix(&key));
    change.record(&entry(&visitor, &account.party, "api key rotated", &object, "done")).await?;
    tell(&mut change, &account, &format!("rotated an API key: {}", prefix(&key)), visitor.now).await?;
    change.commit().await?;
    site.posted.notify_one();
    page(&site, &visitor, &account, None, Some(key)).await
}

pub(crate) async fn end(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    if !Keys::of(&account).end(&mut change, &id, visitor.now).await? {
        return Ok(reply::not_there().await);
    }
    change.record(&entry(&visitor, &account.party, "api key ended", &id, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/team/keys").into_response())
}

/// Tells every owner: who got hold of a session makes no key unseen.
async fn tell(change: &mut Change, account: &Account, what: &str, now: i64) -> Result<(), StoreError> {
    let text = format!(
        "{} {what} of {} at the NanoTrace portal.\n\nIf that was not meant to be, end it under Team, API keys.\n",
        account.name, account.party_name
    );
    for owner in Team::of(account).owners(change).await? {
        store::post(change, &owner, "A key of your company", &text, now).await?;
    }
    Ok(())
}
