//! Pages for who is not logged in: registration, joining, login, recovery. None of them tells whether an address has an
//! account.

use std::sync::Arc;

use accounts::{
    Change, OWNER, PartyKind, passkeys, passwords,
    people::{self, Credentials, NewAccount},
    secret,
    store::{self, Link, NewSession, Purpose, StoreError},
    team, wallets as wallet_store,
};
use axum::{
    Extension,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use site::{
    Answer, Site, entry,
    forms::{self, Sent},
    reply, spent_link,
    visitor::{self, Visitor},
};
use views::page::{Field, FormOf, FormPage, FrontPage, LoginPage};

use super::{
    forms::{Back, Joining, Login, Recovery, Registration, Reset, Token},
    keys, wallets,
};

const TOO_OFTEN: &str = "This address was tried too often. Wait a minute, then try again.";

pub(crate) async fn front(Extension(visitor): Extension<Visitor>) -> Response {
    if visitor.lacks_passkey() {
        return Redirect::to("/passkey").into_response();
    }
    let account = visitor.account.clone();
    reply::page(StatusCode::OK, &FrontPage { frame: visitor.frame(), account })
}

fn registration_page(visitor: &Visitor, typed: &Registration, problem: Option<&str>) -> Response {
    let page = FormPage {
        frame: visitor.frame(),
        title: "Register a company",
        lead: "For companies that apply for certificates. Colleagues of a company that is here already, and the staff of \
               organisations, are invited by its owners and their administrators."
            .to_owned(),
        problem: problem.map(str::to_owned),
        form: FormOf {
            action: "/register",
            fields: vec![
                Field::email(&typed.email),
                Field::text("name", "Your name", "name", &typed.name),
                Field::text("company", "Company", "organization", &typed.company),
            ],
            button: "Send me a link",
        },
        links: vec![("/login", "Log in")],
    };
    reply::page(reply::status(problem), &page)
}

pub(crate) async fn show_registration(Extension(visitor): Extension<Visitor>) -> Response {
    let empty = Registration { email: String::new(), name: String::new(), company: String::new() };
    registration_page(&visitor, &empty, None)
}

/// Sends a link to the address. The account is made when the link is used: an account's address is its person's.
pub(crate) async fn register(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(typed): Sent<Registration>,
) -> Answer {
    match registration(&site, &visitor, &typed) {
        Ok(link) => send_registration(&site, site.database.change().await?, &visitor, &link).await,
        Err(problem) => Ok(registration_page(&visitor, &typed, Some(problem))),
    }
}

/// What was typed, as it is kept until its address is proven; or what is wrong with it.
pub(super) fn registration(
    site: &Site,
    visitor: &Visitor,
    typed: &Registration,
) -> Result<Link, &'static str> {
    let email = forms::email(&typed.email).ok_or("This is no e-mail address.")?;
    let (Some(name), Some(company)) = (forms::name(&typed.name), forms::name(&typed.company)) else {
        return Err("A name has 1 to 100 characters.");
    };
    if site.is_tried_too_often(&email, visitor.now) {
        return Err(TOO_OFTEN);
    }
    Ok(Link { name: Some(name), company: Some(company), ..Link::to(Purpose::Register, None, &email) })
}

/// The same for every address, whether or not it has an account.
pub(super) async fn send_registration(
    site: &Site,
    mut change: Change,
    visitor: &Visitor,
    link: &Link,
) -> Answer {
    let email = &link.email;
    let holder = people::holder(&mut change, email).await?;
    let token = store::create_link(&mut change, link, visitor.now).await?;
    let base = &site.base;
    let text = match holder {
        None => format!(
            "Somebody, probably you, registered this address with the NanoTrace portal.\n\nTo go on, open this link \
             within an hour:\n{base}/join?token={token}\n\nIf it was not you, do nothing: no account is made.\n"
        ),
        Some(_) => format!(
            "Somebody, probably you, registered this address with the NanoTrace portal. It has an account already.\n\n\
             Log in: {base}/login\nForgot the password? {base}/recover\n"
        ),
    };
    store::post(&mut change, email, "Your registration", &text, visitor.now).await?;
    change.record(&entry(visitor, "", "registration asked", "", "mail sent")).await?;
    change.commit().await?;
    site.posted.notify_one();
    let text = "If the address is right, a mail with a link is on its way to it. The link works for an hour.";
    Ok(reply::message(StatusCode::OK, visitor.frame(), "Look into your mail", text))
}

