//! What people do with their own accounts: address, password, sessions.

use std::sync::Arc;

use accounts::{
    clients, passkeys, passwords,
    people::{self, Account},
    store::{self, Link, Purpose},
    wallets as wallet_store,
};
use axum::{
    Extension,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect},
};
use site::{
    Answer, Site, entry,
    forms::{self, Nothing, Sent},
    reply, spent_link,
    visitor::{self, Visitor},
};
use views::{
    account::{AccountPage, ShownSession, ShownWallet},
    page::{Field, FormOf, FormPage},
};

use super::{
    forms::{Confirmation, EndedSession, NewEmail, NewPassword, Token},
    keys, wallets,
};

pub(super) async fn page(site: &Site, visitor: &Visitor, account: &Account, notice: Option<&str>) -> Answer {
    let sessions = store::sessions_of(&site.database, &account.id, visitor.now).await?;
    let passkeys = passkeys::store::of_account(&site.database, &account.id).await?;
    let own_wallets = wallet_store::of_account(&site.database, &account.id).await?;
    let own_clients = clients::of_account(&site.database, &account.id, visitor.now).await?;
    // A password alone is no way to the passkeys that there are.
    let may_change = visitor.by_passkey || passkeys.is_empty();
    let shown = |session| ShownSession::of(session, visitor.session.as_deref());
    let mut new_email = Field::text("email", "New e-mail address", "email", "");
    new_email.kind = "email";
    let page = AccountPage {
        frame: visitor.frame(),
        account: account.clone(),
        notice: notice.map(str::to_owned),
        passkey: if may_change { keys::making_form("/account") } else { keys::login_form("/account") },
        passkeys: passkeys.into_iter().map(Into::into).collect(),
        wallets: own_wallets
            .into_iter()
            .map(|it| ShownWallet::of(wallets::spoken(&it.address), it))
            .collect(),
        wallet: may_change.then(wallets::linking_form),
        clients: own_clients.into_iter().map(Into::into).collect(),
        may_change,
        sessions: sessions.into_iter().map(shown).collect(),
        email: FormOf {
            action: "/account/email",
            fields: vec![new_email, Field::password("password", "Password")],
            button: "Send a link to the new address",
        },
        password: FormOf {
            action: "/account/password",
            fields: vec![Field::password("old", "Old password"), Field::new_password("new", "New password")],
            button: "Take this password",
        },
    };
    let status = reply::status(notice);
    Ok(reply::with_script(reply::page(status, &page)))
}

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    page(&site, &visitor, &account, None).await
}

/// Why a password that was typed for a change of the account does not count.
async fn refuses(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    password: String,
) -> Result<Option<&'static str>, sqlx::Error> {
    if site.is_tried_too_often(&account.email, visitor.now) {
        return Ok(Some("The password was tried too often. Wait a minute, then try again."));
    }
    let found = people::credentials(&site.database, &account.email).await?;
    let hash = found.as_ref().map(|found| found.password.as_str());
    let is_right = site.passwords.is_right(password, hash).await;
    Ok((!is_right).then_some("The password is not right."))
}

/// Sends a link to the new address; the old one stays until it is used.
pub(crate) async fn change_email(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(NewEmail { email: typed, password }): Sent<NewEmail>,
) -> Answer {
    let Some(email) = forms::email(&typed) else {
        return page(&site, &visitor, &account, Some("This is no e-mail address.")).await;
    };
    if let Some(reason) = refuses(&site, &visitor, &account, password).await? {
        return page(&site, &visitor, &account, Some(reason)).await;
    }
    let mut change = site.change_of(&visitor).await?;
    let holder = people::holder(&mut change, &email).await?;
    let link = Link::to(Purpose::Email, Some(account.id.clone()), &email);
    let token = store::create_link(&mut change, &link, visitor.now).await?;
    let base = &site.base;
    let text = match holder {
        None => format!(
            "Somebody, probably you, wants to use this address for an account of the NanoTrace portal.\n\nTo confirm it, \
             open this link within an hour:\n{base}/confirm?token={token}\n"
        ),
        Some(_) => "Somebody wanted to use this address for another account of the NanoTrace portal. It has one already, \
                    and nothing changes.\n"
            .to_owned(),
    };
    store::post(&mut change, &email, "Your new address", &text, visitor.now).await?;
    change
        .record(&entry(&visitor, &account.party, "change of address asked", &account.id, "mail sent"))
        .await?;
    change.commit().await?;
    site.posted.notify_one();
    let text = "If the new address is right, a mail with a link is on its way to it. Until it is used, the old one stays.";
    Ok(reply::message(StatusCode::OK, visitor.frame(), "Look into your mail", text))
}

