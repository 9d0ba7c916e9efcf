//! What programs ask: they log in with a wallet, and get tokens. An access token opens `/auth/me`, and what else asks
//! [`accounts::clients::account_of`].

use std::sync::Arc;

use accounts::{
    Change, PartyKind,
    audit::Entry,
    clients::{self, NewClient, Refreshed, Tokens},
    people::{self, Account},
    store::{StoreError, post},
    wallets::{Purpose, used_by},
};
use axum::{
    Extension,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde_json::json;
use site::{
    Site,
    clients::{Answer, Asked, Domain, problem},
    entry,
    forms::Sent,
    reply,
    visitor::Visitor,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    forms::{EndedSession, Refreshing, Verifying, WalletAsked},
    wallets,
};

/// Gives out a nonce, and a message with it that is ready to be signed.
pub(crate) async fn nonce(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(Domain(domain)): Extension<Domain>,
    Asked(WalletAsked { chain, address }): Asked<WalletAsked>,
) -> Answer {
    let holder = (Purpose::Client, domain.as_str(), domain.as_str());
    let challenge = match wallets::challenge(&site, holder, (&chain, &address), visitor.now).await? {
        Ok(challenge) => challenge,
        Err(refused) => {
            return Ok(problem(StatusCode::UNPROCESSABLE_ENTITY, "wallet", &refused.to_string()));
        }
    };
    let asked = challenge.asked;
    let body = json!({
        "nonce": asked.nonce,
        "message": challenge.message,
        "domain": asked.domain,
        "uri": asked.uri,
        "chain": asked.chain.to_string(),
        "address": asked.address,
        "issued_at": moment(asked.issued_at),
        "expires_at": moment(asked.expires_at),
    });
    Ok(answer(&body))
}

fn answer(body: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn moment(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// Takes a signed message for tokens.
pub(crate) async fn verify(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(Domain(domain)): Extension<Domain>,
    Asked(Verifying { message, signature }): Asked<Verifying>,
) -> Answer {
    let mut change = site.database.change().await?;
    let mut entry = entry(&visitor, "", "program's login by wallet", "", "refused");
    let signed = (message.as_str(), signature.as_str());
    let begun = match wallets::shown_to(&site, &mut change, &domain, signed, visitor.now).await? {
        Ok(wallet) => begin(&site, &mut change, &visitor, &wallet, &mut entry).await?,
        Err(refused) => Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "wallet", &refused.to_string())),
    };
    change.record(&entry).await?;
    change.commit().await?;
    Ok(begun.map_or_else(|problem| problem, |tokens| told(&tokens)))
}

/// Begins a session for the account of a wallet, or says why there is none; and what the log says of it.
async fn begin(
    site: &Site,
    change: &mut Change,
    visitor: &Visitor,
    wallet: &str,
    entry: &mut Entry,
) -> Result<Result<Tokens, Response>, StoreError> {
    let refused = |code: &str, text: &str| Ok(Err(problem(StatusCode::FORBIDDEN, code, text)));
    let Some(account) = used_by(change, wallet, visitor.now).await? else {
        entry.result = "unknown wallet";
        let text = format!("No account has this wallet. Register with it in a browser: {}/login", site.base);
        return refused("unknown-wallet", &text);
    };
    entry.object.clone_from(&account);
    let Some(party) = people::party_of(change, &account).await? else {
        return refused("disabled", "The account of this wallet is disabled.");
    };
    entry.party.clone_from(&party);
    if people::party_kind(change, &party).await? != Some(PartyKind::Company) {
        return refused("passkey", "The people of organisations log in with a passkey, in a browser.");
    }
    entry.actor.clone_from(&account);
    entry.result = "done";
    let new = NewClient { account: &account, client: &visitor.browser, address: &visitor.address };
    Ok(Ok(clients::begin(change, &new, visitor.now).await?))
}

/// By the names of RFC 6749 §5.1.
fn told(tokens: &Tokens) -> Response {
    let body = json!({
        "access_token": tokens.access,
        "token_type": "Bearer",
        "expires_in": tokens.access_seconds,
        "refresh_token": tokens.refresh,
        "refresh_expires_in": tokens.refresh_seconds,
    });
    answer(&body)
}

/// Takes a refresh token for new tokens, once. Who lost the answer logs in anew: it cannot be told from a thief.
pub(crate) async fn refresh(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Asked(Refreshing { refresh_token }): Asked<Refreshing>,
) -> Answer {
    let mut change = site.database.change().await?;
    match clients::refresh(&mut change, &refresh_token, visitor.now).await? {
        Refreshed::Anew(tokens) => {
            change.commit().await?;
            Ok(told(&tokens))
        }
        Refreshed::Unknown => {
            let text = "The refresh token is none, or its time is over. Log in with the wallet.";
            Ok(problem(StatusCode::UNAUTHORIZED, "refresh-token", text))
        }
        Refreshed::Reused { account } => {
            tell_of_reuse(&mut change, &visitor, &account).await?;
            change.commit().await?;
            site.posted.notify_one();
            let text = "The refresh token was used before: somebody else may have it. The session has ended. Log in with the wallet.";
            Ok(problem(StatusCode::UNAUTHORIZED, "refresh-token-reused", text))
        }
    }
}

async fn tell_of_reuse(change: &mut Change, visitor: &Visitor, account: &str) -> Result<(), StoreError> {
    let (email, party) = people::address_of(change, account).await?.unwrap_or_default();
    change.record(&entry(visitor, &party, "refresh token reused", account, "session ended")).await?;
    let text = "A program that acts for you at the NanoTrace portal sent a token that was used before. Either it lost the answer to \
                it, or somebody else has a copy. Its session has ended; it has to log in with your wallet again.\n\nIf you know no such \
                program, remove the wallet under \"Your account\", and tell your administrator, or an owner of your company.\n";
    post(change, &email, "A program's session was ended", text, visitor.now).await
}

/// For whom a program acts.
pub(crate) async fn me(Extension(account): Extension<Account>) -> Response {
    let body = json!({
        "account": { "id": account.id, "email": account.email, "name": account.name },
        "party": { "id": account.party, "kind": account.party_kind.name(), "name": account.party_name },
        "roles": account.roles,
    });
    answer(&body)
}

/// Its owner ends a program's session, in a browser.
pub(crate) async fn end(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(EndedSession { session }): Sent<EndedSession>,
) -> site::Answer {
    let mut change = site.change_of(&visitor).await?;
    if !clients::end(&mut change, &account.id, &session).await? {
        return Ok(reply::not_there().await);
    }
    change.record(&entry(&visitor, &account.party, "program's session ended", &session, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/account").into_response())
}
