//! The portal's database: SQLite in a file or PostgreSQL by URL, with the same statements. Reads go to the pool; whatever
//! changes something is one [`Change`], which carries what the audit log says of it.

use std::{io, path::Path, str::FromStr};

use durable::Access;
use sqlx::{
    Any, AnyConnection, AnyPool, Connection, Transaction,
    any::AnyPoolOptions,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::{
    audit::{Entry, Head},
    limits,
};

/// What each version of the schema adds: for both, for SQLite, for PostgreSQL. A version is never changed once it is out.
const MIGRATIONS: &[[&str; 3]] = &[
    [
        include_str!("../migrations/0001-people.sql"),
        include_str!("../migrations/0001-people.sqlite.sql"),
        include_str!("../migrations/0001-people.postgres.sql"),
    ],
    [include_str!("../migrations/0002-passkeys.sql"), "", ""],
    [
        concat!(
            include_str!("../migrations/0003-ledger.sql"),
            include_str!("../migrations/0003-files.sql"),
            include_str!("../migrations/0003-kept-forms.sql")
        ),
        "",
        "",
    ],
    [include_str!("../migrations/0004-ledger-keys.sql"), "", ""],
    [include_str!("../migrations/0005-dossiers.sql"), "", ""],
    [include_str!("../migrations/0006-grants.sql"), "", ""],
    [include_str!("../migrations/0007-notices.sql"), "", ""],
    [include_str!("../migrations/0008-assignments.sql"), "", ""],
    [include_str!("../migrations/0009-complaints.sql"), "", ""],
    [include_str!("../migrations/0010-shipments.sql"), "", ""],
    [include_str!("../migrations/0011-queue.sql"), "", ""],
    [include_str!("../migrations/0012-confidential.sql"), "", ""],
    [include_str!("../migrations/0013-claims.sql"), "", ""],
    [include_str!("../migrations/0014-disclosures.sql"), "", ""],
    [include_str!("../migrations/0015-wallets.sql"), "", ""],
    [include_str!("../migrations/0016-stability.sql"), "", ""],
    [
        concat!(
            include_str!("../migrations/0017-teams.sql"),
            include_str!("../migrations/0017-api-keys.sql"),
            include_str!("../migrations/0017-partner-api.sql")
        ),
        "",
        "",
    ],
    [include_str!("../migrations/0018-searching.sql"), "", ""],
];

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    #[error("the folder of the database: {0}")]
    Folder(io::Error),
    #[error("the path of the database is no text in UTF-8")]
    Path,
    #[error(
        "the PostgreSQL server is on another machine: say sslmode=verify-full in the URL (and sslrootcert=FILE where \
         its certificate is of an authority of your own)"
    )]
    NoTls,
    #[error(
        "the database was written by a newer version of nanotrace (its schema is {0}, this program knows {1})"
    )]
    Newer(i64, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

/// An open database with the schema that this program knows.
#[derive(Clone)]
pub struct Database {
    pool: AnyPool,
    kind: Kind,
}

impl Database {
    /// `location` is a `postgres://` URL, or the path of a SQLite file, which is made where it is missing.
    pub async fn open(location: &str) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        let kind = match location.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Kind::Postgres,
            _ => Kind::Sqlite,
        };
        let url = match kind {
            Kind::Sqlite => sqlite_url(location)?,
            Kind::Postgres => postgres_url(location)?,
        };
        let options = AnyPoolOptions::new()
            .max_connections(limits::DATABASE_CONNECTIONS)
            .acquire_timeout(limits::DATABASE_TIME);
        let options = match kind {
            Kind::Sqlite => sqlite_connections(options),
            Kind::Postgres => options,
        };
        let database = Self { pool: options.connect(&url).await?, kind };
        database.migrate().await?;
        Ok(database)
    }

    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins a change. It holds the lock of the audit log's head: changes come one after another, in both databases.
    pub async fn change(&self) -> Result<Change, sqlx::Error> {
        let mut transaction = match self.kind {
            // A transaction that takes its lock only at its first write is refused where another one wrote meanwhile.
            Kind::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            Kind::Postgres => self.pool.begin().await?,
        };
        let lock = sqlx::query_as("UPDATE audit_head SET seq = seq RETURNING seq, hash");
        let (seq, hash) = lock.fetch_one(&mut *transaction).await?;
        Ok(Change { transaction, head: Head { seq, hash } })
    }

    /// Empties SQLite's log, in which a secret that was removed stands until then. Where somebody reads meanwhile, it stays until
    /// the next time. PostgreSQL is its operator's: it keeps removed rows until `VACUUM`, and its log as long as it is told to.
    pub async fn empty_log(&self) -> Result<(), sqlx::Error> {
        if self.kind == Kind::Sqlite {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.pool).await?;
        }
        Ok(())
    }

    async fn migrate(&self) -> Result<(), DatabaseError> {
        if self.kind == Kind::Sqlite {
            // Readers go on while somebody writes. The file remembers it.
            sqlx::query("PRAGMA journal_mode = WAL").execute(&self.pool).await?;
        }
        sqlx::query("CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT NOT NULL PRIMARY KEY)")
            .execute(&self.pool)
            .await?;
        let newest = sqlx::query_as("SELECT coalesce(max(version), 0) FROM schema_versions");
        let (newest,): (i64,) = newest.fetch_one(&self.pool).await?;
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        if newest > known {
            return Err(DatabaseError::Newer(newest, known));
        }
        for (version, steps) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > newest) {
            self.migrate_to(version, steps).await?;
        }
        Ok(())
    }

    /// One version in one transaction: it is there whole or not at all.
    async fn migrate_to(
        &self,
        version: i64,
        [both, sqlite, postgres]: &[&'static str; 3],
    ) -> Result<(), sqlx::Error> {
        let own = match self.kind {
            Kind::Sqlite => sqlite,
            Kind::Postgres => postgres,
        };
        let mut transaction = self.pool.begin().await?;
        sqlx::raw_sql(*both).execute(&mut *transaction).await?;
        sqlx::raw_sql(*own).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO schema_versions (version) VALUES ($1)")
            .bind(version)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }
}

