//! Sessions of programs: a short access token, and a refresh token that is another one after each use. One that comes a second time
//! was stolen, or its thief was first: the whole session ends, and its owner is told.

use crate::{
    database::{Change, Database},
    limits,
    people::{self, Account},
    secret,
    store::StoreError,
};

/// By which people, and programs that look for secrets in code, know what a token is.
const ACCESS: &str = "nta_";
const REFRESH: &str = "ntr_";
/// Characters of the part that all refresh tokens of a session begin with.
const FAMILY: usize = 32;

/// What a program gets.
pub struct Tokens {
    pub access: String,
    pub refresh: String,
    /// Seconds that each lasts.
    pub access_seconds: i64,
    pub refresh_seconds: i64,
}

impl Tokens {
    fn of(family: &str) -> Result<Self, getrandom::Error> {
        Ok(Self {
            access: format!("{ACCESS}{}", secret::random()?),
            refresh: format!("{REFRESH}{family}{}", secret::random()?),
            access_seconds: limits::ACCESS_SECONDS,
            refresh_seconds: limits::REFRESH_SECONDS,
        })
    }
}

/// Who begins a session: an account, by a program that calls itself so, from this address.
pub struct NewClient<'a> {
    pub account: &'a str,
    pub client: &'a str,
    pub address: &'a str,
}

/// Begins a session, in place of the account's oldest where there are too many.
pub async fn begin(change: &mut Change, new: &NewClient<'_>, now: i64) -> Result<Tokens, StoreError> {
    sqlx::query(
        "DELETE FROM client_sessions WHERE account = $1 AND id NOT IN \
         (SELECT id FROM client_sessions WHERE account = $1 ORDER BY used_at DESC, id LIMIT $2)",
    )
    .bind(new.account)
    .bind(limits::CLIENTS.saturating_sub(1))
    .execute(change.connection())
    .await?;
    let family = secret::random_id()?;
    let tokens = Tokens::of(&family)?;
    sqlx::query(
        "INSERT INTO client_sessions (id, account, family, refresh, access, client, address, created_at, used_at, \
         access_until, refresh_until, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11)",
    )
    .bind(secret::random_id()?)
    .bind(new.account)
    .bind(secret::hashed(&family))
    .bind(secret::hashed(&tokens.refresh))
    .bind(secret::hashed(&tokens.access))
    .bind(new.client)
    .bind(new.address)
    .bind(now)
    .bind(now.saturating_add(limits::ACCESS_SECONDS))
    .bind(now.saturating_add(limits::REFRESH_SECONDS))
    .bind(now.saturating_add(limits::CLIENT_SECONDS))
    .execute(change.connection())
    .await?;
    Ok(tokens)
}

/// What a refresh token leads to.
pub enum Refreshed {
    Anew(Tokens),
    /// It was used before, and the session of this account has ended for it.
    Reused {
        account: String,
    },
    /// It is none of ours, or has expired.
    Unknown,
}

/// Takes a refresh token for new tokens: it works once, and the access token before ends with it.
pub async fn refresh(change: &mut Change, token: &str, now: i64) -> Result<Refreshed, StoreError> {
    let Some(family) = token.strip_prefix(REFRESH).and_then(|rest| rest.get(..FAMILY)) else {
        return Ok(Refreshed::Unknown);
    };
    let tokens = Tokens::of(family)?;
    let updated = sqlx::query(
        "UPDATE client_sessions SET refresh = $1, access = $2, access_until = $3, refresh_until = $4, used_at = $5 \
         WHERE family = $6 AND refresh = $7 AND refresh_until > $5 AND expires_at > $5",
    )
    .bind(secret::hashed(&tokens.refresh))
    .bind(secret::hashed(&tokens.access))
    .bind(now.saturating_add(limits::ACCESS_SECONDS))
    .bind(now.saturating_add(limits::REFRESH_SECONDS))
    .bind(now)
    .bind(secret::hashed(family))
    .bind(secret::hashed(token))
    .execute(change.connection())
    .await?;
    if updated.rows_affected() > 0 {
        return Ok(Refreshed::Anew(tokens));
    }
    // Only who had a token of this session knows its family.
    let delete =
        sqlx::query_as("DELETE FROM client_sessions WHERE family = $1 AND refresh <> $2 RETURNING account");
    let delete = delete.bind(secret::hashed(family)).bind(secret::hashed(token));
    let ended: Option<(String,)> = delete.fetch_optional(change.connection()).await?;
    Ok(ended.map_or(Refreshed::Unknown, |(account,)| Refreshed::Reused { account }))
}

/// The account for which a bearer of this access token acts, unless it is disabled. Whatever opens something to programs asks here.
pub async fn account_of(database: &Database, token: &str, now: i64) -> Result<Option<Account>, sqlx::Error> {
    if !token.starts_with(ACCESS) {
        return Ok(None);
    }
    let select = sqlx::query_as(
        "SELECT account FROM client_sessions WHERE access = $1 AND access_until > $2 AND expires_at > $2",
    );
    let found: Option<(String,)> =
        select.bind(secret::hashed(token)).bind(now).fetch_optional(database.pool()).await?;
    match found {
        Some((account,)) => people::account(database, &account).await,
        None => Ok(None),
    }
}

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub client: String,
    pub address: String,
    pub created_at: i64,
    pub used_at: i64,
}

pub async fn of_account(database: &Database, account: &str, now: i64) -> Result<Vec<Client>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT id, client, address, created_at, used_at FROM client_sessions \
         WHERE account = $1 AND expires_at > $2 AND refresh_until > $2 ORDER BY used_at DESC, id",
    );
    let rows: Vec<(String, String, String, i64, i64)> =
        select.bind(account).bind(now).fetch_all(database.pool()).await?;
    let client =
        |(id, client, address, created_at, used_at)| Client { id, client, address, created_at, used_at };
    Ok(rows.into_iter().map(client).collect())
}

/// Ends a session of this account; whether there was one.
pub async fn end(change: &mut Change, account: &str, id: &str) -> Result<bool, sqlx::Error> {
    let delete =
        sqlx::query("DELETE FROM client_sessions WHERE id = $1 AND account = $2").bind(id).bind(account);
    Ok(delete.execute(change.connection()).await?.rows_affected() > 0)
}

/// Ends all sessions of programs of an account.
pub(crate) async fn end_all(change: &mut Change, account: &str) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("DELETE FROM client_sessions WHERE account = $1").bind(account);
    delete.execute(change.connection()).await.map(drop)
}
