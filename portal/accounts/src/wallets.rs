//! Wallets of accounts, and the nonces that wallets sign. What is signed, and whether it is right, the crate `wallets` knows. A
//! wallet is named here by its family and address, `eip155:0x…` or `sui:0x…`.

use crate::{
    database::{Change, Database},
    limits, secret,
    store::StoreError,
};

/// What a wallet is asked to sign for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Login,
    Link,
    /// A program logs in.
    Client,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Login => "login",
            Purpose::Link => "link",
            Purpose::Client => "client",
        }
    }
}

/// Who asks for a nonce, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    pub purpose: Purpose,
    /// The form token of a browser; of a client the domain.
    pub holder: &'a str,
    pub domain: &'a str,
    /// By its CAIP-2 name.
    pub chain: &'a str,
    /// In its one spelling, without the family.
    pub address: &'a str,
}

/// What a nonce was given out for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub domain: String,
    pub chain: String,
    pub address: String,
    pub issued_at: i64,
    pub expires_at: i64,
}

/// Gives out a nonce of 256 random bits. Returns it, and until when it counts.
pub async fn give_nonce(
    database: &Database,
    asking: &Asking<'_>,
    now: i64,
) -> Result<(String, i64), StoreError> {
    let nonce = secret::random()?;
    let until = now.saturating_add(limits::CHALLENGE_SECONDS);
    sqlx::query(
        "INSERT INTO wallet_nonces (nonce, purpose, holder, domain, chain, address, issued_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(secret::hashed(&nonce))
    .bind(asking.purpose.name())
    .bind(secret::hashed(asking.holder))
    .bind(asking.domain)
    .bind(asking.chain)
    .bind(asking.address)
    .bind(now)
    .bind(until)
    .execute(database.pool())
    .await?;
    Ok((nonce, until))
}

/// Takes a nonce out of the database, right or wrong as the answer may be: it counts once. None where it was not given to this
/// holder for this purpose, was used or has expired.
pub async fn take_nonce(
    change: &mut Change,
    purpose: Purpose,
    nonce: &str,
    holder: &str,
    now: i64,
) -> Result<Option<Given>, sqlx::Error> {
    let delete = sqlx::query_as(
        "DELETE FROM wallet_nonces WHERE nonce = $1 AND purpose = $2 AND holder = $3 AND expires_at > $4 \
         RETURNING domain, chain, address, issued_at, expires_at",
    );
    let taken: Option<(String, String, String, i64, i64)> = delete
        .bind(secret::hashed(nonce))
        .bind(purpose.name())
        .bind(secret::hashed(holder))
        .bind(now)
        .fetch_optional(change.connection())
        .await?;
    let given = |(domain, chain, address, issued_at, expires_at)| Given {
        domain,
        chain,
        address,
        issued_at,
        expires_at,
    };
    Ok(taken.map(given))
}

/// A wallet as its owner sees it.
#[derive(Clone, Debug)]
pub struct Wallet {
    pub id: String,
    /// With its family.
    pub address: String,
    pub name: String,
    pub created_at: i64,
    pub used_at: Option<i64>,
}

pub async fn of_account(database: &Database, account: &str) -> Result<Vec<Wallet>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT id, address, name, created_at, used_at FROM wallets WHERE account = $1 ORDER BY created_at, id",
    );
    let rows: Vec<(String, String, String, i64, Option<i64>)> =
        select.bind(account).fetch_all(database.pool()).await?;
    let wallet = |(id, address, name, created_at, used_at)| Wallet { id, address, name, created_at, used_at };
    Ok(rows.into_iter().map(wallet).collect())
}

/// The account of a wallet, whose use this is.
pub async fn used_by(change: &mut Change, wallet: &str, now: i64) -> Result<Option<String>, sqlx::Error> {
    let update = sqlx::query_as("UPDATE wallets SET used_at = $1 WHERE address = $2 RETURNING account");
    let found: Option<(String,)> = update.bind(now).bind(wallet).fetch_optional(change.connection()).await?;
    Ok(found.map(|(account,)| account))
}

