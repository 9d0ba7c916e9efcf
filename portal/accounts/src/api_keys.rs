//! Keys by which programs of a company use the partner API. The database holds their hashes; each acts for its company, within the
//! scopes that an owner gave it, and ends with its time or with its maker's ownership.

use crate::{
    database::{Change, Database},
    limits,
    people::Account,
    roles::OWNER,
    secret,
    store::StoreError,
};

/// What a key may be allowed, and what people read of it.
pub const SCOPES: [(&str, &str); 5] = [
    ("applications:read", "read applications, drafts and what was handed in"),
    ("applications:write", "write, hand in and withdraw applications"),
    ("files:read", "read files"),
    ("files:write", "upload and remove files"),
    ("certificates:read", "read certificates"),
];

/// What every key begins with.
const START: &str = "nt_";
const PREFIX_BYTES: usize = 4;

/// A key as owners see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: String,
    pub name: String,
    /// With what stands in front of it.
    pub prefix: String,
    pub scopes: Vec<String>,
    /// The address of its maker.
    pub maker: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub used_at: Option<i64>,
    /// Whether it works now.
    pub works: bool,
    /// Whether another one takes its place.
    pub is_followed: bool,
}

/// What an owner wants.
pub struct NewKey<'a> {
    pub name: &'a str,
    pub scopes: &'a [&'a str],
    pub seconds: i64,
}

/// Who presents a key that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub id: String,
    pub prefix: String,
    /// Of its maker, who is an owner of the company.
    pub account: String,
    scopes: String,
}

impl Bearer {
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.split(' ').any(|own| own == scope)
    }
}

/// A statement about keys that work at a time, the second parameter: their makers are owners of their companies and may log in.
macro_rules! working {
    ($select:literal, $rest:literal) => {
        concat!(
            $select,
            " FROM api_keys JOIN accounts ON accounts.id = api_keys.account AND accounts.party = api_keys.party \
             JOIN roles ON roles.account = accounts.id WHERE ",
            $rest,
            " AND ended_at IS NULL AND expires_at > $2 AND disabled_at IS NULL AND role = $3"
        )
    };
}

/// The keys of one company: each statement here names it.
pub struct Keys<'a> {
    party: &'a str,
    own: &'a str,
}