fn joining_page(visitor: &Visitor, token: &str, link: &Link, name: &str, problem: Option<&str>) -> Response {
    let mut name = Field::text("name", "Your name", "name", name);
    name.hint = "As your colleagues and the log of the portal shall know you.";
    let page = FormPage {
        frame: visitor.frame(),
        title: "Make your account",
        lead: format!(
            "Your address {} is proven. Choose a password.{}",
            link.email,
            of_wallet(visitor, link)
        ),
        problem: problem.map(str::to_owned),
        form: FormOf {
            action: "/join",
            fields: vec![Field::hidden("token", token), name, Field::new_password("password", "Password")],
            button: "Make the account",
        },
        links: Vec::new(),
    };
    reply::page(reply::status(problem), &page)
}

/// The wallet of a registration, where this browser showed it. Who registers an address of somebody else with a wallet of its own is
/// not let into what that person makes of the link.
fn own_wallet<'a>(visitor: &Visitor, link: &'a Link) -> Option<&'a str> {
    let is_here = link.browser.as_ref().is_some_and(|it| *it == secret::hashed(&visitor.form_token));
    link.wallet.as_deref().filter(|_| is_here)
}

fn of_wallet(visitor: &Visitor, link: &Link) -> String {
    match (own_wallet(visitor, link), &link.wallet) {
        (Some(wallet), _) => format!(" The wallet {} logs you in, too.", wallets::spoken(wallet)),
        (None, Some(_)) => " A wallet was shown in another browser: it is not linked. Link yours under \u{201c}Your account\u{201d} \
                            afterwards."
            .to_owned(),
        (None, None) => String::new(),
    }
}

fn is_for_joining(link: &Link) -> bool {
    matches!(link.purpose, Purpose::Register | Purpose::Invite)
}

pub(crate) async fn show_joining(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Query(Token { token }): Query<Token>,
) -> Answer {
    let link = store::link(&site.database, &token, visitor.now).await?.filter(is_for_joining);
    let Some(link) = link else { return Ok(spent_link(&visitor)) };
    let name = link.name.clone().unwrap_or_default();
    Ok(joining_page(&visitor, &token, &link, &name, None))
}

pub(crate) async fn join(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(Joining { token, name: typed, password }): Sent<Joining>,
) -> Answer {
    let link = store::link(&site.database, &token, visitor.now).await?.filter(is_for_joining);
    let Some(link) = link else { return Ok(spent_link(&visitor)) };
    let Some(name) = forms::name(&typed) else {
        return Ok(joining_page(&visitor, &token, &link, &typed, Some("A name has 1 to 100 characters.")));
    };
    if let Some(reason) = passwords::refusal(&password, &link.email, &name) {
        return Ok(joining_page(&visitor, &token, &link, &name, Some(&reason)));
    }
    let hash = site.passwords.hash(password).await?;
    let mut change = site.database.change().await?;
    let link = store::use_link(&mut change, &token, visitor.now).await?;
    let is_taken = people::holder(&mut change, link.as_ref().map_or("", |link| &link.email)).await?.is_some();
    let Some(link) = link.filter(|_| !is_taken) else { return Ok(spent_link(&visitor)) };
    if !is_still_meant(&mut change, &link).await? {
        return Ok(spent_link(&visitor));
    }
    let account = create_account(&mut change, &link, &name, &hash, &visitor).await?;
    if let Some(wallet) = own_wallet(&visitor, &link) {
        wallets::link_registered(&mut change, &visitor, &account, wallet).await?;
    }
    tell_sender(&mut change, &link, &name, visitor.now).await?;
    site.posted.notify_one();
    log_in_as(&site, change, &account, &visitor, "/account", false).await
}