/// A connection that a failure of the disk spoiled is not kept: SQLite opens a file only for reading where it cannot do so for
/// writing, and takes a transaction back by itself, of which sqlx hears nothing.
fn sqlite_connections(options: AnyPoolOptions) -> AnyPoolOptions {
    options
        .after_connect(|connection, _| {
            // What is deleted is overwritten, and not only passed over. A change that is undone fails where nothing can be written.
            let set_up = "PRAGMA secure_delete = ON; BEGIN IMMEDIATE; PRAGMA user_version = 0; ROLLBACK";
            Box::pin(async move { sqlx::raw_sql(set_up).execute(connection).await.map(drop) })
        })
        .before_acquire(|connection, _| {
            let is_clean = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_clean) })
        })
}

fn sqlite_url(location: &str) -> Result<String, DatabaseError> {
    let path = std::path::absolute(Path::new(location)).map_err(DatabaseError::Folder)?;
    if let Some(folder) = path.parent() {
        // SQLite makes the names in its folder durable, and not the folder's own.
        durable::create_folder(folder, Access::Owner).map_err(DatabaseError::Folder)?;
    }
    let path = path.to_str().ok_or(DatabaseError::Path)?;
    let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    Ok(format!("sqlite://{path}?mode=rwc"))
}

/// Passwords cross no network in the clear: a server elsewhere proves who it is.
fn postgres_url(location: &str) -> Result<String, DatabaseError> {
    let options = PgConnectOptions::from_str(location)?;
    let host = options.get_host();
    let address = host.trim_matches(['[', ']']).parse();
    let is_here = options.get_socket().is_some()
        || host == "localhost"
        || address.is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    match options.get_ssl_mode() {
        PgSslMode::VerifyFull => Ok(location.to_owned()),
        _ if is_here => Ok(location.to_owned()),
        _ => Err(DatabaseError::NoTls),
    }
}

/// A change under way: a transaction, undone unless it is committed.
pub struct Change {
    transaction: Transaction<'static, Any>,
    head: Head,
}

impl Change {
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    /// Writes what happened into the audit log, as part of the change.
    pub async fn record(&mut self, entry: &Entry) -> Result<(), sqlx::Error> {
        self.head = self.head.append(entry, &mut self.transaction).await?;
        Ok(())
    }

    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.transaction.commit().await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;

    /// FULL: SQLite syncs its log before a change counts as committed. Whoever got an answer rests on that.
    #[tokio::test]
    async fn every_connection_syncs_what_it_commits() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..limits::DATABASE_CONNECTIONS {
            let mut connection = database.pool().acquire().await.unwrap();
            let level = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *connection);
            let level: i64 = level.await.unwrap();
            let journal = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection);
            let journal: String = journal.await.unwrap();
            assert_eq!((level, journal.as_str()), (2, "wal"));
            held.push(connection);
        }
    }
    /// As after an error of the disk: SQLite takes the transaction back, and whoever uses the connection next begins anew.
    #[tokio::test]
    async fn a_transaction_that_the_database_took_back_spoils_no_connection() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        let mut change = database.change().await.unwrap();
        sqlx::raw_sql("PRAGMA max_page_count = 1").execute(change.connection()).await.unwrap();
        let fill = "INSERT INTO parties (id, kind, name, created_at) VALUES ('a', 'company', hex(zeroblob(100000)), 0)";
        let error = sqlx::query(fill).execute(change.connection()).await.unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
        drop(change);

        let mut held = Vec::new();
        for _ in 0..limits::DATABASE_CONNECTIONS {
            let mut connection = database.pool().acquire().await.unwrap();
            connection.begin_with("BEGIN IMMEDIATE").await.unwrap().rollback().await.unwrap();
            held.push(connection);
        }
    }

    #[tokio::test]
    async fn a_connection_that_cannot_write_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let url = sqlite_url(folder.path().join("portal.db").to_str().unwrap()).unwrap();
        let options = || AnyPoolOptions::new().acquire_timeout(Duration::from_millis(500));
        Database::open(url.strip_prefix("sqlite://").unwrap().strip_suffix("?mode=rwc").unwrap())
            .await
            .unwrap();
        let reading = url.replace("mode=rwc", "mode=ro");
        options().connect(&reading).await.unwrap();
        sqlite_connections(options()).connect(&reading).await.unwrap_err();
    }
}
