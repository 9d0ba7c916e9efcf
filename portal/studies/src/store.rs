//! Studies in the database. What people of a company read and change goes through [`Scope`]; staff see what a dossier for their
//! organisation names ([`named`]).

use accounts::{Change, Database, people::Account, secret, store::StoreError};
use sqlx::{FromRow, Row, any::AnyRow};
use stability::Parameters;
use uploads::Stored;

/// Studies of a party.
pub const MAXIMUM_STUDIES: i64 = 200;
/// Computations of a party that wait.
pub const MAXIMUM_WAITING: i64 = 5;

/// A study, and what came of it for its company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Study {
    pub id: String,
    pub party: String,
    /// Who began it.
    pub by: String,
    pub file: String,
    /// The file's name.
    pub title: String,
    pub sha256: String,
    /// The options of `nanotrace q1e`.
    pub parameters: String,
    pub created_at: i64,
    pub state: State,
    pub tries: i64,
    pub rows_read: i64,
    /// Why it was refused or failed.
    pub said: String,
    /// What it came to.
    pub statement: String,
}

/// How far a computation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Done,
    /// Something is wrong with the file.
    Refused,
    /// Something is wrong with the portal.
    Failed,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Done, Self::Refused, Self::Failed].into_iter().find(|it| it.name() == name)
    }

    fn of(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let name: String = row.try_get("state")?;
        Self::from_name(&name).ok_or_else(|| sqlx::Error::Decode(format!("no state: {name}").into()))
    }
}

impl FromRow<'_, AnyRow> for Study {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            party: row.try_get("party")?,
            by: row.try_get("by_name")?,
            file: row.try_get("file")?,
            title: row.try_get("title")?,
            sha256: row.try_get("sha256")?,
            parameters: row.try_get("parameters")?,
            created_at: row.try_get("created_at")?,
            state: State::of(row)?,
            tries: row.try_get("tries")?,
            rows_read: row.try_get("rows_read")?,
            said: row.try_get("said")?,
            statement: row.try_get("statement")?,
        })
    }
}

/// A statement about studies, each with the computation of its company.
macro_rules! studies {
    ($rest:literal) => {
        concat!(
            "SELECT studies.id, studies.party, accounts.name AS by_name, file, title, studies.sha256, parameters, \
             studies.created_at, state, tries, rows_read, said, statement FROM studies \
             JOIN computations ON computations.study = studies.id AND computations.party = studies.party \
             JOIN accounts ON accounts.id = studies.account ",
            $rest
        )
    };
}

/// A study to be made.
pub struct New<'a> {
    pub file: &'a Stored,
    pub parameters: &'a Parameters,
}

/// How a study was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// Under this id; where the same was asked for before, that one's.
    Done(String),
    /// The party has [`MAXIMUM_STUDIES`].
    Full,
    /// [`MAXIMUM_WAITING`] computations of the party wait.
    Busy,
}

/// The studies of one party: each statement here names it.
pub struct Scope<'a> {
    party: &'a str,
    account: &'a str,
}

impl<'a> Scope<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { party: &account.party, account: &account.id }
    }

    /// All of them, the newest first.
    pub async fn all(&self, database: &Database) -> Result<Vec<Study>, sqlx::Error> {
        let select =
            sqlx::query_as(studies!("WHERE studies.party = $1 ORDER BY studies.created_at DESC, studies.id"));
        select.bind(self.party).fetch_all(database.pool()).await
    }

    pub async fn one(&self, database: &Database, id: &str) -> Result<Option<Study>, sqlx::Error> {
        let select = sqlx::query_as(studies!("WHERE studies.party = $1 AND studies.id = $2"));
        select.bind(self.party).bind(id).fetch_optional(database.pool()).await
    }

    /// Whether one of them came to this statement, of data with this hash.
    pub async fn came_to(
        &self,
        database: &Database,
        sha256: &str,
        statement: &str,
    ) -> Result<bool, sqlx::Error> {
        let select = sqlx::query(
            "SELECT 1 FROM studies JOIN computations ON computations.study = studies.id \
             AND computations.party = studies.party WHERE studies.party = $1 AND sha256 = $2 AND statement = $3 LIMIT 1",
        );
        let select = select.bind(self.party).bind(sha256).bind(statement);
        Ok(select.fetch_optional(database.pool()).await?.is_some())
    }

    /// Makes a study of a file of the party, which waits to be computed.
    pub async fn add(&self, change: &mut Change, new: &New<'_>, now: i64) -> Result<Added, StoreError> {
        let parameters = new.parameters.to_string();
        let same = sqlx::query_as(
            "SELECT id FROM studies WHERE party = $1 AND file = $2 AND parameters = $3 LIMIT 1",
        );
        let same = same.bind(self.party).bind(&new.file.id).bind(&parameters);
        let same: Option<(String,)> = same.fetch_optional(change.connection()).await?;
        if let Some((id,)) = same {
            return Ok(Added::Done(id));
        }
        let count = sqlx::query_as(
            "SELECT (SELECT count(*) FROM studies WHERE party = $1), count(*) FROM computations \
             WHERE party = $1 AND state = 'waiting'",
        );
        let (studies, waiting): (i64, i64) = count.bind(self.party).fetch_one(change.connection()).await?;
        if studies >= MAXIMUM_STUDIES {
            return Ok(Added::Full);
        }
        if waiting >= MAXIMUM_WAITING {
            return Ok(Added::Busy);
        }
        let id = secret::random_id()?;
        let insert = sqlx::query(
            "INSERT INTO studies (id, party, account, file, title, sha256, parameters, created_at) \
             SELECT $1, party, $2, id, name, sha256, $3, $4 FROM files WHERE id = $5 AND party = $6",
        );
        let insert = insert.bind(&id).bind(self.account).bind(&parameters).bind(now);
        insert.bind(&new.file.id).bind(self.party).execute(change.connection()).await?;
        queue(change, &id, (self.party, self.account), now).await?;
        Ok(Added::Done(id))
    }

    /// Removes a study, and with it what every organisation computed of it; the file where it was removed, unless another study is
    /// of it. Its content is forgotten once the change is committed.
    pub async fn remove(&self, change: &mut Change, study: &Study) -> Result<Option<Stored>, sqlx::Error> {
        if study.party != self.party {
            return Ok(None);
        }
        for statement in ["DELETE FROM computations WHERE study = $1", "DELETE FROM studies WHERE id = $1"] {
            sqlx::query(statement).bind(&study.id).execute(change.connection()).await?;
        }
        if is_used(change, &study.file).await? {
            return Ok(None);
        }
        let delete = sqlx::query_as("DELETE FROM files WHERE party = $1 AND id = $2 RETURNING *");
        delete.bind(self.party).bind(&study.file).fetch_optional(change.connection()).await
    }
}

