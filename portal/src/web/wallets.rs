//! Wallets: their owners log in with them, link, name and remove them, and register with one that nobody has.

use std::sync::Arc;

use accounts::{
    Change, passkeys,
    people::{self, Account},
    store::{StoreError, end_other_sessions, post},
    wallets::{self as store, Asking, Given, Linked, Purpose},
};
use axum::{
    Extension,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde_json::json;
use site::{
    Answer, Site, entry,
    forms::{self, Nothing, Sent},
    reply,
    visitor::Visitor,
};
use views::page::{Field, FormOf, FormPage, WalletForm};
use wallets::{Asked, Chain, Family, Message, Refused};

use super::{
    entrance::{self, log_in_as},
    forms::{NewName, NewWallet, Registration, WalletAsked, WalletLogin, WalletRegistration},
    own,
};

const NOT_OURS: Refused = Refused::Wrong("the nonce was used, has expired, or was given to somebody else");
const NOT_TAKEN: &str = "The wallet's answer was not accepted. Load the page again, and try once more.";
const OVER: &str = "It is too long ago that you showed the wallet. Log in with it once more.";

/// The form that logs in by a wallet.
pub(super) fn login_form(next: &str) -> WalletForm {
    WalletForm {
        action: "/login/wallet",
        challenge: "/login/wallet/challenge",
        fields: vec![Field::hidden("next", next)],
        button: "Log in with",
    }
}

/// The form that links a wallet to the account.
pub(super) fn linking_form() -> WalletForm {
    let mut name = Field::text("name", "A name for it", "off", "");
    name.hint = "Such as: wallet of the purchasing office.";
    WalletForm {
        action: "/account/wallets",
        challenge: "/account/wallets/challenge",
        fields: vec![name],
        button: "Link",
    }
}

/// What the wallet shows above all else.
fn statement(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Login => "Log in to the NanoTrace portal.",
        Purpose::Link => "Link this wallet to your account of the NanoTrace portal.",
        Purpose::Client => "Let this program act for you at the NanoTrace portal.",
    }
}

/// A nonce that was given out, and the message to sign with it.
pub(super) struct Challenge {
    pub asked: Asked,
    pub message: String,
}

/// Gives out a nonce to `holder`, which asks for `domain`.
pub(super) async fn challenge(
    site: &Site,
    (purpose, holder, domain): (Purpose, &str, &str),
    (chain, address): (&str, &str),
    now: i64,
) -> Result<Result<Challenge, Refused>, StoreError> {
    let chain = match Chain::read(chain) {
        Ok(chain) => chain,
        Err(refused) => return Ok(Err(refused)),
    };
    let address = match chain.family().address(address) {
        Ok(address) => address,
        Err(refused) => return Ok(Err(refused)),
    };
    let name = chain.to_string();
    let asking = Asking { purpose, holder, domain, chain: &name, address: &address };
    let (nonce, expires_at) = store::give_nonce(&site.database, &asking, now).await?;
    let given = Given { domain: domain.to_owned(), chain: name, address, issued_at: now, expires_at };
    let asked = asked(site, given, &nonce);
    Ok(asked.map(|asked| Challenge { message: asked.message(statement(purpose)).to_string(), asked }))
}

fn asked(site: &Site, given: Given, nonce: &str) -> Result<Asked, Refused> {
    Ok(Asked {
        domain: given.domain,
        uri: site.base.origin().to_owned(),
        chain: Chain::read(&given.chain)?,
        address: given.address,
        nonce: nonce.to_owned(),
        issued_at: given.issued_at,
        expires_at: given.expires_at,
    })
}

