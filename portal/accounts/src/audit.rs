//! The audit log: who did what, when, from where, and how it ended. It is only appended to, and each entry's hash covers the
//! one before, so that a writer who changes the past has to change the newest hash too.

use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, FromRow, Row as _, any::AnyRow};

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
    /// What it came to on the ledger, where it is an act there.
    pub transaction: Option<Transaction>,
}

/// A transaction as the ledger's peers judged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub id: String,
    /// None where the ledger did not say which.
    pub block: Option<i64>,
    /// The validation code, by Fabric's name: `VALID`, `MVCC_READ_CONFLICT`.
    pub code: String,
}

impl Transaction {
    /// One that holds; its block where it is known.
    pub fn valid(id: String, block: Option<u64>) -> Self {
        let block = block.and_then(|block| i64::try_from(block).ok());
        Self { id, block, code: "VALID".to_owned() }
    }
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
            transaction: entry.transaction.clone(),
        };
        let hash = row.hash(&self.hash);
        sqlx::query(
            "INSERT INTO audit \
                 (seq, at, party, actor, action, object, address, result, transaction_id, block, code, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(row.seq)
        .bind(row.at)
        .bind(row.party)
        .bind(row.actor)
        .bind(row.action)
        .bind(row.object)
        .bind(row.address)
        .bind(row.result)
        .bind(entry.transaction.as_ref().map(|it| it.id.as_str()))
        .bind(entry.transaction.as_ref().and_then(|it| it.block))
        .bind(entry.transaction.as_ref().map(|it| it.code.as_str()))
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
    pub transaction: Option<Transaction>,
}

impl Row {
    /// SHA-256 over the hash before and every field with its length: no two entries run into one another. Entries with and
    /// without a transaction begin differently: none is taken for the other. A block that is not known is no number.
    fn hash(&self, previous: &str) -> String {
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        let block =
            self.transaction.as_ref().map(|it| it.block.map_or_else(String::new, |it| it.to_string()));
        let kind = if self.transaction.is_none() { "nanotrace audit 1" } else { "nanotrace audit 2" };
        let own = [&self.party, &self.actor, &self.action, &self.object, &self.address, &self.result];
        let mut fields = vec![kind, previous, &seq, &at];
        fields.extend(own.map(String::as_str));
        if let (Some(transaction), Some(block)) = (&self.transaction, &block) {
            fields.extend([&transaction.id, block, &transaction.code].map(String::as_str));
        }
        let mut hash = Sha256::new();
        for field in fields {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        hex::encode(hash.finalize())
    }
}

/// How far the log had come at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    pub entries: i64,
    /// Of the newest of them.
    pub hash: String,
}

/// What a check of the whole log finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every entry follows from the one before. Whether somebody has written the whole log anew, only a stand that is kept
    /// elsewhere tells.
    Intact(Stand),
    /// The first entry that is changed or missing.
    Broken { seq: i64 },
    /// Every entry follows from the one before, and yet this stand was never one of this log: it was cut off or written anew.
    Another(Stand),
}

/// Entries read at once.
const PAGE: i64 = 1000;

/// Checks the whole log, from the first entry to the head, and that it once stood as it is `known` to have.
pub async fn verify(database: &Database, known: &[Stand]) -> Result<Verdict, sqlx::Error> {
    let head = sqlx::query_as("SELECT seq, hash FROM audit_head");
    let (entries, newest): (i64, String) = head.fetch_one(database.pool()).await?;
    let mut hash = String::new();
    let mut next = 1;
    let mut another = known.iter().find(|stand| !(1..=entries).contains(&stand.entries));
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
            another = another.or(known.iter().find(|stand| stand.entries == row.seq && stand.hash != hash));
            next = next.saturating_add(1);
        }
    }
    Ok(match another {
        _ if hash != newest => Verdict::Broken { seq: entries },
        Some(stand) => Verdict::Another(stand.clone()),
        None => Verdict::Intact(Stand { entries, hash }),
    })
}

/// Whether, after so many entries, something was written other than entries of this action.
pub async fn has_more(database: &Database, entries: i64, than: &str) -> Result<bool, sqlx::Error> {
    let select = sqlx::query("SELECT seq FROM audit WHERE seq > $1 AND action <> $2 LIMIT 1");
    Ok(select.bind(entries).bind(than).fetch_optional(database.pool()).await?.is_some())
}

/// By the names of the columns.
impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let id: Option<String> = row.try_get("transaction_id")?;
        let block: Option<i64> = row.try_get("block")?;
        let code: Option<String> = row.try_get("code")?;
        // Whoever takes one of them out of an entry makes no entry without a transaction of it.
        let is_there = id.is_some() || block.is_some() || code.is_some();
        let transaction = is_there.then(|| Transaction {
            id: id.unwrap_or_default(),
            block,
            code: code.unwrap_or_default(),
        });
        Ok(Self {
            seq: row.try_get("seq")?,
            at: row.try_get("at")?,
            party: row.try_get("party")?,
            actor: row.try_get("actor")?,
            action: row.try_get("action")?,
            object: row.try_get("object")?,
            address: row.try_get("address")?,
            result: row.try_get("result")?,
            transaction,
        })
    }
}

async fn page(database: &Database, from: i64) -> Result<Vec<(Row, String)>, sqlx::Error> {
    let select = sqlx::query("SELECT * FROM audit WHERE seq >= $1 ORDER BY seq LIMIT $2");
    let rows = select.bind(from).bind(PAGE).fetch_all(database.pool()).await?;
    rows.iter().map(|row| Ok((Row::from_row(row)?, row.try_get("hash")?))).collect()
}