/// Tells the owner of a company who sent an invitation that somebody came by it.
async fn tell_sender(change: &mut Change, link: &Link, name: &str, now: i64) -> Result<(), StoreError> {
    let (Some(sender), Some(party)) = (&link.account, &link.party) else { return Ok(()) };
    if people::party_kind(change, party).await? != Some(PartyKind::Company) {
        return Ok(());
    }
    let Some((address, _)) = people::address_of(change, sender).await? else { return Ok(()) };
    let role = link.role.as_deref().unwrap_or_default();
    let text =
        format!("{name} ({}) joined your company at the NanoTrace portal. Role: {role}.\n", link.email);
    store::post(change, &address, "The people of your company", &text, now).await
}

/// Whether who sent an invitation may still invite. Nobody here sent a registration, or what the command line printed.
async fn is_still_meant(change: &mut Change, link: &Link) -> Result<bool, sqlx::Error> {
    match (link.purpose, &link.account, &link.party) {
        (Purpose::Invite, Some(sender), Some(party)) => Ok(people::is_administrator(change, party, sender)
            .await?
            || team::is_owner(change, party, sender).await?),
        _ => Ok(true),
    }
}

/// Makes the account that a link promises, and a company's where it is the first of one. Returns its id.
async fn create_account(
    change: &mut Change,
    link: &Link,
    name: &str,
    hash: &str,
    visitor: &Visitor,
) -> Result<String, StoreError> {
    let party = match &link.party {
        Some(party) => party.clone(),
        None => {
            let company = secret::random_id()?;
            let name = link.company.as_deref().unwrap_or_default();
            people::create_party(change, &company, PartyKind::Company, name, visitor.now).await?;
            company
        }
    };
    // Who registers a company is its first owner.
    let role = if link.purpose == Purpose::Register { Some(OWNER) } else { link.role.as_deref() };
    let new = NewAccount {
        party: &party,
        email: &link.email,
        name,
        password: hash,
        role,
        granted_by: link.account.as_deref().unwrap_or_default(),
    };
    let account = people::create(change, &new, visitor.now).await?;
    let mut entry = entry(visitor, &party, "account made", role.unwrap_or_default(), "done");
    entry.actor.clone_from(&account);
    change.record(&entry).await?;
    Ok(account)
}