/// The wallet that signed what this browser was asked for: by the nonce, as the message is known here.
async fn shown(
    site: &Site,
    change: &mut Change,
    visitor: &Visitor,
    purpose: Purpose,
    (nonce, signature): (&str, &str),
) -> Result<Result<String, Refused>, sqlx::Error> {
    let given = store::take_nonce(change, purpose, nonce, &visitor.form_token, visitor.now).await?;
    Ok(given.ok_or(NOT_OURS).and_then(|given| {
        let message = asked(site, given, nonce)?.message(statement(purpose));
        wallets::has_signed(&message, signature)?;
        Ok(named(&message))
    }))
}

/// The wallet that signed a message which a program wrote: for `domain`, with a nonce that was given out for that.
pub(super) async fn shown_to(
    site: &Site,
    change: &mut Change,
    domain: &str,
    (text, signature): (&str, &str),
    now: i64,
) -> Result<Result<String, Refused>, sqlx::Error> {
    let message = match Message::read(text) {
        Ok(message) => message,
        Err(refused) => return Ok(Err(refused)),
    };
    let given = store::take_nonce(change, Purpose::Client, &message.nonce, domain, now).await?;
    Ok(given.ok_or(NOT_OURS).and_then(|given| {
        asked(site, given, &message.nonce)?.is_answered_by(&message, now)?;
        wallets::has_signed(&message, signature)?;
        Ok(named(&message))
    }))
}

/// As the database names it.
fn named(message: &Message) -> String {
    format!("{}:{}", message.family.name(), message.address)
}

/// As people call it: the network and the address.
pub(super) fn spoken(wallet: &str) -> String {
    let (family, address) = wallet.split_once(':').unwrap_or_default();
    format!("{} {address}", Family::from_name(family).map_or("", Family::title))
}