impl<'a> Keys<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { party: &account.party, own: &account.id }
    }

    /// The newest first.
    pub async fn all(&self, database: &Database, now: i64) -> Result<Vec<ApiKey>, sqlx::Error> {
        type Columns = (String, String, String, String, String, i64, i64, Option<i64>, i64, i64);
        let select = sqlx::query_as(
            "SELECT id, name, prefix, scopes, (SELECT coalesce(former_email, email) FROM accounts WHERE id = api_keys.account), \
             created_at, expires_at, used_at, (CASE WHEN ended_at IS NULL AND expires_at > $2 AND EXISTS (\
             SELECT 1 FROM accounts JOIN roles ON roles.account = accounts.id WHERE accounts.id = api_keys.account \
             AND accounts.party = api_keys.party AND disabled_at IS NULL AND role = $3) THEN 1 ELSE 0 END), \
             (SELECT count(*) FROM api_keys AS others WHERE others.follows = api_keys.id) \
             FROM api_keys WHERE party = $1 ORDER BY created_at DESC, id LIMIT 100",
        );
        let select = select.bind(self.party).bind(now).bind(OWNER);
        let rows: Vec<Columns> = select.fetch_all(database.pool()).await?;
        let key =
            |(id, name, prefix, scopes, maker, created_at, expires_at, used_at, works, followed): Columns| {
                ApiKey {
                    id,
                    name,
                    prefix,
                    scopes: scopes.split(' ').map(str::to_owned).collect(),
                    maker,
                    created_at,
                    expires_at,
                    used_at,
                    works: works > 0,
                    is_followed: followed > 0,
                }
            };
        Ok(rows.into_iter().map(key).collect())
    }

    /// Makes a key and returns it: it is shown now and never again. None where the company has as many as it may have.
    pub async fn make(
        &self,
        change: &mut Change,
        new: &NewKey<'_>,
        now: i64,
    ) -> Result<Option<String>, StoreError> {
        if self.working(change, now).await? >= limits::API_KEYS {
            return Ok(None);
        }
        let expires_at = now.saturating_add(new.seconds.clamp(0, limits::API_KEY_SECONDS));
        self.insert(change, new.name, &new.scopes.join(" "), expires_at, None, now).await.map(Some)
    }

    /// Makes a key in the place of one that works, with the same name and scopes and for as long; the old one works for a while longer.
    /// None where there is no such one, or it was rotated already.
    pub async fn rotate(
        &self,
        change: &mut Change,
        id: &str,
        overlap: i64,
        now: i64,
    ) -> Result<Option<String>, StoreError> {
        let select = sqlx::query_as(working!(
            "SELECT api_keys.name, scopes, api_keys.created_at, expires_at",
            "api_keys.party = $1 AND api_keys.id = $4 \
             AND NOT EXISTS (SELECT 1 FROM api_keys AS others WHERE others.follows = api_keys.id)"
        ));
        let select = select.bind(self.party).bind(now).bind(OWNER).bind(id);
        let found: Option<(String, String, i64, i64)> = select.fetch_optional(change.connection()).await?;
        let Some((name, scopes, created_at, expires_at)) = found else { return Ok(None) };
        let overlap = now.saturating_add(overlap.clamp(0, limits::API_KEY_OVERLAP));
        let update = sqlx::query("UPDATE api_keys SET expires_at = $1 WHERE id = $2 AND party = $3");
        let update = update.bind(expires_at.min(overlap)).bind(id).bind(self.party);
        update.execute(change.connection()).await?;
        let until = now.saturating_add(expires_at.saturating_sub(created_at));
        self.insert(change, &name, &scopes, until, Some(id), now).await.map(Some)
    }

    /// Ends a key at once; whether there was one that had not ended.
    pub async fn end(&self, change: &mut Change, id: &str, now: i64) -> Result<bool, sqlx::Error> {
        let update = sqlx::query(
            "UPDATE api_keys SET ended_at = $1 WHERE id = $2 AND party = $3 AND ended_at IS NULL AND expires_at > $1",
        );
        let update = update.bind(now).bind(id).bind(self.party).execute(change.connection()).await?;
        Ok(update.rows_affected() == 1)
    }

    async fn working(&self, change: &mut Change, now: i64) -> Result<i64, sqlx::Error> {
        let select = sqlx::query_as(working!("SELECT count(*)", "api_keys.party = $1"));
        let select = select.bind(self.party).bind(now).bind(OWNER);
        let (count,): (i64,) = select.fetch_one(change.connection()).await?;
        Ok(count)
    }

    async fn insert(
        &self,
        change: &mut Change,
        name: &str,
        scopes: &str,
        expires_at: i64,
        follows: Option<&str>,
        now: i64,
    ) -> Result<String, StoreError> {
        let mut bytes = [0; PREFIX_BYTES];
        getrandom::fill(&mut bytes)?;
        let prefix = format!("{START}{}", hex::encode(bytes));
        let key = format!("{prefix}_{}", secret::random()?);
        let insert = sqlx::query(
            "INSERT INTO api_keys (id, party, account, name, prefix, secret, scopes, created_at, expires_at, follows) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        );
        let insert =
            insert.bind(secret::random_id()?).bind(self.party).bind(self.own).bind(name).bind(prefix);
        let insert = insert.bind(secret::hashed(&key)).bind(scopes).bind(now).bind(expires_at).bind(follows);
        insert.execute(change.connection()).await?;
        Ok(key)
    }
}

/// Who presents this key, where it works. What is looked up is its prefix, which is no secret; the rest is compared by hashes.
pub async fn bearer(database: &Database, key: &str, now: i64) -> Result<Option<Bearer>, sqlx::Error> {
    let Some((prefix, _)) = key.rsplit_once('_').filter(|_| key.starts_with(START)) else { return Ok(None) };
    let select = sqlx::query_as(working!(
        "SELECT api_keys.id, api_keys.account, scopes, secret, used_at",
        "prefix = $1"
    ));
    let select = select.bind(prefix).bind(now).bind(OWNER);
    let found: Option<(String, String, String, String, Option<i64>)> =
        select.fetch_optional(database.pool()).await?;
    let Some((id, account, scopes, hash, used_at)) = found else { return Ok(None) };
    if !secret::equal(&secret::hashed(key), &hash) {
        return Ok(None);
    }
    // Once a minute is enough for people, and spares a write at each request.
    if used_at.is_none_or(|at| now.saturating_sub(at) >= 60) {
        let update = sqlx::query("UPDATE api_keys SET used_at = $1 WHERE id = $2").bind(now).bind(&id);
        update.execute(database.pool()).await?;
    }
    Ok(Some(Bearer { id, prefix: prefix.to_owned(), account, scopes }))
}

/// Whether a key still works. It was looked up before its request was read: it may have ended since.
pub async fn goes_on(change: &mut Change, id: &str, now: i64) -> Result<bool, sqlx::Error> {
    let select = sqlx::query_as(working!("SELECT count(*)", "api_keys.id = $1"));
    let (count,): (i64,) = select.bind(id).bind(now).bind(OWNER).fetch_one(change.connection()).await?;
    Ok(count > 0)
}

/// Ends the keys that somebody made, who is no owner any more.
pub(crate) async fn end_those_of(change: &mut Change, account: &str, now: i64) -> Result<(), sqlx::Error> {
    let update = sqlx::query("UPDATE api_keys SET ended_at = $1 WHERE account = $2 AND ended_at IS NULL");
    update.bind(now).bind(account).execute(change.connection()).await?;
    Ok(())
}
