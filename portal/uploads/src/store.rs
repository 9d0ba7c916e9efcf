//! What the database knows of files.

use accounts::{Change, Database, people::Scope};
use sqlx::{AnyPool, FromRow, Row, any::AnyRow};

use crate::Kind;

/// A file that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub id: String,
    pub party: String,
    /// Who uploaded it.
    pub account: String,
    /// As its owner calls it.
    pub name: String,
    pub kind: Kind,
    pub bytes: i64,
    /// In hexadecimal.
    pub sha256: String,
    pub created_at: i64,
}

impl Stored {
    pub(crate) fn new(
        id: &str,
        party: &str,
        account: &str,
        name: &str,
        kind: Kind,
        (bytes, sha256): (u64, &str),
        now: i64,
    ) -> Self {
        Self {
            id: id.to_owned(),
            party: party.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
            kind,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            sha256: sha256.to_owned(),
            created_at: now,
        }
    }
}

impl FromRow<'_, AnyRow> for Stored {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let kind: String = row.try_get("kind")?;
        let kind = Kind::from_name(&kind)
            .ok_or_else(|| sqlx::Error::Decode(format!("no kind of file: {kind}").into()))?;
        Ok(Self {
            id: row.try_get("id")?,
            party: row.try_get("party")?,
            account: row.try_get("account")?,
            name: row.try_get("name")?,
            kind,
            bytes: row.try_get("bytes")?,
            sha256: row.try_get("sha256")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

/// The files of a party, newest first.
pub async fn list(database: &Database, scope: &Scope<'_>) -> Result<Vec<Stored>, sqlx::Error> {
    let select = sqlx::query_as("SELECT * FROM files WHERE party = $1 ORDER BY created_at DESC, id");
    select.bind(scope.party()).fetch_all(database.pool()).await
}

/// A file of a party; none where the id is another's.
pub async fn find(database: &Database, scope: &Scope<'_>, id: &str) -> Result<Option<Stored>, sqlx::Error> {
    let select = sqlx::query_as("SELECT * FROM files WHERE party = $1 AND id = $2");
    select.bind(scope.party()).bind(id).fetch_optional(database.pool()).await
}

/// Takes a file of a party out of the database. Its content is forgotten once the change is committed
/// ([`crate::Uploads::forget`]).
pub async fn remove(change: &mut Change, scope: &Scope<'_>, id: &str) -> Result<Option<Stored>, sqlx::Error> {
    let delete = sqlx::query_as("DELETE FROM files WHERE party = $1 AND id = $2 RETURNING *");
    delete.bind(scope.party()).bind(id).fetch_optional(change.connection()).await
}

pub(crate) async fn insert(change: &mut Change, stored: &Stored) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO files (id, party, account, name, kind, bytes, sha256, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&stored.id)
    .bind(&stored.party)
    .bind(&stored.account)
    .bind(&stored.name)
    .bind(stored.kind.name())
    .bind(stored.bytes)
    .bind(&stored.sha256)
    .bind(stored.created_at)
    .execute(change.connection())
    .await?;
    Ok(())
}

/// What a party has uploaded.
pub(crate) struct Used {
    pub files: u64,
    pub bytes: u64,
}

const USED: &str = "SELECT count(*), CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM files WHERE party = $1";

fn used((files, bytes): (i64, i64)) -> Used {
    Used { files: u64::try_from(files).unwrap_or(0), bytes: u64::try_from(bytes).unwrap_or(0) }
}

pub(crate) async fn used_by(database: &Database, party: &str) -> Result<Used, sqlx::Error> {
    Ok(used(sqlx::query_as(USED).bind(party).fetch_one(database.pool()).await?))
}

pub(crate) async fn used_in(change: &mut Change, party: &str) -> Result<Used, sqlx::Error> {
    Ok(used(sqlx::query_as(USED).bind(party).fetch_one(change.connection()).await?))
}

pub(crate) async fn is_known(pool: &AnyPool, id: &str) -> Result<bool, sqlx::Error> {
    let select = sqlx::query("SELECT id FROM files WHERE id = $1").bind(id);
    Ok(select.fetch_optional(pool).await?.is_some())
}
