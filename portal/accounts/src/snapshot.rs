//! A copy of a portal's SQLite database for a backup, and whether one is whole. The database may be in use.

use std::path::Path;

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

/// A file that the database refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referenced {
    pub id: String,
    pub bytes: i64,
    /// In hexadecimal.
    pub sha256: String,
}

/// Writes the database as of one moment into a new file. What was removed from it is in none of its pages.
pub async fn take(database: &Path, to: &Path) -> Result<(), sqlx::Error> {
    let to = to.to_str().ok_or_else(|| sqlx::Error::Configuration("the path is no text in UTF-8".into()))?;
    let mut connection = open(database).await?;
    sqlx::query("VACUUM INTO $1").bind(to).execute(&mut connection).await?;
    connection.close().await
}

/// What is wrong with a database, in SQLite's words; nothing where it is whole.
pub async fn damage(database: &Path) -> Result<Vec<String>, sqlx::Error> {
    let mut connection = open(database).await?;
    let check = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut connection);
    let mut found: Vec<String> = check.await?;
    found.retain(|line| line != "ok");
    connection.close().await?;
    Ok(found)
}

/// The files that the database refers to; none in one of a version that knew no files.
pub async fn files(database: &Path) -> Result<Vec<Referenced>, sqlx::Error> {
    let mut connection = open(database).await?;
    let tables =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'files'");
    let tables: i64 = tables.fetch_one(&mut connection).await?;
    let rows: Vec<(String, i64, String)> = match tables {
        0 => Vec::new(),
        _ => {
            let select = sqlx::query_as("SELECT id, bytes, sha256 FROM files ORDER BY id");
            select.fetch_all(&mut connection).await?
        }
    };
    connection.close().await?;
    Ok(rows.into_iter().map(|(id, bytes, sha256)| Referenced { id, bytes, sha256 }).collect())
}

async fn open(database: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new().filename(database).create_if_missing(false).connect().await
}