/// Ends the change with a session of its own: whatever session the browser had ends.
pub(super) async fn log_in_as(
    site: &Site,
    mut change: Change,
    account: &str,
    visitor: &Visitor,
    next: &str,
    by_passkey: bool,
) -> Answer {
    if let (Some(before), Some(session)) = (&visitor.account, &visitor.session) {
        store::end_session(&mut change, &before.id, session).await?;
    }
    let new = NewSession { account, browser: &visitor.browser, address: &visitor.address, by_passkey };
    let session = store::begin_session(&mut change, &new, visitor.now).await?;
    change.commit().await?;
    let mut response = Redirect::to(next).into_response();
    if let Some(cookie) = visitor::session_cookie(&site.base, Some(&session)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

pub(super) fn login_page(visitor: &Visitor, email: &str, next: &str, problem: Option<&str>) -> Response {
    let page = LoginPage {
        frame: visitor.frame(),
        problem: problem.map(str::to_owned),
        passkey: keys::login_form(next),
        wallet: wallets::login_form(next),
        password: FormOf {
            action: "/login",
            fields: vec![
                Field::email(email),
                Field::password("password", "Password"),
                Field::hidden("next", next),
            ],
            button: "Log in",
        },
    };
    reply::with_script(reply::page(reply::status(problem), &page))
}

pub(crate) async fn show_login(
    Extension(visitor): Extension<Visitor>,
    Query(Back { next }): Query<Back>,
) -> Response {
    login_page(&visitor, "", forms::next(&next), None)
}

pub(crate) async fn log_in(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(Login { email: typed, password, next }): Sent<Login>,
) -> Answer {
    let next = forms::next(&next);
    let email = forms::email(&typed).unwrap_or_default();
    if site.is_tried_too_often(&email, visitor.now) {
        return Ok(login_page(&visitor, &typed, next, Some(TOO_OFTEN)));
    }
    let found = people::credentials(&site.database, &email).await?;
    let hash = found.as_ref().map(|found| found.password.as_str());
    let is_right = site.passwords.is_right(password, hash).await;
    let mut change = site.database.change().await?;
    let party = found.as_ref().map_or("", |found| &found.party);
    let account = found.as_ref().map_or("", |found| &found.account);
    // The password may have been changed, and the account disabled, while the hash was computed.
    let may = match found.as_ref().filter(|_| is_right) {
        Some(found) => people::still_lets_in(&mut change, found).await?,
        None => false,
    };
    let mut entry = entry(&visitor, party, "login", account, if may { "done" } else { "refused" });
    if may {
        entry.actor = account.to_owned();
        change.record(&entry).await?;
        return log_in_as(&site, change, account, &visitor, next, false).await;
    }
    change.record(&entry).await?;
    change.commit().await?;
    Ok(login_page(
        &visitor,
        &typed,
        next,
        Some("Address or password is not right, or the account is disabled."),
    ))
}

fn recovery_page(visitor: &Visitor, email: &str, problem: Option<&str>) -> Response {
    let page = FormPage {
        frame: visitor.frame(),
        title: "Forgot the password?",
        lead: "We send a link to your address, with which you choose another one.".to_owned(),
        problem: problem.map(str::to_owned),
        form: FormOf { action: "/recover", fields: vec![Field::email(email)], button: "Send me a link" },
        links: vec![("/login", "Log in")],
    };
    reply::page(reply::status(problem), &page)
}

pub(crate) async fn show_recovery(Extension(visitor): Extension<Visitor>) -> Response {
    recovery_page(&visitor, "", None)
}

pub(crate) async fn recover(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(Recovery { email: typed }): Sent<Recovery>,
) -> Answer {
    let Some(email) = forms::email(&typed) else {
        return Ok(recovery_page(&visitor, &typed, Some("This is no e-mail address.")));
    };
    if site.is_tried_too_often(&email, visitor.now) {
        return Ok(recovery_page(&visitor, &typed, Some(TOO_OFTEN)));
    }
    let mut change = site.database.change().await?;
    let holder = people::holder(&mut change, &email).await?;
    let (account, party) = holder.map_or((None, String::new()), |(account, party)| (Some(account), party));
    let link = Link::to(Purpose::Recover, account.clone(), &email);
    let of_passkeys = match people::party_kind(&mut change, &party).await? {
        Some(PartyKind::Company) => "Choosing one removes the passkeys of your account.\n\n",
        _ => "",
    };
    // Without an account the same is written, and leads nowhere: it takes the same time.
    let token = store::create_link(&mut change, &link, visitor.now).await?;
    let base = &site.base;
    let text = match &account {
        Some(_) => format!(
            "Somebody, probably you, asked for another password at the NanoTrace portal.\n\nTo choose one, open this \
             link within an hour:\n{base}/reset?token={token}\n\n{of_passkeys}If it was not you, do nothing: the password \
             stays.\n"
        ),
        None => format!(
            "Somebody, probably you, asked for another password at the NanoTrace portal. There is no account with this \
             address.\n\nRegister a company: {base}/register\n"
        ),
    };
    store::post(&mut change, &email, "Your password", &text, visitor.now).await?;
    let object = account.unwrap_or_default();
    change.record(&entry(&visitor, &party, "recovery asked", &object, "mail sent")).await?;
    change.commit().await?;
    site.posted.notify_one();
    let text = "If the address is right, a mail is on its way to it. A link in it works for an hour.";
    Ok(reply::message(StatusCode::OK, visitor.frame(), "Look into your mail", text))
}

fn reset_page(visitor: &Visitor, token: &str, found: &Credentials, problem: Option<&str>) -> Response {
    let of_passkeys = match found.party_kind {
        PartyKind::Company => " Your passkeys are removed: log in and make new ones.",
        PartyKind::Organisation => "",
    };
    let page = FormPage {
        frame: visitor.frame(),
        title: "Choose another password",
        lead: format!("You are then logged out everywhere, and your wallets are removed.{of_passkeys}"),
        problem: problem.map(str::to_owned),
        form: FormOf {
            action: "/reset",
            fields: vec![Field::hidden("token", token), Field::new_password("password", "New password")],
            button: "Take this password",
        },
        links: Vec::new(),
    };
    reply::page(reply::status(problem), &page)
}

/// Whose password a link lets somebody choose, while its address is the account's.
async fn recovered(site: &Site, token: &str, now: i64) -> Result<Option<(Link, Credentials)>, sqlx::Error> {
    let link = store::link(&site.database, token, now).await?;
    let Some(link) = link.filter(|link| link.purpose == Purpose::Recover) else { return Ok(None) };
    let found = people::credentials(&site.database, &link.email).await?;
    Ok(found.filter(|found| link.account.as_ref() == Some(&found.account)).map(|found| (link, found)))
}

pub(crate) async fn show_reset(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Query(Token { token }): Query<Token>,
) -> Answer {
    let recovered = recovered(&site, &token, visitor.now).await?;
    Ok(recovered
        .map_or_else(|| spent_link(&visitor), |(_, found)| reset_page(&visitor, &token, &found, None)))
}

pub(crate) async fn reset(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(Reset { token, password }): Sent<Reset>,
) -> Answer {
    let Some((link, found)) = recovered(&site, &token, visitor.now).await? else {
        return Ok(spent_link(&visitor));
    };
    if let Some(reason) = passwords::refusal(&password, &link.email, &found.name) {
        return Ok(reset_page(&visitor, &token, &found, Some(&reason)));
    }
    let hash = site.passwords.hash(password).await?;
    let mut change = site.database.change().await?;
    if store::use_link(&mut change, &token, visitor.now).await?.is_none() {
        return Ok(spent_link(&visitor));
    }
    people::set_password(&mut change, &found.account, &hash).await?;
    store::end_links(&mut change, &found.account, Purpose::Recover).await?;
    store::end_links(&mut change, &found.account, Purpose::Email).await?;
    store::end_other_sessions(&mut change, &found.account, "").await?;
    let mut entry = entry(&visitor, &found.party, "password recovered", &found.account, "done");
    entry.actor.clone_from(&found.account);
    change.record(&entry).await?;
    // As passkeys below: who knew the password may have linked them.
    if wallet_store::remove_all(&mut change, &found.account).await? {
        entry.action = "wallets removed";
        change.record(&entry).await?;
        let text = "Your password at the NanoTrace portal was recovered by a link in a mail to this address. It removed the wallets that \
                    logged you in: link them again.\n\nIf it was not you, tell your administrator, or an owner of your company.\n";
        store::post(&mut change, &link.email, "Your wallets were removed", text, visitor.now).await?;
    }
    let text = if forgets_passkeys(&mut change, &found, &link.email, visitor.now).await? {
        entry.action = "passkeys removed";
        change.record(&entry).await?;
        "Your password is changed. Log in with it. Your passkeys are removed: make new ones."
    } else {
        "Your password is changed. Log in with it."
    };
    change.commit().await?;
    site.posted.notify_one();
    Ok(reply::message(StatusCode::OK, visitor.frame(), "Done", text))
}

/// Removes the passkeys of who is of a company, with a mail that says so: who knew the password may have made them. Of the
/// people of organisations they stay, as a mailbox is no way around them.
async fn forgets_passkeys(
    change: &mut Change,
    found: &Credentials,
    email: &str,
    now: i64,
) -> Result<bool, StoreError> {
    if found.party_kind != PartyKind::Company || !passkeys::store::remove_all(change, &found.account).await? {
        return Ok(false);
    }
    let text = "Your password at the NanoTrace portal was recovered by a link in a mail to this address. It removed your \
                passkeys: make new ones.\n\nIf it was not you, tell an owner of your company.\n";
    store::post(change, email, "Your passkeys were removed", text, now).await?;
    Ok(true)
}
