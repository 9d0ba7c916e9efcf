//! The audit log: who did what, when, from where, and how it ended. It is only appended to, and each entry's hash covers the
//! one before, so that a writer who changes the past has to change the newest hash too.

use sha2::{Digest, Sha256};
use sqlx::AnyConnection;

use crate::database::Database;

/// What an entry says of itself; number and hash come with [`Head::append`].
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub at: i64,
    /// Whose people may read it; empty: the operator's alone.
    pub party: String,
    /// The account that acted; empty: somebody who is not logged in. `command line` for the operator.
    pub actor: String,
    pub action: &'static str,
    /// What it was done to: an account, a session, a role.
    pub object: String,
    /// Where the request came from.
    pub address: String,
    pub result: &'static str,
}

/// The newest entry's number and hash.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub seq: i64,
    pub hash: String,
}

impl Head {
    pub async fn append(&self, entry: &Entry, connection: &mut AnyConnection) -> Result<Head, sqlx::Error> {
        let row = Row {
            seq: self.seq.saturating_add(1),
            at: entry.at,
            party: entry.party.clone(),
            actor: entry.actor.clone(),
            action: entry.action.to_owned(),
            object: entry.object.clone(),
            address: entry.address.clone(),
            result: entry.result.to_owned(),
        };
        let hash = row.hash(&self.hash);
        sqlx::query(
            "INSERT INTO audit (seq, at, party, actor, action, object, address, result, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(row.seq)
        .bind(row.at)
        .bind(row.party)
        .bind(row.actor)
        .bind(row.action)
        .bind(row.object)
        .bind(row.address)
        .bind(row.result)
        .bind(&hash)
        .execute(&mut *connection)
        .await?;
        sqlx::query("UPDATE audit_head SET seq = $1, hash = $2")
            .bind(row.seq)
            .bind(&hash)
            .execute(&mut *connection)
            .await?;
        Ok(Head { seq: row.seq, hash })
    }
}

/// An entry as it lies in the log.
#[derive(Clone, Debug)]
pub struct Row {
    pub seq: i64,
    pub at: i64,
    pub party: String,
    pub actor: String,
    pub action: String,
    pub object: String,
    pub address: String,
    pub result: String,
}

impl Row {
    /// SHA-256 over the hash before and every field with its length: no two entries run into one another.
    fn hash(&self, previous: &str) -> String {
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        let fields = [
            "nanotrace audit 1",
            previous,
            &seq,
            &at,
            &self.party,
            &self.actor,
            &self.action,
            &self.object,
            &self.address,
            &self.result,
        ];
        let mut hash = Sha256::new();
        for field in fields {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        hex::encode(hash.finalize())
    }
}

/// What a check of the whole log finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every entry follows from the one before. Where somebody may have written the whole log anew, compare number and
    /// hash with what an earlier check said.
    Intact { entries: i64, hash: String },
    /// The first entry that is changed or missing.
    Broken { seq: i64 },
}

/// Entries read at once.
const PAGE: i64 = 1000;

/// Checks the whole log, from the first entry to the head.
pub async fn verify(database: &Database) -> Result<Verdict, sqlx::Error> {
    let head = sqlx::query_as("SELECT seq, hash FROM audit_head");
    let (entries, newest): (i64, String) = head.fetch_one(database.pool()).await?;
    let mut hash = String::new();
    let mut next = 1;
    while next <= entries {
        let page = page(database, next).await?;
        if page.is_empty() {
            return Ok(Verdict::Broken { seq: next });
        }
        for (row, written) in page.into_iter().filter(|(row, _)| row.seq <= entries) {
            hash = row.hash(&hash);
            if row.seq != next || hash != written {
                return Ok(Verdict::Broken { seq: next });
            }
            next = next.saturating_add(1);
        }
    }
    let verdict =
        if hash == newest { Verdict::Intact { entries, hash } } else { Verdict::Broken { seq: entries } };
    Ok(verdict)
}

/// An entry's columns, in the order of [`Row`].
pub(crate) type Columns = (i64, i64, String, String, String, String, String, String);

impl From<Columns> for Row {
    fn from((seq, at, party, actor, action, object, address, result): Columns) -> Self {
        Self { seq, at, party, actor, action, object, address, result }
    }
}

async fn page(database: &Database, from: i64) -> Result<Vec<(Row, String)>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT seq, at, party, actor, action, object, address, result, hash FROM audit \
         WHERE seq >= $1 ORDER BY seq LIMIT $2",
    );
    type Written = (i64, i64, String, String, String, String, String, String, String);
    let rows: Vec<Written> = select.bind(from).bind(PAGE).fetch_all(database.pool()).await?;
    let split = |(seq, at, party, actor, action, object, address, result, hash): Written| {
        (Row { seq, at, party, actor, action, object, address, result }, hash)
    };
    Ok(rows.into_iter().map(split).collect())
}