fn told(challenge: Result<Challenge, Refused>) -> Response {
    let (status, body) = match challenge {
        Ok(Challenge { asked, message }) => {
            (StatusCode::OK, json!({ "nonce": asked.nonce, "message": message }))
        }
        Err(refused) => (StatusCode::UNPROCESSABLE_ENTITY, json!({ "problem": refused.to_string() })),
    };
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// What a wallet signs to log in. It asks nothing about any account.
pub(crate) async fn begin_login(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(WalletAsked { chain, address }): Sent<WalletAsked>,
) -> Answer {
    let holder = (Purpose::Login, visitor.form_token.as_str(), site.base.authority());
    Ok(told(challenge(&site, holder, (&chain, &address), visitor.now).await?))
}

pub(crate) async fn log_in(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(WalletLogin { nonce, signature, next }): Sent<WalletLogin>,
) -> Answer {
    let next = forms::next(&next);
    let mut change = site.database.change().await?;
    let answer = (nonce.as_str(), signature.as_str());
    let wallet = match shown(&site, &mut change, &visitor, Purpose::Login, answer).await? {
        Ok(wallet) => wallet,
        Err(refused) => {
            tracing::debug!(%refused, "a wallet was refused");
            return refuse(change, &visitor, next, &problem_of(refused)).await;
        }
    };
    let Some(account) = store::used_by(&mut change, &wallet, visitor.now).await? else {
        let secret = store::keep_shown(&mut change, &wallet, &visitor.form_token, visitor.now).await?;
        change.record(&entry(&visitor, "", "login by wallet", "", "unknown wallet")).await?;
        change.commit().await?;
        let typed = Registration { email: String::new(), name: String::new(), company: String::new() };
        return Ok(registration_page(&visitor, (&secret, &wallet), &typed, None));
    };
    let Some(party) = people::party_of(&mut change, &account).await? else {
        return refuse(change, &visitor, next, "The account of this wallet is disabled.").await;
    };
    let mut entry = entry(&visitor, &party, "login by wallet", &account, "done");
    entry.actor.clone_from(&account);
    change.record(&entry).await?;
    // Who works for an organisation shows a passkey after this.
    log_in_as(&site, change, &account, &visitor, next, false).await
}

async fn refuse(mut change: Change, visitor: &Visitor, next: &str, problem: &str) -> Answer {
    change.record(&entry(visitor, "", "login by wallet", "", "refused")).await?;
    change.commit().await?;
    Ok(entrance::login_page(visitor, "", next, Some(problem)))
}

/// What people are told: of a wallet that cannot be verified here, why.
fn problem_of(refused: Refused) -> String {
    match refused {
        Refused::Unsupported(reason) => format!("This wallet cannot log in: {reason}."),
        Refused::Wrong(_) => NOT_TAKEN.to_owned(),
    }
}

fn registration_page(
    visitor: &Visitor,
    (secret, wallet): (&str, &str),
    typed: &Registration,
    problem: Option<&str>,
) -> Response {
    let page = FormPage {
        frame: visitor.frame(),
        title: "This wallet is new here",
        lead: format!(
            "You showed the wallet {}. Register your company with it: we send a link to your address, and when you open it in this \
             browser, the wallet logs you in from then on. Have you an account already? Log in another way, and link the wallet \
             under \u{201c}Your account\u{201d}.",
            spoken(wallet)
        ),
        problem: problem.map(str::to_owned),
        form: FormOf {
            action: "/register/wallet",
            fields: vec![
                Field::hidden("shown", secret),
                Field::email(&typed.email),
                Field::text("name", "Your name", "name", &typed.name),
                Field::text("company", "Company", "organization", &typed.company),
            ],
            button: "Send me a link",
        },
        links: vec![("/login", "Log in another way")],
    };
    reply::page(reply::status(problem), &page)
}

/// As a registration, and the wallet is linked when the link is opened in this browser: in another one somebody else would open it,
/// who never saw the wallet.
pub(crate) async fn register(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(WalletRegistration { shown, email, name, company }): Sent<WalletRegistration>,
) -> Answer {
    let typed = Registration { email, name, company };
    let token = visitor.form_token.as_str();
    let Some(wallet) = store::shown(&site.database, &shown, token, visitor.now).await? else {
        return Ok(entrance::login_page(&visitor, "", "/", Some(OVER)));
    };
    let mut link = match entrance::registration(&site, &visitor, &typed) {
        Ok(link) => link,
        Err(problem) => return Ok(registration_page(&visitor, (&shown, &wallet), &typed, Some(problem))),
    };
    let mut change = site.database.change().await?;
    let Some(wallet) = store::use_shown(&mut change, &shown, token, visitor.now).await? else {
        return Ok(entrance::login_page(&visitor, "", "/", Some(OVER)));
    };
    link.wallet = Some(wallet);
    link.browser = Some(accounts::secret::hashed(token));
    entrance::send_registration(&site, change, &visitor, &link).await
}

/// Links the wallet of a registration to the account that it made, unless somebody else has it meanwhile.
pub(super) async fn link_registered(
    change: &mut Change,
    visitor: &Visitor,
    account: &str,
    wallet: &str,
) -> Result<(), StoreError> {
    let linked = store::link(change, account, wallet, "Wallet of the registration", visitor.now).await?;
    let Linked::Done(id) = linked else { return Ok(()) };
    let party = people::party_of(change, account).await?.unwrap_or_default();
    let mut entry = entry(visitor, &party, "wallet linked", &id, "done");
    entry.actor = account.to_owned();
    change.record(&entry).await?;
    Ok(())
}

/// Whether a session may change the ways into its account: once there is a passkey, one that began with it alone.
async fn may_change(site: &Site, visitor: &Visitor, account: &Account) -> Result<bool, sqlx::Error> {
    Ok(visitor.by_passkey || passkeys::store::of_account(&site.database, &account.id).await?.is_empty())
}

pub(crate) async fn begin_linking(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(WalletAsked { chain, address }): Sent<WalletAsked>,
) -> Answer {
    if !may_change(&site, &visitor, &account).await? {
        return Ok(reply::not_there().await);
    }
    let holder = (Purpose::Link, visitor.form_token.as_str(), site.base.authority());
    Ok(told(challenge(&site, holder, (&chain, &address), visitor.now).await?))
}

pub(crate) async fn link(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(NewWallet { name: typed, nonce, signature }): Sent<NewWallet>,
) -> Answer {
    let Some(name) = forms::name(&typed) else {
        return own::page(&site, &visitor, &account, Some("A name has 1 to 100 characters.")).await;
    };
    let mut change = site.change_of(&visitor).await?;
    let answer = (nonce.as_str(), signature.as_str());
    let shown = shown(&site, &mut change, &visitor, Purpose::Link, answer).await?;
    let problem = match shown {
        Err(refused) => {
            tracing::debug!(%refused, "a wallet was not linked");
            problem_of(refused)
        }
        Ok(_) if !may_link(&mut change, &visitor, &account).await? => {
            "Log in with a passkey to link one.".to_owned()
        }
        Ok(wallet) => match store::link(&mut change, &account.id, &wallet, &name, visitor.now).await? {
            Linked::Done(id) => {
                change.record(&entry(&visitor, &account.party, "wallet linked", &id, "done")).await?;
                let what = format!("{name} ({})", spoken(&wallet));
                tell(&mut change, &visitor, &account, "A wallet was linked to your account", &what).await?;
                change.commit().await?;
                site.posted.notify_one();
                return Ok(Redirect::to("/account").into_response());
            }
            Linked::Taken => "This wallet is linked to an account already.".to_owned(),
            Linked::TooMany => "Your account has too many wallets. Remove one first.".to_owned(),
        },
    };
    change.record(&entry(&visitor, &account.party, "wallet linked", &account.id, "refused")).await?;
    change.commit().await?;
    own::page(&site, &visitor, &account, Some(&problem)).await
}

/// As [`may_change`], while nobody else changes anything.
async fn may_link(change: &mut Change, visitor: &Visitor, account: &Account) -> Result<bool, sqlx::Error> {
    Ok(visitor.by_passkey || passkeys::store::count(change, &account.id).await? == 0)
}

/// Says by mail what became of an account's wallets.
async fn tell(
    change: &mut Change,
    visitor: &Visitor,
    account: &Account,
    subject: &str,
    what: &str,
) -> Result<(), StoreError> {
    let text = format!(
        "{subject}: {what}\n\nIf it was not you, tell your administrator, or an owner of your company.\n"
    );
    post(change, &account.email, subject, &text, visitor.now).await
}

pub(crate) async fn rename(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(wallet): Path<String>,
    Sent(NewName { name: typed }): Sent<NewName>,
) -> Answer {
    let Some(name) = forms::name(&typed) else {
        return own::page(&site, &visitor, &account, Some("A name has 1 to 100 characters.")).await;
    };
    let mut change = site.change_of(&visitor).await?;
    if !store::rename(&mut change, &account.id, &wallet, &name).await? {
        return Ok(reply::not_there().await);
    }
    change.record(&entry(&visitor, &account.party, "wallet named", &wallet, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/account").into_response())
}

/// It is never the last way in: every account has a password, which a mail recovers.
pub(crate) async fn remove(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(wallet): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    if !store::remove(&mut change, &account.id, &wallet).await? {
        return Ok(reply::not_there().await);
    }
    if !may_link(&mut change, &visitor, &account).await? {
        drop(change);
        return own::page(&site, &visitor, &account, Some("Log in with a passkey to remove one.")).await;
    }
    // Who has the removed wallet may have begun a session with it.
    end_other_sessions(&mut change, &account.id, visitor.session.as_deref().unwrap_or_default()).await?;
    change.record(&entry(&visitor, &account.party, "wallet removed", &wallet, "done")).await?;
    tell(&mut change, &visitor, &account, "A wallet was removed from your account", "").await?;
    change.commit().await?;
    site.posted.notify_one();
    Ok(Redirect::to("/account").into_response())
}
