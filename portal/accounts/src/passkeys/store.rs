//! Passkeys and challenges in the database.

use super::{Credential, Refused};
use crate::{
    database::{Change, Database},
    limits, secret,
    store::StoreError,
};

/// What a browser was asked to sign for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Register,
    Login,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Register => "register",
            Purpose::Login => "login",
        }
    }
}

/// Keeps a challenge until it is answered by the browser whose forms carry this token.
pub async fn keep_challenge(
    database: &Database,
    purpose: Purpose,
    challenge: &str,
    form_token: &str,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO challenges (challenge, purpose, browser, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(challenge)
        .bind(purpose.name())
        .bind(secret::hashed(form_token))
        .bind(now.saturating_add(limits::CHALLENGE_SECONDS))
        .execute(database.pool())
        .await?;
    Ok(())
}

/// Takes a challenge out of the database, right or wrong as the answer may be: it is answered once. Refused
/// where this browser was asked no such thing.
pub async fn take_challenge(
    change: &mut Change,
    purpose: Purpose,
    challenge: &str,
    form_token: &str,
    now: i64,
) -> Result<(), StoreError> {
    let taken = sqlx::query(
        "DELETE FROM challenges WHERE challenge = $1 AND purpose = $2 AND browser = $3 AND expires_at > $4",
    )
    .bind(challenge)
    .bind(purpose.name())
    .bind(secret::hashed(form_token))
    .bind(now)
    .execute(change.connection())
    .await?;
    match taken.rows_affected() {
        1 => Ok(()),
        _ => Err(Refused::new("this browser was not asked for it").into()),
    }
}

/// A passkey as its owner sees it.
#[derive(Clone, Debug)]
pub struct Passkey {
    pub id: String,
    pub name: String,
    pub created_at: i64,
    pub used_at: Option<i64>,
}

pub async fn of_account(database: &Database, account: &str) -> Result<Vec<Passkey>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT id, name, created_at, used_at FROM passkeys WHERE account = $1 ORDER BY created_at, id",
    );
    let rows: Vec<(String, String, i64, Option<i64>)> =
        select.bind(account).fetch_all(database.pool()).await?;
    let passkey = |(id, name, created_at, used_at)| Passkey { id, name, created_at, used_at };
    Ok(rows.into_iter().map(passkey).collect())
}

pub async fn count(change: &mut Change, account: &str) -> Result<i64, sqlx::Error> {
    let select = sqlx::query_as("SELECT count(*) FROM passkeys WHERE account = $1").bind(account);
    let (count,): (i64,) = select.fetch_one(change.connection()).await?;
    Ok(count)
}

type Columns = (String, String, String, String, i64, i64);

fn read(
    (account, id, public_key, transports, counter, may_be_copied): Columns,
) -> Option<(String, Credential)> {
    let credential = Credential {
        id: hex::decode(id).ok()?,
        public_key: hex::decode(public_key).ok()?,
        transports,
        counter: u32::try_from(counter).ok()?,
        may_be_copied: may_be_copied == 1,
    };
    Some((account, credential))
}

/// What a browser has to know of an account's passkeys to make none twice.
pub async fn credentials(database: &Database, account: &str) -> Result<Vec<Credential>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT account, credential, public_key, transports, counter, may_be_copied FROM passkeys WHERE account = $1",
    );
    let rows: Vec<Columns> = select.bind(account).fetch_all(database.pool()).await?;
    Ok(rows.into_iter().filter_map(read).map(|(_, credential)| credential).collect())
}

/// The passkey with this credential, and whose it is.
pub async fn credential(
    change: &mut Change,
    credential: &[u8],
) -> Result<Option<(String, Credential)>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT account, credential, public_key, transports, counter, may_be_copied FROM passkeys \
         WHERE credential = $1",
    );
    let found: Option<Columns> =
        select.bind(hex::encode(credential)).fetch_optional(change.connection()).await?;
    Ok(found.and_then(read))
}

/// Adds a passkey; whether it is new. One that another account has stays there.
pub async fn add(
    change: &mut Change,
    account: &str,
    name: &str,
    credential: &Credential,
    now: i64,
) -> Result<bool, StoreError> {
    let insert = sqlx::query(
        "INSERT INTO passkeys (credential, id, account, name, public_key, transports, counter, may_be_copied, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (credential) DO NOTHING",
    )
    .bind(hex::encode(&credential.id))
    .bind(secret::random_id()?)
    .bind(account)
    .bind(name)
    .bind(hex::encode(&credential.public_key))
    .bind(&credential.transports)
    .bind(i64::from(credential.counter))
    .bind(i64::from(credential.may_be_copied))
    .bind(now);
    Ok(insert.execute(change.connection()).await?.rows_affected() > 0)
}

/// Notes a use of a passkey, with its counter.
pub async fn mark_used(
    change: &mut Change,
    credential: &[u8],
    counter: u32,
    now: i64,
) -> Result<(), sqlx::Error> {
    let update = sqlx::query("UPDATE passkeys SET counter = $1, used_at = $2 WHERE credential = $3");
    let update = update.bind(i64::from(counter)).bind(now).bind(hex::encode(credential));
    update.execute(change.connection()).await?;
    Ok(())
}

/// Gives a passkey of this account another name; whether there is one.
pub async fn rename(change: &mut Change, account: &str, id: &str, name: &str) -> Result<bool, sqlx::Error> {
    let update = sqlx::query("UPDATE passkeys SET name = $1 WHERE id = $2 AND account = $3");
    let update = update.bind(name).bind(id).bind(account);
    Ok(update.execute(change.connection()).await?.rows_affected() > 0)
}

/// Removes all passkeys of this account; whether there were any.
pub async fn remove_all(change: &mut Change, account: &str) -> Result<bool, sqlx::Error> {
    let delete = sqlx::query("DELETE FROM passkeys WHERE account = $1").bind(account);
    Ok(delete.execute(change.connection()).await?.rows_affected() > 0)
}

/// Removes a passkey of this account; whether there was one.
pub async fn remove(change: &mut Change, account: &str, id: &str) -> Result<bool, sqlx::Error> {
    let delete = sqlx::query("DELETE FROM passkeys WHERE id = $1 AND account = $2").bind(id).bind(account);
    Ok(delete.execute(change.connection()).await?.rows_affected() > 0)
}
