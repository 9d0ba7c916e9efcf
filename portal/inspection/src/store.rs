//! Shipments that were checked, each of one party.

use accounts::{Change, Database, people::Scope};
use sqlx::{FromRow, Row, any::AnyRow};

/// Checks that a party can look at again; older ones go.
const KEPT: i64 = 100;
/// Seconds that a check is kept.
const KEPT_SECONDS: i64 = 90 * 24 * 60 * 60;

/// A check that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub id: String,
    /// Who asked.
    pub account: String,
    pub checked_at: i64,
    /// What it came to, in a line.
    pub summary: String,
    /// The document, byte for byte as it was signed.
    pub document: String,
    /// Header and signature of the JWS around the document (RFC 7515 §7.1 without its middle part); empty where nobody signed it.
    pub signature: String,
}

/// A check as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: String,
    pub checked_at: i64,
    pub summary: String,
    pub name: String,
}

impl FromRow<'_, AnyRow> for Kept {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            account: row.try_get("account")?,
            checked_at: row.try_get("checked_at")?,
            summary: row.try_get("summary")?,
            document: row.try_get("document")?,
            signature: row.try_get("signature")?,
        })
    }
}

impl FromRow<'_, AnyRow> for Listed {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            checked_at: row.try_get("checked_at")?,
            summary: row.try_get("summary")?,
            name: row.try_get("name")?,
        })
    }
}

/// Keeps a check, and lets the oldest go.
pub async fn keep(change: &mut Change, scope: &Scope<'_>, kept: &Kept) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO shipments (id, party, account, checked_at, summary, document, signature) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&kept.id)
    .bind(scope.party())
    .bind(&kept.account)
    .bind(kept.checked_at)
    .bind(&kept.summary)
    .bind(&kept.document)
    .bind(&kept.signature)
    .execute(change.connection())
    .await?;
    sqlx::query(
        "DELETE FROM shipments WHERE party = $1 AND (checked_at < $2 OR id NOT IN \
         (SELECT id FROM shipments WHERE party = $1 ORDER BY checked_at DESC, id LIMIT $3))",
    )
    .bind(scope.party())
    .bind(kept.checked_at.saturating_sub(KEPT_SECONDS))
    .bind(KEPT)
    .execute(change.connection())
    .await?;
    Ok(())
}

/// The checks of a party, the newest first.
pub async fn list(database: &Database, scope: &Scope<'_>) -> Result<Vec<Listed>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT shipments.id, checked_at, summary, accounts.name FROM shipments \
         JOIN accounts ON accounts.id = shipments.account \
         WHERE shipments.party = $1 ORDER BY checked_at DESC, shipments.id",
    );
    select.bind(scope.party()).fetch_all(database.pool()).await
}

/// A check of a party; none where the id is another's.
pub async fn find(database: &Database, scope: &Scope<'_>, id: &str) -> Result<Option<Kept>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT id, account, checked_at, summary, document, signature FROM shipments WHERE party = $1 AND id = $2",
    );
    select.bind(scope.party()).bind(id).fetch_optional(database.pool()).await
}
