//! Passkeys: they are made, named and removed by their owners, and log them in.

use std::sync::Arc;

use accounts::{
    Change,
    passkeys::{
        self, LoginAnswer, Owner, Refused, RegistrationAnswer,
        store::{self, Purpose},
    },
    people::{self, Account},
    store::{StoreError, end_other_sessions, post},
};
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use site::{
    Answer, Site, entry,
    forms::{self, Nothing, Sent},
    limits, reply,
    visitor::Visitor,
};
use views::page::{Field, PasskeyForm, PasskeyPage};

use super::{
    entrance::{self, log_in_as},
    forms::{Back, NewName, NewPasskey, PasskeyLogin},
    own,
};

const NOT_TAKEN: &str = "The passkey was not taken. Load the page again, and try once more.";

/// The form that makes a passkey.
pub(super) fn making_form(next: &str) -> PasskeyForm {
    let mut name = Field::text("name", "A name for it", "off", "");
    name.hint = "Such as: work laptop, key on my ring.";
    PasskeyForm {
        action: "/passkeys",
        kind: "create",
        challenge: "/passkeys/challenge",
        fields: vec![name, Field::hidden("next", next)],
        button: "Make a passkey",
    }
}

/// The form that logs in by a passkey.
pub(super) fn login_form(next: &str) -> PasskeyForm {
    PasskeyForm {
        action: "/login/passkey",
        kind: "get",
        challenge: "/login/passkey/challenge",
        fields: vec![Field::hidden("next", next)],
        button: "Log in with a passkey",
    }
}

/// Where people of organisations are led whose session did not begin with a passkey: they may do nothing else before.
async fn gate(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    next: &str,
    problem: Option<&str>,
) -> Answer {
    let has_one = !store::of_account(&site.database, &account.id).await?.is_empty();
    let page = PasskeyPage {
        frame: visitor.frame(),
        title: if has_one { "Show your passkey" } else { "Make a passkey" },
        lead: if has_one {
            "The people of organisations log in with a passkey. If yours is lost, ask your administrator to remove it."
        } else {
            "The people of organisations log in with a passkey: a key that stays in this device, in a telephone or on a \
             stick, and that nobody can ask you for. Make one now; you need it for everything else here."
        },
        problem: problem.map(str::to_owned),
        form: if has_one { login_form(next) } else { making_form(next) },
    };
    let status = reply::status(problem);
    Ok(reply::with_script(reply::page(status, &page)))
}

pub(crate) async fn show_gate(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(Back { next }): Query<Back>,
) -> Answer {
    let next = forms::next(&next);
    if !visitor.lacks_passkey() {
        return Ok(Redirect::to(next).into_response());
    }
    gate(&site, &visitor, &account, next, None).await
}

fn json(options: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], options.to_string()).into_response()
}

/// What the browser gets to make a passkey. Who has one makes another one only after showing it.
pub(crate) async fn begin_making(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let present = store::credentials(&site.database, &account.id).await?;
    if !visitor.by_passkey && !present.is_empty() {
        return Ok(reply::not_there().await);
    }
    let owner = Owner { account: &account.id, email: &account.email, name: &account.name };
    let challenge = passkeys::challenge()?;
    let options = site.relying_party.registration(&challenge, &owner, &present)?;
    let token = &visitor.form_token;
    store::keep_challenge(&site.database, Purpose::Register, &challenge, token, visitor.now).await?;
    Ok(json(&options))
}

pub(crate) async fn make(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(NewPasskey { name: typed, credential, next }): Sent<NewPasskey>,
) -> Answer {
    let next = forms::next(&next);
    let Some(name) = forms::name(&typed) else {
        return problem(&site, &visitor, &account, next, "A name has 1 to 100 characters.").await;
    };
    let mut change = site.change_of(&visitor).await?;
    match take_made(&site, &mut change, &visitor, &account, &name, &credential).await {
        Ok(()) => {}
        Err(StoreError::Passkey(reason)) => {
            tracing::debug!(%reason, "a passkey was not made");
            change.record(&entry(&visitor, &account.party, "passkey made", &account.id, "refused")).await?;
            change.commit().await?;
            return problem(&site, &visitor, &account, next, NOT_TAKEN).await;
        }
        Err(error) => return Err(error.into()),
    }
    change.record(&entry(&visitor, &account.party, "passkey made", &account.id, "done")).await?;
    tell(&mut change, &visitor, &account, "A passkey was added to your account", &name).await?;
    site.posted.notify_one();
    if !visitor.by_passkey {
        // It is trusted at its first use, as far as the password that led here: nothing signs the challenge of a
        // registration without attestation. From now on this session is as good as a login with it.
        return log_in_as(&site, change, &account.id, &visitor, next, true).await;
    }
    change.commit().await?;
    Ok(Redirect::to("/account").into_response())
}