/// What became of a wallet that was to be linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Linked {
    /// With this id.
    Done(String),
    /// It is an account's already, this one's or another's.
    Taken,
    TooMany,
}

pub async fn link(
    change: &mut Change,
    account: &str,
    wallet: &str,
    name: &str,
    now: i64,
) -> Result<Linked, StoreError> {
    let count = sqlx::query_as("SELECT count(*) FROM wallets WHERE account = $1").bind(account);
    let (count,): (i64,) = count.fetch_one(change.connection()).await?;
    if count >= limits::WALLETS {
        return Ok(Linked::TooMany);
    }
    let id = secret::random_id()?;
    let insert = sqlx::query(
        "INSERT INTO wallets (address, id, account, name, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (address) DO NOTHING",
    );
    let insert = insert.bind(wallet).bind(&id).bind(account).bind(name).bind(now);
    let is_new = insert.execute(change.connection()).await?.rows_affected() > 0;
    Ok(if is_new { Linked::Done(id) } else { Linked::Taken })
}

/// Gives a wallet of this account another name; whether there is one.
pub async fn rename(change: &mut Change, account: &str, id: &str, name: &str) -> Result<bool, sqlx::Error> {
    let update = sqlx::query("UPDATE wallets SET name = $1 WHERE id = $2 AND account = $3");
    let update = update.bind(name).bind(id).bind(account);
    Ok(update.execute(change.connection()).await?.rows_affected() > 0)
}

/// Removes a wallet of this account; whether there was one.
pub async fn remove(change: &mut Change, account: &str, id: &str) -> Result<bool, sqlx::Error> {
    let delete = sqlx::query("DELETE FROM wallets WHERE id = $1 AND account = $2").bind(id).bind(account);
    Ok(delete.execute(change.connection()).await?.rows_affected() > 0)
}

/// Removes all wallets of this account; whether there were any.
pub async fn remove_all(change: &mut Change, account: &str) -> Result<bool, sqlx::Error> {
    let delete = sqlx::query("DELETE FROM wallets WHERE account = $1").bind(account);
    Ok(delete.execute(change.connection()).await?.rows_affected() > 0)
}

/// Keeps for an hour that this browser has shown a wallet of no account. Returns the secret by which it registers with it.
pub async fn keep_shown(
    change: &mut Change,
    wallet: &str,
    form_token: &str,
    now: i64,
) -> Result<String, StoreError> {
    let secret = secret::random()?;
    sqlx::query("INSERT INTO shown_wallets (secret, browser, address, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(secret::hashed(&secret))
        .bind(secret::hashed(form_token))
        .bind(wallet)
        .bind(now.saturating_add(limits::LINK_SECONDS))
        .execute(change.connection())
        .await?;
    Ok(secret)
}

/// The wallet that this browser has shown.
pub async fn shown(
    database: &Database,
    secret: &str,
    form_token: &str,
    now: i64,
) -> Result<Option<String>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT address FROM shown_wallets WHERE secret = $1 AND browser = $2 AND expires_at > $3",
    );
    let select = select.bind(secret::hashed(secret)).bind(secret::hashed(form_token)).bind(now);
    let found: Option<(String,)> = select.fetch_optional(database.pool()).await?;
    Ok(found.map(|(address,)| address))
}

/// As [`shown`], once.
pub async fn use_shown(
    change: &mut Change,
    secret: &str,
    form_token: &str,
    now: i64,
) -> Result<Option<String>, sqlx::Error> {
    let delete = sqlx::query_as(
        "DELETE FROM shown_wallets WHERE secret = $1 AND browser = $2 AND expires_at > $3 RETURNING address",
    );
    let delete = delete.bind(secret::hashed(secret)).bind(secret::hashed(form_token)).bind(now);
    let found: Option<(String,)> = delete.fetch_optional(change.connection()).await?;
    Ok(found.map(|(address,)| address))
}