pub(crate) async fn show_confirmation(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Query(Token { token }): Query<Token>,
) -> Answer {
    let link = store::link(&site.database, &token, visitor.now).await?;
    let Some(link) = link.filter(|link| link.purpose == Purpose::Email) else {
        return Ok(spent_link(&visitor));
    };
    let page = FormPage {
        frame: visitor.frame(),
        title: "Confirm your new address",
        lead: format!("From then on you log in as {}.", link.email),
        problem: None,
        form: FormOf { action: "/confirm", fields: vec![Field::hidden("token", &token)], button: "Confirm" },
        links: Vec::new(),
    };
    Ok(reply::page(StatusCode::OK, &page))
}

pub(crate) async fn confirm_email(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(Confirmation { token }): Sent<Confirmation>,
) -> Answer {
    let mut change = site.database.change().await?;
    let link = store::use_link(&mut change, &token, visitor.now).await?;
    let link = link.filter(|link| link.purpose == Purpose::Email);
    let (Some(account), email) = (link.as_ref().and_then(|it| it.account.clone()), link.map(|it| it.email))
    else {
        return Ok(spent_link(&visitor));
    };
    let email = email.unwrap_or_default();
    let before = people::address_of(&mut change, &account).await?;
    let is_taken = people::holder(&mut change, &email).await?.is_some();
    let Some((before, party)) = before.filter(|_| !is_taken) else { return Ok(spent_link(&visitor)) };
    people::set_email(&mut change, &account, &email).await?;
    store::end_links(&mut change, &account, Purpose::Recover).await?;
    store::end_links(&mut change, &account, Purpose::Email).await?;
    let text = format!(
        "Your account of the NanoTrace portal has another address from now on: {email}\n\nIf it was not you, tell your \
         administrator, or an owner of your company.\n"
    );
    store::post(&mut change, &before, "Your address was changed", &text, visitor.now).await?;
    let mut entry = entry(&visitor, &party, "address changed", &account, "done");
    entry.actor.clone_from(&account);
    change.record(&entry).await?;
    change.commit().await?;
    site.posted.notify_one();
    let text = "Your new address is confirmed. Log in with it from now on.";
    Ok(reply::message(StatusCode::OK, visitor.frame(), "Done", text))
}

/// The other sessions end, and so does a change of address that was asked for: who knew the old password is out.
pub(crate) async fn change_password(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(NewPassword { old, new }): Sent<NewPassword>,
) -> Answer {
    if let Some(reason) = passwords::refusal(&new, &account.email, &account.name) {
        return page(&site, &visitor, &account, Some(&reason)).await;
    }
    if let Some(reason) = refuses(&site, &visitor, &account, old).await? {
        return page(&site, &visitor, &account, Some(reason)).await;
    }
    let hash = site.passwords.hash(new).await?;
    let mut change = site.change_of(&visitor).await?;
    people::set_password(&mut change, &account.id, &hash).await?;
    store::end_links(&mut change, &account.id, Purpose::Recover).await?;
    store::end_links(&mut change, &account.id, Purpose::Email).await?;
    store::end_other_sessions(&mut change, &account.id, visitor.session.as_deref().unwrap_or_default())
        .await?;
    change.record(&entry(&visitor, &account.party, "password changed", &account.id, "done")).await?;
    change.commit().await?;
    let text = "Your password is changed, and your other sessions are ended.";
    Ok(reply::message(StatusCode::OK, visitor.frame(), "Done", text))
}

pub(crate) async fn end_session(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(EndedSession { session }): Sent<EndedSession>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    if !store::end_session(&mut change, &account.id, &session).await? {
        return Ok(reply::not_there().await);
    }
    change.record(&entry(&visitor, &account.party, "session ended", &session, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/account").into_response())
}

pub(crate) async fn log_out(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    store::end_session(&mut change, &account.id, visitor.session.as_deref().unwrap_or_default()).await?;
    change.record(&entry(&visitor, &account.party, "logout", &account.id, "done")).await?;
    change.commit().await?;
    let mut response = Redirect::to("/").into_response();
    if let Some(cookie) = visitor::session_cookie(&site.base, None) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