/// Puts the passkey that a browser made into the database.
async fn take_made(
    site: &Site,
    change: &mut Change,
    visitor: &Visitor,
    account: &Account,
    name: &str,
    json: &str,
) -> Result<(), StoreError> {
    let answer = RegistrationAnswer::read(json)?;
    let (token, now) = (&visitor.form_token, visitor.now);
    store::take_challenge(change, Purpose::Register, answer.challenge(), token, now).await?;
    let credential = site.relying_party.registered(&answer)?;
    let count = store::count(change, &account.id).await?;
    if count >= limits::PASSKEYS || (count > 0 && !visitor.by_passkey) {
        return Err(Refused::new("the account has passkeys already").into());
    }
    match store::add(change, &account.id, name, &credential, now).await? {
        true => Ok(()),
        false => Err(Refused::new("the credential belongs to an account already").into()),
    }
}

/// Says by mail what became of an account's passkeys.
async fn tell(
    change: &mut Change,
    visitor: &Visitor,
    account: &Account,
    subject: &str,
    name: &str,
) -> Result<(), StoreError> {
    let text = format!(
        "{subject}: {name}\n\nIf it was not you, tell your administrator, or an owner of your company.\n"
    );
    post(change, &account.email, subject, &text, visitor.now).await
}

/// The page that a form about passkeys came from, with what was wrong.
async fn problem(site: &Site, visitor: &Visitor, account: &Account, next: &str, text: &str) -> Answer {
    if visitor.lacks_passkey() {
        return gate(site, visitor, account, next, Some(text)).await;
    }
    own::page(site, visitor, account, Some(text)).await
}

pub(crate) async fn rename(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(passkey): Path<String>,
    Sent(NewName { name: typed }): Sent<NewName>,
) -> Answer {
    let Some(name) = forms::name(&typed) else {
        return own::page(&site, &visitor, &account, Some("A name has 1 to 100 characters.")).await;
    };
    let mut change = site.change_of(&visitor).await?;
    if !store::rename(&mut change, &account.id, &passkey, &name).await? {
        return Ok(reply::not_there().await);
    }
    change.record(&entry(&visitor, &account.party, "passkey named", &passkey, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/account").into_response())
}

pub(crate) async fn remove(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(passkey): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    if !store::remove(&mut change, &account.id, &passkey).await? {
        return Ok(reply::not_there().await);
    }
    if !visitor.by_passkey {
        drop(change);
        let text = "Log in with a passkey to remove one.";
        return own::page(&site, &visitor, &account, Some(text)).await;
    }
    if account.is_staff() && store::count(&mut change, &account.id).await? == 0 {
        drop(change);
        let text = "It is your only passkey, and you need one here. Make another one first.";
        return own::page(&site, &visitor, &account, Some(text)).await;
    }
    // Who has the removed passkey may have begun a session with it.
    let session = visitor.session.as_deref().unwrap_or_default();
    end_other_sessions(&mut change, &account.id, session).await?;
    change.record(&entry(&visitor, &account.party, "passkey removed", &passkey, "done")).await?;
    tell(&mut change, &visitor, &account, "A passkey was removed from your account", "").await?;
    change.commit().await?;
    site.posted.notify_one();
    Ok(Redirect::to("/account").into_response())
}

/// What the browser gets to log in: it names no account, so it tells nothing of any.
pub(crate) async fn begin_login(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let challenge = passkeys::challenge()?;
    let token = &visitor.form_token;
    store::keep_challenge(&site.database, Purpose::Login, &challenge, token, visitor.now).await?;
    Ok(json(&site.relying_party.login(&challenge)))
}

pub(crate) async fn log_in(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(PasskeyLogin { credential, next }): Sent<PasskeyLogin>,
) -> Answer {
    let next = forms::next(&next);
    let mut change = site.database.change().await?;
    match shown(&site, &mut change, &visitor, &credential).await {
        Ok((account, party)) => {
            let mut entry = entry(&visitor, &party, "login by passkey", &account, "done");
            entry.actor.clone_from(&account);
            change.record(&entry).await?;
            log_in_as(&site, change, &account, &visitor, next, true).await
        }
        Err(StoreError::Passkey(reason)) => {
            tracing::debug!(%reason, "a passkey was refused");
            change.record(&entry(&visitor, "", "login by passkey", "", "refused")).await?;
            change.commit().await?;
            Ok(entrance::login_page(&visitor, "", next, Some("The passkey was not accepted.")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whose passkey signed the challenge of this browser: account and party.
async fn shown(
    site: &Site,
    change: &mut Change,
    visitor: &Visitor,
    json: &str,
) -> Result<(String, String), StoreError> {
    let answer = LoginAnswer::read(json)?;
    let (token, now) = (&visitor.form_token, visitor.now);
    store::take_challenge(change, Purpose::Login, answer.challenge(), token, now).await?;
    let found = store::credential(change, answer.credential()).await?;
    let (account, passkey) = found.ok_or_else(|| Refused::new("there is no such passkey"))?;
    let counter = site.relying_party.shown(&answer, &account, &passkey)?;
    let party = people::party_of(change, &account).await?;
    let party = party.ok_or_else(|| Refused::new("the account is disabled"))?;
    store::mark_used(change, &passkey.id, counter, now).await?;
    Ok((account, party))
}