/// Puts a computation into the queue.
async fn queue(
    change: &mut Change,
    study: &str,
    (party, account): (&str, &str),
    now: i64,
) -> Result<(), StoreError> {
    let insert = sqlx::query(
        "INSERT INTO computations (id, study, party, account, state, created_at, tries, rows_read, said, statement) \
         VALUES ($1, $2, $3, $4, 'waiting', $5, 0, 0, '', '')",
    );
    let insert = insert.bind(secret::random_id()?).bind(study).bind(party).bind(account).bind(now);
    insert.execute(change.connection()).await?;
    Ok(())
}

/// Whether a study is of this file.
pub async fn is_used(change: &mut Change, file: &str) -> Result<bool, sqlx::Error> {
    let select = sqlx::query("SELECT 1 FROM studies WHERE file = $1 LIMIT 1").bind(file);
    Ok(select.fetch_optional(change.connection()).await?.is_some())
}

/// What a study came to: JSON and SVG.
pub async fn result(database: &Database, study: &Study) -> Result<Option<(String, String)>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT result, plot FROM computations WHERE study = $1 AND party = $2 AND state = 'done' AND result IS NOT NULL",
    );
    select.bind(&study.id).bind(&study.party).fetch_optional(database.pool()).await
}

/// The study of the company that wrote this dossier, which came to this statement of data with this hash. That the dossier was
/// handed in to who asks is the caller's to know.
pub async fn named(
    database: &Database,
    dossier: &str,
    sha256: &str,
    statement: &str,
) -> Result<Option<Study>, sqlx::Error> {
    let select = sqlx::query_as(studies!(
        "JOIN dossiers ON dossiers.party = studies.party WHERE dossiers.id = $1 AND studies.sha256 = $2 \
         AND statement = $3 ORDER BY studies.created_at LIMIT 1"
    ));
    select.bind(dossier).bind(sha256).bind(statement).fetch_optional(database.pool()).await
}

/// What came of computing a study again for another organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub state: State,
    pub rows_read: i64,
    /// Why it failed.
    pub said: String,
    pub ended_at: Option<i64>,
    /// Who asked.
    pub by: String,
}

impl Check {
    /// Whether the same came of it, byte for byte.
    pub fn is_same(&self) -> bool {
        self.state == State::Done && self.said == SAME
    }
}

pub(crate) const SAME: &str = "same";
pub(crate) const DIFFERENT: &str = "different";

impl FromRow<'_, AnyRow> for Check {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            state: State::of(row)?,
            rows_read: row.try_get("rows_read")?,
            said: row.try_get("said")?,
            ended_at: row.try_get("ended_at")?,
            by: row.try_get("name")?,
        })
    }
}

/// What came of it for the organisation of an account, if it was asked for.
pub async fn check(
    database: &Database,
    study: &Study,
    account: &Account,
) -> Result<Option<Check>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT state, rows_read, said, ended_at, name FROM computations \
         JOIN accounts ON accounts.id = computations.account WHERE study = $1 AND computations.party = $2",
    );
    select.bind(&study.id).bind(&account.party).fetch_optional(database.pool()).await
}

/// How computing again was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Done,
    /// It waits already.
    Waiting,
    /// [`MAXIMUM_WAITING`] computations of the party wait.
    Busy,
}

/// Lets a study be computed again for the organisation of an account, whose earlier answer it replaces.
pub async fn ask_again(
    change: &mut Change,
    study: &Study,
    account: &Account,
    now: i64,
) -> Result<Asked, StoreError> {
    let count = sqlx::query_as(
        "SELECT (SELECT count(*) FROM computations WHERE study = $1 AND party = $2 AND state = 'waiting'), count(*) \
         FROM computations WHERE party = $2 AND state = 'waiting'",
    );
    let (own, all): (i64, i64) =
        count.bind(&study.id).bind(&account.party).fetch_one(change.connection()).await?;
    if own > 0 || study.party == account.party {
        return Ok(Asked::Waiting);
    }
    if all >= MAXIMUM_WAITING {
        return Ok(Asked::Busy);
    }
    let delete = sqlx::query("DELETE FROM computations WHERE study = $1 AND party = $2");
    delete.bind(&study.id).bind(&account.party).execute(change.connection()).await?;
    queue(change, &study.id, (&account.party, &account.id), now).await?;
    Ok(Asked::Done)
}
